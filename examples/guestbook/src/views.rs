//! Pages as responses.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::http::{Response, StatusCode};
use axum::response::{Html, IntoResponse};
use guestbook_core::{LIVE, Pages, STYLE};
use minijinja::value::Value;

use crate::failure::Result;

/// Makes pages.
#[derive(Debug, Clone)]
pub(crate) struct Views(Pages);

impl Views {
    pub(crate) fn new() -> std::result::Result<Self, minijinja::Error> {
        Pages::new(Some(crate::OPERATORS)).map(Self)
    }

    /// A page with what only it needs to know.
    ///
    /// It shows what the session holds, so nobody keeps a copy: after signing out, the back button asks the server again.
    pub(crate) fn page(&self, template: &str, context: Value) -> Result<impl IntoResponse + use<>> {
        Ok(([(CACHE_CONTROL, "no-store")], Html(self.0.page(template, context)?)))
    }

    /// What is answered instead of a page.
    pub(crate) fn error(&self, status: u16) -> Response<String> {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::new(self.0.error(status.canonical_reason().unwrap_or("Error")));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        response
    }
}

pub(crate) async fn not_found(State(views): State<Views>) -> Response<String> {
    views.error(404)
}

pub(crate) async fn style() -> impl IntoResponse {
    asset("text/css; charset=utf-8", STYLE)
}

pub(crate) async fn live() -> impl IntoResponse {
    asset("text/javascript; charset=utf-8", LIVE)
}

fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "max-age=60")], text)
}
