//! Starts the application: `cargo run -p hello-actix`, then open <http://localhost:3000>.

use actix_web::{App, HttpServer};
use cloakroom::{MemoryStore, SessionManager};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    // One for all workers.
    let sessions = SessionManager::new(MemoryStore::new());
    let app = move || App::new().configure(hello_actix::routes).wrap(sessions.middleware());
    HttpServer::new(app).bind(address)?.run().await
}
