//! What answers requests. A handler that takes [`Session`](cloakroom::Session) finds it loaded, and so do the models and
//! templates that it calls.

pub(crate) mod api;
pub(crate) mod devices;
pub(crate) mod guestbook;
pub(crate) mod live;
pub(crate) mod session;
pub(crate) mod shop;

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::{Error, FromRequest, HttpRequest};
use cloakroom::{ErrorKind, User};

use crate::views::redirect;

/// A handler that takes it runs for visitors who are signed in. All others are sent to sign in.
pub(crate) struct SignedIn(pub(crate) User);

impl FromRequest for SignedIn {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let user = User::from_request(request, payload);
        Box::pin(async move {
            match user.await {
                Ok(user) => Ok(Self(user)),
                Err(error) if error.kind() == ErrorKind::Unauthenticated => {
                    Err(InternalError::from_response(error, redirect("/sign-in")).into())
                }
                Err(error) => Err(error.into()),
            }
        })
    }
}
