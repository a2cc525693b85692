//! The program itself.

use crate::bed::{Bed, at_once, during, refused, stretched};

pub(crate) fn it_ends_when_it_is_told_to(bed: &Bed) {
    for signal in ["-TERM", "-INT"] {
        let mut server = bed.alone(&[]);
        assert!(server.url.starts_with("http://127.0.0.1:"), "{}", server.url);
        // With a connection that is kept alive.
        let visitor = server.client();
        visitor.set("a", 1);
        assert_eq!(server.terminate(signal).code(), Some(0), "{signal}");
    }
}

pub(crate) fn requests_under_way_are_answered_before_it_ends(bed: &Bed) {
    let mut server = bed.alone(&[]);
    let visitor = server.client();
    visitor.set("a", 1);
    let answer = during(
        // Much shorter than any framework waits for its last requests, so that it may arrive late on a busy machine.
        || visitor.get("/slow-get/a?ms=500"),
        || {
            assert_eq!(server.terminate("-TERM").code(), Some(0));
        },
    );
    assert_eq!(answer.ok().json()["value"], 1);
}

pub(crate) fn what_it_cannot_do_is_refused_at_the_start(bed: &Bed) {
    let (status, said) = refused(&["--store", "carrier-pigeon://:password@host"]);
    assert!(!status.success());
    assert!(said.contains("carrier-pigeon") && said.contains("memory"), "{said}");
    assert!(!said.contains("password"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");

    let (status, said) = refused(&["--framework", "abacus"]);
    assert!(!status.success() && said.contains(bed.framework), "{said}");

    for options in [["--idle", "0"], ["--idle", "x"], ["--touch", "2"], ["--workers", "0"], ["--cookie-name", "a b"]] {
        let (status, said) = refused(&options);
        assert!(!status.success() && !said.is_empty(), "{options:?}");
    }
}

/// Waiting requests hold up nobody, whatever the number of threads.
pub(crate) fn one_worker_serves_many(bed: &Bed) {
    let visitor = bed.visitor_with(&["--workers", "1"]);
    visitor.set("a", 1);
    let times = at_once(10, |_| {
        let start = std::time::Instant::now();
        visitor.get("/slow-get/a?ms=300").ok();
        start.elapsed()
    });
    assert!(times.iter().all(|time| *time < stretched(1_500)), "{times:?}");
}
