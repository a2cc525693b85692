//! Servers that tests share, and stores that do not see each other on them.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use cloakroom::{ConfigError, RedisStore};
use servers::{Redis, RedisCluster, RedisSentinels};

/// A server that no test harms.
pub(crate) static SERVER: LazyLock<Redis> = LazyLock::new(Redis::start);

/// A cluster that no test harms.
pub(crate) static CLUSTER: LazyLock<RedisCluster> = LazyLock::new(RedisCluster::start);

/// A primary under sentinels that no test harms.
pub(crate) static SENTINELS: LazyLock<RedisSentinels> = LazyLock::new(RedisSentinels::start);

/// A prefix that nobody else has.
pub(crate) fn prefix() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("test-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A store of its own on a server that others use too.
pub(crate) async fn store(url: &str) -> Result<RedisStore, ConfigError> {
    RedisStore::builder(url).prefix(&prefix()).connect().await
}
