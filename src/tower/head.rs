//! The heads of request and response, as the engine sees them.

use std::borrow::Cow;

use http::header::{COOKIE, HOST, HeaderMap, HeaderName, HeaderValue};
use http::{Request, uri};

use crate::adapter::{RequestHead, ResponseHead};
use crate::manager::SessionManager;

/// What a session may come to need of a request: handles on its headers, which cost no copy.
pub(super) struct Head {
    cookie: Option<HeaderValue>,
    /// HTTP/2 may split one `Cookie` header into many (RFC 9113, section 8.2.3).
    more_cookies: Vec<HeaderValue>,
    ticket: Option<HeaderValue>,
    seems_insecure: bool,
}

impl Head {
    pub(super) fn of<B>(request: &Request<B>, manager: &SessionManager) -> Self {
        let headers = request.headers();
        let mut cookies = headers.get_all(COOKIE).iter().cloned();
        Self {
            cookie: cookies.next(),
            more_cookies: cookies.collect(),
            ticket: manager.ticket_header().and_then(|name| headers.get(name).cloned()),
            seems_insecure: manager.minds_insecure_transport() && seems_insecure(request.uri(), headers),
        }
    }
}

impl RequestHead for Head {
    fn cookie_headers(&self, show: &mut dyn FnMut(&[u8])) {
        self.cookie.iter().chain(&self.more_cookies).for_each(|value| show(value.as_bytes()));
    }

    fn ticket_header(&self) -> Option<&[u8]> {
        self.ticket.as_ref().map(HeaderValue::as_bytes)
    }

    fn seems_insecure(&self) -> bool {
        self.seems_insecure
    }
}

/// Neither the request nor a proxy says https, and the host is not this machine. What a proxy says is believed for a
/// warning, and for nothing else.
fn seems_insecure(uri: &uri::Uri, headers: &HeaderMap) -> bool {
    let host = uri.host().map(str::as_bytes).or_else(|| headers.get(HOST).map(HeaderValue::as_bytes));
    let contains = |name: &str, text: &[u8]| {
        headers
            .get(name)
            .is_some_and(|value| value.as_bytes().windows(text.len()).any(|window| window.eq_ignore_ascii_case(text)))
    };
    host.is_some_and(|host| !is_loopback(host))
        && uri.scheme() != Some(&uri::Scheme::HTTPS)
        && !contains("x-forwarded-proto", b"https")
        && !contains("forwarded", b"proto=https")
}

fn is_loopback(host: &[u8]) -> bool {
    let name = host.split(|&byte| byte == b':').next().unwrap_or(host);
    let top = name.rsplit(|&byte| byte == b'.').next().unwrap_or(name);
    top.eq_ignore_ascii_case(b"localhost") || name.starts_with(b"127.") || host.starts_with(b"[::1]")
}

impl ResponseHead for HeaderMap {
    fn headers(&self, name: &str, show: &mut dyn FnMut(&[u8])) {
        self.get_all(name).iter().for_each(|value| show(value.as_bytes()));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(uri: &str, headers: &[(&'static str, &'static str)]) -> bool {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        seems_insecure(&uri.parse().expect("a URI"), &headers.collect())
    }

    #[test]
    fn only_plain_http_from_elsewhere_seems_insecure() {
        assert!(seen("/", &[("host", "example.org")]));
        assert!(seen("/", &[("host", "192.168.1.7:3000")]));
        assert!(seen("http://example.org/", &[]));
        for host in ["localhost", "localhost:3000", "app.LOCALHOST:3000", "127.0.0.1:80", "[::1]", "[::1]:3000"] {
            let mut headers = HeaderMap::new();
            headers.insert("host", host.parse().expect("a header"));
            assert!(!seems_insecure(&"/".parse().expect("a URI"), &headers), "{host}");
        }
        assert!(!seen("/", &[("host", "example.org"), ("x-forwarded-proto", "https")]));
        assert!(!seen("/", &[("host", "example.org"), ("forwarded", "for=1.2.3.4;Proto=HTTPS")]));
        assert!(!seen("https://example.org/", &[]));
        assert!(!seen("/", &[]));
    }
}
