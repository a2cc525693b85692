//! What can go wrong while a page is made.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use guestbook_core::session_error;

pub(crate) type Result<T> = std::result::Result<T, actix_web::Error>;

/// An error of a template, on its way to becoming a response. Those of sessions are responses already.
#[derive(Debug)]
struct TemplateFailed;

/// A template that looks at the session fails as the session does.
pub(crate) fn of_template(error: minijinja::Error) -> actix_web::Error {
    if let Some(session) = session_error(&error) {
        let kind = session.kind();
        return cloakroom::Error::new(kind, "a template could not use the session").caused_by(error).into();
    }
    tracing::error!(error = &error as &dyn std::error::Error, "a template failed");
    TemplateFailed.into()
}

impl fmt::Display for TemplateFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a template failed")
    }
}

impl ResponseError for TemplateFailed {
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR)
    }
}
