//! One opaque error with a kind, and the error of a configuration that cannot work.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

/// What every fallible call of this crate answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong with a session.
///
/// Ask [`kind`](Error::kind) to tell cases apart, and [`status`](Error::status) for the HTTP status that fits.
/// The message never contains a ticket or a value of the session.
///
/// ```
/// use cloakroom::{Error, ErrorKind};
///
/// fn is_worth_a_retry(error: &Error) -> bool {
///     matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Unavailable)
/// }
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kinds of [`Error`], each with the status that it is answered with unless the application chooses another.
///
/// ```
/// use cloakroom::{Error, ErrorKind};
///
/// fn advice(error: &Error) -> &'static str {
///     match error.kind() {
///         ErrorKind::Ended => "Please sign in again.",
///         ErrorKind::Conflict | ErrorKind::Unavailable | ErrorKind::Full => "Please try again.",
///         _ => "Something went wrong.",
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no session here, or nobody loaded it yet (500).
    NotLoaded,
    /// The session was destroyed or renewed by another request meanwhile (409).
    Ended,
    /// The session cannot be changed by this request: it came with a ticket that was just replaced,
    /// or the store is away and the application chose to go on without it (503).
    ReadOnly,
    /// Other requests changed the session faster than this one could (503).
    Conflict,
    /// The session or its cookie is larger than its limit (413).
    TooLarge,
    /// The change needs a cookie, and the response head has been sent (500).
    NeedsCookie,
    /// A value cannot be encoded (500).
    Encode,
    /// A stored value is not of the type that was asked for, or cannot be read (500).
    Decode,
    /// The store does not answer (503).
    Unavailable,
    /// The store has no room for another session (503).
    Full,
    /// The store cannot do this (501).
    Unsupported,
    /// This needs a user, and nobody is logged in (401).
    Unauthenticated,
    /// This needs a user who has logged in lately (401).
    NotFresh,
    /// This needs a token that the user was not given (403).
    Forbidden,
    /// The user has as many sessions as a user may have, and none of them is ended for another one (403).
    TooManySessions,
}

impl ErrorKind {
    /// The status that this kind is answered with by default.
    ///
    /// ```
    /// assert_eq!(cloakroom::ErrorKind::Unavailable.status(), 503);
    /// ```
    pub const fn status(self) -> u16 {
        match self {
            Self::NotLoaded | Self::NeedsCookie | Self::Encode | Self::Decode => 500,
            Self::Ended => 409,
            Self::TooLarge => 413,
            Self::ReadOnly | Self::Conflict | Self::Unavailable | Self::Full => 503,
            Self::Unsupported => 501,
            Self::Unauthenticated | Self::NotFresh => 401,
            Self::Forbidden | Self::TooManySessions => 403,
        }
    }

    /// The kind in lower case with underscores, for logs, metrics and JSON.
    ///
    /// ```
    /// assert_eq!(cloakroom::ErrorKind::NeedsCookie.as_str(), "needs_cookie");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotLoaded => "not_loaded",
            Self::Ended => "ended",
            Self::ReadOnly => "read_only",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::NeedsCookie => "needs_cookie",
            Self::Encode => "encode",
            Self::Decode => "decode",
            Self::Unavailable => "unavailable",
            Self::Full => "full",
            Self::Unsupported => "unsupported",
            Self::Unauthenticated => "unauthenticated",
            Self::NotFresh => "not_fresh",
            Self::Forbidden => "forbidden",
            Self::TooManySessions => "too_many_sessions",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error {
    /// An error of a kind, with a message for the developer: for stores, and for applications that test their handling.
    ///
    /// ```
    /// use cloakroom::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Full, "1,000 sessions are kept already");
    /// assert_eq!(error.kind(), ErrorKind::Full);
    /// ```
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), source: None }))
    }

    /// The same with the error that caused it, kept as [`source`](StdError::source).
    ///
    /// ```
    /// use cloakroom::{Error, ErrorKind};
    ///
    /// let cause = std::io::Error::other("connection reset");
    /// let error = Error::new(ErrorKind::Unavailable, "the store does not answer").caused_by(cause);
    /// assert_eq!(error.to_string(), "the store does not answer: connection reset");
    /// ```
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What kind of error this is.
    ///
    /// ```
    /// # use cloakroom::{Error, ErrorKind};
    /// assert_eq!(Error::new(ErrorKind::Ended, "signed out").kind(), ErrorKind::Ended);
    /// ```
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The HTTP status that fits: [`ErrorKind::status`].
    ///
    /// ```
    /// # use cloakroom::{Error, ErrorKind};
    /// assert_eq!(Error::new(ErrorKind::Conflict, "busy").status(), 503);
    /// ```
    pub fn status(&self) -> u16 {
        self.kind().status()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// A configuration that cannot work: which setting, what is wrong, and how to mend it.
///
/// It is answered when the [`SessionManager`](crate::SessionManager) is built, never while serving.
///
/// ```
/// use cloakroom::{CookieConfig, MemoryStore, SameSite, SessionManager};
///
/// let error = SessionManager::builder(MemoryStore::new())
///     .cookie(CookieConfig::new("sid").same_site(SameSite::None).insecure_plain_http())
///     .build()
///     .unwrap_err();
/// assert_eq!(error.setting(), "cookie.same_site");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    setting: &'static str,
    message: Cow<'static, str>,
}

impl ConfigError {
    pub(crate) fn new(setting: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { setting, message: message.into() }
    }

    /// The same about another setting, if it is about this one: a URL that a variable gave is corrected there.
    pub(crate) fn in_place_of(self, setting: &str, other: &'static str) -> Self {
        if self.setting == setting { Self { setting: other, ..self } } else { self }
    }

    /// The setting to change, as in `cookie.same_site`.
    ///
    /// ```
    /// # use cloakroom::{Lifetime, MemoryStore, SessionManager};
    /// # use std::time::Duration;
    /// let error = SessionManager::builder(MemoryStore::new())
    ///     .lifetime(Lifetime::default().idle(Duration::ZERO))
    ///     .build()
    ///     .unwrap_err();
    /// assert_eq!(error.setting(), "lifetime.idle");
    /// ```
    pub fn setting(&self) -> &'static str {
        self.setting
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.message)
    }
}

impl StdError for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_pointer_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }

    #[test]
    fn the_source_is_shown_and_reachable() {
        let error = Error::new(ErrorKind::Unavailable, "away").caused_by("reset");
        assert_eq!(error.to_string(), "away: reset");
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("reset"));
    }
}
