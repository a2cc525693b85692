//! The end of a session: what is over stays over.

use serde_json::{Value, json};

use crate::bed::{Bed, at_once, during};

// behaviours 63 and 65
pub(crate) fn logout_ends_the_session(bed: &Bed) {
    let server = bed.alone(&[]);
    let visitor = server.client();
    visitor.login("ana");
    let thief = visitor.twin();
    assert!(visitor.post("/logout").ok().removes_cookie());
    assert_eq!(visitor.ticket(), None);
    // The cookie, copied, opens nothing, and no request but the one that logged out removes it.
    assert_eq!(thief.get("/get/email").ok().no_cookie().json()["value"], Value::Null);
    assert_eq!(thief.get("/lifetime").ok().no_cookie().json()["created_ms"], Value::Null);
    assert_eq!(server.client().get("/count").ok().json()["count"], 0);
}

// defect 3; behaviour 41
pub(crate) fn a_write_under_way_does_not_bring_it_back(bed: &Bed) {
    let server = bed.alone(&[]);
    let visitor = server.client();
    visitor.login("ana");
    let (slow, thief) = (visitor.twin(), visitor.twin());
    let answer = during(|| slow.put("/slow-set/a?ms=700", 1), || visitor.post("/logout").ok());
    assert_eq!(answer.ok().no_cookie().json(), json!({"ok": true}));
    assert_eq!(thief.get("/all").ok().no_cookie().json()["values"], json!({}));
    assert_eq!(server.client().get("/count").ok().json()["count"], 0);
    assert_eq!(server.client().get("/sessions/ana").ok().json()["sessions"], json!([]));
}

// defects 3 and 4; behaviours 40 and 42
pub(crate) fn neither_does_a_read_under_way_with_a_touch_due(bed: &Bed) {
    let server = bed.alone(&["--idle", "60", "--touch", "0"]);
    let visitor = server.client();
    visitor.login("ana");
    let (slow, thief) = (visitor.twin(), visitor.twin());
    let answer = during(|| slow.get("/slow-get/email?ms=700"), || visitor.post("/logout").ok());
    assert_eq!(answer.ok().no_cookie().json()["value"], "ana@example.org");
    assert_eq!(thief.value("email"), Value::Null);
    assert_eq!(server.client().get("/count").ok().json()["count"], 0);
}

// defect 3; behaviour 41
pub(crate) fn neither_do_many(bed: &Bed) {
    let server = bed.alone(&["--idle", "60", "--touch", "0"]);
    let visitor = server.client();
    visitor.login("ana");
    let thief = visitor.twin();
    at_once(16, |n| match n {
        0 => visitor.twin().post("/logout").ok().status,
        n if n % 3 == 0 => visitor.twin().get("/slow-get/email?ms=30").ok().status,
        _ => visitor.twin().put(&format!("/slow-set/k{n}?ms=30"), n).ok().status,
    });
    // Requests that came after the logout began sessions of their own, under tickets of their own.
    assert_eq!(thief.get("/all").ok().json()["values"], json!({}));
    assert_eq!(server.client().get("/sessions/ana").ok().json()["sessions"], json!([]));
}

// defect 1; behaviour 63
pub(crate) fn what_is_set_after_logout_is_in_a_new_session(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.login("ana");
    visitor.set("a", 1);
    let (old, thief) = (visitor.ticket(), visitor.twin());
    // One cookie: the new ticket, and no removal beside it.
    visitor.put("/logout-then-set/b", 2).ok().cookie();
    assert_ne!(visitor.ticket(), old);
    assert_eq!(visitor.get("/all").ok().json()["values"], json!({"b": 2}));
    assert_eq!(thief.get("/all").ok().no_cookie().json()["values"], json!({}));
}

// behaviours 64 and 67
pub(crate) fn logging_out_of_nothing_makes_nothing(bed: &Bed) {
    let server = bed.alone(&[]);
    let visitor = server.client();
    assert_eq!(server.asked(|| visitor.post("/logout").ok().no_cookie()), "");
    visitor.put("/logout-then-set/a", 1).ok().cookie();
    assert_eq!(visitor.value("a"), 1);
}

pub(crate) fn two_logouts_at_once_are_one(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.login("ana");
    let thief = visitor.twin();
    at_once(2, |_| visitor.twin().post("/logout").ok());
    assert_eq!(thief.value("email"), Value::Null);
}

// behaviour 63
pub(crate) fn a_new_login_after_logout_is_another_session(bed: &Bed) {
    let visitor = bed.visitor();
    let first = visitor.login("ana");
    visitor.set("a", 1);
    visitor.post("/logout").ok();
    assert_ne!(visitor.login("ana"), first);
    assert_eq!(visitor.value("a"), Value::Null);
}
