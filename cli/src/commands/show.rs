//! One session.

use cloakroom::{Handle, Record};
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::output::{line, plain, session_object};
use crate::store::Store;

pub(super) async fn run(url: &str, handle: Handle, reveal: bool, json: bool) -> Result<(), Failure> {
    let record = Store::open(url).await?.find(handle).await?.record;
    let mut object = session_object(&record)?;
    let values = values(&record, reveal)?;
    if json {
        object.insert("values".to_owned(), Value::Object(values));
        return line(Value::Object(object));
    }
    for (name, value) in object {
        let text = value.as_str().map_or_else(|| value.to_string(), plain);
        line(format!("{name:14}{}", if value.is_null() { "-" } else { &text }))?;
    }
    for (key, value) in values {
        let text = if reveal { value.to_string() } else { "hidden; --reveal shows it".to_owned() };
        line(format!("  {:12}{text}", plain(&key)))?;
    }
    Ok(())
}

/// The values by key; nulls in their place unless they are asked for.
fn values(record: &Record, reveal: bool) -> Result<Map<String, Value>, Failure> {
    let view = record.view()?;
    if !reveal {
        return Ok(view.keys().map(|key| (key.to_owned(), Value::Null)).collect());
    }
    let keys: Vec<&str> = view.keys().collect();
    let Value::Object(mut values) = serde_json::to_value(&view).map_err(|error| Failure::new(error.to_string()))?
    else {
        return Ok(Map::new());
    };
    // The view shows the user among the values, as templates see it.
    values.retain(|key, _| keys.contains(&key.as_str()));
    Ok(values)
}
