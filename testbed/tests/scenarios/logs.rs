//! What is written to standard error.

use std::time::Instant;

use crate::bed::{Bed, COOKIE, sleep, stretched};

// behaviours 137 and 138
pub(crate) fn no_log_line_holds_a_ticket(bed: &Bed) {
    let server = bed.logging(&["--renew", "0.3", "--header"]);
    let visitor = server.client();
    let mut tickets = Vec::new();
    let mut keep = || tickets.push(visitor.ticket().expect("a ticket"));
    visitor.set("a", "a-value-of-the-visitor");
    keep();
    sleep(350);
    visitor.get("/get/a").ok().cookie();
    keep();
    let handle = visitor.login("ana");
    keep();
    visitor.post("/renew").ok();
    keep();
    visitor.put("/set-then-panic/a", 1).is(500);
    visitor.put("/set/b", "x".repeat(1024 * 1024)).is(413);
    visitor.get("/stream/a?ms=1").ok();
    let dead = visitor.twin();
    visitor.post("/logout").ok();
    dead.get("/get/a").ok();
    let forged = "forged-forged-forged-forged";
    dead.keep(COOKIE, forged);
    dead.get("/get/a").ok();
    let issued = dead.bare("POST", "/set/a", &[("x-session-id", forged.as_bytes())], b"1").ok();
    tickets.push(issued.header("x-session-id").expect("a ticket").to_owned());

    let events = ["created", "renewed", "destroyed", "forged", "refused", "saved"];
    let start = Instant::now();
    while !events.iter().all(|event| server.log().contains(event)) {
        assert!(start.elapsed() < stretched(3_000), "not all of {events:?}: {}", server.log());
        sleep(10);
    }
    let log = server.log();
    for secret in tickets.iter().map(String::as_str).chain([forged, "a-value-of-the-visitor"]) {
        assert!(!log.contains(&secret[..20]), "{secret} in {log}");
    }
    let renewed: Vec<_> = log.lines().filter(|line| line.contains("renewed")).collect();
    assert!(renewed.iter().any(|line| line.contains(&handle)), "{renewed:?}");
    assert!(!log.contains('\u{1b}'), "no colours");
}

pub(crate) fn without_being_asked_it_is_silent(bed: &Bed) {
    let server = bed.alone(&[]);
    server.client().set("a", 1);
    server.client().get("/get/a").ok();
    assert_eq!(server.log(), "");
}
