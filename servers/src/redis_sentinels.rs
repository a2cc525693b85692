//! A primary and a replica under the eyes of three sentinels.

use crate::process::{Folder, Process};
use crate::redis::{Redis, RedisOptions};
use crate::{free_port, wait_until};

/// A primary, its replica, and sentinels that put the one in the place of the other after a second.
#[derive(Debug)]
pub struct RedisSentinels {
    /// The primary at the start.
    pub primary: Redis,
    /// Its replica at the start.
    pub replica: Redis,
    sentinels: Vec<Sentinel>,
}

#[derive(Debug)]
struct Sentinel {
    port: u16,
    _process: Process,
    _folder: Folder,
}

impl RedisSentinels {
    /// Starts them all, and waits until they know each other.
    pub fn start() -> Self {
        let primary = Redis::start();
        let replica = RedisOptions::default().set("replicaof", &format!("127.0.0.1 {}", primary.port())).start();
        wait_until("the replica follows", || replica.ask(&["INFO", "replication"]).contains("master_link_status:up"));
        let sentinels: Vec<_> = (0..3).map(|_| Sentinel::start(primary.port())).collect();
        wait_until("the sentinels agree", || {
            sentinels.iter().all(|sentinel| {
                let about = sentinel.ask(&["INFO", "sentinel"]);
                about.contains("slaves=1") && about.contains("sentinels=3")
            })
        });
        Self { primary, replica, sentinels }
    }

    /// Their address for a client.
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).collect();
        format!("redis+sentinel://{}/main", hosts.join(","))
    }

    /// The port of the primary that most sentinels know.
    pub fn current(&self) -> Option<u16> {
        let told: Vec<u16> = self
            .sentinels
            .iter()
            .filter_map(|sentinel| {
                let address = sentinel.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"]);
                address.lines().nth(1)?.parse().ok()
            })
            .collect();
        told.iter().copied().find(|port| told.iter().filter(|other| *other == port).count() >= 2)
    }
}

impl Sentinel {
    fn start(primary: u16) -> Self {
        let (folder, port) = (Folder::new(), free_port());
        // A sentinel writes what it learns into its configuration.
        let file = folder.path().join("sentinel.conf");
        let settings = format!(
            "bind 127.0.0.1\nport {port}\ndir .\nlogfile sentinel.log\n\
             sentinel monitor main 127.0.0.1 {primary} 2\nsentinel down-after-milliseconds main 1000\n\
             sentinel failover-timeout main 5000\nsentinel parallel-syncs main 1\n"
        );
        std::fs::write(&file, settings).expect("the folder can be written to");
        let arguments = ["sentinel.conf".to_owned(), "--sentinel".to_owned()];
        let process = Process::start("redis-server", &arguments, folder.path());
        let sentinel = Self { port, _process: process, _folder: folder };
        wait_until("the sentinel answers", || sentinel.ask(&["PING"]) == "PONG");
        sentinel
    }

    fn ask(&self, command: &[&str]) -> String {
        crate::redis::ask(self.port, command)
    }
}
