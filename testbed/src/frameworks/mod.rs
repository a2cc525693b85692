//! The frameworks that can serve the routes.

mod axum;

use std::future::Future;
use std::net::TcpListener;
use std::sync::Arc;

use clap::ValueEnum;

use crate::App;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Framework {
    Axum,
}

impl Framework {
    /// Serves until `stop` is ready and the requests under way are answered.
    pub(crate) async fn serve(
        self,
        app: Arc<App>,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        match self {
            Self::Axum => axum::serve(app, listener, stop).await,
        }
    }
}
