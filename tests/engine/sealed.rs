//! Sessions in sealed cookies, where time stands still and a response ends when a test says so.

use std::collections::BTreeMap;
use std::time::Duration;

use cloakroom::adapter::Committed;
use cloakroom::testing::FakeClock;
use cloakroom::{CookieStore, ErrorKind, Lifetime, Secrets, Session, SessionManager, SessionManagerBuilder};

use crate::harness::{DAY, HOUR, Result, SECOND, error_of, is_plain, kind, one_more};

const SECRET: &str = "the secret of a test, 32 bytes long";
const OLD_SECRET: &str = "the secret of yesterday, also long";

const MILLISECOND: Duration = Duration::from_millis(1);

/// One process that serves an application and keeps nothing.
struct Site {
    clock: FakeClock,
    sessions: SessionManager,
}

impl Site {
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    fn with(configure: impl FnOnce(SessionManagerBuilder) -> SessionManagerBuilder) -> Self {
        Self::sealing([SECRET], FakeClock::new(), configure)
    }

    /// A site that opens what these secrets sealed.
    fn sealing<const N: usize>(
        secrets: [&str; N],
        clock: FakeClock,
        configure: impl FnOnce(SessionManagerBuilder) -> SessionManagerBuilder,
    ) -> Self {
        let store = CookieStore::new(Secrets::new(secrets).expect("secrets"));
        let builder = SessionManager::builder(store).clock(clock.clone());
        Self { clock, sessions: configure(builder).build().expect("a valid configuration") }
    }
}

/// A browser with a jar that tells no time: whether a session is over is the server's to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Visitor(BTreeMap<String, String>);

impl Visitor {
    /// A visitor whose session has a number under the key `a`.
    async fn with(site: &Site, value: u32) -> Result<Self> {
        let mut visitor = Self::default();
        visitor.visit(site, |session| session.set("a", value)).await?;
        Ok(visitor)
    }

    /// A request whose handler asked for the session.
    async fn arrive(&self, site: &Site) -> Result<Session> {
        let pairs: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let session = site.sessions.open(pairs.join("; "));
        session.load().await?;
        Ok(session)
    }

    /// Takes the answer.
    async fn leave(&mut self, session: &Session) -> Committed {
        let committed = session.commit(200).await;
        for header in committed.edits.set_cookies() {
            let (name, value) = header.split(';').next().and_then(|pair| pair.split_once('=')).expect("name=value");
            if header.contains("; Max-Age=0;") {
                assert!(self.0.remove(name).is_some(), "only what is there is removed: {header}");
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
        committed
    }

    /// A whole request, whose answer arrives.
    async fn visit<R>(&mut self, site: &Site, handler: impl FnOnce(&Session) -> Result<R>) -> Result<R> {
        let session = self.arrive(site).await?;
        let result = handler(&session)?;
        match self.leave(&session).await.error {
            Some(error) => Err(error),
            None => Ok(result),
        }
    }

    /// What is under the key `a`; looking changes nothing in the jar.
    async fn value(&self, site: &Site) -> Result<Option<u32>> {
        self.arrive(site).await?.get("a")
    }

    async fn is_known(&self, site: &Site) -> Result<bool> {
        Ok(self.arrive(site).await?.handle()?.is_some())
    }
}

/// What no compression makes small.
fn noise(bytes: usize) -> Vec<u32> {
    let mut state = 1_u64;
    let step = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u32 | 1 << 31
    };
    std::iter::repeat_with(step).take(bytes / 5).collect()
}

// behaviours 42 and 56
#[tokio::test]
async fn a_change_that_outlives_its_session_is_dropped() -> Result {
    let lifetime = Lifetime::default().idle(HOUR).absolute(2 * HOUR);
    let site = Site::with(|builder| builder.lifetime(lifetime));
    for change in [
        (|session: &Session| session.set("a", 2)) as fn(&Session) -> Result,
        |session| session.update("a", one_more).map(drop),
        |session| session.renew(),
        |session| session.login("ana"),
        |session| session.remember(DAY),
    ] {
        let visitor = Visitor::with(&site, 1).await?;
        let (mut saving, mut leaving) = (visitor.clone(), visitor.clone());
        let (saved, left) = (saving.arrive(&site).await?, leaving.arrive(&site).await?);
        change(&saved)?;
        change(&left)?;
        site.clock.advance(HOUR);
        assert_eq!(kind(saved.save().await), Some(ErrorKind::Ended));
        assert_eq!(kind(saved.get::<u32>("a")), Some(ErrorKind::Ended));
        assert!(is_plain(&saving.leave(&saved).await) && is_plain(&leaving.leave(&left).await));
        assert!(!visitor.is_known(&site).await?);
    }
    // Nor does a read that took long bring it back.
    let mut visitor = Visitor::with(&site, 1).await?;
    let session = visitor.arrive(&site).await?;
    assert_eq!(session.get::<u32>("a")?, Some(1));
    site.clock.advance(HOUR);
    assert!(is_plain(&visitor.leave(&session).await));
    Ok(())
}

#[tokio::test]
async fn an_end_that_could_not_be_told_is_told_later() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, 1).await?;
    let session = visitor.arrive(&site).await?;
    session.destroy()?;
    session.set("b", noise(20_000))?;
    assert_eq!(kind(session.save().await), Some(ErrorKind::TooLarge));
    session.remove("b")?;
    assert_eq!(error_of(&visitor.leave(&session).await), None);
    assert_eq!(visitor, Visitor::default());
    Ok(())
}

