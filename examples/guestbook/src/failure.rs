//! What can go wrong while a page is made.

use std::error::Error;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use guestbook_core::session_error;

pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// An error of the session or of a template, on its way to becoming a response.
#[derive(Debug)]
pub(crate) enum Failure {
    Session(cloakroom::Error),
    Template(minijinja::Error),
}

impl From<cloakroom::Error> for Failure {
    fn from(error: cloakroom::Error) -> Self {
        Self::Session(error)
    }
}

impl From<minijinja::Error> for Failure {
    fn from(error: minijinja::Error) -> Self {
        Self::Template(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let error = match self {
            // The session layer knows it again, and shows the page that it was given for errors.
            Self::Session(error) => return error.into_response(),
            Self::Template(error) => error,
        };
        // A template that looks at the session fails as the session does.
        if let Some(session) = session_error(&error) {
            let kind = session.kind();
            return cloakroom::Error::new(kind, "a template could not use the session")
                .caused_by(error)
                .into_response();
        }
        tracing::error!(error = &error as &dyn Error, "a template failed");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}
