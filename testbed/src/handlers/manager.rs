//! What concerns more than the session of the request.

use cloakroom::{Handle, Session, Timestamp};
use serde_json::{Value, json};

use super::lifetime::millis;
use super::{Answer, Call, Failure, Outcome, answer, done};

pub(crate) async fn stats(call: Call) -> Outcome {
    answer(call.app.stats.to_json())
}

pub(crate) async fn sweep(call: Call) -> Outcome {
    let deleted = match call.app.store.as_ref().and_then(|store| store.index()) {
        // At once, and not when it has expired by all clocks that there may be: the testbed's is the only one.
        Some(index) => index.sweep(Timestamp::now() + Timestamp::MAX_SKEW).await?,
        None => call.app.sessions.sweep().await?,
    };
    answer(json!({ "deleted": deleted }))
}

pub(crate) async fn count(call: Call) -> Outcome {
    answer(json!({ "count": call.app.sessions.count().await? }))
}

pub(crate) async fn sessions(session: Session, call: Call) -> Outcome {
    let current = session.handle()?;
    let found = call.app.sessions.sessions_of(&call.key()?).await?;
    let list: Vec<Value> = found
        .into_iter()
        .map(|info| {
            json!({
                "handle": info.handle.to_string(),
                "created_ms": millis(info.created),
                "seen_ms": millis(info.seen),
                "current": Some(info.handle) == current,
            })
        })
        .collect();
    answer(json!({ "sessions": list }))
}

pub(crate) async fn revoke(call: Call) -> Outcome {
    let unknown = || Failure::Answer(Answer::not_found());
    let handle: Handle = call.key()?.parse().map_err(|_| unknown())?;
    if call.app.sessions.revoke(handle).await? { done() } else { Err(unknown()) }
}

pub(crate) async fn revoke_user(session: Session, call: Call) -> Outcome {
    let (user, sessions) = (call.key()?, &call.app.sessions);
    let keep_current = call.query("keep_current")?.unwrap_or(false);
    let ended = if keep_current && session.user()?.as_deref() == Some(&*user) {
        sessions.revoke_others(&session).await?
    } else {
        sessions.revoke_user(&user).await?
    };
    answer(json!({ "ended": ended }))
}
