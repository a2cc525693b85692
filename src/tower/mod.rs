//! Sessions on everything that is a [`tower_service::Service`] over HTTP: axum, tonic, hyper with tower.

mod future;
mod layer;
mod preload;
mod service;

pub use future::SessionFuture;
pub use layer::SessionLayer;
pub use preload::{PreloadLayer, PreloadService, preload};
pub use service::SessionService;

use crate::manager::SessionManager;

impl SessionManager {
    /// The layer that gives every request its session.
    ///
    /// What should see the session goes inside of it: in axum, layers that are added before it.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use cloakroom::{MemoryStore, SessionManager};
    ///
    /// let sessions = SessionManager::new(MemoryStore::new());
    /// let app: Router = Router::new().route("/", get(|| async { "hello" })).layer(sessions.layer());
    /// ```
    pub fn layer(&self) -> SessionLayer {
        SessionLayer::new(self.clone())
    }
}
