//! An error of a session as a response.

use std::ops::Deref;
use std::sync::Arc;

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};

use crate::error::{Error, ErrorKind};
use crate::events;

/// The error that a response stands for, so that the layer can answer it in the application's way.
#[derive(Debug, Clone)]
pub(super) struct SessionError(Arc<Error>);

impl From<Error> for SessionError {
    fn from(error: Error) -> Self {
        Self(Arc::new(error))
    }
}

impl Deref for SessionError {
    type Target = Error;

    fn deref(&self) -> &Error {
        &self.0
    }
}

/// The answer unless the application has one of its own: what a developer forgot is said in full, and of everything else
/// only what kind of failure it is.
pub(crate) fn error_response(error: &Error) -> Response<String> {
    events::failed(error);
    let text = match error.kind() {
        ErrorKind::NotLoaded | ErrorKind::NeedsCookie => format!("{error}\n"),
        kind => format!("session error: {kind}\n"),
    };
    let mut response = Response::new(text);
    *response.status_mut() = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// The same, marked so that the layer knows it.
pub(crate) fn marked_response(error: Error) -> Response<String> {
    let mut response = error_response(&error);
    response.extensions_mut().insert(SessionError::from(error));
    response
}
