//! The commit that goes out with the head of a response.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::runtime::Handle;

use super::HeaderEdits;
use crate::error::{Error, ErrorKind};
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
pub struct Commit(State);

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
            Some(committed) => State::Ready(Some(committed)),
            None => {
                let finish: BoxFuture<'static, Committed> = Box::pin(SessionManager::finish(self.clone(), status));
                State::Working(Working { future: Some(finish), runtime: None })
            }
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
            State::Ready(Some(committed)) => Ok(committed),
            waiting => Err(Self(waiting)),
        }
    }
}

/// It goes on in place: a task of its own, which whoever waits would have to wait for, makes a busy server with a distant
/// store twice as slow.
enum State {
    Ready(Option<Committed>),
    Working(Working),
}

/// What is to be done, and where it goes on if it has begun and is dropped.
struct Working {
    future: Option<BoxFuture<'static, Committed>>,
    runtime: Option<Handle>,
}

impl Future for Commit {
    type Output = Committed;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Committed> {
        let committed = match &mut self.0 {
            State::Ready(committed) => committed.take(),
            State::Working(working) => Some(ready!(working.poll(cx))),
        };
        self.0 = State::Ready(None);
        let Some(committed) = committed else { panic!("polled after it was ready") };
        Poll::Ready(committed)
    }
}

impl Working {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Committed> {
        let Some(mut future) = self.future.take() else { return Poll::Ready(Committed::default()) };
        // A change that is made again is the application's code: if it panics, that is an answer, too.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Ready(committed)) => Poll::Ready(committed),
            Ok(Poll::Pending) => {
                self.future = Some(future);
                if self.runtime.is_none() {
                    self.runtime = Handle::try_current().ok();
                }
                Poll::Pending
            }
            Err(_) => {
                let error = Error::new(ErrorKind::Unavailable, "the commit panicked");
                Poll::Ready(Committed { edits: HeaderEdits::default(), error: Some(error) })
            }
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        if let (Some(future), Some(runtime)) = (self.future.take(), self.runtime.take()) {
            runtime.spawn(future);
        }
    }
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Commit")
    }
}
