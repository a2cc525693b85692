//! Processes on one store: what they write together, and what one of them ends.

use serde_json::Value;

use crate::bed::{Bed, Client, Server, at_once};

fn two_processes(bed: &Bed) -> [Server; 2] {
    let url = bed.store_url();
    [(); 2].map(|()| Server::start(&["--framework", bed.framework, "--store", url], &[]))
}

/// The same visitor at another process.
fn same_visitor(server: &Server, visitor: &Client) -> Client {
    server.client().holding(&visitor.kept())
}

// behaviours 36 and 49
pub(crate) fn two_processes_merge_parallel_writers_exactly(bed: &Bed) {
    let servers = two_processes(bed);
    let visitor = servers[0].client();
    visitor.set("n", 0);
    let clients: Vec<_> = (0..32).map(|n| same_visitor(&servers[n % 2], &visitor)).collect();
    at_once(32, |n| {
        clients[n].set(&format!("key-{n}"), n);
        clients[n].post("/incr/n").ok();
        clients[n].post("/incr-now/n").ok();
        clients[n].put("/push/list", n).ok()
    });
    for server in &servers {
        let all = same_visitor(server, &visitor).get("/all").ok().json()["values"].clone();
        assert_eq!(all["n"], 64);
        for n in 0..32 {
            assert_eq!(all[format!("key-{n}")], n);
        }
        let mut list: Vec<u64> = all["list"].as_array().expect("a list").iter().filter_map(Value::as_u64).collect();
        list.sort_unstable();
        assert_eq!(list, (0..32).collect::<Vec<_>>());
    }
}

/// An end by one process is an end for all.
// behaviours 40 and 41
pub(crate) fn what_one_process_ends_is_over_for_all(bed: &Bed) {
    let servers = two_processes(bed);
    let visitor = servers[0].client();
    visitor.login("ana");
    let elsewhere = same_visitor(&servers[1], &visitor);
    assert_eq!(elsewhere.value("email"), "ana@example.org");
    visitor.post("/logout").ok();
    assert_eq!(elsewhere.value("email"), Value::Null);
    assert_eq!(servers[1].client().get("/count").ok().json()["count"], 0);
}
