//! Sessions in Redis or Valkey: many hosts, one truth.

mod address;
mod builder;
mod failure;
mod index;
mod link;
mod list;
mod names;
mod page;
mod scan;
mod script;

use std::fmt;
use std::time::Duration;

use futures_util::future::join;
use redis::{Cmd, RedisResult, Value};

pub use builder::RedisStoreBuilder;
pub use link::RedisConnection;

use super::{BoxFuture, Created, IndexEntry, SessionIndex, SessionStore, Swap, Touched};
use crate::clock::Timestamp;
use crate::error::{ConfigError, Result};
use crate::record::{Record, RecordKind, Revision};
use crate::token::StoreKey;
use failure::{failed, unexpected};
use link::{Connection, Link, Timeouts};
use names::Names;
use script::{CREATE, SWAP, TOUCH};

/// Keeps sessions in Redis 6.2 or later, or in Valkey: for many processes on many hosts.
///
/// A process has one connection for all its sessions (to a cluster, one to each node). It is made again when it breaks,
/// and nothing waits for it without end: two seconds at most for a connection and 1.5 seconds for an answer, unless the
/// builder is told otherwise. While the server is away, each request that needs it asks again, and nothing runs in the
/// background. While anybody waits for the end of a session there is one connection more, which listens.
///
/// What it sends, in round trips: `load` is one `GET`, `create` is one `SET` with what notes it in the indexes, `swap` and
/// `touch` are one call of a script by its hash each, `delete` is one `GETDEL`, and then the handle is published on
/// `PREFIX:deleted`, as after a `swap` that ends a session. A script that the server forgot is sent in full, once more. A
/// `swap` that gives a record another user, another handle or a later absolute deadline takes three, because the indexes
/// must know first; of the engine's, that is the last step of a login or a renewal.
///
/// Every key has the prefix of the application and expires. Records expire ten minutes after their deadline, which is
/// inside of them: what the server does about expiry is garbage collection, and clocks that differ by less end nobody's
/// session early. What Redis may lose, and how to run it so that it does not, is in the [guide](crate::guide::stores).
///
/// ```no_run
/// # async fn example() -> Result<(), cloakroom::ConfigError> {
/// use cloakroom::{RedisStore, SessionManager};
///
/// let sessions = SessionManager::new(RedisStore::connect("redis://localhost:6379").await?);
/// # Ok(()) }
/// ```
pub struct RedisStore {
    link: Link,
    names: Names,
    kind: &'static str,
}

/// How much longer than their deadlines keys are kept.
const SLACK: Duration = Timestamp::MAX_SKEW;

/// Room for `SET`, `PX`, milliseconds and `NX`.
const OPTIONS: usize = 32;

/// What never ends is kept for so long after it was last written.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

