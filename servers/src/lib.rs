//! Real servers for tests: they listen on free ports of loopback, write to a temporary folder of their own, say nothing,
//! and end with whoever started them, however that ends.

mod certificates;
mod process;
mod proxy;
mod redis;
mod redis_cluster;
mod redis_sentinels;

pub use certificates::Certificates;
pub use proxy::Proxy;
pub use redis::{Redis, RedisOptions};
pub use redis_cluster::{Move, RedisCluster};
pub use redis_sentinels::RedisSentinels;

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

/// How long a server may take to be ready.
const PATIENCE: Duration = Duration::from_secs(20);

/// A port of loopback that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
    listener.local_addr().expect("it listens").port()
}

/// Waits until something holds.
///
/// # Panics
///
/// If it does not within 20 seconds.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
