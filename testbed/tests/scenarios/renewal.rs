//! Tickets that are replaced: on demand, at a login, and as time passes.

use serde_json::{Value, json};

use crate::bed::{Bed, Client, at_once, during, sleep};

/// What the old ticket of a session that was renewed on demand is good for in grace: nothing, without a fuss, but to sign in
/// and to sign out.
fn opens_nothing(old: &Client) {
    let ticket = old.ticket();
    assert_eq!(old.get("/all").ok().no_cookie().json()["values"], json!({}));
    assert_eq!(old.get("/lifetime").ok().no_cookie().json()["created_ms"], Value::Null);
    for path in ["/set/mine", "/clear-then-set/mine", "/incr-now/mine", "/remember?secs=9"] {
        let refused = old.put(path, 1).is(503).no_cookie();
        assert_eq!((&*refused.error(), refused.header("retry-after")), ("read_only", Some("1")), "{path}");
    }
    assert_eq!(old.ticket(), ticket);
    // Somebody else who signs in gets nothing of the session.
    let eve = old.twin();
    eve.put("/login", json!({"user": "eve"})).ok().cookie();
    assert_ne!(eve.ticket(), ticket);
}

// defects 8 and 9; behaviours 19, 45 and 55
pub(crate) fn renewing_cuts_the_old_ticket(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    let old = visitor.twin();
    visitor.post("/renew").ok().cookie();
    assert_ne!(visitor.ticket(), old.ticket());
    opens_nothing(&old);
    assert_eq!(visitor.get("/all").ok().no_cookie().json()["values"], json!({"a": 1}));
    // Twice over.
    visitor.post("/renew").ok().cookie();
    opens_nothing(&old);
    assert_eq!(visitor.value("a"), 1);
}

// behaviours 45 and 69
pub(crate) fn after_the_grace_period_the_old_ticket_is_none(bed: &Bed) {
    let visitor = bed.visitor_with(&["--grace", "0.2"]);
    visitor.set("a", 1);
    let old = visitor.twin();
    visitor.post("/renew").ok();
    sleep(400);
    assert_eq!(old.get("/all").ok().no_cookie().json()["values"], json!({}));
    let ticket = old.ticket();
    old.set("b", 2).cookie();
    assert!(old.ticket() != ticket && old.ticket() != visitor.ticket());
    assert_eq!(visitor.get("/all").ok().json()["values"], json!({"a": 1}));
}

// defect 8; behaviour 44
pub(crate) fn a_write_opened_before_a_renewal_is_dropped(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    let slow = visitor.twin();
    let answer = during(|| slow.put("/slow-set/b?ms=700", 2), || visitor.post("/renew").ok());
    assert_eq!(answer.ok().no_cookie().json(), json!({"ok": true}));
    assert_eq!(visitor.get("/all").ok().json()["values"], json!({"a": 1}));
    opens_nothing(&slow);
}

// defects 3 and 8; behaviour 44
pub(crate) fn a_write_opened_before_a_login_is_dropped(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    let planted = visitor.twin();
    let answer = during(|| planted.put("/slow-set/email?ms=700", "eve@example.org"), || visitor.login("ana"));
    answer.ok().no_cookie();
    assert_eq!(visitor.value("email"), "ana@example.org");
    opens_nothing(&planted);
}

// behaviours 24 and 69
pub(crate) fn login_renews_and_keeps_the_values(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("cart", json!(["coat"]));
    let old = visitor.twin();
    visitor.login("ana");
    assert_ne!(visitor.ticket(), old.ticket());
    assert_eq!(visitor.get("/all").ok().json()["values"], json!({"cart": ["coat"], "email": "ana@example.org"}));
    opens_nothing(&old);
    // Again as the same user: another ticket, the same session.
    let (ticket, handle) = (visitor.ticket(), visitor.login("ana"));
    assert_ne!(visitor.ticket(), ticket);
    assert_eq!(visitor.login("ana"), handle);
}

pub(crate) fn login_as_somebody_else_leaves_nothing_of_the_first(bed: &Bed) {
    let visitor = bed.visitor();
    let ana = visitor.login("ana");
    visitor.set("secret", 1);
    let old = visitor.twin();
    assert_ne!(visitor.login("bob"), ana);
    assert_eq!(visitor.get("/all").ok().json()["values"], json!({"email": "bob@example.org"}));
    assert_eq!(old.get("/all").ok().no_cookie().json()["values"], json!({}));
}

