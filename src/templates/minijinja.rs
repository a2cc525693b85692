//! `{{ session.email }}` in minijinja, without anyone passing it.

use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Serde, Value};
use minijinja::{Environment, Error, ErrorKind};

use super::view::USER;
use crate::codec::Encoded;
use crate::error;
use crate::session::Session;

/// Lets every template of the environment, and all that they include or import, see the session of the request that they
/// are rendered for.
///
/// ```jinja
/// {% for flash in flashes() %}<p class="{{ flash.kind }}">{{ flash.text }}</p>{% endfor %}
/// {% if session.user %}{{ session.email }}{% endif %}
/// ```
///
/// `session` shows the values by key, transient ones too, and under `user` who is logged in, unless a value has that key;
/// a key without a value is undefined. `flashes()` takes the messages that wait. `acl("page.edit")` is whether the user was
/// given this [token](Session::has_token), and `acl()` whether there is a user. A session that nobody loaded is an
/// error, as it is everywhere.
///
/// ```
/// let mut environment = minijinja::Environment::new();
/// cloakroom::templates::add_to_environment(&mut environment);
/// environment.add_template("page", "Hello {{ session.email }}")?;
/// # Ok::<(), minijinja::Error>(())
/// ```
pub fn add_to_environment(environment: &mut Environment<'_>) {
    environment.add_global("session", Value::from_object(CurrentSession));
    environment.add_function("flashes", flashes);
    environment.add_function("acl", acl);
}

/// Whichever session is current when it is looked at.
#[derive(Debug)]
struct CurrentSession;

impl Object for CurrentSession {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let looked_up = Session::current().and_then(|session| {
            session.read(|open| {
                let value = open.get(key).map(|value| Value::from(Serde(Encoded(value))));
                Ok(value.or_else(|| open.user().filter(|_| key == USER).map(|user| Value::from(&**user))))
            })
        });
        looked_up.unwrap_or_else(|error| Some(Value::from(failed(error))))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match Session::current().and_then(|session| session.keys()) {
            Ok(keys) => Enumerator::Values(keys.into_iter().map(Value::from).collect()),
            Err(_) => Enumerator::NonEnumerable,
        }
    }
}

fn flashes() -> Result<Value, Error> {
    let flashes = Session::current().and_then(|session| session.flashes()).map_err(failed)?;
    Ok(Value::from(Serde(flashes)))
}

fn acl(token: Option<&str>) -> Result<bool, Error> {
    let session = Session::current().map_err(failed)?;
    match token {
        Some(token) => session.has_token(token),
        None => session.user().map(|user| user.is_some()),
    }
    .map_err(failed)
}

fn failed(error: error::Error) -> Error {
    Error::new(ErrorKind::InvalidOperation, error.to_string()).with_source(error)
}
