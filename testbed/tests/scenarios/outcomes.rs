//! Responses that are no success.

use serde_json::{Value, json};

use crate::bed::Bed;

// defects 7 and 29; behaviours 78 and 96
pub(crate) fn an_error_status_keeps_what_was_set(bed: &Bed) {
    for status in [201, 302, 303, 400, 401, 403, 404, 409, 422, 500, 502, 503] {
        let visitor = bed.visitor();
        visitor.put(&format!("/set-then-fail/a?status={status}"), status).is(status).cookie();
        assert_eq!(visitor.value("a"), status);
        visitor.put(&format!("/set-then-fail/b?status={status}"), 1).is(status).saved(bed);
        assert_eq!(visitor.get("/all").ok().json()["values"], json!({"a": status, "b": 1}));
    }
}

// behaviour 99
pub(crate) fn a_panic_discards_what_was_set(bed: &Bed) {
    let server = bed.alone(&[]);
    let visitor = server.client();
    assert_eq!(server.asked(|| visitor.put("/set-then-panic/a", 1).is(500).no_cookie()), "");
    visitor.set("a", 1);
    let asked = server.asked(|| visitor.put("/set-then-panic/a", 2).is(500).no_cookie());
    assert_eq!(asked, bed.asks("load 1"));
    assert_eq!(visitor.value("a"), 1);
    visitor.set("a", 3).saved(bed);
    assert_eq!(visitor.value("a"), 3);
}

// defects 18 and 23; behaviour 103
pub(crate) fn a_write_that_is_refused_begins_no_session(bed: &Bed) {
    let server = bed.alone(&[]);
    let visitor = server.client();
    let asked = server.asked(|| {
        let much = "x".repeat(1024 * 1024);
        let answer = visitor.put("/set/a", much).is(413).no_cookie();
        assert_eq!(answer.error(), "too_large");
        visitor.put("/login", json!({"user": ""})).is(500).no_cookie();
        visitor.put("/login", json!({"user": "u".repeat(2_000)})).is(413).no_cookie();
    });
    assert_eq!(asked, "");
    assert_eq!(visitor.value("a"), Value::Null);
}
