//! Whose sessions these are: where the server knows which are live, they end there, and there are so many.

use serde_json::{Value, json};

use crate::bed::{Bed, Client, at_once};

fn sessions_of(client: &Client, user: &str) -> usize {
    client.get(&format!("/sessions/{user}")).ok().json()["sessions"].as_array().expect("a list").len()
}

fn is_signed_in(client: &Client) -> bool {
    client.value("email") != Value::Null
}

fn try_login(client: &Client) -> u16 {
    client.put("/login", json!({ "user": "ana" })).status
}

// behaviours 40 and 120
pub(crate) fn a_copy_of_a_cookie_is_no_use_after_a_logout(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.login("ana-who-was-copied");
    let copy = visitor.stranger().holding(&visitor.kept());
    assert!(is_signed_in(&copy));
    visitor.post("/logout").ok();
    assert!(!is_signed_in(&copy));
}

/// Two cookies of the name, as of two paths: a logout leaves neither of their sessions.
pub(crate) fn one_logout_ends_the_sessions_of_all_its_cookies(bed: &Bed) {
    let visitors = [bed.visitor(), bed.visitor()];
    for visitor in &visitors {
        visitor.login("ana-with-two-cookies");
    }
    let copies = visitors.each_ref().map(|visitor| visitor.stranger().holding(&visitor.kept()));
    assert_eq!(sessions_of(&copies[0], "ana-with-two-cookies"), 2);
    let cookies: Vec<_> = copies.iter().flat_map(Client::kept).map(|(name, value)| format!("{name}={value}")).collect();
    let cookies = cookies.join("; ");
    let headers: &[(&str, &[u8])] = &[("cookie", cookies.as_bytes())];
    assert!(visitors[0].bare("POST", "/logout", headers, b"").ok().removes_cookie());
    assert_eq!(copies.each_ref().map(is_signed_in), [false; 2]);
    assert_eq!(sessions_of(&copies[0], "ana-with-two-cookies"), 0);
}

/// A logout with the cookie from before the login, as of another tab.
pub(crate) fn a_logout_with_a_cookie_that_was_just_replaced_is_one(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    let [old, writer] = [(); 2].map(|()| visitor.stranger().holding(&visitor.kept()));
    visitor.login("ana-of-two-tabs");
    let refused = old.put("/set/a", 2).is(503).no_cookie();
    assert_eq!((&*refused.error(), refused.header("retry-after")), ("read_only", Some("1")));
    assert!(old.post("/logout").ok().removes_cookie());
    assert!(!is_signed_in(&visitor));
    assert_eq!(sessions_of(&old, "ana-of-two-tabs"), 0);
    // What is written after a logout begins a session.
    writer.put("/logout-then-set/b", 1).ok().cookie();
    assert_eq!(writer.get("/all").ok().json()["values"], json!({ "b": 1 }));
}

/// A double click on 'sign in'.
pub(crate) fn two_logins_with_one_cookie_both_succeed(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("cart", "coat");
    let second = visitor.stranger().holding(&visitor.kept());
    let first = visitor.login("ana-who-clicks-twice");
    assert_ne!(second.login("ana-who-clicks-twice"), first);
    assert_eq!((second.value("cart"), is_signed_in(&second), is_signed_in(&visitor)), (json!("coat"), true, true));
}

pub(crate) fn two_logins_with_one_cookie_are_one_session_of_few(bed: &Bed) {
    let server = bed.alone(&["--sessions-per-user", "1", "--when-reached", "refuse"]);
    let visitor = server.client();
    visitor.set("cart", "coat");
    let second = visitor.stranger().holding(&visitor.kept());
    visitor.login("ana");
    second.login("ana");
    assert_eq!((second.value("cart"), is_signed_in(&second), is_signed_in(&visitor)), (json!("coat"), true, false));
    assert_eq!(sessions_of(&second, "ana"), 1);
}

// behaviours 130 and 135
pub(crate) fn a_user_of_sealed_or_kept_sessions_is_signed_out_everywhere(bed: &Bed) {
    let server = bed.alone(&[]);
    let devices = [server.client(), server.client(), server.client()];
    let handles = devices.each_ref().map(|device| device.login("ana"));
    let known = || devices.each_ref().map(is_signed_in);
    assert_eq!(sessions_of(&devices[0], "ana"), 3);
    devices[0].post(&format!("/revoke/{}", handles[1])).ok();
    assert_eq!(known(), [true, false, true]);
    let ended = devices[0].post("/revoke-user/ana?keep_current=true").ok().json();
    assert_eq!((ended["ended"].as_u64(), known()), (Some(1), [true, false, false]));
    devices[1].post("/revoke-user/ana").ok();
    assert_eq!(known(), [false; 3]);
}

// behaviour 136
pub(crate) fn a_new_password_ends_all_other_sessions(bed: &Bed) {
    let server = bed.alone(&[]);
    let [here, phone, laptop] = [server.client(), server.client(), server.client()];
    for device in [&here, &phone, &laptop] {
        device.login("ana");
    }
    let copy = phone.stranger().holding(&phone.kept());
    here.post("/renew").ok();
    let ended = here.post("/revoke-user/ana?keep_current=true").ok().json();
    assert_eq!(ended["ended"], 2);
    // At the next request of each, a write too; a new login is one with the new password.
    phone.set("a", 1);
    assert_eq!([&here, &phone, &copy, &laptop].map(is_signed_in), [true, false, false, false]);
    laptop.login("ana");
    assert_eq!((is_signed_in(&laptop), sessions_of(&here, "ana")), (true, 2));
}

// behaviour 134
pub(crate) fn the_oldest_login_makes_room(bed: &Bed) {
    let server = bed.alone(&["--sessions-per-user", "2"]);
    let devices = [server.client(), server.client(), server.client()];
    for device in &devices {
        device.login("ana");
        crate::bed::sleep(5);
    }
    server.client().login("bob");
    assert_eq!(devices.each_ref().map(is_signed_in), [false, true, true]);
}

// behaviour 134
pub(crate) fn a_login_too_many_is_refused(bed: &Bed) {
    let server = bed.alone(&["--sessions-per-user", "1", "--when-reached", "refuse"]);
    let (first, second) = (server.client(), server.client());
    first.login("ana");
    second.set("cart", "mug");
    let refused = second.put("/login", json!({ "user": "ana" })).is(403).no_cookie();
    assert_eq!(refused.error(), "too_many_sessions");
    assert_eq!((second.value("cart"), is_signed_in(&second)), (json!("mug"), false));
    first.post("/logout").ok();
    second.login("ana");
    assert_eq!((second.value("cart"), sessions_of(&second, "ana")), (json!("mug"), 1));
}

// behaviour 134
pub(crate) fn racing_logins_keep_the_limit(bed: &Bed) {
    for (policy, fewest, most) in [("end-oldest", 3, 8), ("refuse", 3, 3)] {
        let server = bed.alone(&["--sessions-per-user", "3", "--when-reached", policy]);
        let statuses = at_once(8, |_| try_login(&server.client()));
        let done = statuses.iter().filter(|status| **status == 200).count();
        assert!((fewest..=most).contains(&done), "{policy}: {statuses:?}");
        assert_eq!(sessions_of(&server.client(), "ana"), 3, "{policy}: {statuses:?}");
    }
}
