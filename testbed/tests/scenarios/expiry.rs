//! Deadlines, in real time.

use serde_json::{Value, json};

use crate::bed::{Bed, Client, sleep, stretched};

fn deadline(visitor: &Client, which: &str) -> u64 {
    visitor.get("/lifetime").ok().json()[which].as_u64().expect("an instant")
}

// behaviour 56
pub(crate) fn silence_ends_it_and_use_extends_it(bed: &Bed) {
    let visitor = bed.visitor_with(&["--idle", "1"]);
    visitor.set("a", 1);
    for _ in 0..3 {
        sleep(600);
        assert_eq!(visitor.value("a"), 1);
    }
    sleep(1_200);
    // The cookie is gone too, in a browser; a copy of it opens nothing.
    assert_eq!(visitor.ticket().map(|ticket| visitor.with_ticket(&ticket).value("a")), Some(Value::Null));
}

// behaviours 57 and 69
pub(crate) fn use_does_not_extend_it_beyond_the_absolute_deadline(bed: &Bed) {
    let visitor = bed.visitor_with(&["--absolute", "1.2"]);
    visitor.set("a", 1);
    let ticket = visitor.ticket().expect("a ticket");
    let old = visitor.with_ticket(&ticket);
    for n in 0..3 {
        sleep(300);
        old.set("a", n);
        assert_eq!(old.value("a"), n);
    }
    sleep(400);
    old.keep(crate::bed::COOKIE, &ticket);
    assert_eq!(old.get("/get/a").ok().no_cookie().json()["value"], Value::Null);
    // What is written then is in a new session, under a new ticket.
    old.set("b", 2).cookie();
    assert_ne!(old.ticket(), Some(ticket));
    assert_eq!(old.get("/all").ok().json()["values"], json!({"b": 2}));
}

// defect 11; behaviour 59
pub(crate) fn remembered_is_remembered(bed: &Bed) {
    let visitor = bed.visitor_with(&["--idle", "0.6", "--absolute", "0.7"]);
    visitor.set("a", 1);
    let answer = visitor.post("/remember?secs=30").ok();
    assert!(answer.cookie().contains("Max-Age=30"), "{answer:?}");
    visitor.set("a", 2);
    visitor.post("/renew").ok();
    sleep(900);
    assert_eq!(visitor.value("a"), 2);
    visitor.set("a", 3);
    let (idle, absolute) = (deadline(&visitor, "idle_ms"), deadline(&visitor, "absolute_ms"));
    let created = deadline(&visitor, "created_ms");
    assert!((created + 29_000..=created + 37_000).contains(&idle), "{idle} {created}");
    assert!(idle <= absolute);
    sleep(800);
    assert_eq!(visitor.value("a"), 3);
}

// defect 11; behaviour 59
pub(crate) fn a_remembered_session_is_extended_by_its_own_idle_time(bed: &Bed) {
    let visitor = bed.visitor_with(&["--idle", "0.3"]);
    visitor.set("a", 1);
    visitor.post("/remember?secs=1.5").ok();
    sleep(900);
    visitor.set("a", 2);
    sleep(900);
    assert_eq!(visitor.value("a"), 2);
}

pub(crate) fn remembering_does_not_lower_the_absolute_deadline(bed: &Bed) {
    let visitor = bed.visitor_with(&["--idle", "1000", "--absolute", "5000"]);
    visitor.set("a", 1);
    let before = deadline(&visitor, "absolute_ms");
    visitor.post("/remember?secs=0.5").ok();
    assert!(deadline(&visitor, "absolute_ms").abs_diff(before) < 1_000);
    assert!(deadline(&visitor, "idle_ms") < deadline(&visitor, "created_ms") + 5_000);
    sleep(700);
    assert_eq!(visitor.value("a"), Value::Null);
}

// behaviour 62
pub(crate) fn asking_how_long_it_lives_is_no_activity(bed: &Bed) {
    let server = bed.alone(&["--idle", "1", "--touch", "0"]);
    let visitor = server.client();
    assert_eq!(visitor.get("/lifetime").ok().json(), json!({"idle_ms": null, "absolute_ms": null, "created_ms": null}));
    visitor.set("a", 1);
    let (copy, idle) = (visitor.twin(), deadline(&visitor, "idle_ms"));
    let asked = server.asked(|| {
        for _ in 0..2 {
            sleep(250);
            assert_eq!(deadline(&visitor, "idle_ms"), idle);
        }
    });
    assert_eq!(asked, bed.asks("load 2"));
    sleep(700);
    assert_eq!(copy.value("a"), Value::Null);
}

// behaviours 15 and 46
pub(crate) fn activity_is_noted_now_and_then(bed: &Bed) {
    let server = bed.alone(&["--idle", "2", "--touch", "0.25"]);
    let visitor = server.client();
    visitor.set("a", 1);
    let read = || visitor.get("/get/a").ok();
    assert_eq!(server.asked(read), "load 1");
    let (ticket, idle) = (visitor.ticket(), deadline(&visitor, "idle_ms"));
    sleep(600);
    let asked = server.asked(|| {
        // The cookie's own lifetime grows with the session's.
        let answer = visitor.get("/get/a").ok();
        assert!(answer.cookie().contains(&format!("Max-Age={}", stretched(2_000).as_secs())), "{answer:?}");
    });
    assert_eq!(asked, "load 1, touch 1");
    assert_eq!(visitor.ticket(), ticket);
    assert!(deadline(&visitor, "idle_ms") >= idle + 500);
    assert_eq!(server.asked(read), "load 1");
}

// defect 10; behaviour 58
pub(crate) fn renewal_moves_no_absolute_deadline_and_login_does(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    let (created, absolute) = (deadline(&visitor, "created_ms"), deadline(&visitor, "absolute_ms"));
    sleep(20);
    visitor.post("/renew").ok();
    assert_eq!(deadline(&visitor, "absolute_ms"), absolute);
    visitor.login("ana");
    assert!(deadline(&visitor, "absolute_ms") >= absolute + 20);
    assert_eq!(deadline(&visitor, "created_ms"), created);
}

// behaviours 9, 11 and 29
pub(crate) fn what_expired_is_neither_counted_nor_kept(bed: &Bed) {
    // Long enough for four requests on a machine that does much else.
    let server = bed.alone(&["--idle", "1"]);
    for _ in 0..3 {
        server.client().login("ana");
    }
    let keeper = server.client();
    keeper.set("a", 1);
    keeper.post("/remember?secs=30").ok();
    let count = || server.client().get("/count").ok().json()["count"].clone();
    assert_eq!(count(), 4);
    sleep(1_200);
    assert_eq!(count(), 1);
    assert_eq!(server.client().get("/sessions/ana").ok().json()["sessions"], json!([]));
    assert_eq!(server.client().post("/sweep").ok().json(), json!({"deleted": 3}));
    assert_eq!(server.client().post("/sweep").ok().json(), json!({"deleted": 0}));
    assert_eq!(keeper.value("a"), 1);
}

// behaviours 42 and 56
pub(crate) fn a_write_that_outlives_its_session_is_dropped(bed: &Bed) {
    let visitor = bed.visitor_with(&["--idle", "1"]);
    visitor.set("a", 1);
    let answer = visitor.put("/slow-set/a?ms=1500", 2).ok();
    answer.no_cookie();
    assert_eq!(visitor.value("a"), Value::Null);
}
