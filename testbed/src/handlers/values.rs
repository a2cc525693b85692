//! Values by key.

use cloakroom::{ErrorKind, Session};
use serde_json::{Map, Value, json};

use super::{Answer, Call, Failure, Outcome, Reply, answer, bad_request, done, value};

pub(crate) async fn untouched(_call: Call) -> Outcome {
    done()
}

pub(crate) async fn get(session: Session, call: Call) -> Outcome {
    value(session.get::<Value>(call.key()?)?)
}

pub(crate) async fn all(session: Session, _call: Call) -> Outcome {
    let mut values = Map::new();
    for key in session.keys()? {
        let value = session.get::<Value>(&key)?;
        values.insert(key, value.unwrap_or_default());
    }
    answer(json!({ "values": values }))
}

pub(crate) async fn set(session: Session, call: Call) -> Outcome {
    session.set(call.key()?, call.json()?)?;
    done()
}

pub(crate) async fn remove(session: Session, call: Call) -> Outcome {
    value(session.take::<Value>(call.key()?)?)
}

pub(crate) async fn clear(session: Session, _call: Call) -> Outcome {
    session.clear()?;
    done()
}

pub(crate) async fn incr(session: Session, call: Call) -> Outcome {
    value(session.update(call.key()?, add(&call)?)?)
}

pub(crate) async fn incr_now(session: Session, call: Call) -> Outcome {
    value(session.update_now(call.key()?, add(&call)?).await?)
}

fn add(call: &Call) -> Result<impl Fn(Option<i64>) -> i64 + Send + 'static, Failure> {
    let by = call.query("by")?.unwrap_or(1);
    Ok(move |n: Option<i64>| n.unwrap_or(0).saturating_add(by))
}

pub(crate) async fn slow_set(session: Session, call: Call) -> Outcome {
    let (key, new) = (call.key()?, call.json()?);
    let _before: Option<Value> = session.get(&key)?;
    call.wait(500).await?;
    session.set(key, new)?;
    done()
}

pub(crate) async fn slow_get(session: Session, call: Call) -> Outcome {
    let found = session.get::<Value>(call.key()?)?;
    call.wait(500).await?;
    value(found)
}

pub(crate) async fn push(session: Session, call: Call) -> Outcome {
    let item = call.json()?;
    value(session.update(call.key()?, move |list: Option<Vec<Value>>| {
        let mut list = list.unwrap_or_default();
        list.push(item.clone());
        list
    })?)
}

pub(crate) async fn clear_then_set(session: Session, call: Call) -> Outcome {
    let new = call.json()?;
    session.clear()?;
    session.set(call.key()?, new)?;
    done()
}

pub(crate) async fn set_then_fail(session: Session, call: Call) -> Outcome {
    let status = call.query("status")?.unwrap_or(500);
    if !(200..600).contains(&status) {
        return Err(bad_request());
    }
    session.set(call.key()?, call.json()?)?;
    Ok(Reply::Answer(Answer::error(status, "asked_for")))
}

pub(crate) async fn set_then_panic(session: Session, call: Call) -> Outcome {
    session.set(call.key()?, call.json()?)?;
    panic!("the request asked for a panic")
}

pub(crate) async fn type_of(session: Session, call: Call) -> Outcome {
    match session.get::<i64>(call.key()?) {
        Ok(found) => value(found),
        Err(error) if error.kind() == ErrorKind::Decode => {
            Err(Failure::Answer(Answer { status: 422, ..Answer::of_error(&error) }))
        }
        Err(error) => Err(error.into()),
    }
}
