//! The frameworks that can serve the routes.

mod actix_web;
mod axum;
mod poem;
mod rocket;
mod salvo;

use std::future::Future;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use clap::ValueEnum;

use crate::App;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Framework {
    ActixWeb,
    Axum,
    Poem,
    Rocket,
    Salvo,
}

impl Framework {
    /// Serves at an address until `stop` is ready and the requests under way are answered.
    pub(crate) async fn serve(
        self,
        app: Arc<App>,
        address: &str,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        match self {
            Self::ActixWeb => actix_web::serve(app, listen(address)?, stop).await,
            Self::Axum => axum::serve(app, listen(address)?, stop).await,
            Self::Poem => poem::serve(app, listen(address)?, stop).await,
            Self::Rocket => rocket::serve(app, address, stop).await,
            Self::Salvo => salvo::serve(app, listen(address)?, stop).await,
        }
    }
}

fn listen(address: &str) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    announce(listener.local_addr()?)?;
    Ok(listener)
}

/// Tells where the server listens: the first line on standard output, and the only one.
fn announce(address: SocketAddr) -> std::io::Result<()> {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "listening on http://{address}")?;
    stdout.flush()
}
