//! The commit that goes out with the head of a response.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::task::JoinHandle;

use super::HeaderEdits;
use crate::error::{Error, ErrorKind, Result};
use crate::manager::SessionManager;
use crate::session::Session;
use crate::store::BoxFuture;

/// What [`Session::commit`] came to.
#[derive(Debug, Default)]
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
            None => ToTheEnd::Here(Box::pin(SessionManager::finish(self.clone(), status))),
        })
    }
}

impl Commit {
    /// The outcome, if it is there already.
    ///
    /// # Errors
    ///
    /// The future itself, which has to wait for the store.
    ///
    /// ```
    /// # async fn example(session: cloakroom::Session) {
    /// let committed = match session.commit(200).into_ready() {
    ///     Ok(committed) => committed,
    ///     Err(commit) => commit.await,
    /// };
    /// # }
    /// ```
    pub fn into_ready(self) -> Result<Committed, Self> {
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
