//! What a framework's adapter needs of the engine: two calls and a scope.
//!
//! 1. [`SessionManager::open`](crate::SessionManager::open) with the head of the request, which costs an allocation;
//! 2. the handler runs inside of [`Session::scope`](crate::Session::scope);
//! 3. [`Session::commit`](crate::Session::commit) when the head of the response is ready, and
//!    [`HeaderEdits::apply`] on it.
//!
//! The engine knows strings, and no framework's types.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::task::JoinHandle;

use crate::error::{Error, ErrorKind, Result};
use crate::session::Session;
use crate::store::BoxFuture;

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
    /// forbids to store an answer that carries a ticket (RFC 9111, section 5.2.2.5).
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
        if self.change == TicketChange::None {
            return;
        }
        if !has_token(response, "cache-control", "no-store") {
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
    if !has_token(response, "vary", &name) && !has_token(response, "vary", "*") {
        response.append("vary", name);
    }
}

fn has_token(response: &impl ResponseHead, header: &str, token: &str) -> bool {
    let mut found = false;
    response.headers(header, &mut |value| {
        found |= value.split(|&byte| byte == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()));
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

/// What [`Session::commit`] came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Committed {
    /// What changes in the head of the response. It holds after an error too: an earlier
    /// [`save`](Session::save) may have moved the session to a new ticket.
    pub edits: HeaderEdits,
    /// Why the session could not be kept. The response is to be replaced by one that says so.
    pub error: Option<Error>,
}

/// The future of [`Session::commit`]: ready at once where nothing has to be asked of a store.
///
/// It is polled in place once. If it has to wait, it goes on in a task of its own, so that a client that hangs up does
/// not leave a commit half done.
#[derive(Debug)]
pub struct Commit(ToTheEnd<Committed>);

impl Session {
    /// Commits the session for a response with this status, and answers what changes in its head. For adapters; an
    /// application that cannot wait for the response calls [`save`](Session::save).
    ///
    /// ```
    /// use cloakroom::adapter::ResponseHead;
    ///
    /// async fn finish(session: cloakroom::Session, response: &mut impl ResponseHead) {
    ///     let committed = session.commit(200).await;
    ///     committed.edits.apply(response);
    /// }
    /// ```
    pub fn commit(&self, status: u16) -> Commit {
        Commit(match self.manager().finish_at_once(self, status) {
            Some(committed) => ToTheEnd::Ready(Some(committed)),
            None => {
                let session = self.clone();
                ToTheEnd::Here(Box::pin(async move { session.manager().finish(&session).await }))
            }
        })
    }
}

impl Commit {
    /// The outcome, if it is there already.
    #[cfg(feature = "tower")]
    pub(crate) fn into_ready(self) -> Result<Committed, Self> {
        match self.0 {
            ToTheEnd::Ready(Some(committed)) => Ok(committed),
            waiting => Err(Self(waiting)),
        }
    }
}

impl Future for Commit {
    type Output = Committed;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Committed> {
        Pin::new(&mut self.0).poll(cx).map(|result| match result {
            Ok(committed) => committed,
            Err(error) => Committed { edits: HeaderEdits::default(), error: Some(error) },
        })
    }
}

/// A future that is polled in place once, and then driven to its end by a task of its own.
pub(crate) enum ToTheEnd<T> {
    Ready(Option<T>),
    Here(BoxFuture<'static, T>),
    Task(JoinHandle<T>),
}

impl<T: Send + Unpin + 'static> Future for ToTheEnd<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        loop {
            match &mut *self {
                Self::Ready(result) => {
                    return Poll::Ready(
                        result.take().ok_or_else(|| Error::new(ErrorKind::Unavailable, "polled twice")),
                    );
                }
                Self::Here(future) => match future.as_mut().poll(cx) {
                    Poll::Ready(result) => return Poll::Ready(Ok(result)),
                    Poll::Pending => {
                        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return Poll::Pending };
                        let Self::Here(future) = std::mem::replace(&mut *self, Self::Ready(None)) else {
                            unreachable!("it was just polled")
                        };
                        *self = Self::Task(runtime.spawn(future));
                    }
                },
                Self::Task(task) => {
                    return Pin::new(task).poll(cx).map_err(|error| {
                        Error::new(ErrorKind::Unavailable, "the commit was cut off").caused_by(error)
                    });
                }
            }
        }
    }
}

impl<T> fmt::Debug for ToTheEnd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ToTheEnd")
    }
}
