//! What templates see of the session, which nobody passes them.

use std::sync::LazyLock;

use cloakroom::Session;
use minijinja::{Environment, Error, context};
use serde_json::Value;

use super::{Call, Outcome, Reply};

const TEMPLATES: [(&str, &str); 4] = [
    (
        "page.html",
        "{% from 'macros.html' import greeting %}<!doctype html>\n<title>page</title>\n\
         <p id=email>{{ session.email }}</p>\n{% include 'part.html' %}\n{{ greeting() }}\n\
         <ul>{% for key in session %}<li>{{ key }}={{ session[key] }}</li>{% endfor %}</ul>\n",
    ),
    ("part.html", "<p id=included>{{ session.email }}</p>"),
    (
        "macros.html",
        "{% macro greeting() %}<p id=macro>{% if session.user %}{{ session.email }}{% else %}nobody{% endif %}</p>\
         {% endmacro %}",
    ),
    ("value", "{{ session[key]|tojson }}"),
];

/// One for all requests, as an application has it.
static ENVIRONMENT: LazyLock<Result<Environment<'static>, String>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    cloakroom::templates::add_to_environment(&mut environment);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source).map_err(|error| error.to_string())?;
    }
    Ok(environment)
});

/// The handler has the session loaded, and passes it to nobody.
pub(crate) async fn page(_session: Session, _call: Call) -> Outcome {
    Ok(Reply::Html(render("page.html", "")?))
}

/// A value as a template sees it.
pub(super) fn shown(key: &str) -> Result<Value, Error> {
    let text = render("value", key)?;
    Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn render(name: &str, key: &str) -> Result<String, Error> {
    let environment =
        ENVIRONMENT.as_ref().map_err(|error| Error::new(minijinja::ErrorKind::SyntaxError, error.clone()))?;
    environment.get_template(name)?.render(context! { key })
}
