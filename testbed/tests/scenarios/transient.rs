//! Values that live for one request.

use serde_json::{Value, json};

use crate::bed::Bed;

pub(crate) fn a_transient_value_is_seen_everywhere_in_its_request(bed: &Bed) {
    let server = bed.alone(&[]);
    let visitor = server.client();
    let asked = server.asked(|| {
        let seen = visitor.put("/transient/locale", "pt").ok().no_cookie().json();
        for by in ["get", "transient", "model", "template"] {
            assert_eq!(seen[by], "pt", "{by}");
        }
    });
    assert_eq!(asked, "");
    assert_eq!(visitor.get("/all").ok().no_cookie().json()["values"], json!({}));
}

pub(crate) fn a_transient_value_changes_no_session(bed: &Bed) {
    let server = bed.alone(&[]);
    let visitor = server.client();
    visitor.set("a", 1);
    let asked = server.asked(|| visitor.put("/transient/b", 2).ok().no_cookie());
    assert_eq!(asked, bed.asks("load 1"));
    assert_eq!(visitor.get("/all").ok().json()["values"], json!({"a": 1}));
}

pub(crate) fn a_regular_value_is_seen_before_a_transient_one(bed: &Bed) {
    let visitor = bed.visitor();
    let both = json!({"regular": "r", "transient": "t"});
    let seen = visitor.put("/shadow/k", both).ok().json();
    assert_eq!(seen, json!({"get": "r", "transient": "t", "len": 1}));
    assert_eq!(visitor.get("/all").ok().json()["values"], json!({"k": "r"}));
    // Over a regular value of an earlier request.
    let seen = visitor.put("/transient/k", "t").ok().json();
    assert_eq!(seen, json!({"get": "r", "transient": "t", "model": "r", "template": "r"}));
    assert_eq!(visitor.value("k"), "r");
}

/// A null is a value.
pub(crate) fn a_transient_null_hides_nothing(bed: &Bed) {
    let visitor = bed.visitor();
    let seen = visitor.put("/shadow/k", json!({"regular": null, "transient": "t"})).ok().json();
    assert_eq!(seen, json!({"get": null, "transient": "t", "len": 1}));
    assert_eq!(visitor.get("/all").ok().json(), json!({"values": {"k": null}}));
}

pub(crate) fn models_and_tasks_see_the_session_of_their_request(bed: &Bed) {
    let visitor = bed.visitor();
    assert_eq!(visitor.get("/model/a").ok().no_cookie().json()["value"], Value::Null);
    visitor.set("a", json!({"b": [1]}));
    assert_eq!(visitor.get("/model/a").ok().json()["value"], json!({"b": [1]}));
    assert_eq!(visitor.get("/spawned/a").ok().json()["value"], json!({"b": [1]}));
    assert_eq!(visitor.stranger().get("/model/a").ok().json()["value"], Value::Null);
}
