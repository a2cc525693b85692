//! Pages. Templates are part of the program, and find the session themselves.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::http::{Response, StatusCode};
use axum::response::{Html, IntoResponse};
use minijinja::value::{Serde, Value};
use minijinja::{Environment, Error, ErrorKind, context};

use crate::failure::Result;
use crate::models::ticket;

/// Every template by the name under which others extend, include and import it. What ends in `.html` is escaped.
const TEMPLATES: &[(&str, &str)] = &[
    ("layout.html", include_str!("../templates/layout.html")),
    ("forms.html", include_str!("../templates/forms.html")),
    ("holdings.html", include_str!("../templates/holdings.html")),
    ("guestbook.html", include_str!("../templates/guestbook.html")),
    ("shop.html", include_str!("../templates/shop.html")),
    ("devices.html", include_str!("../templates/devices.html")),
    ("sign_in.html", include_str!("../templates/sign_in.html")),
    ("error.html", include_str!("../templates/error.html")),
];

/// Makes pages.
#[derive(Debug, Clone)]
pub(crate) struct Views(Arc<Environment<'static>>);

impl Views {
    pub(crate) fn new() -> std::result::Result<Self, Error> {
        let mut environment = Environment::new();
        cloakroom::templates::add_to_environment(&mut environment);
        environment.add_function("ticket", current_ticket);
        for (name, source) in TEMPLATES {
            environment.add_template(name, source)?;
        }
        Ok(Self(Arc::new(environment)))
    }

    /// A page with what only it needs to know.
    ///
    /// It shows what the session holds, so nobody keeps a copy: after signing out, the back button asks the server again.
    pub(crate) fn page(&self, template: &str, context: Value) -> Result<impl IntoResponse + use<>> {
        let html = self.0.get_template(template)?.render(context)?;
        Ok(([(CACHE_CONTROL, "no-store")], Html(html)))
    }

    /// What is answered instead of a page. It looks at no session, for that may be what failed.
    pub(crate) fn error(&self, status: u16) -> Response<String> {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let reason = status.canonical_reason().unwrap_or("Error");
        let page = self.0.get_template("error.html").and_then(|template| template.render(context! { reason }));
        let mut response = Response::new(page.unwrap_or_else(|_| reason.to_owned()));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        response
    }
}

pub(crate) async fn not_found(State(views): State<Views>) -> Response<String> {
    views.error(404)
}

pub(crate) async fn style() -> impl IntoResponse {
    let headers = [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "max-age=60")];
    (headers, include_str!("../static/style.css"))
}

pub(crate) async fn live() -> impl IntoResponse {
    let headers = [(CONTENT_TYPE, "text/javascript; charset=utf-8"), (CACHE_CONTROL, "max-age=60")];
    (headers, include_str!("../static/live.js"))
}

/// A model as a function of templates.
fn current_ticket() -> std::result::Result<Value, Error> {
    let failed = |error| Error::new(ErrorKind::InvalidOperation, "the session cannot be described").with_source(error);
    Ok(Value::from(Serde(ticket::current().map_err(failed)?)))
}
