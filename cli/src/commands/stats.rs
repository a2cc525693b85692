//! How many sessions there are, whose, and how large.

use std::time::SystemTime;

use cloakroom::Timestamp;
use indicatif::HumanBytes;
use serde_json::{Value, json};

use super::survey::Survey;
use crate::failure::Failure;
use crate::output::{distance, line, plain, progress, rfc3339};
use crate::store::Store;

pub(super) async fn run(url: &str, json: bool) -> Result<(), Failure> {
    let store = Store::open(url).await?;
    let bar = progress(store.index()?.count(Timestamp::now()).await?, "reading");
    let survey = Survey::of(&store, || bar.inc(1)).await?;
    bar.finish_and_clear();
    if json { line(object(&survey)) } else { table(&survey) }
}

fn object(survey: &Survey) -> Value {
    json!({
        "sessions": survey.sessions,
        "anonymous": survey.anonymous,
        "users": survey.users.len(),
        "active_last_5_minutes": survey.active,
        "logins_last_hour": survey.logins,
        "bytes": survey.bytes,
        "largest": survey.largest,
        "oldest": survey.oldest.map(rfc3339),
        "next_to_expire": survey.next_to_expire.map(rfc3339),
        "unreadable": survey.unreadable,
    })
}

fn table(survey: &Survey) -> Result<(), Failure> {
    let now = SystemTime::now();
    let with_a_user = survey.sessions - survey.anonymous;
    let mut rows = vec![
        ("sessions", survey.sessions.to_string()),
        ("with a user", format!("{with_a_user}, of {} users", survey.users.len())),
        ("active", format!("{} in the last 5 minutes", survey.active)),
        ("logins", format!("{} in the last hour", survey.logins)),
        ("values", format!("{}, the largest session {}", HumanBytes(survey.bytes), HumanBytes(survey.largest))),
    ];
    if let Some(oldest) = survey.oldest {
        rows.push(("oldest", format!("{} ago", distance(oldest, now))));
    }
    if let Some(next) = survey.next_to_expire {
        rows.push(("next expires", format!("in {}", distance(now, next))));
    }
    if survey.unreadable > 0 {
        rows.push(("unreadable", format!("{}, written by another version or damaged", survey.unreadable)));
    }
    for (user, count) in survey.busiest(5).into_iter().filter(|(_, count)| *count > 1) {
        rows.push(("most sessions", format!("{count} of {}", plain(user))));
    }
    rows.into_iter().try_for_each(|(name, value)| line(format!("{name:14}{value}")))
}
