//! A visitor: sends requests, keeps cookies as a browser does, and shows every header.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::http::{HeaderValue, Request};

use super::time::stretched_path;
use super::{Bed, Server};

/// The name of the session's cookie with the default options.
pub(crate) const COOKIE: &str = "__Host-sid";

/// One visitor, who may send several requests at once.
pub(crate) struct Client {
    url: String,
    agent: ureq::Agent,
    jar: Mutex<BTreeMap<String, Cookie>>,
    /// Keeps a shared server running.
    _server: Option<Arc<Server>>,
}

#[derive(Clone)]
struct Cookie {
    value: String,
    until: Option<Instant>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: String,
    headers: Vec<(String, String)>,
}

impl Client {
    pub(crate) fn new(url: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(20)))
            .build();
        Self { url: url.to_owned(), agent: config.into(), jar: Mutex::default(), _server: None }
    }

    pub(crate) fn of_shared(server: Arc<Server>) -> Self {
        Self { _server: Some(Arc::clone(&server)), ..Self::new(&server.url) }
    }

    /// Somebody else at the same server, who has no cookies.
    pub(crate) fn stranger(&self) -> Self {
        Self { _server: self._server.clone(), ..Self::new(&self.url) }
    }

    /// Somebody else at the same server, with a ticket.
    pub(crate) fn with_ticket(&self, ticket: &str) -> Self {
        let client = self.stranger();
        client.keep(COOKIE, ticket);
        client
    }

    /// Somebody else at the same server, with the same cookies.
    pub(crate) fn twin(&self) -> Self {
        let client = self.stranger();
        *client.jar() = self.jar().clone();
        client
    }

    /// A visitor of the same server, or of another, with cookies that were copied from somewhere.
    pub(crate) fn holding(self, cookies: &[(String, String)]) -> Self {
        cookies.iter().for_each(|(name, value)| self.keep(name, value));
        self
    }

    /// All cookies in the jar.
    pub(crate) fn kept(&self) -> Vec<(String, String)> {
        self.jar().iter().map(|(name, cookie)| (name.clone(), cookie.value.clone())).collect()
    }

    pub(crate) fn keep(&self, name: &str, value: &str) {
        self.jar().insert(name.to_owned(), Cookie { value: value.to_owned(), until: None });
    }

    /// The address of the server, for requests by hand.
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// The ticket in the jar.
    pub(crate) fn ticket(&self) -> Option<String> {
        self.jar().get(COOKIE).map(|cookie| cookie.value.clone())
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.send("GET", path, &self.cookies(), b"")
    }

    /// A `POST` without a body.
    pub(crate) fn post(&self, path: &str) -> Response {
        self.send("POST", path, &self.cookies(), b"")
    }

    /// A `POST` with JSON.
    pub(crate) fn put(&self, path: &str, json: impl Into<Value>) -> Response {
        self.send("POST", path, &self.cookies(), json.into().to_string().as_bytes())
    }

    /// A request with the cookies of the jar.
    pub(crate) fn raw(&self, method: &str, path: &str, body: &[u8]) -> Response {
        self.send(method, path, &self.cookies(), body)
    }

    /// A request with these headers and no cookies of the jar.
    pub(crate) fn bare(&self, method: &str, path: &str, headers: &[(&str, &[u8])], body: &[u8]) -> Response {
        let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect();
        self.send(method, path, &headers, body)
    }

    /// The value of a key, after an answer that must be good.
    pub(crate) fn value(&self, key: &str) -> Value {
        self.get(&format!("/get/{key}")).ok().json()["value"].clone()
    }

    pub(crate) fn set(&self, key: &str, json: impl Into<Value>) -> Response {
        self.put(&format!("/set/{key}"), json).ok()
    }

    pub(crate) fn login(&self, user: &str) -> String {
        let answer = self.put("/login", serde_json::json!({ "user": user })).ok().json();
        answer["handle"].as_str().expect("a handle").to_owned()
    }

    fn send(&self, method: &str, path: &str, headers: &[(String, Vec<u8>)], body: &[u8]) -> Response {
        let mut request = Request::builder().method(method).uri(format!("{}{}", self.url, stretched_path(path)));
        for (name, value) in headers {
            request = request.header(name, HeaderValue::from_bytes(value).expect("a header"));
        }
        let request = request.body(body).expect("a request");
        let mut answer = match method {
            "GET" | "HEAD" => self.agent.run(request.map(|_| ())),
            _ => self.agent.run(request),
        }
        .expect("an answer");
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let body = answer.body_mut().read_to_string().expect("a body");
        let response = Response { status: answer.status().as_u16(), headers, body };
        self.take_cookies(&response);
        response
    }

    fn cookies(&self) -> Vec<(String, Vec<u8>)> {
        let mut jar = self.jar();
        jar.retain(|_, cookie| cookie.until.is_none_or(|until| until > Instant::now()));
        let pairs: Vec<_> = jar.iter().map(|(name, cookie)| format!("{name}={}", cookie.value)).collect();
        if pairs.is_empty() { Vec::new() } else { vec![("cookie".to_owned(), pairs.join("; ").into_bytes())] }
    }

    /// Does with `Set-Cookie` what a browser does.
    fn take_cookies(&self, response: &Response) {
        for cookie in response.all("set-cookie") {
            let mut parts = cookie.split(';').map(str::trim);
            let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).expect("name=value");
            let max_age = parts.find_map(|part| part.strip_prefix("Max-Age=")).map(|n| n.parse().expect("seconds"));
            if max_age == Some(0) {
                self.jar().remove(name);
            } else {
                let until = max_age.map(|seconds| Instant::now() + Duration::from_secs(seconds));
                self.jar().insert(name.to_owned(), Cookie { value: value.to_owned(), until });
            }
        }
    }

    fn jar(&self) -> MutexGuard<'_, BTreeMap<String, Cookie>> {
        self.jar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Response {
    /// The same, which must be a success.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.is(200)
    }

    /// The same, which must have this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// The same, which must not touch the cookie.
    #[track_caller]
    pub(crate) fn no_cookie(self) -> Self {
        assert_eq!(self.all("set-cookie"), [""; 0], "{self:?}");
        self
    }

    /// The same, which must have saved a change of a session that was there: in a store, which the browser does not
    /// notice, or in a fresh cookie.
    #[track_caller]
    pub(crate) fn saved(self, bed: &Bed) -> Self {
        if bed.is_sealed() {
            self.cookie();
            self
        } else {
            self.no_cookie()
        }
    }

    /// The kind of the error that it must be.
    #[track_caller]
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_else(|| panic!("no error: {self:?}")).to_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The values of all headers of a name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// The one `Set-Cookie` that must be there.
    #[track_caller]
    pub(crate) fn cookie(&self) -> &str {
        let [cookie] = self.all("set-cookie")[..] else { panic!("not one cookie: {self:?}") };
        cookie
    }

    /// Whether it removes the session's cookie.
    #[track_caller]
    pub(crate) fn removes_cookie(&self) -> bool {
        let cookie = self.cookie();
        cookie.starts_with(&format!("{COOKIE}=;")) && cookie.contains("Max-Age=0")
    }
}
