//! Values by key.

use serde_json::{Value, json};

use crate::bed::Bed;

// behaviours 1, 53 and 128
pub(crate) fn values_come_back_as_they_were(bed: &Bed) {
    let visitor = bed.visitor();
    for value in [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1.5),
        json!(1.0),
        json!(5e-324),
        json!(""),
        json!("naïve 日本語 \u{1f9e5} \0 \" \\"),
        json!([]),
        json!({}),
        json!({"a": [1, {"b": null}, "c"], "": {"é": [[]]}}),
    ] {
        visitor.set("v", value.clone());
        assert_eq!(visitor.value("v"), value);
    }
}

pub(crate) fn keys_are_decoded(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a%20b", 1);
    visitor.set("a%2Fb", 2);
    visitor.set("%E2%82%AC", 3);
    visitor.set("100%25", 4);
    visitor.set("a+b", 5);
    let all = visitor.get("/all").ok().json();
    assert_eq!(all["values"], json!({"a b": 1, "a/b": 2, "€": 3, "100%": 4, "a+b": 5}));
    assert_eq!(visitor.value("a%2fb"), 2);
    assert_eq!(visitor.get("/get/%ff").is(400).error(), "bad_request");
}

// defect 13; behaviours 38 and 121
pub(crate) fn removing_answers_what_it_was(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", json!([1, 2]));
    visitor.set("b", 2);
    assert_eq!(visitor.post("/remove/a").ok().saved(bed).json(), json!({"value": [1, 2]}));
    assert_eq!(visitor.get("/all").ok().json(), json!({"values": {"b": 2}}));
    assert_eq!(visitor.post("/remove/a").ok().json(), json!({"value": null}));
}

// behaviour 66
pub(crate) fn clearing_keeps_the_session(bed: &Bed) {
    let visitor = bed.visitor();
    let handle = visitor.login("ana-of-clear");
    visitor.set("a", 1);
    visitor.post("/clear").ok().saved(bed);
    assert_eq!(visitor.get("/all").ok().json(), json!({"values": {}}));
    visitor.set("a", 2).saved(bed);
    assert_eq!(visitor.login("ana-of-clear"), handle);
}

// behaviour 66
pub(crate) fn removing_the_last_value_keeps_the_session(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    visitor.post("/remove/a").ok().saved(bed);
    visitor.set("b", 2).saved(bed);
    assert_eq!(visitor.value("b"), 2);
}

// behaviour 63, the other way round
pub(crate) fn clear_then_set_keeps_the_new_value_only(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    visitor.set("b", 1);
    visitor.put("/clear-then-set/a", 2).ok().saved(bed);
    assert_eq!(visitor.get("/all").ok().json(), json!({"values": {"a": 2}}));
}

// defect 13; behaviour 129
pub(crate) fn updates_are_saved(bed: &Bed) {
    let visitor = bed.visitor();
    assert_eq!(visitor.post("/incr/n").ok().json()["value"], 1);
    assert_eq!(visitor.post("/incr/n?by=41").ok().json()["value"], 42);
    assert_eq!(visitor.post("/incr/n?by=-2").ok().json()["value"], 40);
    assert_eq!(visitor.post("/incr-now/n?by=2").ok().json()["value"], 42);
    assert_eq!(visitor.put("/push/l", "x").ok().json()["value"], json!(["x"]));
    assert_eq!(visitor.put("/push/l", json!({"y": 1})).ok().json()["value"], json!(["x", {"y": 1}]));
    assert_eq!(visitor.get("/all").ok().json()["values"], json!({"n": 42, "l": ["x", {"y": 1}]}));
}

