//! Who the session belongs to, its token, and messages for the next request.

use cloakroom::Session;
use serde_json::{Value, json};

use super::{Answer, Call, Failure, Outcome, Reply, answer, bad_request, done};

pub(crate) async fn login(session: Session, call: Call) -> Outcome {
    let user = text(&call.json()?, "user")?;
    session.login(user.as_str())?;
    session.set("email", format!("{user}@example.org"))?;
    let handle = session.handle()?.map(|handle| handle.to_string());
    answer(json!({ "handle": handle }))
}

pub(crate) async fn logout(session: Session, _call: Call) -> Outcome {
    session.logout()?;
    done()
}

pub(crate) async fn logout_then_set(session: Session, call: Call) -> Outcome {
    let new = call.json()?;
    session.logout()?;
    session.set(call.key()?, new)?;
    done()
}

pub(crate) async fn renew(session: Session, _call: Call) -> Outcome {
    session.renew()?;
    done()
}

pub(crate) async fn renew_then_fail(session: Session, _call: Call) -> Outcome {
    session.renew()?;
    Ok(Reply::Answer(Answer::error(500, "asked_for")))
}

pub(crate) async fn flash(session: Session, call: Call) -> Outcome {
    let message = call.json()?;
    session.flash(text(&message, "kind")?, text(&message, "text")?)?;
    done()
}

pub(crate) async fn flashes(session: Session, _call: Call) -> Outcome {
    answer(json!({ "flashes": session.flashes()? }))
}

fn text(object: &Value, field: &str) -> Result<String, Failure> {
    object.get(field).and_then(Value::as_str).map(str::to_owned).ok_or_else(bad_request)
}
