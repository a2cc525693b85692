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
        let nodes: Vec<_> = (0..3)
            .map(|_| {
                RedisOptions::default()
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
        wait_until("the cluster serves all slots", || {
            nodes.iter().all(|node| node.ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok"))
        });
        Self { nodes }
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
