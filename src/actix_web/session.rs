//! `Session` and its user as extractors, and `Error` as a response.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError};

use crate::access::{FreshUser, FromSession, Policy, Require, User};
use crate::adapter::ErrorAnswer;
use crate::error::{Error, ErrorKind, Result};
use crate::events;
use crate::session::Session;
use crate::store::BoxFuture;

/// Loads the session, once a request. What the store does not answer becomes a 503, or what
/// [`on_error`](super::SessionMiddleware::on_error) makes of it; a handler that takes a `Result<Session>` decides itself.
impl FromRequest for Session {
    type Error = Error;
    type Future = Loading<Self>;

    fn from_request(_request: &HttpRequest, _payload: &mut Payload) -> Loading<Self> {
        Loading::of(|session| Ok(session.clone()))
    }
}

impl FromRequest for User {
    type Error = Error;
    type Future = Loading<Self>;

    fn from_request(_request: &HttpRequest, _payload: &mut Payload) -> Loading<Self> {
        Loading::of(Self::from_session)
    }
}

impl<const SECONDS: u64> FromRequest for FreshUser<SECONDS> {
    type Error = Error;
    type Future = Loading<Self>;

    fn from_request(_request: &HttpRequest, _payload: &mut Payload) -> Loading<Self> {
        Loading::of(Self::from_session)
    }
}

impl<P: Policy> FromRequest for Require<P> {
    type Error = Error;
    type Future = Loading<Self>;

    fn from_request(_request: &HttpRequest, _payload: &mut Payload) -> Loading<Self> {
        Loading::of(Self::from_session)
    }
}

/// The future of the extractors, while the session is loaded.
pub struct Loading<T>(State<T>);

enum State<T> {
    Known(Option<Result<T>>),
    Asks(BoxFuture<'static, Result<Session>>, fn(&Session) -> Result<T>),
}

impl<T> Loading<T> {
    fn of(of: fn(&Session) -> Result<T>) -> Self {
        Self(match Session::current() {
            Ok(session) if session.is_loaded() => State::Known(Some(of(&session))),
            Ok(session) => State::Asks(Box::pin(async move { session.load().await.map(|()| session) }), of),
            Err(error) => State::Known(Some(Err(error))),
        })
    }
}

/// Nothing in it is pinned.
impl<T> Unpin for Loading<T> {}

impl<T> Future for Loading<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        match &mut self.0 {
            State::Known(known) => Poll::Ready(known.take().unwrap_or_else(|| {
                Err(Error::new(ErrorKind::NotLoaded, "the session was taken from this future already"))
            })),
            State::Asks(future, of) => future.as_mut().poll(cx).map(|session| of(&session?)),
        }
    }
}

impl<T> fmt::Debug for Loading<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Loading")
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        events::failed(self);
        let mut response = HttpResponse::with_body(self.status_code(), BoxBody::new(ErrorAnswer::text_of(self)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(ErrorAnswer::CONTENT_TYPE));
        response
    }
}
