//! The smallest application with sessions on actix-web: it counts visits.

use actix_web::web::{self, ServiceConfig};
use cloakroom::{Key, Result, Session};

const VISITS: Key<u32> = Key::new("visits");

/// The routes of the application.
pub fn routes(config: &mut ServiceConfig) {
    config.route("/", web::get().to(home));
}

async fn home(session: Session) -> Result<String> {
    let visits = session.update(VISITS, |visits| visits.unwrap_or(0) + 1)?;
    Ok(format!("visit {visits}\n"))
}
