//! The Redis store beside the bare commands, on the same connection and in turns, so that both see the same machine.

use std::sync::Arc;
use std::time::Instant;

use cloakroom::{RedisStore, SessionManager, SessionStore, StoreKey, Swap, Timestamp};
use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd};
use serde_json::json;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use super::records::{Waits, key, median, record};
use crate::progress::Progress;
use crate::report::Section;
use crate::{Result, contenders};

/// Calls in a turn, and turns of each.
const CALLS: usize = 200;
const TURNS: usize = 60;

/// Tasks that call at once, and turns of those.
const TASKS: usize = 32;
const TURNS_AT_ONCE: usize = 12;

/// What a compare-and-swap in a script takes at least.
const BARE_SWAP: &str = "if redis.call('GETRANGE', KEYS[1], 2, 17) ~= ARGV[1] then return 0 end \
                         redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) return 1";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Get,
    Set,
    GetAndScript,
    Load,
    LoadAndSwap,
    Read,
    Write,
}

impl Call {
    const ALL: [Self; 7] =
        [Self::Get, Self::Set, Self::GetAndScript, Self::Load, Self::LoadAndSwap, Self::Read, Self::Write];

    const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Set => "SET",
            Self::GetAndScript => "GET, and a script that compares and sets",
            Self::Load => "store: load",
            Self::LoadAndSwap => "store: load, and swap",
            Self::Read => "request that reads",
            Self::Write => "request that writes",
        }
    }

    /// The bare commands that it cannot do without.
    const fn bare(self) -> Self {
        match self {
            Self::Set => Self::Set,
            Self::GetAndScript | Self::LoadAndSwap | Self::Write => Self::GetAndScript,
            Self::Get | Self::Load | Self::Read => Self::Get,
        }
    }
}

/// What was found of one call.
struct Found {
    call: Call,
    waits: Waits,
    /// Times its bare commands, turn by turn.
    of_bare: Vec<f64>,
}

pub(crate) fn measure() -> Result<Option<Section>> {
    let Ok(url) = std::env::var(contenders::REDIS) else { return Ok(None) };
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (alone, at_once) = runtime.block_on(async {
        let mut progress = Progress::new("redis", TURNS + TURNS_AT_ONCE);
        let subject = Arc::new(Subject::connect(&url).await?);
        let alone = turns(&subject, 1, TURNS, &mut progress).await?;
        Ok::<_, Box<dyn std::error::Error>>((alone, turns(&subject, TASKS, TURNS_AT_ONCE, &mut progress).await?))
    })?;
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for (mut alone, mut at_once) in alone.into_iter().zip(at_once) {
        let mut row = vec![alone.call.name().to_owned()];
        for (tasks, found) in [(1, &mut alone), (TASKS, &mut at_once)] {
            let (p50, p99) = (found.waits.micros(0.5), found.waits.micros(0.99));
            let ratio = median(std::mem::take(&mut found.of_bare));
            let of_bare = if found.call.bare() == found.call { String::new() } else { format!("{ratio:.2}") };
            row.extend([format!("{p50:.0} µs"), format!("{p99:.0} µs"), of_bare]);
            lines.push(
                json!({
                    "store": "redis", "call": found.call.name(), "at_once": tasks, "p50_us": p50, "p99_us": p99,
                    "of_bare": ratio,
                })
                .to_string(),
            );
        }
        rows.push(row);
    }
    Ok(Some(Section {
        title: "The Redis store beside the bare commands",
        note: format!(
            "All on one connection, in turns: how long a call takes, one after another and with {TASKS} tasks at once, and \
             that as a multiple of the commands that it cannot do without (medians of the ratios of {TURNS} and \
             {TURNS_AT_ONCE} turns of {CALLS} calls of each task). A write reads the session first."
        ),
        columns: ["", "median", "p99", "of bare", "median, at once", "p99, at once", "of bare, at once"]
            .map(str::to_owned)
            .to_vec(),
        rows,
        lines,
        plots: Vec::new(),
    }))
}

/// Each call in its turn, by so many tasks at once.
async fn turns(subject: &Arc<Subject>, tasks: usize, turns: usize, progress: &mut Progress) -> Result<Vec<Found>> {
    let mut all = Vec::from(Call::ALL.map(|call| Found { call, waits: Waits::default(), of_bare: Vec::new() }));
    for turn in 0..turns {
        progress.step(if tasks == 1 { "one at a time" } else { "at once" });
        let mut took = vec![0.0; all.len()];
        // Another one begins each time, so that none is always behind the same.
        for place in 0..all.len() {
            let place = (place + turn) % all.len();
            let start = Instant::now();
            let waits = at_once(subject, all[place].call, tasks).await?;
            took[place] = start.elapsed().as_secs_f64();
            all[place].waits.extend(waits);
        }
        for place in 0..all.len() {
            let bare = Call::ALL.iter().position(|call| *call == all[place].call.bare()).unwrap_or(place);
            all[place].of_bare.push(took[place] / took[bare]);
        }
    }
    Ok(all)
}

