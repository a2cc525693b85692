//! WebSockets, whose session is that of the request that opened them.

use serde_json::Value;

use crate::bed::Bed;

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

/// What comes later says so.
pub(crate) fn what_is_not_there_yet_says_so(bed: &Bed) {
    let visitor = bed.visitor();
    let mut socket = visitor.socket("/ws");
    assert_eq!(socket.ask("wait-ended"), "error unsupported");
    socket.close();
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
