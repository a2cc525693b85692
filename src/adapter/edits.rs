//! What a session changes in the head of a response.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// The headers of a response, as far as a session changes them.
///
/// ```
/// use cloakroom::adapter::ResponseHead;
/// use std::borrow::Cow;
///
/// /// The headers of a framework that keeps them in a list.
/// struct Headers(Vec<(String, String)>);
///
/// impl ResponseHead for Headers {
///     fn headers(&self, name: &str, show: &mut dyn FnMut(&[u8])) {
///         let named = self.0.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
///         named.for_each(|(_, value)| show(value.as_bytes()));
///     }
///
///     fn append(&mut self, name: &str, value: Cow<'static, str>) {
///         self.0.push((name.to_owned(), value.into_owned()));
///     }
///
///     fn replace(&mut self, name: &str, value: Cow<'static, str>) {
///         self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
///         self.append(name, value);
///     }
/// }
/// ```
pub trait ResponseHead {
    /// Shows the value of every header of this name, in order.
    fn headers(&self, name: &str, show: &mut dyn FnMut(&[u8]));

    /// Adds a header behind those of the same name.
    fn append(&mut self, name: &str, value: Cow<'static, str>);

    /// Puts a header in the place of all those of the same name.
    fn replace(&mut self, name: &str, value: Cow<'static, str>);
}

/// What a session changes in the head of the response.
#[derive(Clone, Default, PartialEq, Eq)]
#[must_use = "without its header edits a new session is lost"]
pub struct HeaderEdits {
    pub(crate) looked: bool,
    /// Whether the answer is one of this moment alone, which no cache may keep.
    pub(crate) passing: bool,
    /// Whether the answer is an error that the next request will not meet.
    pub(crate) retries: bool,
    /// The name of the header that tickets may come in.
    pub(crate) header_name: Option<Arc<str>>,
    pub(crate) change: TicketChange,
}

/// What becomes of the visitor's ticket: values of headers.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) enum TicketChange {
    #[default]
    None,
    Cookie(String),
    Cookies(Vec<String>),
    Header(String),
}

impl TicketChange {
    /// One more `Set-Cookie` header; nearly always there is one.
    pub(crate) fn add_cookie(&mut self, cookie: String) {
        *self = match std::mem::take(self) {
            Self::None | Self::Header(_) => Self::Cookie(cookie),
            Self::Cookie(first) => Self::Cookies(vec![first, cookie]),
            Self::Cookies(mut cookies) => {
                cookies.push(cookie);
                Self::Cookies(cookies)
            }
        };
    }

    pub(crate) fn cookies(&self) -> &[String] {
        match self {
            Self::Cookie(cookie) => std::slice::from_ref(cookie),
            Self::Cookies(cookies) => cookies,
            Self::None | Self::Header(_) => &[],
        }
    }
}

impl fmt::Debug for TicketChange {
    /// Not the values: they are tickets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Cookie(_) | Self::Cookies(_) => "Cookies(…)",
            Self::Header(_) => "Header(…)",
        })
    }
}

impl HeaderEdits {
    /// Whether there is nothing to change: the session was not looked at.
    ///
    /// ```
    /// # async fn example(session: cloakroom::Session) {
    /// let committed = session.commit(200).await;
    /// if !committed.edits.is_empty() {
    ///     // …
    /// }
    /// # }
    /// ```
    pub fn is_empty(&self) -> bool {
        !self.looked
    }

    /// The values of the `Set-Cookie` headers to add. They hold the ticket, or the sealed session.
    ///
    /// ```
    /// # async fn example(session: cloakroom::Session) {
    /// let edits = session.commit(200).await.edits;
    /// let is_new = edits.set_cookies().next().is_some();
    /// # }
    /// ```
    pub fn set_cookies(&self) -> impl Iterator<Item = &str> {
        self.change.cookies().iter().map(String::as_str)
    }

    /// Makes the changes: adds the cookie behind the application's own, says that the answer depends on the cookie, and
    /// forbids to store an answer that carries a ticket (RFC 9111, section 5.2.2.5). Where a write was refused because of a
    /// token that was just replaced, or of a store that is away, the client is told to try again in a second.
    ///
    /// ```
    /// # use cloakroom::adapter::{HeaderEdits, ResponseHead};
    /// fn answer(edits: HeaderEdits, response: &mut impl ResponseHead) {
    ///     edits.apply(response);
    /// }
    /// ```
    // behaviours 81, 82, 92 and 95
    pub fn apply(self, response: &mut impl ResponseHead) {
        if self.looked {
            vary(response, Cow::Borrowed("Cookie"));
        }
        if let Some(name) = &self.header_name {
            vary(response, Cow::Owned(name.to_string()));
        }
        if self.change == TicketChange::None && !self.passing {
            return;
        }
        if self.retries && !has_header(response, "retry-after") {
            response.append("retry-after", Cow::Borrowed("1"));
        }
        if !has_token(response, "cache-control", &["no-store"]) {
            response.replace("cache-control", Cow::Borrowed("no-store"));
        }
        let mut append = |cookie| response.append("set-cookie", Cow::Owned(cookie));
        match (self.change, self.header_name) {
            (TicketChange::Cookie(cookie), _) => append(cookie),
            (TicketChange::Cookies(cookies), _) => cookies.into_iter().for_each(append),
            (TicketChange::Header(value), Some(name)) => response.replace(&name, Cow::Owned(value)),
            (TicketChange::Header(_), None) | (TicketChange::None, _) => {}
        }
    }
}

fn vary(response: &mut impl ResponseHead, name: Cow<'static, str>) {
    if !has_token(response, "vary", &[&name, "*"]) {
        response.append("vary", name);
    }
}

fn has_header(response: &impl ResponseHead, name: &str) -> bool {
    let mut found = false;
    response.headers(name, &mut |_| found = true);
    found
}

/// Whether a header that is a list has one of these words.
fn has_token(response: &impl ResponseHead, header: &str, tokens: &[&str]) -> bool {
    let mut found = false;
    response.headers(header, &mut |value| {
        let mut parts = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
        found |= parts.any(|part| tokens.iter().any(|token| part.eq_ignore_ascii_case(token.as_bytes())));
    });
    found
}

impl fmt::Debug for HeaderEdits {
    /// Not the values: they are tickets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderEdits")
            .field("looked", &self.looked)
            .field("change", &self.change)
            .finish_non_exhaustive()
    }
}
