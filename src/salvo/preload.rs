//! Loads the session before the handler runs.

use salvo_core::{Depot, FlowCtrl, Handler, Request, Response, Scribe, async_trait};

use crate::error::Result;
use crate::session::Session;

/// Loads the session of every request that passes, for routes whose models or templates use it without the handler
/// asking for it. It goes inside of the [session's hoop](super::SessionHoop).
///
/// ```
/// use salvo::prelude::*;
/// # use cloakroom::{MemoryStore, SessionManager};
/// # let sessions = SessionManager::new(MemoryStore::new());
/// #[handler]
/// async fn account() -> &'static str {
///     "a page whose template says who is signed in"
/// }
///
/// let within = Router::with_path("account").hoop(cloakroom::salvo::preload()).get(account);
/// let app = Router::new().hoop(sessions.hoop()).push(within);
/// ```
pub fn preload() -> Preload {
    Preload(())
}

/// The hoop of [`preload`].
#[derive(Debug, Clone, Copy)]
pub struct Preload(());

#[async_trait]
impl Handler for Preload {
    async fn handle(&self, _request: &mut Request, _depot: &mut Depot, response: &mut Response, rest: &mut FlowCtrl) {
        // What comes next runs when this is done.
        if let Err(error) = load().await {
            error.render(response);
            rest.skip_rest();
        }
    }
}

/// The session of this request, loaded.
pub(super) async fn load() -> Result<Session> {
    let session = Session::current()?;
    session.load().await?;
    Ok(session)
}
