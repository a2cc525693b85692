//! Requests over sockets: each server a process on one core, the load on the other.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use crate::client::{Connection, request};
use crate::contenders::Contender;
use crate::plot::Scale;
use crate::progress::Progress;
use crate::report::{Section, by_store, number};
use crate::subject::Ask;
use crate::work::Operation;
use crate::{Result, check, machine};

const CONNECTIONS: usize = 32;
const SLICES: usize = 3;
const SLICE: Duration = Duration::from_secs(1);
const WARM_UP: Duration = Duration::from_millis(200);

const SERVER_CORE: usize = 0;
const LOAD_CORE: usize = 1;

/// Serves one contender, and says where: what a server's process does.
pub(crate) fn serve(contender: &Contender) -> Result<()> {
    machine::pin(SERVER_CORE);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    contender.serve(listener)
}

/// A server in a process of its own, which ends with this value.
struct Server {
    process: Child,
    address: SocketAddr,
    /// What each connection sends.
    asks: Vec<Ask>,
    /// Requests a second, of each slice.
    rates: Vec<f64>,
    /// Microseconds, of every request.
    waits: Vec<u32>,
}

impl Server {
    fn start(contender: &Contender) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut process = command.args(["--serve", contender.who, contender.store]).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let stdout = process.stdout.take().ok_or("a server without an output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim().parse()?;
        Ok(Self { process, address, asks: Vec::new(), rates: Vec::new(), waits: Vec::new() })
    }

    fn rate(&self) -> f64 {
        let mut rates = self.rates.clone();
        rates.sort_unstable_by(f64::total_cmp);
        rates.get(rates.len() / 2).copied().unwrap_or(0.0)
    }

    fn p99(&mut self) -> f64 {
        self.waits.sort_unstable();
        f64::from(self.waits.get(self.waits.len() * 99 / 100).copied().unwrap_or(0))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn measure(contenders: &[Contender]) -> Result<Section> {
    machine::pin(LOAD_CORE);
    let section = measure_pinned(contenders);
    machine::unpin();
    section
}

fn measure_pinned(contenders: &[Contender]) -> Result<Section> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut progress = Progress::new("sockets", Operation::ALL.len() * SLICES * contenders.len());
    let mut rows: Vec<Vec<String>> = contenders.iter().map(|contender| vec![contender.label()]).collect();
    let mut ratios = vec![Vec::new(); contenders.len()];
    let mut lines = Vec::new();
    for operation in Operation::ALL {
        // New servers each time, so that none is full of what the last operation made.
        let mut servers = Vec::new();
        for contender in contenders {
            let mut server = Server::start(contender)?;
            let mut connection = runtime.block_on(Connection::open(server.address))?;
            for _ in 0..CONNECTIONS {
                let cookie = check::contender(contender, |ask| runtime.block_on(connection.ask(ask)))?;
                let cookie = cookie.filter(|_| operation != Operation::New);
                server.asks.push(Ask::new(operation.path(), cookie.as_deref()));
            }
            servers.push(server);
        }
        for _ in 0..SLICES {
            for (contender, server) in contenders.iter().zip(&mut servers) {
                progress.step(&format!("{}: {}", operation.name(), contender.label()));
                let (rate, waits) = runtime.block_on(load(server.address, &server.asks))?;
                server.rates.push(rate);
                server.waits.extend(waits);
            }
        }
        let rates: Vec<f64> = servers.iter().map(Server::rate).collect();
        for (index, (contender, server)) in contenders.iter().zip(&mut servers).enumerate() {
            let base = contenders.iter().position(|other| other.is_base() && other.who == contender.base);
            let (rate, p99) = (rates[index], server.p99());
            let ratio = base.map_or(0.0, |base| rate / rates[base]);
            if contender.is_base() {
                rows[index].push(format!("({}/s, {} µs)", number(rate), number(p99)));
                continue;
            }
            rows[index].push(format!("{ratio:.2}, {} µs", number(p99)));
            ratios[index].push(ratio);
            let (who, store, op) = (contender.who, contender.store, operation.name());
            lines.push(
                json!({"who": who, "store": store, "op": op, "rps": rate.round(), "of_base": ratio, "p99_us": p99})
                    .to_string(),
            );
        }
    }
    let names = Operation::ALL.map(Operation::name);
    Ok(Section {
        title: "Over sockets",
        note: format!(
            "Requests a second as a share of the same framework's without sessions (those in brackets), and the wait that \
             99 of 100 requests stay below. The server on one core, the load on another: {CONNECTIONS} connections of as many \
             visitors, the median of {SLICES} slices of {} s, all contenders in turn. Good to about 0.08.",
            SLICE.as_secs()
        ),
        columns: ["of what it is without sessions"].into_iter().chain(names).map(str::to_owned).collect(),
        rows,
        lines,
        plots: by_store("sockets", ("Requests a second", "share of none", Scale::Linear), contenders, &ratios),
    })
}

/// Loads a server for a slice, each connection with a request of its own; answers requests a second, and how long each
/// took.
async fn load(address: SocketAddr, asks: &[Ask]) -> Result<(f64, Vec<u32>)> {
    let start = Instant::now();
    let (from, until) = (start + WARM_UP, start + WARM_UP + SLICE);
    let mut tasks = JoinSet::new();
    for ask in asks {
        let request = request(ask);
        tasks.spawn(async move {
            let mut connection = Connection::open(address).await.map_err(|error| error.to_string())?;
            let mut waits = Vec::with_capacity(8192);
            let mut sent = Instant::now();
            while sent < until {
                connection.send(&request).await.map_err(|error| error.to_string())?;
                let answered = Instant::now();
                if sent >= from {
                    waits.push(u32::try_from((answered - sent).as_micros()).unwrap_or(u32::MAX));
                }
                sent = answered;
            }
            Ok::<_, String>(waits)
        });
    }
    let mut waits = Vec::new();
    while let Some(task) = tasks.join_next().await {
        waits.append(&mut task??);
    }
    Ok((waits.len() as f64 / SLICE.as_secs_f64(), waits))
}