// behaviour 109
pub(crate) fn a_value_of_another_type_is_not_a_missing_one(bed: &Bed) {
    let visitor = bed.visitor();
    assert_eq!(visitor.get("/type/n").ok().json()["value"], Value::Null);
    visitor.set("n", 7);
    assert_eq!(visitor.get("/type/n").ok().json()["value"], 7);
    for other in [json!("7"), json!([7]), json!({"n": 7}), json!(true)] {
        visitor.set("n", other);
        assert_eq!(visitor.get("/type/n").is(422).error(), "decode");
        assert_eq!(visitor.post("/incr/n").error(), "decode");
    }
    visitor.set("n", 8);
    assert_eq!(visitor.get("/type/n").ok().json()["value"], 8);
}

// defects 16 and 23; behaviours 26 and 91
pub(crate) fn what_is_too_large_is_refused_and_changes_nothing(bed: &Bed) {
    let visitor = bed.visitor();
    let half = "x".repeat(600 * 1024);
    visitor.set("a", half.clone());
    assert_eq!(visitor.put("/set/b", half.clone()).is(413).no_cookie().error(), "too_large");
    let all = visitor.get("/all").ok().json();
    assert_eq!(all["values"].as_object().map(|values| values.len()), Some(1));
    assert!(all["values"]["a"] == half, "the old value is intact");

    let stranger = visitor.stranger();
    let much = "x".repeat(1024 * 1024 + 100);
    assert_eq!(stranger.put("/set/a", much).is(413).no_cookie().error(), "too_large");
}

pub(crate) fn bodies_up_to_a_mebibyte_are_read(bed: &Bed) {
    let visitor = bed.visitor();
    // In JSON a mebibyte, as a value less.
    let body = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let padded = format!("{body}{}", " ".repeat(1024 * 1024 - body.len()));
    visitor.raw("POST", "/set/a", padded.as_bytes()).ok();
    let body = " ".repeat(1024 * 1024 + 64 * 1024);
    assert_eq!(visitor.raw("POST", "/set/a", body.as_bytes()).is(413).error(), "too_large");
}

pub(crate) fn what_is_no_json_is_a_bad_request(bed: &Bed) {
    let visitor = bed.visitor();
    for body in ["", "{", "undefined", "1 2", "\u{feff}1"] {
        let answer = visitor.raw("POST", "/set/a", body.as_bytes()).is(400).no_cookie();
        assert_eq!(answer.error(), "bad_request", "{body:?}");
    }
    for path in ["/incr/a?by=x", "/remember", "/remember?secs=-1", "/remember?secs=NaN", "/slow-get/a?ms=1.5"] {
        let answer = if path.starts_with("/slow") { visitor.get(path) } else { visitor.post(path) };
        assert_eq!(answer.is(400).no_cookie().error(), "bad_request", "{path}");
    }
    assert_eq!(visitor.put("/login", json!({"name": "ana"})).is(400).no_cookie().error(), "bad_request");
}

// behaviour 125
pub(crate) fn no_key_is_reserved(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.login("bob");
    visitor.put("/flash", json!({"kind": "info", "text": "hello"})).ok();
    let keys = ["cookie", "_flash", "flash", "flashes", "id", "sid", "user", "_user", "handle", "lifetime", "values"];
    for key in keys {
        visitor.set(key, key);
    }
    let all = visitor.get("/all").ok().json();
    assert_eq!(all["values"].as_object().map(|values| values.len()), Some(keys.len() + 1), "{all}");
    assert_eq!(visitor.get("/flashes").ok().json()["flashes"], json!([{"kind": "info", "text": "hello"}]));
    for key in keys {
        assert_eq!(visitor.value(key), key);
    }
}

/// Many keys, and keys that share beginnings.
pub(crate) fn many_keys_stay_apart(bed: &Bed) {
    let visitor = bed.visitor();
    for n in 0..40 {
        visitor.set(&"k".repeat(n + 1), u32::try_from(n).expect("small"));
    }
    let all = visitor.get("/all").ok().json();
    assert_eq!(all["values"].as_object().map(|values| values.len()), Some(40));
    assert_eq!(visitor.value("kkk"), 2);
}
