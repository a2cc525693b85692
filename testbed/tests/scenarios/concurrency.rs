//! Requests of one session at the same time.

use std::io::Write;
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::bed::{Bed, COOKIE, at_once, during, sleep};

// defect 6; behaviours 36 and 39
pub(crate) fn different_keys_all_survive(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("first", true);
    at_once(20, |n| visitor.set(&format!("k{n}"), n).no_cookie());
    let all = visitor.get("/all").ok().json();
    for n in 0..20 {
        assert_eq!(all["values"][format!("k{n}")], n, "{all}");
    }
    assert_eq!(all["values"]["first"], true);
}

// behaviour 49
pub(crate) fn increments_all_count(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("n", 0);
    at_once(50, |_| visitor.post("/incr/n").ok().no_cookie());
    assert_eq!(visitor.value("n"), 50);
}

// behaviour 49
pub(crate) fn committed_increments_are_all_different(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("n", 0);
    let mut answers = at_once(50, |_| visitor.post("/incr-now/n").ok().json()["value"].as_u64().expect("a number"));
    answers.sort_unstable();
    assert_eq!(answers, (1..=50).collect::<Vec<_>>());
}

pub(crate) fn pushes_are_all_there(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("list", json!([]));
    at_once(20, |n| visitor.put("/push/list", n).ok());
    let mut list: Vec<_> = visitor.value("list").as_array().expect("a list").iter().map(Value::as_u64).collect();
    list.sort_unstable();
    assert_eq!(list, (0..20).map(Some).collect::<Vec<_>>());
}

// defect 6; behaviour 36
pub(crate) fn a_slow_write_takes_nothing_back(bed: &Bed) {
    let server = bed.alone(&[]);
    let visitor = server.client();
    visitor.set("slow", 0);
    visitor.set("old", 1);
    let asked = server.asked(|| {
        let slow = || visitor.put("/slow-set/slow?ms=700", 1);
        during(slow, || {
            visitor.set("quick", 1);
            visitor.post("/remove/old").ok();
        })
        .ok()
        .no_cookie();
    });
    assert_eq!(visitor.get("/all").ok().json()["values"], json!({"slow": 1, "quick": 1}));
    // Each of the three writes, and the slow one a second time.
    assert_eq!(asked, "load 3, swap 4, conflict 1");
}

// behaviour 37
pub(crate) fn of_one_key_the_later_commit_wins(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("k", "old");
    during(|| visitor.put("/slow-set/k?ms=700", "slow"), || visitor.set("k", "quick")).ok();
    assert_eq!(visitor.value("k"), "slow");
}

pub(crate) fn a_slow_write_after_a_clear_stays(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    visitor.set("b", 1);
    during(|| visitor.put("/slow-set/a?ms=700", 2), || visitor.post("/clear").ok()).ok();
    assert_eq!(visitor.get("/all").ok().json()["values"], json!({"a": 2}));
}

/// A request that reads sees the session as it was when it began.
pub(crate) fn a_request_sees_one_state(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("k", 1);
    let answer = during(|| visitor.get("/slow-get/k?ms=700"), || visitor.set("k", 2));
    assert_eq!(answer.ok().no_cookie().json()["value"], 1);
    assert_eq!(visitor.value("k"), 2);
}

// behaviours 99 and 100
pub(crate) fn a_client_that_hangs_up_leaves_a_session_that_works(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    let ticket = visitor.ticket().expect("a ticket");
    for wait in [1, 20, 100] {
        let mut stream = TcpStream::connect(visitor.address()).expect("connects");
        let request = format!(
            "POST /slow-set/b?ms=60 HTTP/1.1\r\nhost: localhost\r\ncookie: {COOKIE}={ticket}\r\ncontent-length: 1\r\n\r\n2"
        );
        stream.write_all(request.as_bytes()).expect("sends");
        sleep(wait);
    }
    sleep(150);
    assert_eq!(visitor.value("a"), 1);
    assert!([json!(null), json!(2)].contains(&visitor.value("b")));
    visitor.set("a", 3).saved(bed);
    assert_eq!(visitor.value("a"), 3);
}

/// Strangers do not wait for each other, nor get each other's sessions.
pub(crate) fn visitors_do_not_meet(bed: &Bed) {
    let server = bed.server(&[]);
    let values = at_once(20, |n| {
        let visitor = server.client();
        visitor.set("me", n);
        visitor.post("/incr/n").ok();
        (visitor.ticket(), visitor.get("/all").ok().json()["values"].clone())
    });
    let mut tickets: Vec<_> = values.iter().map(|(ticket, _)| ticket.clone().expect("a ticket")).collect();
    tickets.sort();
    tickets.dedup();
    assert_eq!(tickets.len(), 20);
    for (n, (_, values)) in values.iter().enumerate() {
        assert_eq!(*values, json!({"me": n, "n": 1}));
    }
}
