//! The head of a request, as the engine sees it.

use crate::manager::SessionManager;

/// The head of a request, as far as a session looks at it. Nothing is read before the first use of the session, so an
/// implementation holds on to what it was given, by a cheap handle.
///
/// A string is the value of a `Cookie` header, which serves tests:
///
/// ```
/// # async fn example(sessions: cloakroom::SessionManager) -> cloakroom::Result<()> {
/// let session = sessions.open("__Host-sid=…".to_owned());
/// session.load().await?;
/// # Ok(()) }
/// ```
pub trait RequestHead: Send + Sync + 'static {
    /// Shows the value of every `Cookie` header, in order.
    fn cookie_headers(&self, show: &mut dyn FnMut(&[u8]));

    /// The value of the header that [`ticket_header`](crate::SessionManagerBuilder::ticket_header) names.
    fn ticket_header(&self) -> Option<&[u8]> {
        None
    }

    /// Whether the request seems to have come over plain http and from another machine: only for a warning.
    fn seems_insecure(&self) -> bool {
        false
    }
}

impl RequestHead for String {
    fn cookie_headers(&self, show: &mut dyn FnMut(&[u8])) {
        show(self.as_bytes());
    }
}

/// A request without cookies.
impl RequestHead for () {
    fn cookie_headers(&self, _show: &mut dyn FnMut(&[u8])) {}
}

/// The headers of a framework's request, from which [`Head`] takes what a session may come to need.
pub trait RequestHeaders {
    /// The value of a header: the cheapest handle that the framework has.
    type Value: AsRef<[u8]> + Send + Sync + 'static;

    /// The value of every `Cookie` header, in order. HTTP/2 may split one into many (RFC 9113, section 8.2.3).
    fn cookies(&self) -> impl Iterator<Item = Self::Value>;

    /// The first header of this name.
    fn header(&self, name: &str) -> Option<Self::Value>;

    /// The host that the request's URI names, if it names one, as on HTTP/2; without it the `Host` header is asked.
    fn uri_host(&self) -> Option<&str>;

    /// Whether the request's URI, or the connection, says https.
    fn is_https(&self) -> bool;
}

/// What a session may come to need of a request, for every framework: handles on headers, which cost no copy where the
/// framework shares them.
///
/// ```
/// use cloakroom::SessionManager;
/// use cloakroom::adapter::{Head, RequestHeaders};
///
/// /// The head of a framework that keeps its headers in a list.
/// struct Request {
///     headers: Vec<(String, String)>,
/// }
///
/// impl RequestHeaders for Request {
///     type Value = String;
///
///     fn cookies(&self) -> impl Iterator<Item = String> {
///         self.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("cookie")).map(|(_, value)| value.clone())
///     }
///
///     fn header(&self, name: &str) -> Option<String> {
///         self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
///     }
///
///     fn uri_host(&self) -> Option<&str> {
///         None
///     }
///
///     fn is_https(&self) -> bool {
///         false
///     }
/// }
///
/// async fn handle(sessions: &SessionManager, request: Request) {
///     let arrival = sessions.arrive(|| Head::of(&request, sessions));
///     arrival.session.scope(async { /* the handler */ }).await;
/// }
/// ```
#[derive(Debug)]
pub struct Head<V> {
    cookie: Option<V>,
    more_cookies: Vec<V>,
    ticket: Option<V>,
    seems_insecure: bool,
}

impl<V: AsRef<[u8]> + Send + Sync + 'static> Head<V> {
    /// Takes what the manager's sessions may come to need.
    ///
    /// ```
    /// # use cloakroom::SessionManager;
    /// # use cloakroom::adapter::{Head, RequestHeaders};
    /// fn open(sessions: &SessionManager, request: &impl RequestHeaders) -> cloakroom::Session {
    ///     sessions.open(Head::of(request, sessions))
    /// }
    /// ```
    pub fn of(request: &impl RequestHeaders<Value = V>, manager: &SessionManager) -> Self {
        let mut cookies = request.cookies();
        let cookie = cookies.next();
        Self {
            more_cookies: cookies.collect(),
            ticket: manager.ticket_header().and_then(|name| request.header(name)),
            // Whose browser drops the cookie comes without one.
            seems_insecure: cookie.is_none() && manager.minds_insecure_transport() && seems_insecure(request),
            cookie,
        }
    }
}

