//! What answers requests. A handler that takes [`Session`](cloakroom::Session) finds it loaded, and so do the models and templates that it
//! calls.

pub(crate) mod api;
pub(crate) mod devices;
pub(crate) mod guestbook;
pub(crate) mod live;
pub(crate) mod session;
pub(crate) mod shop;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use cloakroom::{ErrorKind, User};

/// A handler that takes it runs for visitors who are signed in. All others are sent to sign in.
pub(crate) struct SignedIn(pub(crate) User);

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        match User::from_request_parts(parts, state).await {
            Ok(user) => Ok(Self(user)),
            Err(error) if error.kind() == ErrorKind::Unauthenticated => Err(Redirect::to("/sign-in").into_response()),
            Err(error) => Err(error.into_response()),
        }
    }
}
