//! The heads of request and response, as the engine sees them: actix-web 4 is built on `http` 0.2, and has a map of headers
//! of its own.

use std::borrow::Cow;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue};

use crate::adapter::{RequestHeaders, ResponseHead};

impl RequestHeaders for ServiceRequest {
    type Value = HeaderValue;

    fn cookies(&self) -> impl Iterator<Item = HeaderValue> {
        self.headers().get_all(COOKIE).cloned()
    }

    fn header(&self, name: &str) -> Option<HeaderValue> {
        self.headers().get(name).cloned()
    }

    fn uri_host(&self) -> Option<&str> {
        self.uri().host()
    }

    fn is_https(&self) -> bool {
        self.uri().scheme_str() == Some("https") || self.app_config().secure()
    }
}

impl ResponseHead for HeaderMap {
    fn headers(&self, name: &str, show: &mut dyn FnMut(&[u8])) {
        self.get_all(name).for_each(|value| show(value.as_bytes()));
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
    Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
}
