//! The heads of Rocket's requests and responses, as the engine sees them.

use std::borrow::Cow;

use rocket::{Request, Response};

use crate::adapter::{RequestHeaders, ResponseHead};

/// A request that comes in. Rocket lends its headers, so what may be needed of them is copied.
pub(super) struct Incoming<'a, 'r>(pub(super) &'a Request<'r>);

impl RequestHeaders for Incoming<'_, '_> {
    type Value = String;

    fn cookies(&self) -> impl Iterator<Item = String> {
        let mut headers = self.0.headers().get("cookie").peekable();
        // Rocket's local client puts the cookies of a test into the jar, and sends no header.
        let jar = if headers.peek().is_none() { in_jar(self.0) } else { None };
        headers.map(str::to_owned).chain(jar)
    }

    fn header(&self, name: &str) -> Option<String> {
        self.0.headers().get_one(name).map(str::to_owned)
    }

    fn uri_host(&self) -> Option<&str> {
        if self.0.headers().contains("host") { None } else { self.0.host().map(|host| host.domain().as_str()) }
    }

    fn is_https(&self) -> bool {
        self.0.rocket().config().tls_enabled()
    }
}

/// What is in the jar, as one header.
fn in_jar(request: &Request<'_>) -> Option<String> {
    let mut header = String::new();
    for cookie in request.cookies().iter() {
        let (name, value) = cookie.name_value();
        header += if header.is_empty() { "" } else { "; " };
        header += name;
        header += "=";
        header += value;
    }
    (!header.is_empty()).then_some(header)
}

impl ResponseHead for Response<'_> {
    fn headers(&self, name: &str, show: &mut dyn FnMut(&[u8])) {
        Response::headers(self).get(name).for_each(|value| show(value.as_bytes()));
    }

    fn append(&mut self, name: &str, value: Cow<'static, str>) {
        self.adjoin_raw_header(known(name), value);
    }

    fn replace(&mut self, name: &str, value: Cow<'static, str>) {
        self.set_raw_header(known(name), value);
    }
}

/// The name for as long as the response may live; without a copy, except for that of a ticket header.
fn known(name: &str) -> Cow<'static, str> {
    match name {
        "cache-control" => Cow::Borrowed("Cache-Control"),
        "set-cookie" => Cow::Borrowed("Set-Cookie"),
        "vary" => Cow::Borrowed("Vary"),
        other => Cow::Owned(other.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use rocket::http::{Cookie, Header};
    use rocket::local::blocking::Client;

    use super::*;

    #[test]
    fn what_is_copied_of_a_request() {
        let config = rocket::Config { log_level: rocket::config::LogLevel::Off, ..rocket::Config::debug_default() };
        let client = Client::untracked(rocket::custom(config)).expect("it launches");
        let request = client.get("/").cookie(Cookie::new("a", "1"));
        let incoming = Incoming(&request);
        assert_eq!(incoming.cookies().collect::<Vec<_>>(), ["a=1"]);
        assert_eq!((incoming.header("host"), incoming.uri_host(), incoming.is_https()), (None, None, false));

        let header = |name: &'static str, value: &'static str| Header::new(name, value);
        let request = request.header(header("Cookie", "b=2; c=3")).header(header("cookie", "d=4"));
        let request = request.header(header("Host", "example.org:80"));
        let incoming = Incoming(&request);
        assert_eq!(incoming.cookies().collect::<Vec<_>>(), ["b=2; c=3", "d=4"]);
        assert_eq!((incoming.header("host").as_deref(), incoming.uri_host()), (Some("example.org:80"), None));
    }

    #[test]
    fn headers_are_found_and_replaced_whatever_their_case() {
        let mut response = Response::new();
        ResponseHead::append(&mut response, "vary", Cow::Borrowed("Cookie"));
        ResponseHead::append(&mut response, "vary", Cow::Borrowed("X-Ticket"));
        let mut shown = Vec::new();
        ResponseHead::headers(&response, "Vary", &mut |value| shown.push(value.to_vec()));
        assert_eq!(shown, [b"Cookie".to_vec(), b"X-Ticket".to_vec()]);
        ResponseHead::replace(&mut response, "VARY", Cow::Borrowed("*"));
        assert_eq!(Response::headers(&response).get("vary").collect::<Vec<_>>(), ["*"]);
    }
}
