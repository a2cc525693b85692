//! The live sessions.

use std::time::SystemTime;

use cloakroom::{Found, Record, Timestamp};
use serde_json::Value;

use crate::arguments::Filter;
use crate::failure::Failure;
use crate::output::{distance, line, plain, rfc3339, session_object};
use crate::store::{More, Store};

pub(super) async fn run(url: &str, filter: &Filter, json: bool) -> Result<(), Failure> {
    let store = Store::open(url).await?;
    let now = SystemTime::now();
    let mut shown = 0;
    let mut show = |found: Found| {
        if filter.limit.is_some_and(|limit| shown >= limit) {
            return Ok(More::Enough);
        }
        if filter.wants(&found.record, now) {
            if shown == 0 && !json {
                line(format!("{:22}  {:20}  {:>10}  {:>10}  USER", "HANDLE", "CREATED", "SEEN", "EXPIRES"))?;
            }
            shown += 1;
            print(&found.record, now, json)?;
        }
        Ok::<_, Failure>(More::Wanted)
    };
    match &filter.user {
        // A user's sessions are found by an index, however many others there are.
        Some(user) => {
            let at = Timestamp::now();
            let mut found = store.index()?.find_by_user(user, at).await?;
            found.retain(|found| found.record.is_live(at));
            found.into_iter().try_for_each(|found| show(found).map(drop))
        }
        None => store.each(show).await,
    }
}

impl Filter {
    fn wants(&self, record: &Record, now: SystemTime) -> bool {
        let past = |instant: SystemTime, least| now.duration_since(instant).is_ok_and(|since| since >= least);
        !(self.anonymous && record.user.is_some())
            && self.idle_for.is_none_or(|least| past(record.seen.into(), least))
            && self.older_than.is_none_or(|least| past(record.created.into(), least))
    }
}

fn print(record: &Record, now: SystemTime, json: bool) -> Result<(), Failure> {
    if json {
        return line(Value::Object(session_object(record)?));
    }
    line(format!(
        "{}  {}  {:>10}  {:>10}  {}",
        record.handle,
        rfc3339(record.created.into()),
        distance(record.seen.into(), now),
        distance(now, record.expires().into()),
        record.user.as_deref().map_or_else(|| "-".to_owned(), plain),
    ))
}
