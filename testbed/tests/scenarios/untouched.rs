//! What does not use the session costs nothing.

use crate::bed::{Bed, sleep};

// defect 12; behaviours 46, 54 and 94
pub(crate) fn untouched_costs_nothing(bed: &Bed) {
    let server = bed.alone(&["--idle", "0.5", "--touch", "0"]);
    let visitor = server.client();
    visitor.set("a", 1);
    // With a touch due at every use, and a session that may have expired.
    for wait in [10, 600] {
        sleep(wait);
        let asked = server.asked(|| {
            let answer = visitor.get("/untouched").ok().no_cookie();
            assert_eq!(answer.header("vary"), None);
            assert_eq!(answer.header("cache-control"), None);
            assert_eq!(answer.json()["ok"], true);
        });
        assert_eq!(asked, "");
    }
}

// defect 12; behaviours 50, 51, 67 and 68
pub(crate) fn who_only_looks_leaves_nothing_behind(bed: &Bed) {
    let server = bed.alone(&[]);
    let asked = server.asked(|| {
        for path in ["/get/a", "/all", "/flashes", "/lifetime", "/model/a", "/spawned/a", "/type/a"] {
            server.client().get(path).ok().no_cookie();
        }
        for path in ["/clear", "/remove/a", "/logout", "/renew"] {
            server.client().post(path).ok().no_cookie();
        }
    });
    assert_eq!(asked, "");
}

// defect 12; behaviour 67
pub(crate) fn who_looks_for_a_user_leaves_nothing_behind(bed: &Bed) {
    let server = bed.alone(&[]);
    let asked = server.asked(|| {
        server.client().get("/sessions/ana").ok().no_cookie();
        server.client().post("/revoke-user/ana?keep_current=true").ok().no_cookie();
    });
    assert_eq!(asked, "");
    assert_eq!(server.client().get("/count").ok().json()["count"], 0);
}

// behaviour 46
pub(crate) fn a_read_is_one_load(bed: &Bed) {
    let server = bed.alone(&[]);
    let visitor = server.client();
    visitor.set("a", 1);
    for path in ["/get/a", "/all", "/model/a", "/type/b", "/flashes", "/lifetime"] {
        let asked = server.asked(|| visitor.get(path).ok().no_cookie());
        assert_eq!(asked, bed.asks("load 1"), "{path}");
    }
}

// behaviours 46, 122 and 123
pub(crate) fn a_change_that_changes_nothing_writes_nothing(bed: &Bed) {
    let server = bed.alone(&[]);
    let visitor = server.client();
    visitor.set("a", 1);
    for path in ["/set/a", "/remove/b", "/incr/a?by=0"] {
        assert_eq!(server.asked(|| visitor.put(path, 1).ok().no_cookie()), bed.asks("load 1"), "{path}");
    }
    visitor.post("/clear").ok();
    assert_eq!(server.asked(|| visitor.post("/clear").ok().no_cookie()), bed.asks("load 1"));
}

// defect 14; behaviours 75 and 82
pub(crate) fn what_was_saved_is_not_saved_again(bed: &Bed) {
    let server = bed.alone(&[]);
    let visitor = server.client();
    assert_eq!(server.asked(|| visitor.post("/incr-now/n").ok().cookie().to_owned()), bed.asks("create 1"));
    assert_eq!(server.asked(|| visitor.post("/incr-now/n").ok().saved(bed)), bed.asks("load 1, swap 1"));
    assert_eq!(server.asked(|| visitor.post("/incr/n").ok().saved(bed)), bed.asks("load 1, swap 1"));
    assert_eq!(visitor.value("n"), 3);
}

pub(crate) fn paths_that_do_not_exist_do_not_look_at_the_session(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    for (answer, status, kind) in [
        (visitor.get("/nowhere"), 404, "not_found"),
        (visitor.get("/get"), 404, "not_found"),
        (visitor.get("/set/a"), 405, "method_not_allowed"),
        (visitor.post("/get/a"), 405, "method_not_allowed"),
    ] {
        let answer = answer.is(status).no_cookie();
        assert_eq!((answer.error().as_str(), answer.header("vary")), (kind, None));
    }
}
