//! A cluster of three primaries.

use std::process::{Command, Stdio};

use crate::redis::{Redis, RedisOptions};
use crate::{free_port, wait_until};

/// Three primaries that share the slots.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
}

impl RedisCluster {
    /// Starts three primaries and waits until every slot is served.
    pub fn start() -> Self {
        Self::start_with(RedisOptions::default())
    }

    /// The same, and every write is on disk before it is answered.
    pub fn start_durable() -> Self {
        Self::start_with(RedisOptions::default().durable())
    }

    fn start_with(options: RedisOptions) -> Self {
        let nodes: Vec<_> = (0..3)
            .map(|_| {
                options
                    .clone()
                    .set("cluster-enabled", "yes")
                    .set("cluster-node-timeout", "2000")
                    .set("cluster-port", &free_port().to_string())
                    .start()
            })
            .collect();
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]);
        create.args(nodes.iter().map(|node| format!("127.0.0.1:{}", node.port()))).arg("--cluster-yes");
        let output = create.stdin(Stdio::null()).output().expect("redis-cli runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let cluster = Self { nodes };
        cluster.wait();
        cluster
    }

    /// Waits until every slot is served.
    pub fn wait(&self) {
        wait_until("the cluster serves all slots", || {
            self.nodes.iter().all(|node| node.ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok"))
        });
    }

    /// Its address for a client.
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    /// The primaries.
    pub fn nodes(&mut self) -> &mut [Redis] {
        &mut self.nodes
    }
}

/// A slot on its way from one primary to another.
#[derive(Debug)]
pub struct Move {
    slot: String,
    from: usize,
    to: usize,
}

impl RedisCluster {
    /// Begins to move the slot of a key to the next primary.
    pub fn begin_move(&self, key: &str) -> Move {
        let slot = self.nodes[0].ask(&["CLUSTER", "KEYSLOT", key]);
        let owns = |node: &Redis| node.ask(&["CLUSTER", "COUNTKEYSINSLOT", &slot]) != "0";
        let from = self.nodes.iter().position(owns).expect("somebody has the key");
        let to = (from + 1) % self.nodes.len();
        let ids = self.ids();
        self.nodes[to].ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &ids[from]]);
        self.nodes[from].ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &ids[to]]);
        Move { slot, from, to }
    }

    fn ids(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.ask(&["CLUSTER", "MYID"])).collect()
    }
}

impl Move {
    /// Moves the keys of the slot, of which there may be several; who asks for one at its old place is sent on.
    pub fn move_keys(&self, cluster: &RedisCluster) {
        let (from, port) = (&cluster.nodes[self.from], cluster.nodes[self.to].port().to_string());
        for key in from.ask(&["CLUSTER", "GETKEYSINSLOT", &self.slot, "1000"]).lines() {
            assert_eq!(from.ask(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]), "OK");
        }
    }

    /// Ends the move: everybody learns who has the slot.
    pub fn finish(self, cluster: &RedisCluster) {
        let id = &cluster.ids()[self.to];
        for node in [self.to, self.from, (self.to + 1) % 3] {
            cluster.nodes[node].ask(&["CLUSTER", "SETSLOT", &self.slot, "NODE", id]);
        }
    }
}
