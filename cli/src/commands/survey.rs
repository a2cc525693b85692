//! All live sessions, counted in several ways.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cloakroom::{Handle, Timestamp};

use crate::failure::Failure;
use crate::store::{More, Store};

/// What there is at one moment.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) sessions: u64,
    pub(super) anonymous: u64,
    pub(super) users: HashMap<Arc<str>, u64>,
    /// Of the values, without the columns.
    pub(super) bytes: u64,
    pub(super) largest: u64,
    /// Used within the last five minutes, exact to the share of the idle time at which activity is noted.
    pub(super) active: u64,
    /// Logins within the last hour, of sessions that still live.
    pub(super) logins: u64,
    pub(super) oldest: Option<SystemTime>,
    /// The next to expire if nothing happens.
    pub(super) next_to_expire: Option<SystemTime>,
    pub(super) handles: HashSet<Handle>,
    /// Records that this program cannot read.
    pub(super) unreadable: u64,
}

impl Survey {
    /// Goes through the store in small steps, and tells `progress` of each session.
    pub(super) async fn of(store: &Store, mut progress: impl FnMut()) -> Result<Self, Failure> {
        let now: SystemTime = Timestamp::now().into();
        let within = |instant: SystemTime, most| now.duration_since(instant).map_or(true, |since| since <= most);
        let mut survey = Self::default();
        store
            .each(|found| {
                progress();
                let record = found.record;
                let bytes = record.data.len() as u64;
                survey.sessions += 1;
                survey.bytes += bytes;
                survey.largest = survey.largest.max(bytes);
                survey.active += u64::from(within(record.seen.into(), Duration::from_secs(300)));
                match record.authenticated_at() {
                    Ok(at) => survey.logins += u64::from(at.is_some_and(|at| within(at, Duration::from_secs(3_600)))),
                    Err(_) => survey.unreadable += 1,
                }
                survey.oldest = earlier(survey.oldest, record.created.into());
                survey.next_to_expire = earlier(survey.next_to_expire, record.expires().into());
                survey.handles.insert(record.handle);
                match record.user {
                    Some(user) => *survey.users.entry(user).or_default() += 1,
                    None => survey.anonymous += 1,
                }
                Ok(More::Wanted)
            })
            .await?;
        Ok(survey)
    }

    /// The users with the most sessions, and how many.
    pub(super) fn busiest(&self, most: usize) -> Vec<(&str, u64)> {
        let mut users: Vec<_> = self.users.iter().map(|(user, count)| (&**user, *count)).collect();
        users.sort_unstable_by(|(a, x), (b, y)| y.cmp(x).then(a.cmp(b)));
        users.truncate(most);
        users
    }
}

fn earlier(known: Option<SystemTime>, instant: SystemTime) -> Option<SystemTime> {
    Some(known.map_or(instant, |known| known.min(instant)))
}
