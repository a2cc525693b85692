//! The smallest application with sessions on Salvo: it counts visits.

use cloakroom::{Key, MemoryStore, Result, Session, SessionManager};
use salvo::prelude::*;

const VISITS: Key<u32> = Key::new("visits");

/// The application, with sessions in the memory of this process.
pub fn app() -> Router {
    let sessions = SessionManager::new(MemoryStore::new());
    Router::new().hoop(sessions.hoop()).get(home)
}

#[handler]
async fn home(session: Session) -> Result<String> {
    let visits = session.update(VISITS, |visits| visits.unwrap_or(0) + 1)?;
    Ok(format!("visit {visits}\n"))
}
