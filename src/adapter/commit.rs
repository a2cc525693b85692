//! The commit that goes out with the head of a response.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use super::HeaderEdits;
use crate::error::Error;
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
/// Once it has begun it goes on to its end: if it is dropped, as by a client that hangs up, in a task of its own.
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
            None => ToTheEnd::new(Box::pin(SessionManager::finish(self.clone(), status))),
        })
    }
}

impl Commit {
    /// The outcome, if it is there already.
    ///
    /// # Errors
    ///
    /// The future itself, which has yet to ask the store.
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
        Pin::new(&mut self.0).poll(cx)
    }
}

/// A future that goes on to its end once it was polled. It does so in place: a task of its own, which whoever waits would
/// have to wait for, makes a busy server with a distant store twice as slow.
pub(crate) enum ToTheEnd<T: Send + 'static> {
    Ready(Option<T>),
    Working(Working<T>),
}

/// What is to be done, and where it goes on if it has begun and is dropped.
pub(crate) struct Working<T: Send + 'static> {
    future: Option<BoxFuture<'static, T>>,
    runtime: Option<Handle>,
}

impl<T: Send + 'static> ToTheEnd<T> {
    pub(crate) fn new(future: BoxFuture<'static, T>) -> Self {
        Self::Working(Working { future: Some(future), runtime: None })
    }
}

impl<T: Send + Unpin + 'static> Future for ToTheEnd<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let output = match &mut *self {
            Self::Ready(output) => output.take(),
            Self::Working(Working { future, runtime }) => {
                // Back only if it does not unwind.
                let Some(mut work) = future.take() else { panic!("polled after it unwound") };
                match work.as_mut().poll(cx) {
                    Poll::Ready(output) => Some(output),
                    Poll::Pending => {
                        *future = Some(work);
                        if runtime.is_none() {
                            *runtime = Handle::try_current().ok();
                        }
                        return Poll::Pending;
                    }
                }
            }
        };
        *self = Self::Ready(None);
        let Some(output) = output else { panic!("polled after it was ready") };
        Poll::Ready(output)
    }
}

impl<T: Send + 'static> Drop for Working<T> {
    fn drop(&mut self) {
        if let (Some(future), Some(runtime)) = (self.future.take(), self.runtime.take()) {
            runtime.spawn(future);
        }
    }
}

impl<T: Send + 'static> fmt::Debug for ToTheEnd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ToTheEnd")
    }
}
