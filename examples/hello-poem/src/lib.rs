//! The smallest application with sessions on Poem: it counts visits.

use cloakroom::{Key, MemoryStore, Result, Session, SessionManager};
use poem::{Endpoint, EndpointExt, Route, get, handler};

const VISITS: Key<u32> = Key::new("visits");

/// The application, with sessions in the memory of this process.
pub fn app() -> impl Endpoint {
    let sessions = SessionManager::new(MemoryStore::new());
    Route::new().at("/", get(home)).with(sessions.poem_middleware())
}

#[handler]
fn home(session: Session) -> Result<String> {
    let visits = session.update(VISITS, |visits| visits.unwrap_or(0) + 1)?;
    Ok(format!("visit {visits}\n"))
}
