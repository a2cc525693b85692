//! Sessions in sealed cookies: what their visitors carry, and what a server that keeps nothing can and cannot promise.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::bed::{Bed, COOKIE, Client, Response, at_once, during, refused, sleep, stretched};

const SECRET: &str = "a secret of the testbed, of 32 bytes";
const NEW_SECRET: &str = "the secret of tomorrow, of 32 bytes.";
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Text that no compression makes much smaller than three quarters.
fn noise(seed: u64, characters: usize) -> String {
    let mut state = seed;
    let step = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(ALPHABET[(state >> 58) as usize])
    };
    std::iter::repeat_with(step).take(characters).collect()
}

/// What a request with this text for a cookie gets, which is an answer like any other.
fn opened(client: &Client, cookie: &[u8]) -> Value {
    let cookie = [format!("{COOKIE}=").as_bytes(), cookie].concat();
    client.bare("GET", "/get/a", &[("cookie", &cookie)], b"").ok().no_cookie().json()["value"].clone()
}

/// The names of the cookies that are set, and of those that are taken away.
fn names(answer: &Response) -> (Vec<&str>, Vec<&str>) {
    let cookies = answer.all("set-cookie").into_iter();
    let (removed, set): (Vec<_>, Vec<_>) = cookies.partition(|cookie| cookie.contains("Max-Age=0;"));
    let name = |cookie: &'_ str| cookie.find('=').expect("name=value");
    for cookie in &removed {
        assert!(cookie[name(cookie)..].starts_with("=;"), "{cookie}");
    }
    let names = |cookies: Vec<_>| cookies.into_iter().map(|cookie: &str| &cookie[..name(cookie)]).collect();
    (names(set), names(removed))
}

/// The names of so many cookies.
fn numbered(count: usize) -> &'static [&'static str] {
    &["__Host-sid", "__Host-sid-1", "__Host-sid-2", "__Host-sid-3"][..count]
}

// behaviours 46 and 52
pub(crate) fn every_write_sets_a_fresh_cookie_and_a_read_none(bed: &Bed) {
    let visitor = bed.visitor();
    let mut tickets = Vec::new();
    for n in 0..5 {
        let answer = visitor.set("a", n);
        assert_eq!(names(&answer), (vec![COOKIE], vec![]));
        assert_eq!(answer.all("cache-control"), ["no-store"]);
        tickets.push(visitor.ticket().expect("a cookie"));
        for path in ["/get/a", "/all", "/lifetime", "/flashes", "/page", "/model/a"] {
            visitor.get(path).ok().no_cookie();
        }
        visitor.set("a", n).no_cookie();
        assert_eq!(visitor.value("a"), n);
    }
    tickets.sort();
    tickets.dedup();
    assert_eq!(tickets.len(), 5);
}

// behaviours 15 and 117
pub(crate) fn activity_seals_it_anew_now_and_then(bed: &Bed) {
    let visitor = bed.visitor_with(&["--idle", "2", "--touch", "0.25"]);
    let deadline = |which: &str| visitor.get("/lifetime").ok().no_cookie().json()[which].as_u64().expect("an instant");
    visitor.set("a", 1);
    let (idle, absolute, created) = (deadline("idle_ms"), deadline("absolute_ms"), deadline("created_ms"));
    visitor.get("/get/a").ok().no_cookie();
    sleep(600);
    let answer = visitor.get("/get/a").ok();
    assert!(answer.cookie().contains(&format!("Max-Age={}", stretched(2_000).as_secs())), "{answer:?}");
    assert!(deadline("idle_ms") >= idle + 500);
    assert_eq!((deadline("absolute_ms"), deadline("created_ms")), (absolute, created));
    assert_eq!(visitor.get("/get/a").ok().no_cookie().json()["value"], 1);
}

// behaviour 110
pub(crate) fn every_changed_bit_opens_nothing(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    let good = visitor.ticket().expect("a cookie").into_bytes();
    assert_eq!(opened(&visitor, &good), 1);
    // The bits that the last character has too many, too.
    for place in 0..good.len() {
        let sextet = ALPHABET.iter().position(|letter| *letter == good[place]).expect("base64url");
        for bit in 0..6 {
            let mut bad = good.clone();
            bad[place] = ALPHABET[sextet ^ (1 << bit)];
            assert_eq!(opened(&visitor, &bad), Value::Null, "bit {bit} of character {place}");
        }
    }
}

