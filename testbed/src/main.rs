//! A server that shows over HTTP all that a session can do, on every store and every framework.

mod frameworks;
mod handlers;
mod options;
mod routes;
mod store;

use std::error::Error;
use std::future::Future;
use std::io::Write;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use cloakroom::SessionManager;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use options::Options;
use store::Stats;

/// How long requests under way may take once the server was told to end.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// What all handlers share.
struct App {
    sessions: SessionManager,
    stats: Arc<Stats>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "testbed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(options.workers()).enable_all().build()?;
    let served = runtime.block_on(serve(options));
    runtime.shutdown_timeout(Duration::from_millis(100));
    served
}

async fn serve(options: &Options) -> Result<(), Box<dyn Error>> {
    let stats = Arc::new(Stats::default());
    let backend = store::open(options, &stats).await?;
    let app = Arc::new(App { sessions: options.manager(backend)?, stats });

    let listener = TcpListener::bind(&options.listen)?;
    listener.set_nonblocking(true)?;
    let (stop, give_up) = (stop_signal()?, stop_signal()?);
    let mut stdout = std::io::stdout();
    writeln!(stdout, "listening on http://{}", listener.local_addr()?)?;
    stdout.flush()?;

    tokio::select! {
        served = options.framework.serve(app, listener, stop) => Ok(served?),
        () = async { give_up.await; tokio::time::sleep(LAST_REQUESTS).await } => Ok(()),
    }
}

/// Ready once the process is asked to end; listens from the moment it is made.
fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