/// The answer says that nothing was kept, so the session has not ended either.
#[tokio::test]
async fn an_end_with_what_is_too_large_ends_nothing() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, 1).await?;
    visitor.visit(&site, |session| session.login("ana")).await?;
    let before = visitor.clone();
    for end in [(|session: &Session| session.destroy()) as fn(&Session) -> Result, |session| session.login("bob")] {
        let session = visitor.arrive(&site).await?;
        end(&session)?;
        session.set("b", noise(20_000))?;
        let committed = visitor.leave(&session).await;
        assert_eq!((error_of(&committed), committed.edits.set_cookies().count()), (Some(ErrorKind::TooLarge), 0));
        assert_eq!((session.get::<u32>("a")?, session.user()?.as_deref()), (Some(1), Some("ana")));
        assert_eq!(visitor, before);
    }
    Ok(())
}

// behaviour 80
#[tokio::test]
async fn after_the_head_nothing_can_be_changed() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, 1).await?;
    let session = visitor.arrive(&site).await?;
    visitor.leave(&session).await;
    for refused in [
        session.set("a", 2),
        session.remove("a").map(drop),
        session.clear(),
        session.update("a", one_more).map(drop),
        session.update_now("a", one_more).await.map(drop),
        session.transaction(|view| view.set("a", 2)),
        session.flash("info", "saved"),
        session.login("ana"),
        session.renew(),
        session.remember(DAY),
        session.destroy(),
    ] {
        assert_eq!(kind(refused), Some(ErrorKind::NeedsCookie));
    }
    session.set_transient("b", 2)?;
    assert_eq!((session.get::<u32>("a")?, session.get::<u32>("b")?), (Some(1), Some(2)));
    session.save().await?;
    assert_eq!(visitor.value(&site).await?, Some(1));
    // What is not there needs no cookie to be removed, nor what is as it was to be renewed.
    let empty = Visitor::default().arrive(&site).await?;
    assert!(is_plain(&empty.commit(200).await));
    assert!(!empty.remove("a")?);
    empty.clear()?;
    empty.renew()?;
    empty.destroy()?;
    empty.save().await?;
    assert_eq!(kind(empty.set("a", 1)), Some(ErrorKind::NeedsCookie));
    Ok(())
}
