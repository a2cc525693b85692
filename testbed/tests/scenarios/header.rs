//! Tickets in a header, for clients that keep no cookies.

use serde_json::{Value, json};

use crate::bed::{Bed, Client, Response};

const HEADER: &str = "x-session-id";
const ON: &[&str] = &["--header"];

fn send(client: &Client, method: &str, path: &str, ticket: &str, body: &str) -> Response {
    client.bare(method, path, &[(HEADER, ticket.as_bytes())], body.as_bytes())
}

/// The ticket that came in the header, and by no cookie.
fn issued(answer: Response) -> String {
    let answer = answer.ok().no_cookie();
    assert_eq!(answer.all("cache-control"), ["no-store"]);
    let [ticket] = answer.all(HEADER)[..] else { panic!("not one ticket: {answer:?}") };
    assert_eq!(ticket.len(), 43);
    ticket.to_owned()
}

// behaviour 97
pub(crate) fn a_ticket_leaves_by_the_header_that_it_comes_in(bed: &Bed) {
    let client = bed.visitor_with(ON);
    // A client asks for the header by sending one that is none.
    for first in ["", "none", "A"] {
        let ticket = issued(send(&client, "POST", "/set/a", first, "1"));
        let answer = send(&client, "GET", "/get/a", &ticket, "").ok().no_cookie();
        assert_eq!((answer.json()["value"].clone(), answer.header(HEADER)), (json!(1), None));
        let later = send(&client, "POST", "/set/a", &ticket, "2").ok().no_cookie();
        assert_eq!(later.header(HEADER), None);
        assert_eq!(send(&client, "GET", "/get/a", &ticket, "").ok().json()["value"], 2);
    }
}

// behaviour 97
pub(crate) fn a_renewed_ticket_leaves_by_the_header(bed: &Bed) {
    let client = bed.visitor_with(ON);
    let old = issued(send(&client, "POST", "/set/a", "none", "1"));
    let new = issued(send(&client, "POST", "/renew", &old, ""));
    assert_ne!(old, new);
    assert_eq!(send(&client, "GET", "/get/a", &new, "").ok().json()["value"], 1);
    assert_eq!(send(&client, "GET", "/get/a", &old, "").ok().no_cookie().json()["value"], Value::Null);
    let out = send(&client, "POST", "/logout", &new, "").ok().no_cookie();
    assert_eq!(out.header(HEADER), None);
    assert_eq!(send(&client, "GET", "/get/a", &new, "").ok().json()["value"], Value::Null);
}

pub(crate) fn a_session_that_came_by_cookie_stays_with_it(bed: &Bed) {
    let visitor = bed.visitor_with(ON);
    let answer = visitor.set("a", 1);
    answer.cookie();
    assert_eq!(answer.header(HEADER), None);
    let ticket = visitor.ticket().expect("a ticket");
    let cookie = format!("__Host-sid={ticket}");
    for bad in ["", "none", "ffffffff"] {
        let headers: &[(&str, &[u8])] = &[(HEADER, bad.as_bytes()), ("cookie", cookie.as_bytes())];
        let answer = visitor.bare("GET", "/get/a", headers, b"").ok();
        assert_eq!((answer.json()["value"].clone(), answer.header(HEADER)), (json!(1), None));
    }
    let headers: &[(&str, &[u8])] = &[(HEADER, b"none"), ("cookie", cookie.as_bytes())];
    let renewed = visitor.bare("POST", "/renew", headers, b"").ok();
    renewed.cookie();
    assert_eq!(renewed.header(HEADER), None);
}

/// Whoever sends a cookie can keep one, even if what it sends opens nothing.
pub(crate) fn a_client_with_a_cookie_gets_no_header(bed: &Bed) {
    let client = bed.visitor_with(ON);
    let unknown = format!("__Host-sid={}A", "D".repeat(42));
    for cookie in [unknown.as_str(), "__Host-sid=junk"] {
        let headers: &[(&str, &[u8])] = &[(HEADER, b"none"), ("cookie", cookie.as_bytes())];
        let answer = client.bare("POST", "/set/a", headers, b"1").ok();
        answer.cookie();
        assert_eq!(answer.header(HEADER), None);
    }
}

pub(crate) fn of_both_the_header_is_asked_first(bed: &Bed) {
    let client = bed.visitor_with(ON);
    let ticket = issued(send(&client, "POST", "/set/a", "none", "1"));
    let visitor = client.stranger();
    visitor.set("a", 2);
    let cookie = format!("__Host-sid={}", visitor.ticket().expect("a ticket"));
    let headers: &[(&str, &[u8])] = &[(HEADER, ticket.as_bytes()), ("cookie", cookie.as_bytes())];
    assert_eq!(client.bare("GET", "/get/a", headers, b"").ok().json()["value"], 1);
}

/// The session of the header ends, and that of the cookie, which is removed.
pub(crate) fn a_logout_ends_the_sessions_of_both(bed: &Bed) {
    let client = bed.visitor_with(ON);
    let ticket = issued(send(&client, "POST", "/set/a", "none", "1"));
    let visitor = client.stranger();
    visitor.set("a", 2);
    let copy = visitor.twin();
    let cookie = format!("__Host-sid={}", visitor.ticket().expect("a ticket"));
    let headers: &[(&str, &[u8])] = &[(HEADER, ticket.as_bytes()), ("cookie", cookie.as_bytes())];
    assert!(visitor.bare("POST", "/logout", headers, b"").ok().removes_cookie());
    assert_eq!(send(&client, "GET", "/get/a", &ticket, "").ok().json()["value"], Value::Null);
    assert_eq!(copy.value("a"), Value::Null);
}

// behaviours 69 and 92
pub(crate) fn the_answer_varies_by_both(bed: &Bed) {
    let client = bed.visitor_with(ON);
    let answer = send(&client, "GET", "/get/a", "none", "").ok().no_cookie();
    let varies = answer.all("vary").join(", ").to_ascii_lowercase();
    assert_eq!(varies.matches("cookie").count(), 1, "{varies}");
    assert_eq!(varies.matches(HEADER).count(), 1, "{varies}");
}
