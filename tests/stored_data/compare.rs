//! Comparison of a session with what was written.

use std::fmt::Debug;
use std::time::SystemTime;

use cloakroom::{Result, Session, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::samples::{Contents, lifetime};
use crate::values::Each;

/// The instants that a session's deadlines count from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) began: Timestamp,
    /// When it was last active.
    pub(crate) active: Timestamp,
    /// When its user logged in, or else when it began.
    pub(crate) counted: Timestamp,
}

impl Times {
    pub(crate) fn all(instant: Timestamp) -> Self {
        Self { began: instant, active: instant, counted: instant }
    }
}

/// Asserts everything that a session holds.
pub(crate) fn is_as_written(session: &Session, contents: &Contents, times: Times, what: &str) -> Result<()> {
    let mut compare = Compare { session, keys: Vec::new(), what };
    contents.values.show(&mut compare)?;
    let mut keys = compare.keys;
    keys.sort_unstable();
    assert_eq!(session.keys()?, keys, "{what}");
    assert_eq!(session.user()?.as_deref(), contents.user.as_deref(), "{what}");
    let flashes = session.peek_flashes()?;
    let flashes: Vec<_> = flashes.iter().map(|flash| (flash.kind.as_str(), flash.text.as_str())).collect();
    assert_eq!(flashes, contents.flashes, "{what}");
    let life = contents.lifetime.unwrap_or_else(lifetime);
    assert_eq!(session.lifetime()?, life, "{what}");
    let absolute = times.counted + life.absolute_duration();
    let idle = (times.active + life.idle_duration()).min(absolute);
    let instant = |instant: Timestamp| Some(SystemTime::from(instant));
    assert_eq!(session.created()?, instant(times.began), "{what}");
    assert_eq!(session.idle_deadline()?, instant(idle), "{what}");
    assert_eq!(session.absolute_deadline()?, instant(absolute), "{what}");
    assert_eq!(session.authenticated_at()?, contents.user.as_ref().and(instant(times.counted)), "{what}");
    Ok(())
}

/// Asserts that a token opened nothing.
pub(crate) fn is_empty(session: &Session, what: &str) -> Result<()> {
    assert_eq!(session.handle()?, None, "{what}");
    assert_eq!((session.user()?, session.keys()?, session.peek_flashes()?), (None, vec![], vec![]), "{what}");
    Ok(())
}

struct Compare<'a> {
    session: &'a Session,
    keys: Vec<String>,
    what: &'a str,
}

impl Each for Compare<'_> {
    fn value<T: Serialize + DeserializeOwned + PartialEq + Debug>(&mut self, key: &str, value: T) -> Result<()> {
        let found = self.session.get::<T>(key)?;
        // Values may be large, so only their beginning is shown.
        let [shown, meant] = [format!("{found:?}"), format!("{value:?}")];
        assert!(found == Some(value), "{}: {key:?} is {shown:.300}, and was {meant:.300}", self.what);
        self.keys.push(key.to_owned());
        Ok(())
    }
}
