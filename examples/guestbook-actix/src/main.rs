//! Starts the application: `cargo run -p guestbook-actix`, then open the address that it prints.

use std::net::TcpListener;
use std::process::ExitCode;

use actix_web::HttpServer;
use guestbook_core::Pages;
use tracing_subscriber::EnvFilter;

#[actix_web::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let (sessions, pages) = (guestbook_actix::sessions().await?, Pages::new(None)?);
    let address = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(&address).map_err(|error| {
        format!("cannot listen on {address}: {error}; set LISTEN to another address, as in LISTEN=127.0.0.1:3001")
    })?;
    tracing::info!("open http://localhost:{} in a browser; ctrl-c ends this", listener.local_addr()?.port());
    HttpServer::new(move || guestbook_actix::app(&sessions, &pages)).listen(listener)?.run().await?;
    Ok(())
}
