//! How long the session lives.

use std::time::{Duration, SystemTime};

use cloakroom::Session;
use serde_json::{Value, json};

use super::{Call, Outcome, answer, bad_request, done};

pub(crate) async fn remember(session: Session, call: Call) -> Outcome {
    let seconds = call.query::<f64>("secs")?.ok_or_else(bad_request)?;
    let idle = Duration::try_from_secs_f64(seconds).map_err(|_| bad_request())?;
    session.remember(idle)?;
    done()
}

/// Asks for nothing but deadlines, which is no activity.
pub(crate) async fn deadlines(session: Session, _call: Call) -> Outcome {
    answer(json!({
        "idle_ms": session.idle_deadline()?.map(millis),
        "absolute_ms": session.absolute_deadline()?.map(millis),
        "created_ms": session.created()?.map(millis),
    }))
}

/// Milliseconds since 1970.
pub(super) fn millis(instant: SystemTime) -> Value {
    let since = instant.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX).into()
}