// behaviours 110 and 111
pub(crate) fn cuts_extensions_and_garbage_open_nothing(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    let good = visitor.ticket().expect("a cookie");
    let mut bad: Vec<Vec<u8>> = Vec::new();
    for length in 0..good.len() {
        bad.push(good[..length].into());
        bad.push(good[good.len() - length..].into());
    }
    bad.extend(["A", "AA", "AAA", "AAAA", "=", "==", ".", "%41"].map(|more| format!("{good}{more}").into_bytes()));
    bad.push(format!("{good}{good}").into());
    for length in [1, 2, 3, 4, 5, 6, 7, 20, 43, 44, 45, 46, 61, 100, 1_000, 4_096, 5_000, 30_000] {
        bad.push(noise(length as u64, length).into());
        // With the beginning of a good one, so that it looks like one of ours.
        bad.push(format!("{}{}", &good[..7], noise(length as u64, length)).into());
        bad.push(vec![b'A'; length]);
        bad.push(vec![b'.'; length]);
        bad.push(vec![0xff; length]);
    }
    for cookie in &bad {
        assert_eq!(opened(&visitor, cookie), Value::Null, "{}", String::from_utf8_lossy(cookie));
    }
    // They are no obstacle to a new session, nor to the good cookie beside them.
    let forged = visitor.with_ticket(&noise(1, 200));
    forged.set("b", 2).cookie();
    assert_eq!(forged.get("/all").ok().json()["values"], json!({"b": 2}));
    let beside = format!("{}{COOKIE}={good}; {COOKIE}=junk", format!("{COOKIE}=junk; ").repeat(9));
    let answer = visitor.bare("GET", "/get/a", &[("cookie", beside.as_bytes())], b"").ok().no_cookie();
    assert_eq!(answer.json()["value"], 1);
}

// behaviour 115
pub(crate) fn what_was_sealed_for_another_cookie_opens_nothing(bed: &Bed) {
    let (site, shop) = (bed.alone(&["--secret", SECRET]), bed.alone(&["--secret", SECRET, "--cookie-name", "shop"]));
    let (visitor, customer) = (site.client(), shop.client());
    visitor.set("a", 1);
    customer.set("a", 2);
    let swapped = shop.client();
    swapped.keep("__Host-shop", &visitor.ticket().expect("a cookie"));
    assert_eq!(swapped.get("/get/a").ok().no_cookie().json()["value"], Value::Null);
    let (_, value) = customer.kept().remove(0);
    assert_eq!(opened(&visitor, value.as_bytes()), Value::Null);
    // In its own place it opens, at every server that has the secret.
    let other = bed.alone(&["--secret", SECRET]);
    assert_eq!(other.client().holding(&visitor.kept()).value("a"), 1);
    // The other kind of seal is another purpose.
    let framework = ["--framework", bed.framework, "--store", bed.store, "--secret", SECRET];
    let kind: &[&str] = if bed.options.is_empty() { &["--signed"] } else { &[] };
    let other = crate::bed::Server::start(&[&framework, kind].concat(), &[]);
    assert_eq!(opened(&other.client(), visitor.ticket().expect("a cookie").as_bytes()), Value::Null);
}

// behaviour 113, defect 25
pub(crate) fn an_old_secret_opens_and_the_new_one_seals(bed: &Bed) {
    let before = bed.alone(&["--secret", SECRET]);
    let during = bed.alone(&["--secret", NEW_SECRET, "--secret", SECRET]);
    let after = bed.alone(&["--secret", NEW_SECRET]);
    let visitor = before.client();
    let handle = visitor.login("ana");
    let old = visitor.kept();

    // A visitor who only looks is given a cookie by the new secret; one who does not look is not.
    let reader = during.client().holding(&old);
    reader.get("/untouched").ok().no_cookie();
    let answer = reader.get("/get/email").ok();
    answer.cookie();
    assert_eq!(answer.json()["value"], "ana@example.org");
    reader.get("/get/email").ok().no_cookie();
    let new = reader.kept();
    assert_ne!(old, new);
    let writer = during.client().holding(&old);
    writer.set("a", 1).cookie();

    let (reader, writer) = (after.client().holding(&new), after.client().holding(&writer.kept()));
    assert_eq!(reader.get("/get/email").ok().no_cookie().json()["value"], "ana@example.org");
    assert_eq!(writer.value("a"), 1);
    assert_eq!(reader.login("ana"), handle);
    // What the dropped secret sealed opens nothing, nor does the old server open what the new one seals.
    for (server, cookies) in [(&after, &old), (&before, &new)] {
        let client = server.client().holding(cookies);
        assert_eq!(client.get("/all").ok().no_cookie().json()["values"], json!({}));
    }
    assert_eq!(before.client().holding(&old).value("email"), "ana@example.org");
}

