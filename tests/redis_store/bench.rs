//! Servers that tests share, stores that do not see each other on them, and what they are asked.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use cloakroom::{
    ConfigError, Created, Data, Error, ErrorKind, Handle, Record, RecordKind, RedisStore, Revision, SessionIndex,
    SessionStore, StoreKey, Swap, Timestamp,
};
use servers::{Redis, RedisCluster, RedisSentinels};

pub(crate) type Result<T = (), E = Error> = std::result::Result<T, E>;

/// A server that no test harms.
pub(crate) static SERVER: LazyLock<Redis> = LazyLock::new(Redis::start);

/// A cluster that no test harms.
pub(crate) static CLUSTER: LazyLock<RedisCluster> = LazyLock::new(RedisCluster::start);

/// A primary under sentinels that no test harms.
pub(crate) static SENTINELS: LazyLock<RedisSentinels> = LazyLock::new(RedisSentinels::start);

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// A prefix that nobody else has.
pub(crate) fn prefix() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("test-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A store of its own on a server that others use too.
pub(crate) async fn store(url: &str) -> Result<RedisStore, ConfigError> {
    RedisStore::builder(url).prefix(&prefix()).connect().await
}

/// A store that has not connected yet.
pub(crate) fn later(url: &str) -> RedisStore {
    RedisStore::builder(url).connect_later().expect("a URL")
}

pub(crate) fn new_key() -> StoreKey {
    let (one, two) = (Handle::random(), Handle::random());
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(one.as_bytes());
    bytes[16..].copy_from_slice(two.as_bytes());
    StoreKey::from_bytes(bytes)
}

/// A live record that lasts an hour and a day.
pub(crate) fn live(user: Option<&str>) -> Record {
    let now = Timestamp::now();
    let mut record = Record::decode(HEAD.to_vec()).expect("a record");
    record.kind = RecordKind::Live;
    record.revision = Revision::first();
    record.handle = Handle::random();
    (record.created, record.seen) = (now, now);
    (record.idle_deadline, record.absolute_deadline) = (now + HOUR, now + HOUR * 24);
    record.user = user.map(Into::into);
    record.data = Data::from(&b"values"[..]);
    record
}

/// The least that is a record: version, kind, numbers, no user and no data.
const HEAD: [u8; 68] = {
    let mut head = [0; 68];
    head[0] = 1;
    head
};

/// The record as a request writes it again.
pub(crate) fn rewritten(record: &Record) -> Record {
    with(record.clone(), |new| new.revision = record.revision.next())
}

/// A record with something else in it.
pub(crate) fn with(mut record: Record, change: impl FnOnce(&mut Record)) -> Record {
    change(&mut record);
    record
}

/// Creates a record under a key of its own.
pub(crate) async fn put(store: &RedisStore, record: &Record) -> Result<StoreKey> {
    let key = new_key();
    assert_eq!(store.create(&key, record, Timestamp::now()).await?, Created::Created);
    Ok(key)
}

pub(crate) async fn load(store: &RedisStore, key: &StoreKey) -> Result<Option<Record>> {
    store.load(key, Timestamp::now()).await
}

/// Replaces a record by itself with a new revision.
pub(crate) async fn rewrite(store: &RedisStore, key: &StoreKey, record: &mut Record) -> Result {
    let new = rewritten(record);
    assert_eq!(store.swap(key, record.revision, &new, Timestamp::now()).await?, Swap::Swapped);
    *record = new;
    Ok(())
}

pub(crate) fn index(store: &RedisStore) -> &dyn SessionIndex {
    store.index().expect("it has an index")
}

/// The name of a record's key, and of its handle's index, under the default prefix.
pub(crate) fn names(key: &StoreKey, record: &Record) -> [String; 2] {
    use base64::Engine;
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key.as_bytes());
    [format!("cloakroom:s:{text}"), format!("cloakroom:h:{}", record.handle)]
}

/// The kind of an error that there must be.
#[track_caller]
pub(crate) fn kind<T: std::fmt::Debug>(answer: Result<T>) -> ErrorKind {
    answer.expect_err("it fails").kind()
}

/// What a call answers, which must not take longer than this.
#[track_caller]
pub(crate) fn within<T>(bound: Duration, start: Instant, answer: T) -> T {
    assert!(start.elapsed() < bound, "it took {:?}", start.elapsed());
    answer
}