// defect 7
pub(crate) fn a_renewal_before_an_error_keeps_the_session(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    let old = visitor.twin();
    visitor.post("/renew-then-fail").is(500).cookie();
    assert_ne!(visitor.ticket(), old.ticket());
    assert_eq!(visitor.value("a"), 1);
    opens_nothing(&old);
}

// behaviour 21
pub(crate) fn renewing_nothing_makes_nothing(bed: &Bed) {
    let server = bed.alone(&[]);
    let visitor = server.client();
    assert_eq!(server.asked(|| visitor.post("/renew").ok().no_cookie()), "");
    visitor.with_ticket(&"A".repeat(43)).post("/renew").ok().no_cookie();
}

// behaviour 23
pub(crate) fn of_renewals_at_once_one_wins(bed: &Bed) {
    let server = bed.alone(&[]);
    let visitor = server.client();
    visitor.set("a", 1);
    let answers = at_once(8, |_| {
        let twin = visitor.twin();
        let answer = twin.post("/renew").ok();
        (!answer.all("set-cookie").is_empty()).then_some(twin)
    });
    let winners: Vec<_> = answers.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(winners[0].value("a"), 1);
    assert_eq!(server.client().get("/count").ok().json()["count"], 1);
}

// defects 8 and 9; behaviours 18 and 55
pub(crate) fn time_renews_and_who_has_the_old_ticket_follows(bed: &Bed) {
    let visitor = bed.visitor_with(&["--renew", "1"]);
    visitor.set("n", 0);
    let old = visitor.twin();
    visitor.get("/get/n").ok().no_cookie();
    sleep(1_100);
    let tickets = at_once(8, |n| {
        let twin = old.twin();
        if n % 2 == 0 {
            twin.post("/incr/n").ok().cookie();
        } else {
            twin.get("/get/n").ok().cookie();
        }
        twin.ticket().expect("a ticket")
    });
    assert!(tickets.iter().all(|ticket| *ticket == tickets[0]), "all are given the same one");
    assert_ne!(Some(&tickets[0]), old.ticket().as_ref());
    // An answer that was lost: the old ticket once more.
    let late = old.twin();
    assert_eq!(late.value("n"), 4);
    assert_eq!(late.ticket().as_ref(), Some(&tickets[0]));
    assert_eq!(late.get("/get/n").ok().no_cookie().json()["value"], 4);
}

pub(crate) fn a_logout_with_the_old_ticket_ends_the_new_session(bed: &Bed) {
    let visitor = bed.visitor_with(&["--renew", "1"]);
    visitor.login("ana-of-old");
    let old = visitor.twin();
    sleep(1_100);
    visitor.get("/get/email").ok().cookie();
    assert!(old.post("/logout").ok().removes_cookie());
    assert_eq!(visitor.get("/get/email").ok().no_cookie().json()["value"], Value::Null);
    assert_eq!(visitor.get("/sessions/ana-of-old").ok().json()["sessions"], json!([]));
}

// defect 3; behaviour 41
pub(crate) fn a_logout_during_a_renewal_stays(bed: &Bed) {
    let visitor = bed.visitor_with(&["--renew", "0.3"]);
    for _ in 0..3 {
        visitor.login("ana-between");
        sleep(350);
        let (old, thief) = (visitor.twin(), visitor.twin());
        let new = at_once(4, |n| {
            let twin = old.twin();
            if n == 0 { twin.post("/logout") } else { twin.post("/incr/n") }.ok();
            twin
        });
        assert_eq!(thief.value("email"), Value::Null);
        for twin in &new {
            assert_eq!(twin.value("email"), Value::Null);
        }
        assert_eq!(visitor.get("/sessions/ana-between").ok().json()["sessions"], json!([]));
        visitor.post("/logout").ok();
    }
}

pub(crate) fn after_the_grace_period_nobody_follows(bed: &Bed) {
    let visitor = bed.visitor_with(&["--renew", "0.5", "--grace", "0.2"]);
    visitor.set("a", 1);
    let old = visitor.twin();
    sleep(600);
    visitor.get("/get/a").ok().cookie();
    sleep(400);
    assert_eq!(old.get("/get/a").ok().no_cookie().json()["value"], Value::Null);
    assert_eq!(visitor.value("a"), 1);
}

/// The public name stays, whatever happens to the ticket.
pub(crate) fn the_handle_outlives_renewals(bed: &Bed) {
    let visitor = bed.visitor();
    let handle = visitor.login("ana-of-handles");
    visitor.post("/renew").ok();
    let listed = visitor.get("/sessions/ana-of-handles").ok().json();
    assert_eq!(listed["sessions"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["sessions"][0]["handle"], handle);
}
