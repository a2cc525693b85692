//! The heads of requests and responses.

use std::borrow::Cow;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE, VARY};
use http::{Response, StatusCode, Uri, uri};

use crate::adapter::{ErrorAnswer, RequestHeaders, ResponseHead};

/// The scheme is that of the request's URI, or of the connection where the framework tells it.
impl RequestHeaders for (&Uri, &HeaderMap, Option<&uri::Scheme>) {
    type Value = HeaderValue;

    fn cookies(&self) -> impl Iterator<Item = HeaderValue> {
        self.1.get_all(COOKIE).iter().cloned()
    }

    fn header(&self, name: &str) -> Option<HeaderValue> {
        self.1.get(name).cloned()
    }

    fn uri_host(&self) -> Option<&str> {
        self.0.host()
    }

    fn is_https(&self) -> bool {
        self.2 == Some(&uri::Scheme::HTTPS)
    }
}

impl ResponseHead for HeaderMap {
    fn headers(&self, name: &str, show: &mut dyn FnMut(&[u8])) {
        if let Some(name) = parse(name) {
            self.get_all(name).iter().for_each(|value| show(value.as_bytes()));
        }
    }

    fn append(&mut self, name: &str, value: Cow<'static, str>) {
        if let Some((name, value)) = header(name, value) {
            HeaderMap::append(self, name, value);
        }
    }

    fn replace(&mut self, name: &str, value: Cow<'static, str>) {
        if let Some((name, value)) = header(name, value) {
            self.insert(name, value);
        }
    }
}

/// The engine checked its names and values when it was configured, so that this is always some.
fn header(name: &str, value: Cow<'static, str>) -> Option<(HeaderName, HeaderValue)> {
    let value = match value {
        Cow::Borrowed(value) => HeaderValue::from_static(value),
        Cow::Owned(value) => HeaderValue::from_maybe_shared(bytes::Bytes::from(value)).ok()?,
    };
    Some((parse(name)?, value))
}

fn parse(name: &str) -> Option<HeaderName> {
    // Those of nearly every response need no parsing.
    match name {
        "vary" => Some(VARY),
        "cache-control" => Some(CACHE_CONTROL),
        "set-cookie" => Some(SET_COOKIE),
        other => HeaderName::from_bytes(other.as_bytes()).ok(),
    }
}

impl From<ErrorAnswer> for Response<String> {
    /// The answer, which stays with the response as an extension.
    fn from(answer: ErrorAnswer) -> Self {
        let mut response = Response::new(answer.text());
        *response.status_mut() = StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(ErrorAnswer::CONTENT_TYPE));
        response.extensions_mut().insert(answer);
        response
    }
}
