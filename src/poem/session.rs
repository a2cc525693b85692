//! `Session` and its user as extractors, and `Error` as a response.

use http::{HeaderValue, StatusCode, header};
use poem::error::ResponseError;
use poem::{FromRequest, Request, RequestBody, Response};

use super::preload::load;
use crate::access::{FreshUser, Policy, Require, User};
use crate::adapter::{self, ErrorAnswer};
use crate::error::Error;
use crate::events;
use crate::session::Session;

/// Loads the session, once a request. What the store does not answer becomes a 503, or what
/// [`on_error`](super::SessionMiddleware::on_error) makes of it; a handler that takes a `poem::Result<Session>` decides
/// itself.
impl<'a> FromRequest<'a> for Session {
    async fn from_request(_request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        Ok(load().await?)
    }
}

impl<'a> FromRequest<'a> for User {
    async fn from_request(_request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        Ok(adapter::extract().await?)
    }
}

impl<'a, const SECONDS: u64> FromRequest<'a> for FreshUser<SECONDS> {
    async fn from_request(_request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        Ok(adapter::extract().await?)
    }
}

impl<'a, P: Policy> FromRequest<'a> for Require<P> {
    async fn from_request(_request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        Ok(adapter::extract().await?)
    }
}

impl ResponseError for Error {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(Error::status(self)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn as_response(&self) -> Response {
        events::failed(self);
        let mut response = Response::from((ResponseError::status(self), ErrorAnswer::text_of(self)));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(ErrorAnswer::CONTENT_TYPE));
        response
    }
}
