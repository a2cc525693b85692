//! The Redis store beside the bare commands, in turns, so that both see the same machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cloakroom::{Record, RedisStore, SessionManager, SessionStore, StoreKey, Swap, Timestamp};
use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd, Script};
use servers::Redis;

use crate::arguments::Arguments;
use crate::records::{key, median, record};
use crate::{Result, say};

/// Calls in a turn, and turns of each.
const CALLS: u32 = 200;
const TURNS: usize = 60;

/// Tasks that call at once.
const TASKS: usize = 32;

/// What a compare-and-swap in a script takes at least.
const BARE_SWAP: &str = "if redis.call('GETRANGE', KEYS[1], 2, 17) ~= ARGV[1] then return 0 end \
                         redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) return 1";

/// How long a record lives here.
const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn run(arguments: &mut Arguments) -> Result {
    let url = arguments.take();
    arguments.finish()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    match url {
        Some(url) => runtime.block_on(measure(&url)),
        None => {
            let server = Redis::start();
            runtime.block_on(measure(&server.url()))
        }
    }
}

async fn measure(url: &str) -> Result {
    let bare = Bare::connect(url).await?;
    let ours = Ours::connect(url).await?;
    say("one at a time, microseconds");
    for (name, reference, measured) in [
        ("store: load / GET", Call::BareRead, Call::Load),
        ("store: load, swap / GET, script", Call::BareWrite, Call::Swap),
        ("request: read / GET", Call::BareRead, Call::Read),
        ("request: write / GET, script", Call::BareWrite, Call::Write),
    ] {
        compare(name, async || turn(&bare, &ours, reference).await, async || turn(&bare, &ours, measured).await)
            .await?;
    }
    say(&format!("{TASKS} at once, microseconds each"));
    let (bare, ours) = (Arc::new(bare), Arc::new(ours));
    for (name, reference, measured) in
        [("store: load / GET", Call::BareRead, Call::Load), ("request: read / GET", Call::BareRead, Call::Read)]
    {
        compare(
            name,
            async || together(&bare, &ours, reference).await,
            async || together(&bare, &ours, measured).await,
        )
        .await?;
    }
    let other = Arc::new(Ours::connect(url).await?);
    compare(
        "store: load on two connections / one",
        async || together(&bare, &ours, Call::Load).await,
        async || {
            let (one, two) = tokio::join!(half(&bare, &ours, Call::Load), half(&bare, &other, Call::Load),);
            Ok((one? + two?) / 4)
        },
    )
    .await
}

#[derive(Clone, Copy)]
enum Call {
    BareRead,
    BareWrite,
    Load,
    Swap,
    Read,
    Write,
}

