//! Tickets that were never issued, or are no tickets at all.

use serde_json::{Value, json};

use crate::bed::{Bed, COOKIE, Client, sleep};

fn with_cookies(visitor: &Client, headers: &[&str]) -> Value {
    let headers: Vec<_> = headers.iter().map(|value| ("cookie", value.as_bytes())).collect();
    visitor.bare("GET", "/get/a", &headers, b"").ok().no_cookie().json()["value"].clone()
}

// defect 2; behaviours 68 and 69
pub(crate) fn an_unknown_ticket_is_not_adopted(bed: &Bed) {
    let mut foreign = "B".repeat(42);
    foreign.push('A');
    for path in ["/set/a", "/clear-then-set/a", "/logout-then-set/a", "/push/a", "/slow-set/a?ms=1"] {
        let visitor = bed.visitor().with_ticket(&foreign);
        assert_eq!(visitor.get("/all").ok().no_cookie().json()["values"], json!({}));
        visitor.put(path, 1).ok().cookie();
        assert_ne!(visitor.ticket().as_ref(), Some(&foreign), "{path}");
        assert_ne!(visitor.value("a"), Value::Null);
        assert_eq!(visitor.with_ticket(&foreign).value("a"), Value::Null);
    }
}

// defect 2
pub(crate) fn a_ticket_of_the_past_is_not_adopted(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    let dead = visitor.twin();
    visitor.post("/logout").ok();
    let ticket = dead.ticket();
    dead.put("/clear-then-set/b", 2).ok().cookie();
    assert_ne!(dead.ticket(), ticket);
    assert_eq!(dead.get("/all").ok().json()["values"], json!({"b": 2}));
}

// behaviours 3, 70, 72 and 73
pub(crate) fn what_is_no_ticket_never_reaches_the_store(bed: &Bed) {
    let server = bed.alone(&[]);
    let visitor = server.client();
    visitor.set("a", 1);
    let good = visitor.ticket().expect("a ticket");
    let mut bad: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"x".to_vec(),
        b"\"".to_vec(),
        b"null".to_vec(),
        good[..42].into(),
        format!("{good}A").into(),
        format!("{good}=").into(),
        format!("{}%41", &good[..42]).into(),
        format!("{:043}", "../../../../etc/passwd").into(),
        vec![b'/'; 43],
        vec![b'+'; 43],
        vec![b'.'; 43],
        vec![0xff; 43],
        vec![b'A'; 30_000],
        good.chars().rev().take(42).collect::<String>().into(),
    ];
    // The last character carries four bits: the others that decode to the same bytes are not the ticket.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = alphabet.find(&good[42..]).expect("a character of base64url");
    bad.extend((1..4).map(|bits| format!("{}{}", &good[..42], &alphabet[last + bits..=last + bits]).into_bytes()));
    let asked = server.asked(|| {
        for ticket in &bad {
            let cookie = [format!("{COOKIE}=").as_bytes(), ticket].concat();
            let answer = visitor.bare("GET", "/get/a", &[("cookie", &cookie)], b"").ok().no_cookie();
            assert_eq!(answer.json()["value"], Value::Null, "{:?}", String::from_utf8_lossy(ticket));
        }
    });
    assert_eq!(asked, "");
    // They are no obstacle to a session either.
    let cookie = [format!("{COOKIE}=").as_bytes(), &bad[12]].concat();
    server.client().bare("POST", "/set/a", &[("cookie", &cookie)], b"1").ok().cookie();
    assert_eq!(visitor.value("a"), 1);
}

// behaviour 71
pub(crate) fn of_several_cookies_the_one_that_opens_wins(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    let good = format!("{COOKIE}={}", visitor.ticket().expect("a ticket"));
    let unknown = format!("{COOKIE}={}", "C".repeat(42) + "A");
    let bad = format!("{COOKIE}=junk");
    assert_eq!(with_cookies(&visitor, &[&format!("{unknown}; {good}")]), 1);
    assert_eq!(with_cookies(&visitor, &[&format!("{good}; {unknown}")]), 1);
    assert_eq!(with_cookies(&visitor, &[&format!("{bad}; {bad}; {bad}; {bad}; {bad}; {good}")]), 1);
    assert_eq!(with_cookies(&visitor, &[&unknown, &good]), 1);
    assert_eq!(with_cookies(&visitor, &[&good, &bad]), 1);
    assert_eq!(with_cookies(&visitor, &["theme=dark", &good, "x=y"]), 1);
    // Writing goes where reading came from.
    let both = format!("{unknown}; {good}");
    visitor.bare("POST", "/set/a", &[("cookie", both.as_bytes())], b"2").ok().saved(bed);
    assert_eq!(visitor.value("a"), 2);
}

pub(crate) fn no_more_than_four_tickets_are_looked_up(bed: &Bed) {
    let server = bed.alone(&[]);
    let cookies: Vec<_> = ('A'..='Z').map(|letter| format!("{COOKIE}={}A", letter.to_string().repeat(42))).collect();
    let all = cookies.join("; ");
    let asked = server.asked(|| {
        server.client().bare("GET", "/get/a", &[("cookie", all.as_bytes())], b"").ok().no_cookie();
    });
    assert_eq!(asked, "load 4");
}

// behaviour 33
pub(crate) fn a_handle_opens_nothing(bed: &Bed) {
    let visitor = bed.visitor();
    let handle = visitor.login("ana");
    assert_eq!(visitor.with_ticket(&handle).value("email"), Value::Null);
    assert!(handle.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{handle}");
    assert!(!visitor.ticket().expect("a ticket").contains(&handle));
}

/// A ticket is a cookie, and comes from nowhere else.
pub(crate) fn tickets_come_by_cookie_only(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    let ticket = visitor.ticket().expect("a ticket");
    let stranger = visitor.stranger();
    for name in ["sid", "session_id", "_sid", COOKIE] {
        assert_eq!(stranger.value(&format!("a?{name}={ticket}")), Value::Null);
        assert_eq!(with_cookies(&stranger, &[&format!("x{name}={ticket}")]), Value::Null);
    }
    for name in ["sid", "__host-sid", "__Secure-sid", "__HOST-SID"] {
        assert_eq!(with_cookies(&stranger, &[&format!("{name}={ticket}")]), Value::Null);
    }
    for name in ["x-session-id", "authorization", "x-sid"] {
        let answer = stranger.bare("GET", "/get/a", &[(name, ticket.as_bytes())], b"").ok().no_cookie();
        assert_eq!((answer.json()["value"].clone(), answer.header("x-session-id")), (Value::Null, None));
    }
}

// behaviour 69
pub(crate) fn an_expired_ticket_is_no_error_and_stays_where_it_is(bed: &Bed) {
    let visitor = bed.visitor_with(&["--idle", "0.3"]);
    visitor.set("a", 1);
    let ticket = visitor.ticket().expect("a ticket");
    sleep(500);
    let late = visitor.with_ticket(&ticket);
    assert_eq!(late.get("/get/a").ok().no_cookie().json()["value"], Value::Null);
    late.set("a", 2).cookie();
    assert_ne!(late.ticket(), Some(ticket));
}
