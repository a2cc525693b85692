//! The cookie, and the headers that go with it.

use crate::bed::{Bed, COOKIE, Response};

/// How often `Vary` names this header, in all its values.
fn varies(answer: &Response, name: &str) -> usize {
    let named = answer.all("vary").into_iter().flat_map(|value| value.split(','));
    named.filter(|part| part.trim().eq_ignore_ascii_case(name)).count()
}

/// A `Set-Cookie` without its value, its attributes in order.
fn attributes(cookie: &str) -> Vec<String> {
    let mut attributes: Vec<_> = cookie.split(';').skip(1).map(|part| part.trim().to_owned()).collect();
    attributes.sort();
    attributes
}

// defects 34 and 35; behaviours 52, 84 and 95
pub(crate) fn the_first_write_sets_one_safe_cookie(bed: &Bed) {
    let visitor = bed.visitor_with(&["--idle", "1000"]);
    let answer = visitor.set("a", 1);
    let cookie = answer.cookie();
    assert!(cookie.starts_with("__Host-sid="), "{cookie}");
    assert_eq!(attributes(cookie), ["HttpOnly", "Max-Age=1000", "Path=/", "SameSite=Lax", "Secure"]);
    assert_eq!(answer.all("cache-control"), ["no-store"]);
}

pub(crate) fn a_ticket_is_43_characters_long(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    assert_eq!(visitor.ticket().expect("a ticket").len(), 43);
}

// behaviours 53, 54 and 55
pub(crate) fn later_writes_set_no_cookie(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    let ticket = visitor.ticket();
    for n in 2..5 {
        let answer = visitor.set("a", n).no_cookie();
        assert_eq!(answer.header("cache-control"), None);
        assert_eq!(visitor.value("a"), n);
    }
    assert_eq!(visitor.ticket(), ticket);
}

// defect 33; behaviours 92 and 93
pub(crate) fn what_looked_at_the_session_varies_once(bed: &Bed) {
    let visitor = bed.visitor();
    for answer in [
        visitor.get("/get/a"),
        visitor.get("/lifetime"),
        visitor.set("a", "text"),
        visitor.get("/type/a").is(422),
        visitor.post("/incr/a").is(500),
        visitor.put("/set-then-fail/a?status=404", 1).is(404),
        visitor.post("/login").is(400),
        visitor.post("/renew").ok(),
        visitor.post("/logout").ok(),
    ] {
        assert_eq!(varies(&answer, "cookie"), 1, "{answer:?}");
    }
}

// defect 19; behaviour 87
pub(crate) fn insecure_cookies_are_for_plain_http(bed: &Bed) {
    let visitor = bed.visitor_with(&["--insecure-cookies"]);
    let answer = visitor.set("a", 1);
    assert!(answer.cookie().starts_with("sid="), "{answer:?}");
    assert!(!answer.cookie().contains("Secure"));
    assert_eq!(visitor.value("a"), 1);
    let removal = visitor.post("/logout").ok();
    assert!(removal.cookie().starts_with("sid=;") && !removal.cookie().contains("Secure"));
    assert_eq!(visitor.value("a"), serde_json::Value::Null);
}

// defect 19
pub(crate) fn the_cookie_is_read_under_the_name_that_it_is_set_with(bed: &Bed) {
    let visitor = bed.visitor_with(&["--cookie-name", "shop"]);
    assert!(visitor.set("a", 1).cookie().starts_with("__Host-shop="));
    assert_eq!(visitor.value("a"), 1);
    visitor.set("a", 2).saved(bed);
    assert_eq!(visitor.value("a"), 2);
}

// defect 19; behaviour 86
pub(crate) fn the_cookie_is_removed_with_the_attributes_that_it_was_set_with(bed: &Bed) {
    let visitor = bed.visitor();
    let set = attributes(visitor.set("a", 1).cookie());
    let answer = visitor.post("/logout").ok();
    assert!(answer.removes_cookie(), "{answer:?}");
    assert_eq!(answer.all("cache-control"), ["no-store"]);
    let lasting = |attribute: &String| !attribute.starts_with("Max-Age") && !attribute.starts_with("Expires");
    let removed: Vec<_> = attributes(answer.cookie()).into_iter().filter(lasting).collect();
    assert_eq!(removed, set.into_iter().filter(lasting).collect::<Vec<_>>());
}

pub(crate) fn other_cookies_are_none_of_its_business(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.keep("theme", "dark");
    visitor.keep("sid", "not-ours");
    visitor.keep("a__Host-sid", "neither");
    visitor.set("a", 1).cookie();
    assert_eq!(visitor.value("a"), 1);
    let ticket = visitor.ticket().expect("a ticket");
    for crowded in [
        format!("a=b;{COOKIE}={ticket};c=d"),
        format!("{COOKIE}={ticket};"),
        format!(" ; =; {COOKIE} = {ticket}"),
        format!("{COOKIE}=\"{ticket}\""),
    ] {
        let answer = visitor.bare("GET", "/get/a", &[("cookie", crowded.as_bytes())], b"").ok();
        assert_eq!(answer.json()["value"], 1, "{crowded}");
    }
}
