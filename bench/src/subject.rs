//! An application in this process, and requests to it, without a socket.

use std::time::Duration;

/// A request as a browser would send it.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) path: &'static str,
    pub(crate) cookie: Option<String>,
}

/// What an application answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names and values of the cookies that it sets.
    pub(crate) cookies: Vec<String>,
    pub(crate) body: String,
}

impl Ask {
    pub(crate) fn new(path: &'static str, cookie: Option<&str>) -> Self {
        Self { path, cookie: cookie.map(str::to_owned) }
    }
}

impl Answer {
    /// What a browser sends from now on, if cookies were set.
    pub(crate) fn cookie(&self) -> Option<String> {
        (!self.cookies.is_empty()).then(|| self.cookies.join("; "))
    }
}

/// The name and value of a `Set-Cookie` header.
pub(crate) fn pair(set_cookie: &[u8]) -> String {
    let text = String::from_utf8_lossy(set_cookie);
    text.split(';').next().unwrap_or_default().to_owned()
}

/// An application that is called in place.
pub(crate) trait Subject {
    fn ask(&mut self, ask: &Ask) -> Answer;

    /// Sends these requests one after the other, and again, so many in all; answers how long that took.
    fn repeat(&mut self, asks: &[Ask], times: usize) -> Duration;
}

/// Several who write to one session at once.
pub(crate) struct Writers {
    pub(crate) count: usize,
    /// Writes of each.
    pub(crate) each: usize,
    /// Threads that they are spread over.
    pub(crate) threads: usize,
}

/// What came of their writes.
pub(crate) struct Written {
    pub(crate) took: Duration,
    /// Answered as kept: what is refused, after waiting for others, is not lost, for its visitor was told.
    pub(crate) kept: u64,
    /// What the session counts in the end.
    pub(crate) counted: u64,
}
