//! A server that shows over HTTP all that a session can do, on every store and every framework.

mod frameworks;
mod handlers;
mod options;
mod routes;
mod store;

use std::error::Error;
use std::future::Future;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use cloakroom::{SessionManager, SessionStore};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use options::Options;
use store::{Opened, Stats};

/// How long requests under way may take once the server was told to end.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// What all handlers share.
struct App {
    sessions: SessionManager,
    store: Option<Arc<dyn SessionStore>>,
    stats: Arc<Stats>,
    /// Threads that serve.
    workers: usize,
}

fn main() -> ExitCode {
    let options = Options::parse();
    tracing_subscriber::fmt().with_env_filter(filter()).with_writer(std::io::stderr).with_ansi(false).init();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "testbed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What `RUST_LOG` asks for, without Rocket's own lines: they hold every header, tickets included.
fn filter() -> EnvFilter {
    EnvFilter::from_default_env().add_directive("rocket=off".parse().expect("it is a directive"))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(options.workers()).enable_all().build()?;
    let served = runtime.block_on(serve(options));
    runtime.shutdown_timeout(Duration::from_millis(100));
    served
}

async fn serve(options: &Options) -> Result<(), Box<dyn Error>> {
    let stats = Arc::new(Stats::default());
    let Opened { backend, store } = store::open(options, &stats).await?;
    let app = Arc::new(App { sessions: options.manager(backend)?, store, stats, workers: options.workers() });
    let (stop, give_up) = (stop_signal()?, stop_signal()?);
    tokio::select! {
        served = options.framework.serve(app, &options.listen, stop) => Ok(served?),
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