impl RedisStore {
    /// Connects to the server, cluster or sentinels of a URL: `redis://user:password@host:6379/0`, `rediss://…` for TLS,
    /// `redis+unix:///path/of.sock`, `redis+cluster://host:6379,host:6379`, or
    /// `redis+sentinel://host:26379,host:26379/primary/0`. With `valkey` in the place of `redis` they mean the same. Behind all of them `?prefix=shop` may say the
    /// [prefix](RedisStoreBuilder::prefix).
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the URL cannot be read, or the server cannot be reached, refuses the password, has no such
    /// database or is too old. It does not quote the URL. To begin while the server may be away, use
    /// [`builder`](RedisStore::builder) and [`connect_later`](RedisStoreBuilder::connect_later).
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), cloakroom::ConfigError> {
    /// let store = cloakroom::RedisStore::connect("redis://localhost:6379").await?;
    /// # Ok(()) }
    /// ```
    pub async fn connect(url: &str) -> Result<Self, ConfigError> {
        Self::builder(url).connect().await
    }

    /// The same with settings of its own.
    ///
    /// ```
    /// use cloakroom::RedisStore;
    ///
    /// let store = RedisStore::builder("redis://localhost:6379").prefix("shop").connect_later()?;
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    pub fn builder(url: &str) -> RedisStoreBuilder {
        RedisStoreBuilder::new(url)
    }

    /// A store on a connection that the application has already, under the prefix `cloakroom`.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = redis::Client::open("redis://localhost:6379")?;
    /// let store = cloakroom::RedisStore::on(client.get_connection_manager().await?);
    /// # Ok(()) }
    /// ```
    pub fn on(connection: impl Into<RedisConnection>) -> Self {
        let names = Names { prefix: builder::PREFIX.into() };
        Self::given(connection.into().0, names)
    }

    /// The same under a prefix of its own, so that applications that share a server do not share sessions.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] as for [`RedisStoreBuilder::prefix`].
    ///
    /// ```no_run
    /// # fn example(manager: redis::aio::ConnectionManager) -> Result<(), cloakroom::ConfigError> {
    /// let store = cloakroom::RedisStore::on_with_prefix(manager, "shop")?;
    /// # Ok(()) }
    /// ```
    pub fn on_with_prefix(connection: impl Into<RedisConnection>, prefix: &str) -> Result<Self, ConfigError> {
        Ok(Self::given(connection.into().0, builder::names(prefix)?))
    }

    /// Whether the scheme of a URL is one of ours.
    pub(crate) fn knows(scheme: &str) -> bool {
        matches!(scheme.split('+').next(), Some("redis" | "rediss" | "valkey" | "valkeys"))
    }

    fn given(connection: Connection, names: Names) -> Self {
        Self { link: Link::given(connection, Timeouts::default()), names, kind: "connection" }
    }

    async fn read(&self, key: &StoreKey, now: Timestamp) -> Result<Option<Record>> {
        let name = self.names.record(key);
        let mut get = Cmd::with_capacity(2, 3 + name.len());
        get.arg("GET").arg(name);
        Ok(record(self.link.again(&get).await)?.filter(|record| !record.is_expired(now)))
    }

    async fn create_record(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Result<Created> {
        let (name, bytes, kept) = (self.names.record(key), record.encode(), kept_for(record.expires(), now));
        let mut set = Cmd::with_capacity(6, name.len() + bytes.len() + OPTIONS);
        set.arg("SET").arg(&name).arg(&bytes).arg("PX").arg(kept).arg("NX");
        // All at once: nobody has the ticket before all is written, and an attempt that failed in part is made again.
        let created = if record.kind == RecordKind::Live {
            self.note_first(set, key, record, now).await?
        } else {
            let (noted, created) = join(self.note(key, record, now), self.link.once(&set)).await;
            noted?;
            created.map_err(failed)?
        };
        match created {
            Value::Okay => Ok(Created::Created),
            // What is there may have expired, and is kept for the clocks of other hosts: only a script can tell.
            Value::Nil => self.create_over(&name, &bytes, kept, now).await,
            _ => Err(unexpected()),
        }
    }

    async fn create_over(&self, name: &str, record: &[u8], kept: u64, now: Timestamp) -> Result<Created> {
        let create = CREATE.call(name).arg(&instant(now)).arg(record).arg(kept);
        match self.link.call(&create).await.map_err(failed)? {
            Value::Int(1) => Ok(Created::Created),
            Value::Int(0) => Ok(Created::AlreadyExists),
            _ => Err(unexpected()),
        }
    }

    async fn swap_record(&self, key: &StoreKey, expected: Revision, new: &Record, now: Timestamp) -> Result<Swap> {
        let name = self.names.record(key);
        let swap = |noted: u8| {
            let call = SWAP.call(&name).arg(&instant(now)).arg(&revision(expected)).arg(new.encode());
            call.arg(kept_for(new.expires(), now)).arg(noted)
        };
        let mut answer = self.link.call(&swap(0)).await;
        if matches!(answer, Ok(Value::Int(2))) {
            // Into the indexes first: whoever looks a user up may find too much, never too little. Boxed, as all that few
            // swaps do, because each would have to be moved with the room for it.
            Box::pin(self.note(key, new, now)).await?;
            answer = self.link.call(&swap(1)).await;
        }
        match answer {
            Ok(Value::Int(1)) => Ok(Swap::Swapped),
            Ok(Value::Int(0)) => Ok(Swap::Gone),
            Ok(Value::Array(mut head)) => {
                let ended = record(Ok(head.pop().unwrap_or(Value::Nil)))?.ok_or_else(unexpected)?;
                Box::pin(join(self.unnote(key, &ended), self.announce(&ended))).await;
                Ok(Swap::Swapped)
            }
            answer => record(answer)?.map(Swap::Conflict).ok_or_else(unexpected),
        }
    }

    async fn touch_record(
        &self,
        key: &StoreKey,
        of: Revision,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Touched> {
        let touch = TOUCH.call(&self.names.record(key)).arg(&instant(now)).arg(&revision(of));
        let touch = touch.arg(&instant(idle_deadline)).arg(millis(LONGEST)).arg(millis(SLACK));
        match self.link.call_again(&touch).await.map_err(failed)? {
            Value::Int(1) => Ok(Touched::Touched),
            Value::Int(0) => Ok(Touched::Gone),
            Value::Int(2) => Ok(Touched::Stale),
            _ => Err(unexpected()),
        }
    }

    async fn delete_record(&self, key: &StoreKey, now: Timestamp) -> Result<Option<Record>> {
        let mut delete = Cmd::new();
        delete.arg("GETDEL").arg(self.names.record(key));
        let removed = record(self.link.once(&delete).await)?;
        if let Some(removed) = &removed {
            join(self.unnote(key, removed), self.announce(removed)).await;
        }
        Ok(removed.filter(|removed| !removed.is_expired(now)))
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(1), response: Duration::from_millis(1_500) }
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("kind", &self.kind)
            .field("prefix", &self.names.prefix)
            .finish_non_exhaustive()
    }
}

impl SessionStore for RedisStore {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(self.read(key, now))
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> BoxFuture<'a, Result<Created>> {
        Box::pin(self.create_record(key, record, now))
    }

    fn swap<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Revision,
        record: &'a Record,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Swap>> {
        Box::pin(self.swap_record(key, expected, record, now))
    }

    fn touch<'a>(
        &'a self,
        key: &'a StoreKey,
        revision: Revision,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Touched>> {
        Box::pin(self.touch_record(key, revision, idle_deadline, now))
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(self.delete_record(key, now))
    }

    fn delete_many<'a>(&'a self, entries: &'a [IndexEntry], now: Timestamp) -> BoxFuture<'a, Result<Vec<StoreKey>>> {
        Box::pin(self.delete_found(entries, now))
    }

    fn expires_by_itself(&self) -> bool {
        true
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        Some(self)
    }
}

