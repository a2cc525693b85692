//! WebSockets, whose session is that of the request that opened them.

use std::time::Instant;

use serde_json::Value;

use crate::bed::{Bed, Client, Socket, sleep, stretched};

pub(crate) fn a_socket_sees_the_session_that_it_was_opened_with(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    let mut socket = visitor.socket("/ws");
    assert_eq!(socket.ask("get a"), "1");
    assert_eq!(socket.ask("get b"), "null");
    assert_eq!(socket.ask("set a {"), "error bad_request");
    assert_eq!(socket.ask("what"), "error bad_request");
    socket.close();
}

pub(crate) fn what_is_no_upgrade_is_told_so(bed: &Bed) {
    assert_eq!(bed.visitor().get("/ws").is(426).no_cookie().error(), "upgrade_required");
}

// behaviour 80
pub(crate) fn a_socket_of_nobody_begins_no_session(bed: &Bed) {
    let server = bed.alone(&[]);
    let asked = server.asked(|| {
        let mut socket = server.client().socket("/ws");
        assert_eq!(socket.ask("get a"), "null");
        assert_eq!(socket.ask("set a 1"), "error needs_cookie");
        assert_eq!(socket.ask("save"), "ok");
        socket.close();
    });
    assert_eq!(asked, "");
}

/// A socket that waits for the end of its session.
fn waiting(visitor: &Client) -> Socket {
    let mut socket = visitor.socket("/ws");
    socket.say("wait-ended");
    // Other frames are answered meanwhile, and nothing else is.
    assert_eq!(socket.ask("what"), "error bad_request");
    socket
}

/// It is told within a second.
#[track_caller]
fn is_told(mut socket: Socket) {
    let start = Instant::now();
    assert_eq!(socket.hear(), "ended");
    assert!(start.elapsed() < stretched(1_000), "{:?}", start.elapsed());
    socket.close();
}

// behaviours 135 and 139
pub(crate) fn a_socket_learns_of_a_logout(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.login("ana");
    let (socket, another) = (waiting(&visitor), waiting(&visitor));
    visitor.post("/logout").ok();
    is_told(socket);
    is_told(another);
}

// behaviours 56 and 139
pub(crate) fn a_socket_learns_that_its_session_has_expired(bed: &Bed) {
    let visitor = bed.visitor_with(&["--idle", "1"]);
    visitor.set("a", 1);
    let mut socket = waiting(&visitor);
    // Other requests keep it alive.
    for _ in 0..3 {
        sleep(600);
        assert_eq!(visitor.value("a"), 1);
    }
    assert_eq!(socket.ask("what"), "error bad_request");
    sleep(1_000);
    is_told(socket);
}

// behaviour 139
pub(crate) fn a_socket_outlives_renewals_and_logins(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.login("ana");
    let mut socket = waiting(&visitor);
    visitor.post("/renew").ok();
    visitor.login("ana");
    sleep(1_000);
    assert_eq!(socket.ask("what"), "error bad_request", "nothing has ended");
    // Somebody else's session is another.
    visitor.login("bob");
    is_told(socket);
}

// defect 6; behaviours 36 and 139
pub(crate) fn what_a_socket_saves_others_see(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    let mut socket = visitor.socket("/ws");
    visitor.set("a", 2);
    assert_eq!(socket.ask("set b {\"x\": [1]}"), "ok");
    assert_eq!(visitor.value("b"), Value::Null);
    assert_eq!(socket.ask("save"), "ok");
    assert_eq!(visitor.value("b"), serde_json::json!({"x": [1]}));
    assert_eq!(socket.ask("get a"), "2", "saving brings what others wrote");
    assert_eq!(socket.ask("set b 3"), "ok");
    assert_eq!(socket.ask("save"), "ok");
    assert_eq!((visitor.value("a"), visitor.value("b")), (2.into(), 3.into()));
    socket.close();
}

pub(crate) fn what_a_socket_does_not_save_is_not_kept(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    let mut socket = visitor.socket("/ws");
    assert_eq!(socket.ask("set a 2"), "ok");
    assert_eq!(socket.ask("get a"), "2");
    socket.close();
    assert_eq!(visitor.value("a"), 1);
}

// defect 3; behaviours 41 and 135
pub(crate) fn a_socket_does_not_bring_back_what_ended(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.login("ana");
    let thief = visitor.twin();
    let mut socket = visitor.socket("/ws");
    assert_eq!(socket.ask("set b 1"), "ok");
    visitor.post("/logout").ok();
    assert_eq!(socket.ask("save"), "error ended");
    assert_eq!(socket.ask("get email"), "error ended");
    socket.close();
    assert_eq!(thief.value("b"), Value::Null);
    assert_eq!(thief.value("email"), Value::Null);
}

// behaviours 135 and 139
pub(crate) fn a_socket_learns_that_its_session_was_revoked(bed: &Bed) {
    let server = bed.alone(&[]);
    let (phone, laptop, other) = (server.client(), server.client(), server.client());
    let handle = phone.login("ana");
    laptop.login("ana");
    other.login("bob");
    let (socket, on_the_laptop, mut of_bob) = (waiting(&phone), waiting(&laptop), waiting(&other));
    other.post(&format!("/revoke/{handle}")).ok();
    is_told(socket);
    other.post("/revoke-user/ana").ok();
    is_told(on_the_laptop);
    assert_eq!(of_bob.ask("get email"), "\"bob@example.org\"");
    of_bob.close();
}

// behaviours 56 and 139
pub(crate) fn a_socket_that_saves_keeps_its_session(bed: &Bed) {
    let visitor = bed.visitor_with(&["--idle", "1"]);
    visitor.set("a", 1);
    // A socket sets no cookie, so that the browser forgets its own in time.
    let ticket = visitor.ticket().expect("a ticket");
    let mut socket = visitor.socket("/ws");
    for _ in 0..3 {
        sleep(600);
        assert_eq!(socket.ask("save"), "ok");
    }
    assert_eq!(visitor.with_ticket(&ticket).value("a"), 1);
    socket.close();
}
