//! What the parts of the adapter leave each other with the request.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rocket::Request;

use super::head::Incoming;
use crate::adapter::Head;
use crate::error::Error;
use crate::manager::SessionManager;
use crate::session::Session;

/// One request on its way through fairings, routes and catchers. It waits in the request's cache.
pub(super) struct Visit {
    manager: SessionManager,
    state: Mutex<State>,
    /// The same request with another manager.
    next: OnceLock<Box<Visit>>,
}

#[derive(Default)]
struct State {
    /// Whether the fairing saw the request come.
    arrived: bool,
    /// Opened by the first route or catcher.
    session: Option<Session>,
    /// What the response that is being made tells of.
    error: Option<Error>,
}

impl Visit {
    /// The visit of a request with this manager.
    pub(super) fn of<'r>(request: &'r Request<'_>, manager: &SessionManager) -> &'r Self {
        let mut visit = request.local_cache(|| Self::new(manager));
        while !visit.manager.is(manager) {
            visit = visit.next.get_or_init(|| Box::new(Self::new(manager)));
        }
        visit
    }

    fn new(manager: &SessionManager) -> Self {
        Self { manager: manager.clone(), state: Mutex::default(), next: OnceLock::new() }
    }

    /// Begins anew: copies of a local request share one cache.
    pub(super) fn arrive(&self) {
        *self.lock() = State { arrived: true, ..State::default() };
    }

    /// What a handler begins with: the session that all routes and catchers of the request share, and the error that those
    /// before it left. None where no fairing saw the request come.
    pub(super) fn begin(&self, request: &Request<'_>) -> Option<(Session, Option<Error>)> {
        let mut state = self.lock();
        if !state.arrived {
            return None;
        }
        let open = || self.manager.open(Head::of(&Incoming(request), &self.manager));
        let session = state.session.get_or_insert_with(open).clone();
        Some((session, state.error.take()))
    }

    /// The session, if anybody asked for it.
    pub(super) fn session(&self) -> Option<Session> {
        self.lock().session.clone()
    }

    /// What the session holds is discarded, and whoever asks for it again gets it as it is in the store.
    pub(super) fn forget(&self) {
        self.arrive();
    }

    /// Keeps an error, in case that it becomes the answer.
    pub(super) fn note(&self, error: Error) {
        self.lock().error = Some(error);
    }

    pub(super) fn take_error(&self) -> Option<Error> {
        self.lock().error.take()
    }

    /// After a handler: what it noted counts only if it failed with it, and not if it went on all the same.
    pub(super) fn settle(&self, earlier: Option<Error>, failed_with: Option<u16>) {
        let mut state = self.lock();
        let own = state.error.take().filter(|error| Some(error.status()) == failed_with);
        state.error = own.or(earlier);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
