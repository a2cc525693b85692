//! Messages for the next request.

use serde_json::json;

use crate::bed::{Bed, at_once};

// behaviour 126
pub(crate) fn a_message_is_shown_once(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.put("/flash", json!({"kind": "info", "text": "saved"})).ok().cookie();
    visitor.put("/flash", json!({"kind": "error", "text": "but"})).ok().saved(bed);
    let taken = visitor.get("/flashes").ok().saved(bed).json();
    assert_eq!(taken["flashes"], json!([{"kind": "info", "text": "saved"}, {"kind": "error", "text": "but"}]));
    assert_eq!(visitor.get("/flashes").ok().json()["flashes"], json!([]));
}

// behaviour 127
pub(crate) fn a_message_waits_until_it_is_taken(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.put("/flash", json!({"kind": "info", "text": "saved"})).ok();
    visitor.set("a", 1);
    visitor.post("/clear").ok();
    visitor.login("ana");
    assert_eq!(visitor.get("/all").ok().json()["values"], json!({"email": "ana@example.org"}));
    assert_eq!(visitor.get("/flashes").ok().json()["flashes"], json!([{"kind": "info", "text": "saved"}]));
}

// defect 29; behaviour 126
pub(crate) fn messages_left_at_once_are_all_there(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    at_once(10, |n| visitor.put("/flash", json!({"kind": "n", "text": n.to_string()})).ok());
    let taken = visitor.get("/flashes").ok().json();
    let mut texts: Vec<u32> = taken["flashes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|flash| flash["text"].as_str().and_then(|text| text.parse().ok()).expect("a number"))
        .collect();
    texts.sort_unstable();
    assert_eq!(texts, (0..10).collect::<Vec<_>>());
}
