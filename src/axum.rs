//! Sessions on axum: `Session` is an extractor, and `Error` a response.

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use crate::access::{FreshUser, Policy, Require, User};
use crate::adapter::{self, ErrorAnswer};
use crate::error::{Error, ErrorKind, Result};
use crate::session::Session;

/// Loads the session, once a request. What the store does not answer becomes a 503, or what
/// [`on_error`](crate::tower::SessionLayer::on_error) makes of it; a handler that takes a `Result<Session>` decides itself.
impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = Error;

    async fn from_request_parts(_parts: &mut Parts, _state: &S) -> Result<Self> {
        let session = Session::current()?;
        session.load().await?;
        Ok(session)
    }
}

/// None where the session layer is missing, for handlers that serve with and without.
impl<S: Sync> OptionalFromRequestParts<S> for Session {
    type Rejection = Error;

    async fn from_request_parts(_parts: &mut Parts, _state: &S) -> Result<Option<Self>> {
        let Some(session) = Session::ambient() else { return Ok(None) };
        session.load().await?;
        Ok(Some(session))
    }
}

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = Error;

    async fn from_request_parts(_parts: &mut Parts, _state: &S) -> Result<Self> {
        adapter::extract().await
    }
}

/// None where nobody is logged in.
impl<S: Sync> OptionalFromRequestParts<S> for User {
    type Rejection = Error;

    async fn from_request_parts(_parts: &mut Parts, _state: &S) -> Result<Option<Self>> {
        match adapter::extract().await {
            Ok(user) => Ok(Some(user)),
            Err(error) if error.kind() == ErrorKind::Unauthenticated => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl<S: Sync, const SECONDS: u64> FromRequestParts<S> for FreshUser<SECONDS> {
    type Rejection = Error;

    async fn from_request_parts(_parts: &mut Parts, _state: &S) -> Result<Self> {
        adapter::extract().await
    }
}

impl<S: Sync, P: Policy> FromRequestParts<S> for Require<P> {
    type Rejection = Error;

    async fn from_request_parts(_parts: &mut Parts, _state: &S) -> Result<Self> {
        adapter::extract().await
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        http::Response::<String>::from(ErrorAnswer::new(self)).into_response()
    }
}
