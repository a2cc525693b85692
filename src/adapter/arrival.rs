//! The arrival of a request.

use super::RequestHead;
use crate::manager::SessionManager;
use crate::session::Session;

/// The session that a request arrives with: [`SessionManager::arrive`].
#[derive(Debug)]
pub struct Arrival {
    /// The session, which the handler runs with.
    pub session: Session,
    /// Whether the request was passed on inside of the application: then its outermost adapter commits it.
    pub is_nested: bool,
}

impl SessionManager {
    /// The session of a request that comes in; `head` is asked if it comes from outside. A request that is passed on inside
    /// of the application keeps its session. Nothing is parsed and no store is asked.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// # async fn example() {
    /// let sessions = SessionManager::new(MemoryStore::new());
    /// let outer = sessions.arrive(|| "__Host-sid=…".to_owned());
    /// outer.session.scope(async {
    ///     let inner = sessions.arrive(|| "__Host-sid=…".to_owned());
    ///     assert!(inner.is_nested);
    /// }).await;
    /// # }
    /// ```
    // behaviour 98
    pub fn arrive<H: RequestHead>(&self, head: impl FnOnce() -> H) -> Arrival {
        match Session::ambient().filter(|session| session.manager().is(self)) {
            Some(session) => Arrival { session, is_nested: true },
            None => Arrival { session: self.open(head()), is_nested: false },
        }
    }
}
