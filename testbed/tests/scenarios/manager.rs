//! Sessions from the outside: lists, and the end of others' sessions.

use serde_json::{Value, json};

use crate::bed::{Bed, Client, during};

fn list(client: &Client, user: &str) -> Vec<Value> {
    client.get(&format!("/sessions/{user}")).ok().no_cookie().json()["sessions"].as_array().expect("a list").clone()
}

// behaviours 29, 130 and 131
pub(crate) fn a_user_sees_their_sessions(bed: &Bed) {
    let server = bed.alone(&[]);
    let (phone, laptop, other) = (server.client(), server.client(), server.client());
    let (phone_handle, laptop_handle) = (phone.login("ana"), laptop.login("ana"));
    other.login("bob");
    let seen = list(&phone, "ana");
    assert_eq!(seen.len(), 2);
    for session in &seen {
        let handle = session["handle"].as_str().expect("a handle");
        assert!(handle == phone_handle || handle == laptop_handle);
        assert_eq!(session["current"], handle == phone_handle);
        let (created, seen) = (session["created_ms"].as_u64(), session["seen_ms"].as_u64());
        assert!(created > Some(1_600_000_000_000) && seen >= created, "{session}");
    }
    assert!(list(&server.client(), "ana").iter().all(|session| session["current"] == false));
    assert_eq!(list(&phone, "nobody"), [json!(null); 0]);
    assert_eq!(server.client().get("/count").ok().json()["count"], 3);
    // A session leaves the list with its logout, and with another user.
    laptop.post("/logout").ok();
    phone.login("bob");
    assert_eq!(list(&phone, "ana"), [json!(null); 0]);
    assert_eq!(list(&phone, "bob").len(), 2);
}

pub(crate) fn users_have_any_name(bed: &Bed) {
    let visitor = bed.visitor();
    let handle = visitor.login("Ána / Müller+1@example.org");
    let seen = list(&visitor, "%C3%81na%20%2F%20M%C3%BCller+1@example.org");
    assert_eq!(seen[0]["handle"], handle);
    assert_eq!(seen[0]["current"], true);
}

// behaviour 66
pub(crate) fn a_cleared_session_keeps_its_ticket_and_its_place_in_the_list(bed: &Bed) {
    let visitor = bed.visitor();
    let handle = visitor.login("ana-of-clear");
    visitor.set("a", 1);
    let ticket = visitor.ticket();
    visitor.post("/clear").ok().no_cookie();
    assert_eq!(list(&visitor, "ana-of-clear")[0]["handle"], handle);
    visitor.set("a", 2).no_cookie();
    assert_eq!(visitor.ticket(), ticket);
}

// behaviour 135
pub(crate) fn a_session_can_be_ended_by_its_handle(bed: &Bed) {
    let server = bed.alone(&[]);
    let (phone, laptop) = (server.client(), server.client());
    let (handle, _) = (phone.login("ana"), laptop.login("ana"));
    laptop.post(&format!("/revoke/{handle}")).ok();
    assert_eq!(phone.get("/get/email").ok().no_cookie().json()["value"], Value::Null);
    assert_eq!(laptop.value("email"), "ana@example.org");
    assert_eq!(laptop.post(&format!("/revoke/{handle}")).is(404).error(), "not_found");
    assert_eq!(laptop.post("/revoke/not-a-handle").is(404).error(), "not_found");
}

// defect 3; behaviours 41 and 135
pub(crate) fn revocation_ends_requests_under_way(bed: &Bed) {
    let server = bed.alone(&["--idle", "60", "--touch", "0"]);
    let visitor = server.client();
    let paths = ["/slow-set/a?ms=700", "/slow-get/email?ms=700"];
    for path in paths {
        let handle = visitor.login("ana");
        let slow = visitor.twin();
        let send = || if path.starts_with("/slow-set") { slow.put(path, 1) } else { slow.get(path) };
        during(send, || server.client().post(&format!("/revoke/{handle}")).ok()).ok().no_cookie();
        assert_eq!(visitor.get("/all").ok().no_cookie().json()["values"], json!({}));
        assert_eq!(server.client().get("/count").ok().json()["count"], 0);
    }
}

// behaviour 135, defect 22
pub(crate) fn all_of_a_user_can_be_ended(bed: &Bed) {
    let server = bed.alone(&["--idle", "60", "--touch", "0"]);
    let clients = [server.client(), server.client(), server.client()];
    for client in &clients {
        client.login("ana");
    }
    let other = server.client();
    other.login("bob");
    let slow = clients[0].twin();
    during(|| slow.put("/slow-set/a?ms=700", 1), || assert_eq!(other.post("/revoke-user/ana").ok().json()["ended"], 3))
        .ok()
        .no_cookie();
    for client in &clients {
        assert_eq!(client.value("email"), Value::Null);
    }
    assert_eq!(other.value("email"), "bob@example.org");
    assert_eq!(other.post("/revoke-user/ana").ok().json()["ended"], 0);
    // One's own is ended with them.
    other.post("/revoke-user/bob").ok().no_cookie();
    assert_eq!(other.value("email"), Value::Null);
}

// behaviour 135
pub(crate) fn all_but_this_one_can_be_ended(bed: &Bed) {
    let server = bed.alone(&[]);
    let (phone, laptop) = (server.client(), server.client());
    phone.login("ana");
    laptop.login("ana");
    let ended =
        |client: &Client, query: &str| client.post(&format!("/revoke-user/ana{query}")).ok().json()["ended"].clone();
    assert_eq!(ended(&phone, "?keep_current=true"), 1);
    assert_eq!(phone.value("email"), "ana@example.org");
    assert_eq!(laptop.value("email"), Value::Null);
    // Of somebody else's sessions none is this one.
    laptop.login("bob");
    assert_eq!(ended(&laptop, "?keep_current=true"), 1);
    assert_eq!(phone.value("email"), Value::Null);
    assert_eq!(laptop.value("email"), "bob@example.org");
}

// defect 31
pub(crate) fn sessions_without_a_user_count_too(bed: &Bed) {
    let server = bed.alone(&[]);
    let count = || server.client().get("/count").ok().json()["count"].clone();
    let visitor = server.client();
    visitor.set("a", 1);
    visitor.post("/renew").ok();
    server.client().login("ana");
    assert_eq!(count(), 2);
    visitor.post("/logout").ok();
    assert_eq!(count(), 1);
}