/// The record that an answer holds.
fn record(answer: RedisResult<Value>) -> Result<Option<Record>> {
    match answer.map_err(failed)? {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => Record::decode(bytes).map(Some),
        _ => Err(unexpected()),
    }
}

/// An instant as records hold it.
fn instant(instant: Timestamp) -> [u8; 8] {
    instant.as_millis().to_le_bytes()
}

/// A revision as records hold it.
fn revision(revision: Revision) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&revision.counter.to_le_bytes());
    bytes[8..].copy_from_slice(&revision.tag.to_le_bytes());
    bytes
}

/// How many milliseconds a key is kept that must be there until then. Counted from now by our clock, so that it does not
/// matter what the server's clock says.
fn kept_for(until: Timestamp, now: Timestamp) -> u64 {
    millis(until.since(now).min(LONGEST) + SLACK)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Data, Handle};

    /// The scripts read a record by its bytes.
    #[test]
    fn a_record_is_laid_out_as_the_scripts_read_it() {
        let at = Timestamp::from_millis;
        let record = Record {
            kind: RecordKind::Pending,
            revision: Revision { counter: 3, tag: 4 },
            handle: Handle::from_bytes([5; 16]),
            created: at(6),
            seen: at(7),
            idle_deadline: at(8),
            absolute_deadline: at(9),
            user: Some("ana".into()),
            data: Data::from(&b"data"[..]),
        };
        let bytes = record.encode();
        assert_eq!(bytes[..2], [1, 1]);
        assert_eq!(bytes[2..18], revision(record.revision));
        assert_eq!(&bytes[18..34], record.handle.as_bytes());
        assert_eq!(bytes[42..50], instant(record.seen));
        assert_eq!(bytes[50..58], instant(record.idle_deadline));
        assert_eq!(bytes[58..66], instant(record.absolute_deadline));
        assert_eq!(bytes[66..71], [4, 0, b'a', b'n', b'a']);
    }

    #[test]
    fn keys_are_kept_longer_than_their_deadlines_and_never_for_ever() {
        let now = Timestamp::from_millis(1_000);
        assert_eq!(kept_for(Timestamp::from_millis(1_500), now), 500 + 600_000);
        assert_eq!(kept_for(Timestamp::from_millis(500), now), 600_000);
        assert_eq!(kept_for(Timestamp::NEVER, now), millis(LONGEST + SLACK));
    }
}
