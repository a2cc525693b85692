//! Going through all names of a pattern, a step at a time: never `KEYS`, and nothing of other applications.

use std::collections::VecDeque;

use redis::cluster_async::ClusterConnection;
use redis::{Cmd, Value};

use super::failure::{failed, unexpected};
use super::link::{Connection, Link, send_to_node};
use crate::error::Result;

/// Names that a step looks at.
pub(super) const STEP: usize = 500;

/// A scan under way. What is there throughout is shown at least once.
pub(super) struct Scan<'a> {
    link: &'a Link,
    pattern: String,
    /// The nodes of a cluster that are left, the present one first.
    nodes: VecDeque<(String, u16)>,
    cluster: Option<ClusterConnection>,
    cursor: Option<Vec<u8>>,
}

impl<'a> Scan<'a> {
    pub(super) async fn new(link: &'a Link, pattern: String) -> Result<Self> {
        let (nodes, cluster) = match link.connection().await.map_err(failed)? {
            Connection::Cluster(cluster) => (primaries(link).await?, Some(cluster)),
            _ => (VecDeque::new(), None),
        };
        Ok(Self { link, pattern, nodes, cluster, cursor: Some(b"0".to_vec()) })
    }

    /// More names, perhaps none; `None` when all were shown.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Vec<u8>>>> {
        let Some(cursor) = self.cursor.take() else { return Ok(None) };
        let mut scan = Cmd::new();
        scan.arg("SCAN").arg(cursor).arg("MATCH").arg(&self.pattern).arg("COUNT").arg(STEP);
        let answer = match (&mut self.cluster, self.nodes.front()) {
            (Some(cluster), Some((host, port))) => send_to_node(cluster, scan, host, *port).await,
            (Some(_), None) => return Ok(None),
            (None, _) => self.link.again(&scan).await,
        };
        let (next, names) = step(answer.map_err(failed)?)?;
        if next == b"0" {
            self.nodes.pop_front();
        }
        if next != b"0" || !self.nodes.is_empty() {
            self.cursor = Some(next);
        }
        Ok(Some(names))
    }
}

/// The primaries of a cluster that have slots.
async fn primaries(link: &Link) -> Result<VecDeque<(String, u16)>> {
    let mut slots = Cmd::new();
    slots.arg("CLUSTER").arg("SLOTS");
    let Value::Array(ranges) = link.again(&slots).await.map_err(failed)? else { return Err(unexpected()) };
    let mut primaries = VecDeque::new();
    for range in &ranges {
        let primary = primary(range).ok_or_else(unexpected)?;
        if !primaries.contains(&primary) {
            primaries.push_back(primary);
        }
    }
    Ok(primaries)
}

/// The address in a range of slots: from, to, primary, replicas.
fn primary(range: &Value) -> Option<(String, u16)> {
    let Value::Array(range) = range else { return None };
    let Value::Array(node) = range.get(2)? else { return None };
    let (Value::BulkString(host), Value::Int(port)) = (node.first()?, node.get(1)?) else { return None };
    Some((String::from_utf8(host.clone()).ok()?, u16::try_from(*port).ok()?))
}

/// The next cursor, and names.
pub(super) fn step(answer: Value) -> Result<(Vec<u8>, Vec<Vec<u8>>)> {
    let Value::Array(parts) = answer else { return Err(unexpected()) };
    let mut parts = parts.into_iter();
    let (Some(Value::BulkString(cursor)), Some(Value::Array(names))) = (parts.next(), parts.next()) else {
        return Err(unexpected());
    };
    let names = names.into_iter().filter_map(|name| match name {
        Value::BulkString(name) => Some(name),
        _ => None,
    });
    Ok((cursor, names.collect()))
}