/// Without secrets every server has one of its own.
pub(crate) fn a_secret_that_was_drawn_is_of_one_process(bed: &Bed) {
    let (one, other) = (bed.alone(&[]), bed.alone(&[]));
    let visitor = one.client();
    visitor.set("a", 1);
    let client = other.client().holding(&visitor.kept());
    assert_eq!(client.get("/get/a").ok().no_cookie().json()["value"], Value::Null);
}

// behaviour 114
pub(crate) fn what_is_no_secret_is_refused_at_the_start(bed: &Bed) {
    let repeated = "z".repeat(64);
    let short = &SECRET[..31];
    for secrets in [&[""][..], &[short], &[SECRET, short], &[SECRET, ""], &[SECRET, SECRET], &[&repeated]] {
        let options: Vec<_> = secrets.iter().flat_map(|secret| ["--secret", secret]).collect();
        let (status, said) = refused(&bed.all(&options));
        assert!(!status.success(), "{secrets:?}");
        assert!(said.contains("secret"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(secrets.iter().all(|secret| secret.is_empty() || !said.contains(secret)), "{said}");
    }
    assert!(!refused(&bed.all(&["--secret"])).0.success());
}

pub(crate) fn tickets_in_a_header_are_refused_at_the_start(bed: &Bed) {
    let (status, said) = refused(&bed.all(&["--header"]));
    assert!(!status.success() && said.contains("ticket_header"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

// behaviour 91
pub(crate) fn a_large_session_takes_several_cookies(bed: &Bed) {
    let visitor = bed.visitor();
    let mut counts = Vec::new();
    for n in 0..10 {
        let answer = visitor.set(&format!("k{n}"), noise(n, 1_250));
        let (set, removed) = names(&answer);
        assert_eq!(set, numbered(set.len()));
        assert_eq!(removed, [""; 0]);
        for cookie in answer.all("set-cookie") {
            assert!(cookie.len() <= 4_096, "{}", cookie.len());
            assert!(cookie.contains("; HttpOnly") && cookie.contains("; Secure"), "{cookie}");
        }
        assert_eq!(visitor.kept().len(), set.len());
        counts.push(set.len());
        let all = visitor.get("/all").ok().no_cookie().json();
        assert!((0..=n).all(|n| all["values"][format!("k{n}")] == noise(n, 1_250)));
    }
    assert!(counts.is_sorted() && counts[0] == 1 && counts.ends_with(&[4]), "{counts:?}");

    // What it no longer needs is taken away.
    for n in (0..10).rev() {
        let kept = visitor.kept().len();
        let answer = visitor.post(&format!("/remove/k{n}")).ok();
        let (set, removed) = names(&answer);
        assert_eq!(set.len(), counts[usize::try_from(n).expect("small").saturating_sub(1)]);
        assert_eq!(removed, numbered(kept)[set.len()..]);
        assert_eq!(visitor.kept().len(), set.len());
    }
    assert_eq!(visitor.kept().len(), 1);
    assert_eq!(visitor.get("/all").ok().no_cookie().json()["values"], json!({}));
}

pub(crate) fn what_compresses_well_takes_one_cookie(bed: &Bed) {
    let visitor = bed.visitor();
    let much = "all work and no play ".repeat(20_000);
    visitor.set("a", much.clone()).cookie();
    assert_eq!(visitor.kept().len(), 1);
    assert!(visitor.value("a") == much);
}

// behaviour 110
pub(crate) fn parts_of_different_answers_open_nothing(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("big", noise(1, 5_000));
    visitor.set("a", 1);
    let first = visitor.kept();
    visitor.set("a", 2);
    let second = visitor.kept();
    assert_eq!((first.len(), second.len()), (2, 2));
    let holding = |cookies: &[(String, String)]| {
        visitor.stranger().holding(cookies).get("/get/a").ok().no_cookie().json()["value"].clone()
    };
    assert_eq!((holding(&first), holding(&second)), (json!(1), json!(2)));
    assert_eq!(holding(&[first[0].clone(), second[1].clone()]), Value::Null);
    assert_eq!(holding(&[second[0].clone(), first[1].clone()]), Value::Null);
    assert_eq!((holding(&first[..1]), holding(&first[1..])), (Value::Null, Value::Null));
    let (name, number) = (first[0].0.clone(), first[1].0.clone());
    assert_eq!(holding(&[(name.clone(), first[1].1.clone()), (number.clone(), first[0].1.clone())]), Value::Null);
    assert_eq!(holding(&[first[0].clone(), (number, first[0].1.clone())]), Value::Null);
    // A part too many is none of its business.
    let third = (format!("{name}-2"), first[1].1.clone());
    assert_eq!(holding(&[first[0].clone(), first[1].clone(), third]), 1);
    // A new session takes the place of what opens nothing.
    let half = visitor.stranger().holding(&first[1..]);
    let answer = half.set("a", 3);
    assert_eq!(names(&answer), (vec![COOKIE], vec!["__Host-sid-1"]));
    assert_eq!(half.get("/all").ok().json()["values"], json!({"a": 3}));
}

// behaviour 91; defects 16 and 23
pub(crate) fn what_is_too_large_is_refused_and_the_cookie_stays(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.login("ana");
    let before = visitor.kept();
    for path in ["/set/big", "/clear-then-set/big", "/logout-then-set/big", "/push/big"] {
        let answer = visitor.put(path, noise(1, 16_000)).is(413).no_cookie();
        assert_eq!(answer.error(), "too_large", "{path}");
        assert_eq!(visitor.kept(), before);
        assert_eq!(visitor.get("/all").ok().no_cookie().json()["values"], json!({"email": "ana@example.org"}));
    }
    // The whole of a session counts, not a value.
    for n in 0..20 {
        let kept = visitor.kept();
        let answer = visitor.put(&format!("/set/k{n}"), noise(n, 1_000));
        if answer.status == 200 {
            continue;
        }
        assert_eq!(answer.is(413).no_cookie().error(), "too_large");
        assert!(n > 9, "{n}");
        assert_eq!(visitor.kept(), kept);
        assert!(visitor.value(&format!("k{}", n - 1)) == noise(n - 1, 1_000));
        let stranger = visitor.stranger();
        assert_eq!(stranger.put("/set/a", noise(1, 16_000)).is(413).no_cookie().error(), "too_large");
        return;
    }
    panic!("20 kB of noise fit");
}

// behaviours 56 and 116, defect 15
pub(crate) fn a_copied_cookie_is_dead_after_its_idle_deadline(bed: &Bed) {
    let visitor = bed.visitor_with(&["--idle", "0.6"]);
    visitor.set("a", 1);
    let copy = visitor.kept();
    sleep(350);
    assert_eq!(visitor.value("a"), 1);
    sleep(350);
    // The visitor who was here goes on; the copy of what was there before does not.
    assert_eq!(visitor.value("a"), 1);
    let thief = visitor.stranger().holding(&copy);
    assert_eq!(thief.get("/all").ok().no_cookie().json()["values"], json!({}));
    thief.set("b", 2).cookie();
    assert_eq!(thief.get("/all").ok().json()["values"], json!({"b": 2}));
    // Beside a good cookie it is no obstacle.
    let both = format!("{COOKIE}={}; {COOKIE}={}", copy[0].1, thief.ticket().expect("a cookie"));
    let answer = visitor.bare("GET", "/get/b", &[("cookie", both.as_bytes())], b"").ok();
    assert_eq!(answer.json()["value"], 2);
}

// behaviours 57 and 117
pub(crate) fn no_cookie_outlives_its_absolute_deadline(bed: &Bed) {
    let visitor = bed.visitor_with(&["--absolute", "1.2", "--touch", "0"]);
    visitor.set("a", 1);
    for n in 0..3 {
        sleep(250);
        visitor.set("a", n).cookie();
        visitor.post("/renew").ok().cookie();
    }
    let newest = visitor.kept();
    assert_eq!(visitor.stranger().holding(&newest).value("a"), 2);
    sleep(600);
    let copy = visitor.stranger().holding(&newest);
    assert_eq!(copy.get("/get/a").ok().no_cookie().json()["value"], Value::Null);
}

// behaviours 58 and 117
pub(crate) fn a_login_moves_the_absolute_deadline(bed: &Bed) {
    let visitor = bed.visitor_with(&["--absolute", "1"]);
    visitor.set("a", 1);
    let before = visitor.kept();
    sleep(600);
    visitor.login("ana");
    sleep(600);
    assert_eq!(visitor.stranger().holding(&visitor.kept()).value("a"), 1);
    assert_eq!(visitor.stranger().holding(&before).value("a"), Value::Null);
}

// defect 11; behaviour 59
pub(crate) fn a_remembered_lifetime_is_in_the_cookie(bed: &Bed) {
    let visitor = bed.visitor_with(&["--idle", "0.6", "--absolute", "0.7"]);
    visitor.set("a", 1);
    let before = visitor.kept();
    assert!(visitor.post("/remember?secs=3000").ok().cookie().contains("Max-Age=3000"));
    sleep(900);
    assert_eq!(visitor.stranger().holding(&visitor.kept()).value("a"), 1);
    assert_eq!(visitor.stranger().holding(&before).value("a"), Value::Null);
    assert!(visitor.set("a", 2).cookie().contains("Max-Age=29"));
}

// behaviours 63 and 86
pub(crate) fn a_logout_removes_all_its_cookies(bed: &Bed) {
    for parts in 1..=4 {
        let visitor = bed.visitor();
        visitor.login("ana");
        visitor.set("big", noise(1, parts * 3_600 - 2_400)).ok();
        assert_eq!(visitor.kept().len(), parts);
        let answer = visitor.post("/logout").ok();
        assert_eq!(names(&answer), (vec![], numbered(parts).to_vec()));
        for cookie in answer.all("set-cookie") {
            assert!(cookie.contains("; Path=/; SameSite=Lax; HttpOnly; Secure; Max-Age=0;"), "{cookie}");
        }
        assert_eq!(answer.all("cache-control"), ["no-store"]);
        assert_eq!(visitor.kept(), []);
        assert_eq!(visitor.get("/all").ok().no_cookie().json()["values"], json!({}));
        visitor.post("/logout").ok().no_cookie();
    }
}

/// What no server without a memory can promise, and the documentation does not.
pub(crate) fn a_cookie_that_was_copied_before_a_logout_lives_until_its_deadline(bed: &Bed) {
    let visitor = bed.visitor_with(&["--idle", "1", "--touch", "1"]);
    visitor.login("ana");
    let copy = visitor.kept();
    visitor.post("/logout").ok();
    let thief = visitor.stranger().holding(&copy);
    assert_eq!(thief.get("/get/email").ok().no_cookie().json()["value"], "ana@example.org");
    sleep(1_100);
    assert_eq!(visitor.stranger().holding(&copy).value("email"), Value::Null);
}

// defect 1; behaviour 63
pub(crate) fn what_is_set_after_logout_is_in_a_session_of_its_own(bed: &Bed) {
    let visitor = bed.visitor();
    let handle = visitor.login("ana");
    visitor.set("big", noise(1, 6_000));
    assert_eq!(visitor.kept().len(), 2);
    let answer = visitor.put("/logout-then-set/b", 2).ok();
    assert_eq!(names(&answer), (vec![COOKIE], vec!["__Host-sid-1"]));
    assert_eq!(visitor.get("/all").ok().no_cookie().json()["values"], json!({"b": 2}));
    assert_ne!(visitor.login("ana"), handle);
}

pub(crate) fn a_login_as_somebody_else_leaves_nothing_of_the_first(bed: &Bed) {
    let visitor = bed.visitor();
    let handle = visitor.login("ana");
    visitor.set("a", noise(1, 6_000));
    let answer = visitor.put("/login", json!({"user": "bob"})).ok();
    assert_eq!(names(&answer), (vec![COOKIE], vec!["__Host-sid-1"]));
    assert_ne!(answer.json()["handle"], handle);
    assert_eq!(visitor.get("/all").ok().json()["values"], json!({"email": "bob@example.org"}));
}

pub(crate) fn the_handle_stays_whatever_is_sealed(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    let handle = visitor.login("ana");
    visitor.set("a", 2);
    visitor.post("/renew").ok().cookie();
    visitor.post("/renew-then-fail").is(500).cookie();
    visitor.post("/clear").ok().cookie();
    visitor.post("/remember?secs=60").ok().cookie();
    assert_eq!(visitor.login("ana"), handle);
}

pub(crate) fn encrypted_hides_and_signed_shows(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.login("ana");
    visitor.set("color", "cerulean");
    let ticket = visitor.ticket().expect("a cookie");
    let bytes = URL_SAFE_NO_PAD.decode(&ticket).expect("base64url");
    let shows = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    for text in ["ana@example.org", "color", "cerulean"] {
        assert_eq!(shows(text), !bed.options.is_empty(), "{text}");
        assert!(!ticket.contains(text));
    }
}

pub(crate) fn no_store_is_asked_and_what_needs_one_says_so(bed: &Bed) {
    let server = bed.alone(&["--touch", "0"]);
    let visitor = server.client();
    let handle = visitor.login("ana");
    visitor.set("a", 1);
    visitor.get("/get/a").ok().cookie();
    for path in ["/count", "/sessions/ana"] {
        assert_eq!(visitor.get(path).is(501).error(), "unsupported", "{path}");
    }
    let others = ["/revoke-user/ana", "/revoke-user/ana?keep_current=true", "/revoke-user/bob"];
    for path in ["/sweep", &format!("/revoke/{handle}")].into_iter().chain(others) {
        assert_eq!(visitor.post(path).is(501).error(), "unsupported", "{path}");
    }
    assert_eq!(visitor.value("email"), "ana@example.org");
    visitor.post("/logout").ok();
    let nothing = json!({"load": 0, "create": 0, "swap": 0, "conflict": 0, "touch": 0, "delete": 0});
    assert_eq!(server.stats(), nothing);
}

// behaviour 80
pub(crate) fn after_the_head_nothing_can_be_changed(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    let before = visitor.kept();
    for path in ["/stream/a?ms=50", "/stream/b?ms=1", "/stream-new/c?ms=1"] {
        let answer = visitor.get(path).ok().no_cookie();
        assert_eq!(answer.body.trim(), "needs_cookie", "{path}");
    }
    assert_eq!(visitor.kept(), before);
    assert_eq!(visitor.get("/all").ok().json()["values"], json!({"a": 1}));
}

/// Of two requests at once the later answer replaces what the earlier one changed, as the documentation says.
pub(crate) fn the_last_answer_wins(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    during(|| visitor.put("/slow-set/slow?ms=700", 1), || visitor.set("quick", 1)).ok();
    assert_eq!(visitor.get("/all").ok().json()["values"], json!({"a": 1, "slow": 1}));
    // One of them wins whole, whichever it is.
    at_once(8, |n| visitor.put(&format!("/slow-set/k{n}?ms=30"), n).ok());
    let all = visitor.get("/all").ok().json();
    let keys: Vec<_> = all["values"].as_object().expect("values").keys().filter(|key| key.starts_with('k')).collect();
    assert!(!keys.is_empty(), "{all}");
}

/// A transient value is in nothing that leaves the server.
pub(crate) fn transient_values_are_in_no_cookie(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.put("/transient/locale", noise(1, 16_000)).ok().no_cookie();
    visitor.put("/shadow/k", json!({"regular": "r", "transient": noise(1, 16_000)})).ok().cookie();
    assert_eq!(visitor.get("/all").ok().no_cookie().json()["values"], json!({"k": "r"}));
}

// behaviour 138
pub(crate) fn no_log_line_holds_a_cookie_or_a_secret(bed: &Bed) {
    let server = bed.logging(&["--idle", "0.5", "--secret", NEW_SECRET, "--secret", SECRET]);
    let visitor = server.client();
    let mut secrets = vec![SECRET.to_owned(), NEW_SECRET.to_owned(), "a-value-of-the-visitor".to_owned()];
    visitor.set("a", "a-value-of-the-visitor");
    secrets.push(visitor.ticket().expect("a cookie"));
    visitor.login("ana");
    secrets.push(visitor.ticket().expect("a cookie"));
    visitor.put("/set/b", noise(1, 16_000)).is(413);
    let late = visitor.stranger().holding(&visitor.kept());
    visitor.post("/logout").ok();
    let forged = noise(2, 100);
    visitor.stranger().with_ticket(&forged).get("/get/a").ok();
    secrets.push(forged);
    sleep(700);
    late.get("/get/a").ok();
    let events = ["created", "renewed", "destroyed", "forged", "Expired", "loaded"];
    let start = std::time::Instant::now();
    while !events.iter().all(|event| server.log().contains(event)) {
        assert!(start.elapsed() < stretched(3_000), "not all of {events:?}: {}", server.log());
        sleep(10);
    }
    let log = server.log();
    for secret in &secrets {
        // The beginning of a seal tells its kind and the name of its key, which is no secret.
        assert!(!log.contains(&secret[12..22]), "{secret} in {log}");
    }
}
