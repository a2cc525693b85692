//! `Session` as an extractor, and `Error` as a response.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError};

use crate::adapter::ErrorAnswer;
use crate::error::{Error, Result};
use crate::events;
use crate::session::Session;
use crate::store::BoxFuture;

/// Loads the session, once a request. What the store does not answer becomes a 503, or what
/// [`on_error`](super::SessionMiddleware::on_error) makes of it; a handler that takes a `Result<Session>` decides itself.
impl FromRequest for Session {
    type Error = Error;
    type Future = Loading;

    fn from_request(_request: &HttpRequest, _payload: &mut Payload) -> Loading {
        Loading(match Session::current() {
            Ok(session) if !session.is_loaded() => State::Asks(Box::pin(async move {
                session.load().await?;
                Ok(session)
            })),
            known => State::Known(Some(known)),
        })
    }
}

/// The session of a request while it is loaded: the future of the extractor.
pub struct Loading(State);

enum State {
    Known(Option<Result<Session>>),
    Asks(BoxFuture<'static, Result<Session>>),
}

impl Future for Loading {
    type Output = Result<Session>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Session>> {
        match &mut self.0 {
            State::Known(known) => Poll::Ready(known.take().unwrap_or_else(Session::current)),
            State::Asks(future) => future.as_mut().poll(cx),
        }
    }
}

impl fmt::Debug for Loading {
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
