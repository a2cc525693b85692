//! An error of a session as an answer.

use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::events;

/// How an error is answered unless the application has an answer of its own: the same on every framework. What a developer
/// forgot is said in full, and of everything else only what kind of failure it is.
///
/// An adapter leaves it with the response that it makes of an error, so that its `on_error` knows the response again.
///
/// ```
/// use cloakroom::adapter::ErrorAnswer;
/// use cloakroom::{Error, ErrorKind};
///
/// let answer = ErrorAnswer::new(Error::new(ErrorKind::Unavailable, "connection to 10.0.0.7 refused"));
/// assert_eq!((answer.status(), &*answer.text()), (503, "session error: unavailable\n"));
/// ```
#[derive(Debug, Clone)]
pub struct ErrorAnswer(Arc<Error>);

impl ErrorAnswer {
    /// The type of the text.
    pub const CONTENT_TYPE: &str = "text/plain; charset=utf-8";

    /// The answer to an error, which is logged with it.
    ///
    /// ```
    /// # use cloakroom::{Error, adapter::ErrorAnswer};
    /// fn answer(error: Error) -> (u16, String) {
    ///     let answer = ErrorAnswer::new(error);
    ///     (answer.status(), answer.text())
    /// }
    /// ```
    pub fn new(error: Error) -> Self {
        events::failed(&error);
        Self(Arc::new(error))
    }

    /// What is answered.
    ///
    /// ```
    /// # use cloakroom::adapter::ErrorAnswer;
    /// fn is_worth_a_retry(answer: &ErrorAnswer) -> bool {
    ///     answer.error().status() == 503
    /// }
    /// ```
    pub fn error(&self) -> &Error {
        &self.0
    }

    /// The status of the response.
    ///
    /// ```
    /// # use cloakroom::{Error, ErrorKind, adapter::ErrorAnswer};
    /// assert_eq!(ErrorAnswer::new(Error::new(ErrorKind::TooLarge, "2 MiB")).status(), 413);
    /// ```
    pub fn status(&self) -> u16 {
        self.0.status()
    }

    /// The body of the response.
    ///
    /// ```
    /// # use cloakroom::{Error, ErrorKind, adapter::ErrorAnswer};
    /// assert_eq!(ErrorAnswer::new(Error::new(ErrorKind::TooLarge, "2 MiB")).text(), "session error: too_large\n");
    /// ```
    pub fn text(&self) -> String {
        Self::text_of(&self.0)
    }

    /// The body of the response to an error that the framework keeps itself.
    ///
    /// ```
    /// # use cloakroom::{Error, ErrorKind, adapter::ErrorAnswer};
    /// let error = Error::new(ErrorKind::Full, "1,000,000 sessions");
    /// assert_eq!(ErrorAnswer::text_of(&error), "session error: full\n");
    /// ```
    pub fn text_of(error: &Error) -> String {
        match error.kind() {
            ErrorKind::NotLoaded | ErrorKind::NeedsCookie => format!("{error}\n"),
            kind => format!("session error: {kind}\n"),
        }
    }
}
