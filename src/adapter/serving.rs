//! A request that is served with its session.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::{Arrival, BodySession, Commit, Committed};
use crate::session::{Scope, Session};

/// Tells the status of an answer, if it is a response.
pub type StatusOf<T> = fn(&T) -> Option<u16>;

pin_project! {
    /// Runs a handler with its session, and commits it: [`Arrival::serve`].
    pub struct Serving<F: Future> {
        #[pin]
        state: State<F, F::Output>,
        arrival: Arrival,
        status: StatusOf<F::Output>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, T> {
        Handling { #[pin] handler: Scope<F> },
        Committing { commit: Commit, answer: Option<T> },
    }
}

/// What came of a request: what the handler answered, and what the session has to say about it.
#[derive(Debug)]
pub struct Served<T> {
    /// What the handler answered.
    pub answer: T,
    /// What the commit came to; nothing if there was none.
    pub committed: Option<Committed>,
    /// Goes along with the body.
    pub body: BodySession,
}

impl<T> Served<T> {
    fn of(answer: T, committed: Committed, session: &Session) -> Self {
        let used = !committed.edits.is_empty();
        let body = if used { BodySession::of(session) } else { BodySession::default() };
        Self { answer, committed: Some(committed), body }
    }
}

impl Arrival {
    /// Runs the handler inside of the session's scope, and commits when it has answered with the head of a response, whose
    /// `status` tells; an answer without one commits nothing, and so does a nested request.
    ///
    /// ```
    /// use cloakroom::SessionManager;
    /// use cloakroom::adapter::{ErrorAnswer, RequestHead, ResponseHead};
    ///
    /// trait Response: ResponseHead {
    ///     fn status(&self) -> u16;
    ///     fn of_error(answer: ErrorAnswer) -> Self;
    /// }
    ///
    /// async fn handle<R: Response>(
    ///     sessions: &SessionManager,
    ///     head: impl RequestHead,
    ///     handler: impl Future<Output = R>,
    /// ) -> R {
    ///     let served = sessions.arrive(|| head).serve(handler, |response| Some(response.status())).await;
    ///     let mut response = served.answer;
    ///     if let Some(committed) = served.committed {
    ///         if let Some(error) = committed.error {
    ///             response = R::of_error(ErrorAnswer::new(error));
    ///         }
    ///         committed.edits.apply(&mut response);
    ///     }
    ///     response
    /// }
    /// ```
    pub fn serve<F: Future>(self, handler: F, status: StatusOf<F::Output>) -> Serving<F> {
        Serving { state: State::Handling { handler: self.session.clone().scope(handler) }, arrival: self, status }
    }
}

impl<F: Future> Future for Serving<F> {
    type Output = Served<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let session = &this.arrival.session;
        loop {
            let answer = match this.state.as_mut().project() {
                StateProjection::Handling { handler } => ready!(handler.poll(cx)),
                StateProjection::Committing { commit, answer } => {
                    let committed = ready!(Pin::new(commit).poll(cx));
                    let Some(answer) = answer.take() else { unreachable!("polled after it was ready") };
                    return Poll::Ready(Served::of(answer, committed, session));
                }
            };
            let status = if this.arrival.is_nested { None } else { (this.status)(&answer) };
            let Some(status) = status else {
                return Poll::Ready(Served { answer, committed: None, body: BodySession::default() });
            };
            match session.commit(status).into_ready() {
                Ok(committed) => return Poll::Ready(Served::of(answer, committed, session)),
                Err(commit) => this.state.set(State::Committing { commit, answer: Some(answer) }),
            }
        }
    }
}

impl<F: Future> fmt::Debug for Serving<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").field("session", &self.arrival.session).finish_non_exhaustive()
    }
}