impl<V: AsRef<[u8]> + Send + Sync + 'static> RequestHead for Head<V> {
    fn cookie_headers(&self, show: &mut dyn FnMut(&[u8])) {
        self.cookie.iter().chain(&self.more_cookies).for_each(|value| show(value.as_ref()));
    }

    fn ticket_header(&self) -> Option<&[u8]> {
        self.ticket.as_ref().map(AsRef::as_ref)
    }

    fn seems_insecure(&self) -> bool {
        self.seems_insecure
    }
}

/// Neither the request nor a proxy says https, and the host is not this machine. What a proxy says is believed for a
/// warning, and for nothing else.
fn seems_insecure(request: &impl RequestHeaders) -> bool {
    let contains = |name: &str, text: &[u8]| {
        request
            .header(name)
            .is_some_and(|value| value.as_ref().windows(text.len()).any(|window| window.eq_ignore_ascii_case(text)))
    };
    let is_elsewhere = match request.uri_host() {
        Some(host) => !is_loopback(host.as_bytes()),
        None => request.header("host").is_some_and(|host| !is_loopback(host.as_ref())),
    };
    is_elsewhere
        && !request.is_https()
        && !contains("x-forwarded-proto", b"https")
        && !contains("forwarded", b"proto=https")
}

fn is_loopback(host: &[u8]) -> bool {
    let name = host.split(|&byte| byte == b':').next().unwrap_or(host);
    let top = name.rsplit(|&byte| byte == b'.').next().unwrap_or(name);
    top.eq_ignore_ascii_case(b"localhost") || name.starts_with(b"127.") || host.starts_with(b"[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Request<'a> {
        uri: (&'a str, bool),
        headers: &'a [(&'a str, &'a str)],
    }

    impl RequestHeaders for Request<'_> {
        type Value = String;

        fn cookies(&self) -> impl Iterator<Item = String> {
            self.headers.iter().filter(|(name, _)| *name == "cookie").map(|(_, value)| (*value).to_owned())
        }

        fn header(&self, name: &str) -> Option<String> {
            self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        }

        fn uri_host(&self) -> Option<&str> {
            (!self.uri.0.is_empty()).then_some(self.uri.0)
        }

        fn is_https(&self) -> bool {
            self.uri.1
        }
    }

    fn seen(uri: (&str, bool), headers: &[(&str, &str)]) -> bool {
        seems_insecure(&Request { uri, headers })
    }

    #[test]
    fn only_plain_http_from_elsewhere_seems_insecure() {
        let nothing = ("", false);
        assert!(seen(nothing, &[("host", "example.org")]));
        assert!(seen(nothing, &[("host", "192.168.1.7:3000")]));
        assert!(seen(("example.org", false), &[]));
        assert!(seen(("example.org", false), &[("host", "localhost")]));
        for host in ["localhost", "localhost:3000", "app.LOCALHOST:3000", "127.0.0.1:80", "[::1]", "[::1]:3000"] {
            assert!(!seen(nothing, &[("host", host)]), "{host}");
            assert!(!seen((host, false), &[("host", "example.org")]), "{host}");
        }
        assert!(!seen(nothing, &[("host", "example.org"), ("x-forwarded-proto", "https")]));
        assert!(!seen(nothing, &[("host", "example.org"), ("forwarded", "for=1.2.3.4;Proto=HTTPS")]));
        assert!(!seen(("example.org", true), &[]));
        assert!(!seen(nothing, &[]));
    }

    #[test]
    fn all_cookie_headers_are_shown_in_order() {
        let request = Request { uri: ("", false), headers: &[("cookie", "a=1"), ("host", "h"), ("cookie", "b=2")] };
        let manager = SessionManager::new(crate::MemoryStore::new());
        let mut shown = Vec::new();
        Head::of(&request, &manager)
            .cookie_headers(&mut |value| shown.push(String::from_utf8_lossy(value).into_owned()));
        assert_eq!(shown, ["a=1", "b=2"]);
    }
}
