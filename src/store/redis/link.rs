//! One connection that heals: made when it is needed, made again when it broke, and never waited for without end.

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::{join, join_all, select};
use redis::aio::{AsyncPushSender, ConnectionLike, ConnectionManager, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use redis::sentinel::SentinelClient;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, PushInfo, PushKind, RedisError, RedisResult, Value};
use tokio::sync::{Mutex, mpsc};
use tokio::time::{sleep, timeout};

use super::failure::spoils_connection;
use super::script::Call;

/// How often a command is sent on to where a cluster says that its slot is by now.
const REDIRECTS: u32 = 5;

/// How often a connection that listens is tried, and how long it may take to answer: together with the question that
/// then takes the place of listening, less than the second within which an end is known.
const PING_EVERY: Duration = Duration::from_millis(250);
const PING_WITHIN: Duration = Duration::from_millis(500);

/// A connection that an application has already, for [`RedisStore::on`](crate::RedisStore::on).
///
/// ```
/// # async fn example(manager: redis::aio::ConnectionManager) {
/// let store = cloakroom::RedisStore::on(manager);
/// # }
/// ```
#[derive(Clone)]
pub struct RedisConnection(pub(super) Connection);

#[derive(Clone)]
pub(super) enum Connection {
    Single(MultiplexedConnection),
    Managed(ConnectionManager),
    Cluster(ClusterConnection),
}

impl std::fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RedisConnection")
    }
}

/// It is lost for good when it breaks: for tests and short lives.
impl From<MultiplexedConnection> for RedisConnection {
    fn from(connection: MultiplexedConnection) -> Self {
        Self(Connection::Single(connection))
    }
}

/// It heals by itself. Give it short pauses and timeouts, for requests wait for it.
impl From<ConnectionManager> for RedisConnection {
    fn from(connection: ConnectionManager) -> Self {
        Self(Connection::Managed(connection))
    }
}

/// Build it with `retries(0)`: a client that repeats a command whose answer got lost hides that a session was ended. What
/// a cluster sends elsewhere is sent there by the store.
impl From<ClusterConnection> for RedisConnection {
    fn from(connection: ClusterConnection) -> Self {
        Self(Connection::Cluster(connection))
    }
}

impl Connection {
    pub(super) async fn send(&mut self, cmd: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Single(connection) => cmd.query_async(connection).await,
            Self::Managed(connection) => cmd.query_async(connection).await,
            Self::Cluster(connection) => send_to_cluster(connection, cmd).await,
        }
    }

    /// In one message, where one server has all keys.
    async fn send_both(&mut self, [first, second]: [Cmd; 2]) -> RedisResult<[Value; 2]> {
        let mut message = redis::Pipeline::with_capacity(2);
        let connection: &mut (dyn ConnectionLike + Send) = match self {
            Self::Single(connection) => connection,
            Self::Managed(connection) => connection,
            Self::Cluster(connection) => {
                let mut other = connection.clone();
                let (first, second) =
                    join(send_to_cluster(connection, &first), send_to_cluster(&mut other, &second)).await;
                return Ok([first?, second?]);
            }
        };
        message.add_command(first).add_command(second);
        let mut answers = connection.req_packed_commands(&message, 0, 2).await?.into_iter();
        let mut next = || answers.next().unwrap_or(Value::Nil).extract_error();
        Ok([next()?, next()?])
    }

    /// The same for many, whose answers are in their order.
    async fn send_many(&mut self, commands: Vec<Cmd>) -> RedisResult<Vec<Value>> {
        let connection: &mut (dyn ConnectionLike + Send) = match self {
            Self::Single(connection) => connection,
            Self::Managed(connection) => connection,
            Self::Cluster(connection) => {
                let answers = commands.into_iter().map(|command| {
                    let mut connection = connection.clone();
                    async move { send_to_cluster(&mut connection, &command).await }
                });
                return join_all(answers.collect::<Vec<_>>()).await.into_iter().collect();
            }
        };
        let count = commands.len();
        let mut message = redis::Pipeline::with_capacity(count);
        for command in commands {
            message.add_command(command);
        }
        let answers = connection.req_packed_commands(&message, 0, count).await?;
        answers.into_iter().map(Value::extract_error).collect()
    }

    fn is_single(&self) -> bool {
        matches!(self, Self::Single(_))
    }
}

/// Follows redirections, and nothing else: the command of an answer that got lost is not sent again.
async fn send_to_cluster(connection: &mut ClusterConnection, cmd: &Cmd) -> RedisResult<Value> {
    let mut redirects = 0;
    loop {
        let error = match cmd.query_async(connection).await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        redirects += 1;
        match error.code() {
            Some("MOVED" | "TRYAGAIN") if redirects <= REDIRECTS => {
                // The client learns the slots anew meanwhile.
                sleep(Duration::from_millis(5) * redirects).await;
            }
            Some("ASK") if redirects <= REDIRECTS => {
                let Some((host, port)) = error
                    .redirect_node()
                    .and_then(|(node, _)| node.rsplit_once(':'))
                    .and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)))
                else {
                    return Err(error);
                };
                let mut asking = redis::pipe();
                asking.cmd("ASKING").ignore().add_command(cmd.clone());
                let node = SingleNodeRoutingInfo::ByAddress { host, port };
                let values = connection.route_pipeline(asking, 0, 2, node).await?;
                return values.into_iter().next_back().unwrap_or(Value::Nil).extract_error();
            }
            _ => return Err(error),
        }
    }
}

