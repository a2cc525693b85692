//! Values of one request, and what code deep in the application sees.

use cloakroom::Session;
use serde_json::{Value, json};

use super::{Answer, Call, Failure, Outcome, answer, bad_request, pages, value};

pub(crate) async fn transient(session: Session, call: Call) -> Outcome {
    let key = call.key()?;
    session.set_transient(&key, call.json()?)?;
    answer(json!({
        "get": session.get::<Value>(&key)?,
        "transient": session.get_transient::<Value>(&key)?,
        "model": lookup(&key)?,
        "template": pages::shown(&key)?,
    }))
}

pub(crate) async fn shadow(session: Session, call: Call) -> Outcome {
    let (key, mut both) = (call.key()?, call.json()?);
    session.set(&key, field(&mut both, "regular")?)?;
    session.set_transient(&key, field(&mut both, "transient")?)?;
    answer(json!({
        "get": session.get::<Value>(&key)?,
        "transient": session.get_transient::<Value>(&key)?,
        "len": session.len()?,
    }))
}

/// The handler has the session loaded, and passes it to nobody.
pub(crate) async fn model(_session: Session, call: Call) -> Outcome {
    value(lookup(&call.key()?)?)
}

pub(crate) async fn spawned(session: Session, call: Call) -> Outcome {
    let key = call.key()?;
    match tokio::spawn(session.scope(async move { lookup(&key) })).await {
        Ok(found) => value(found?),
        Err(_) => Err(Failure::Answer(Answer::panicked())),
    }
}

/// A model: somewhere in the application, with no request in sight.
pub(super) fn lookup(key: &str) -> cloakroom::Result<Option<Value>> {
    Session::current()?.get(key)
}

fn field(object: &mut Value, name: &str) -> Result<Value, Failure> {
    object.get_mut(name).map(Value::take).ok_or_else(bad_request)
}