/// Says the medians of both, and of their ratios turn by turn.
async fn compare(
    name: &str,
    reference: impl AsyncFn() -> Result<Duration>,
    measured: impl AsyncFn() -> Result<Duration>,
) -> Result {
    let (mut references, mut figures, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..TURNS {
        let (a, b) = if turn % 2 == 0 {
            let a = reference().await?;
            (a, measured().await?)
        } else {
            let b = measured().await?;
            (reference().await?, b)
        };
        references.push(a.as_secs_f64() * 1e6);
        figures.push(b.as_secs_f64() * 1e6);
        ratios.push(b.as_secs_f64() / a.as_secs_f64());
    }
    say(&format!("  {name:<40} {:>8.1} / {:>8.1} = {:.3}", median(figures), median(references), median(ratios)));
    Ok(())
}

/// The time of one call, of many one after another.
async fn turn(bare: &Bare, ours: &Ours, call: Call) -> Result<Duration> {
    let start = Instant::now();
    for _ in 0..CALLS {
        once(bare, ours, call).await?;
    }
    Ok(start.elapsed() / CALLS)
}

/// The time of one call, of many tasks at once.
async fn together(bare: &Arc<Bare>, ours: &Arc<Ours>, call: Call) -> Result<Duration> {
    at_once(bare, ours, call, TASKS).await
}

async fn half(bare: &Arc<Bare>, ours: &Arc<Ours>, call: Call) -> Result<Duration> {
    at_once(bare, ours, call, TASKS / 2).await
}

async fn at_once(bare: &Arc<Bare>, ours: &Arc<Ours>, call: Call, tasks: usize) -> Result<Duration> {
    let start = Instant::now();
    let tasks: Vec<_> = (0..tasks)
        .map(|_| {
            let (bare, ours) = (Arc::clone(bare), Arc::clone(ours));
            tokio::spawn(async move {
                for _ in 0..CALLS {
                    once(&bare, &ours, call).await.map_err(|error| error.to_string())?;
                }
                Ok::<_, String>(())
            })
        })
        .collect();
    let calls = CALLS * u32::try_from(tasks.len())?;
    for task in tasks {
        task.await??;
    }
    Ok(start.elapsed() / calls)
}

async fn once(bare: &Bare, ours: &Ours, call: Call) -> Result {
    match call {
        Call::BareRead => bare.read().await,
        Call::BareWrite => bare.write().await,
        Call::Load => ours.load().await.map(drop),
        Call::Swap => ours.swap().await,
        Call::Read => ours.request(false).await,
        Call::Write => ours.request(true).await,
    }
}

/// The commands alone, on a connection of their own.
struct Bare {
    connection: MultiplexedConnection,
    swap: String,
    record: Vec<u8>,
}

impl Bare {
    async fn connect(url: &str) -> Result<Self> {
        let info = redis::IntoConnectionInfo::into_connection_info(url)?;
        let tcp = redis::io::tcp::TcpSettings::default().set_nodelay(true);
        let client = Client::open(info.set_tcp_settings(tcp))?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let swap: String = redis::cmd("SCRIPT").arg("LOAD").arg(BARE_SWAP).query_async(&mut connection).await?;
        assert_eq!(swap, Script::new(BARE_SWAP).get_hash());
        let record = record(Timestamp::now(), DAY).encode();
        redis::cmd("SET").arg("bare").arg(&record).arg("PX").arg(3_600_000).exec_async(&mut connection).await?;
        Ok(Self { connection, swap, record })
    }

    async fn read(&self) -> Result {
        let mut get = Cmd::new();
        get.arg("GET").arg("bare");
        let found: Vec<u8> = get.query_async(&mut self.connection.clone()).await?;
        assert_eq!(found.len(), self.record.len());
        Ok(())
    }

    async fn write(&self) -> Result {
        self.read().await?;
        let mut swap = Cmd::new();
        swap.arg("EVALSHA").arg(&self.swap).arg(1).arg("bare");
        swap.arg(&self.record[2..18]).arg(&self.record).arg(3_600_000);
        let swapped: u8 = swap.query_async(&mut self.connection.clone()).await?;
        assert_eq!(swapped, 1);
        Ok(())
    }
}

/// A session, by the store and by the engine.
struct Ours {
    store: Arc<RedisStore>,
    key: StoreKey,
    sessions: SessionManager,
    cookie: String,
}

impl Ours {
    async fn connect(url: &str) -> Result<Self> {
        let store = Arc::new(RedisStore::builder(url).prefix("figures").connect().await?);
        let key = key();
        store.create(&key, &record(Timestamp::now(), DAY), Timestamp::now()).await?;
        let sessions = SessionManager::new(Arc::clone(&store));
        let session = sessions.open(());
        session.load().await?;
        for key in ["a", "b", "c", "d", "e"] {
            session.set(key, "x".repeat(40))?;
        }
        session.set("n", 0)?;
        let committed = session.commit(200).await;
        let cookie = committed.edits.set_cookies().next().and_then(|header| header.split(';').next());
        let cookie = cookie.ok_or("a new session has a cookie")?.to_owned();
        Ok(Self { store, key, sessions, cookie })
    }

    async fn load(&self) -> Result<Record> {
        Ok(self.store.load(&self.key, Timestamp::now()).await?.ok_or("the record is there")?)
    }

    async fn swap(&self) -> Result {
        let mut record = self.load().await?;
        let expected = record.revision;
        record.revision = expected.next();
        match self.store.swap(&self.key, expected, &record, Timestamp::now()).await? {
            Swap::Swapped => Ok(()),
            other => Err(format!("nobody else writes: {other:?}").into()),
        }
    }

    async fn request(&self, write: bool) -> Result {
        let session = self.sessions.open(self.cookie.clone());
        session.load().await?;
        let n: u32 = session.get("n")?.ok_or("the session is there")?;
        if write {
            session.set("n", n + 1)?;
        }
        match session.commit(200).await.error {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }
}