/// Sends a command to one node of a cluster.
pub(super) async fn send_to_node(
    connection: &mut ClusterConnection,
    cmd: Cmd,
    host: &str,
    port: u16,
) -> RedisResult<Value> {
    let node = SingleNodeRoutingInfo::ByAddress { host: host.to_owned(), port };
    connection.route_command(cmd, RoutingInfo::SingleNode(node)).await?.extract_error()
}

/// Where connections come from.
pub(super) enum Dialler {
    Server(Box<Client>),
    Cluster(Box<ClusterClient>),
    Sentinels(Box<SentinelClient>),
    /// There is one, and it sees to itself.
    None,
}

/// How long a connection, and an answer, is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    pub(super) connect: Duration,
    pub(super) response: Duration,
}

pub(super) struct Link {
    timeouts: Timeouts,
    /// Whether a connection can be made that hears what the server publishes.
    pub(super) can_listen: bool,
    current: RwLock<Option<Live>>,
    /// How many attempts to connect have begun.
    attempts: AtomicU64,
    /// Held by whoever connects, so that all who need a connection wait for one attempt and not each for its own.
    dialling: Mutex<Dialling>,
}

struct Dialling {
    dialler: Dialler,
    failed: Option<(u64, RedisError)>,
}

#[derive(Clone)]
struct Live {
    connection: Connection,
    /// Set as soon as the connection is known to be closed: one that broke while nobody used it is not used again.
    closed: Arc<AtomicBool>,
}

impl Link {
    pub(super) fn new(dialler: Dialler, timeouts: Timeouts) -> Self {
        let can_listen = matches!(dialler, Dialler::Server(_) | Dialler::Sentinels(_));
        Self {
            timeouts,
            can_listen,
            current: RwLock::default(),
            attempts: AtomicU64::new(0),
            dialling: Mutex::new(Dialling { dialler, failed: None }),
        }
    }

    pub(super) fn given(connection: Connection, timeouts: Timeouts) -> Self {
        let link = Self::new(Dialler::None, timeouts);
        link.keep(Live { connection, closed: Arc::default() });
        link
    }

    /// Sends a command once.
    pub(super) async fn once(&self, cmd: &Cmd) -> RedisResult<Value> {
        let mut live = self.live().await?;
        self.exchange(&mut live, cmd).await
    }

    /// Sends two commands together, once. Their keys may be in two places of a cluster.
    pub(super) async fn both(&self, commands: [Cmd; 2]) -> RedisResult<[Value; 2]> {
        let Live { mut connection, closed } = self.live().await?;
        let is_single = connection.is_single();
        self.answer(connection.send_both(commands), is_single, &closed).await
    }