async fn at_once(subject: &Arc<Subject>, call: Call, tasks: usize) -> Result<Waits> {
    let mut running = JoinSet::new();
    for visitor in 0..tasks {
        let subject = Arc::clone(subject);
        running.spawn(async move {
            let mut waits = Waits::default();
            for _ in 0..CALLS {
                let start = Instant::now();
                subject.call(call, &subject.visitors[visitor]).await.map_err(|error| error.to_string())?;
                waits.add(start.elapsed());
            }
            Ok::<_, String>(waits)
        });
    }
    let mut all = Waits::default();
    while let Some(task) = running.join_next().await {
        all.extend(task??);
    }
    Ok(all)
}

/// A connection, and what calls on it.
struct Subject {
    connection: MultiplexedConnection,
    swap: String,
    record: Vec<u8>,
    store: Arc<RedisStore>,
    sessions: SessionManager,
    visitors: Vec<Visitor>,
}

/// Who has a value of its own, a record and a session.
struct Visitor {
    name: String,
    key: StoreKey,
    cookie: String,
}

impl Subject {
    async fn connect(url: &str) -> Result<Self> {
        let info = redis::IntoConnectionInfo::into_connection_info(url)?;
        let tcp = redis::io::tcp::TcpSettings::default().set_nodelay(true);
        let client = Client::open(info.set_tcp_settings(tcp))?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let swap = redis::cmd("SCRIPT").arg("LOAD").arg(BARE_SWAP).query_async(&mut connection).await?;
        let store = Arc::new(RedisStore::on(connection.clone()));
        let sessions = SessionManager::new(Arc::clone(&store));
        let record = record(Timestamp::now()).encode();
        let mut subject = Self { connection, swap, record, store, sessions, visitors: Vec::new() };
        for number in 0..TASKS {
            let visitor = subject.arrive(number).await?;
            subject.visitors.push(visitor);
        }
        Ok(subject)
    }

    async fn arrive(&self, number: usize) -> Result<Visitor> {
        let (name, key) = (format!("bare-{number}"), key());
        self.set(&name).await?;
        self.store.create(&key, &record(Timestamp::now()), Timestamp::now()).await?;
        let session = self.sessions.open(());
        session.load().await?;
        for key in ["a", "b", "c", "d", "e"] {
            session.set(key, "x".repeat(40))?;
        }
        session.set("n", 0)?;
        let committed = session.commit(200).await;
        let cookie = committed.edits.set_cookies().next().and_then(|header| header.split(';').next());
        Ok(Visitor { name, key, cookie: cookie.ok_or("a new session has a cookie")?.to_owned() })
    }

    async fn call(&self, call: Call, visitor: &Visitor) -> Result<()> {
        match call {
            Call::Get => self.get(&visitor.name).await,
            Call::Set => self.set(&visitor.name).await,
            Call::GetAndScript => {
                self.get(&visitor.name).await?;
                self.script(&visitor.name).await
            }
            Call::Load => self.store.load(&visitor.key, Timestamp::now()).await?.map(drop).ok_or("no record".into()),
            Call::LoadAndSwap => self.load_and_swap(&visitor.key).await,
            Call::Read => self.request(&visitor.cookie, false).await,
            Call::Write => self.request(&visitor.cookie, true).await,
        }
    }

    async fn get(&self, name: &str) -> Result<()> {
        let mut get = Cmd::new();
        get.arg("GET").arg(name);
        let found: Vec<u8> = get.query_async(&mut self.connection.clone()).await?;
        assert_eq!(found.len(), self.record.len());
        Ok(())
    }

    async fn set(&self, name: &str) -> Result<()> {
        let mut set = Cmd::new();
        set.arg("SET").arg(name).arg(&self.record).arg("PX").arg(3_600_000);
        Ok(set.exec_async(&mut self.connection.clone()).await?)
    }

    async fn script(&self, name: &str) -> Result<()> {
        let mut swap = Cmd::new();
        swap.arg("EVALSHA").arg(&self.swap).arg(1).arg(name);
        swap.arg(&self.record[2..18]).arg(&self.record).arg(3_600_000);
        let swapped: u8 = swap.query_async(&mut self.connection.clone()).await?;
        assert_eq!(swapped, 1);
        Ok(())
    }

    async fn load_and_swap(&self, key: &StoreKey) -> Result<()> {
        let mut record = self.store.load(key, Timestamp::now()).await?.ok_or("no record")?;
        let expected = record.revision;
        record.revision = expected.next();
        match self.store.swap(key, expected, &record, Timestamp::now()).await? {
            Swap::Swapped => Ok(()),
            other => Err(format!("nobody else writes: {other:?}").into()),
        }
    }

    async fn request(&self, cookie: &str, writes: bool) -> Result<()> {
        let session = self.sessions.open(cookie.to_owned());
        session.load().await?;
        let n: u32 = session.get("n")?.ok_or("the session is there")?;
        if writes {
            session.set("n", n + 1)?;
        }
        session.commit(200).await.error.map_or(Ok(()), |error| Err(error.into()))
    }
}