    /// The same for many, as many as there are.
    pub(super) async fn many(&self, commands: Vec<Cmd>) -> RedisResult<Vec<Value>> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let Live { mut connection, closed } = self.live().await?;
        let is_single = connection.is_single();
        self.answer(connection.send_many(commands), is_single, &closed).await
    }

    /// Sends a command that may be done twice: once more, if its connection turns out to be broken.
    pub(super) async fn again(&self, cmd: &Cmd) -> RedisResult<Value> {
        match self.once(cmd).await {
            Err(error) if error.is_connection_dropped() && !error.is_connection_refusal() => self.once(cmd).await,
            answer => answer,
        }
    }

    /// Calls a script by its hash, and in full if the server does not know it.
    pub(super) async fn call(&self, call: &Call) -> RedisResult<Value> {
        let mut live = self.live().await?;
        match self.exchange(&mut live, &call.cmd).await {
            Err(error) if error.code() == Some("NOSCRIPT") => self.exchange(&mut live, &call.in_full()).await,
            answer => answer,
        }
    }

    /// [`call`](Link::call) for a script that may run twice.
    pub(super) async fn call_again(&self, call: &Call) -> RedisResult<Value> {
        match self.call(call).await {
            Err(error) if error.is_connection_dropped() && !error.is_connection_refusal() => self.call(call).await,
            answer => answer,
        }
    }

    /// Subscribes on a connection of its own, and gives `heard` every message; ends when the connection does, or
    /// answers no more.
    pub(super) async fn listen(
        &self,
        channel: &str,
        listening: impl FnOnce(),
        heard: impl Fn(&[u8]),
    ) -> RedisResult<()> {
        let (push, mut pushed) = mpsc::unbounded_channel();
        let dialled = timeout(self.timeouts.connect, async {
            self.dialling.lock().await.dialler.dial_single(self.timeouts, push).await
        });
        let mut connection = dialled.await.unwrap_or_else(|_| Err(too_late()))?;
        connection.subscribe(channel).await?;
        listening();
        let hear = async {
            while let Some(PushInfo { kind, data }) = pushed.recv().await {
                match (kind, data.as_slice()) {
                    (PushKind::Message, [_, Value::BulkString(message)]) => heard(message),
                    (PushKind::Disconnection, _) => break,
                    _ => {}
                }
            }
            RedisError::from(io::Error::from(io::ErrorKind::ConnectionAborted))
        };
        Err(select(pin!(hear), pin!(silence(&mut connection))).await.factor_first().0)
    }

    /// A connection to use for more than one command.
    pub(super) async fn connection(&self) -> RedisResult<Connection> {
        Ok(self.live().await?.connection)
    }

    async fn exchange(&self, live: &mut Live, cmd: &Cmd) -> RedisResult<Value> {
        let Live { connection, closed } = live;
        let is_single = connection.is_single();
        self.answer(connection.send(cmd), is_single, closed).await
    }

    /// Waits for an answer, and no longer than it may take.
    async fn answer<T>(
        &self,
        answer: impl Future<Output = RedisResult<T>>,
        is_single: bool,
        closed: &AtomicBool,
    ) -> RedisResult<T> {
        if !is_single {
            // What others built may wait for longer than we do, and sees to itself.
            let longest = self.timeouts.connect + self.timeouts.response;
            return timeout(longest, answer).await.unwrap_or_else(|_| Err(too_late()));
        }
        let answer = answer.await;
        if answer.as_ref().is_err_and(spoils_connection) {
            closed.store(true, Ordering::Release);
        }
        answer
    }

    async fn live(&self) -> RedisResult<Live> {
        if let Some(live) = self.usable() {
            return Ok(live);
        }
        let begun = self.attempts.load(Ordering::Acquire);
        let mut dialling = self.dialling.lock().await;
        if let Some(live) = self.usable() {
            return Ok(live);
        }
        match &dialling.failed {
            // An attempt that began after we came has failed while we waited.
            Some((attempt, error)) if *attempt > begun => return Err(error.clone()),
            _ => {}
        }
        let attempt = self.attempts.fetch_add(1, Ordering::AcqRel) + 1;
        let dialled = timeout(self.timeouts.connect, dialling.dialler.dial(self.timeouts)).await;
        match dialled.unwrap_or_else(|_| Err(too_late())) {
            Ok(live) => {
                self.keep(live.clone());
                Ok(live)
            }
            Err(error) => {
                dialling.failed = Some((attempt, error.clone()));
                Err(error)
            }
        }
    }

    fn usable(&self) -> Option<Live> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().filter(|live| !live.closed.load(Ordering::Acquire)).cloned()
    }

    fn keep(&self, live: Live) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(live);
    }
}

impl Dialler {
    async fn dial(&mut self, timeouts: Timeouts) -> RedisResult<Live> {
        let closed = Arc::new(AtomicBool::new(false));
        let noticed = Arc::clone(&closed);
        // All that the server says unasked comes here: the end of a connection, and what it publishes.
        let pushed = move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                noticed.store(true, Ordering::Release);
            }
            Ok::<_, redis::aio::SendError>(())
        };
        let connection = match self {
            Self::Cluster(client) => Connection::Cluster(client.get_async_connection().await?),
            _ => Connection::Single(self.dial_single(timeouts, pushed).await?),
        };
        Ok(Live { connection, closed })
    }

    /// A connection to one server.
    async fn dial_single(
        &mut self,
        timeouts: Timeouts,
        pushed: impl AsyncPushSender,
    ) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(timeouts.connect))
            .set_response_timeout(Some(timeouts.response))
            .set_pipeline_buffer_size(1024)
            .set_push_sender(pushed);
        match self {
            Self::Server(client) => client.get_multiplexed_async_connection_with_config(&config).await,
            Self::Sentinels(client) => client.get_async_connection_with_config(&config).await,
            Self::Cluster(_) | Self::None => Err(RedisError::from(io::Error::from(io::ErrorKind::NotConnected))),
        }
    }
}

/// Waits until a connection answers no more. A network that loses all packets closes nothing, and a connection that
/// only listens would never show it.
async fn silence(connection: &mut MultiplexedConnection) -> RedisError {
    let ping = redis::cmd("PING");
    loop {
        sleep(PING_EVERY).await;
        let answer = timeout(PING_WITHIN, connection.send_packed_command(&ping)).await;
        if let Err(error) = answer.unwrap_or_else(|_| Err(too_late())) {
            return error;
        }
    }
}

fn too_late() -> RedisError {
    RedisError::from(io::Error::from(io::ErrorKind::TimedOut))
}

/// The error of a configuration that no attempt to connect could mend.
pub(super) fn refused(error: &RedisError) -> bool {
    super::failure::is_misconfigured(error) || error.kind() == ErrorKind::InvalidClientConfig
}
