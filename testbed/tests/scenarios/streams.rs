//! Bodies that go on after the head.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bed::{Bed, COOKIE, during, stretched};

// behaviours 78 and 79
pub(crate) fn what_a_body_changes_is_saved_with_its_end(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    let answer = visitor.get("/stream/b?ms=50").ok().no_cookie();
    assert_eq!(answer.body.trim(), "streamed");
    assert_eq!(visitor.value("b"), "streamed");
    assert_eq!(visitor.value("a"), 1);
}

// behaviour 80
pub(crate) fn what_would_need_a_cookie_fails(bed: &Bed) {
    let server = bed.alone(&[]);
    let visitor = server.client();
    let asked = server.asked(|| {
        let answer = visitor.get("/stream-new/a?ms=50").ok().no_cookie();
        assert_eq!(answer.body.trim(), "needs_cookie");
    });
    assert_eq!(asked, "");
}

/// The head comes long before the end.
pub(crate) fn the_head_is_sent_at_once(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    let ticket = visitor.ticket().expect("a ticket");
    let mut stream = TcpStream::connect(visitor.address()).expect("connects");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
    let request = format!(
        "GET /stream/b?ms={} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncookie: {COOKIE}={ticket}\r\n\r\n",
        stretched(1_200).as_millis()
    );
    let start = Instant::now();
    stream.write_all(request.as_bytes()).expect("sends");
    let mut head = [0; 15];
    stream.read_exact(&mut head).expect("a head");
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    assert!(start.elapsed() < stretched(900), "{:?}", start.elapsed());
    assert_eq!(visitor.value("b"), Value::Null);
    let mut rest = String::new();
    stream.read_to_string(&mut rest).expect("a body");
    assert!(rest.contains("streamed"), "{rest}");
    assert_eq!(visitor.value("b"), "streamed");
}

// defect 3; behaviour 41
pub(crate) fn a_body_does_not_bring_back_what_ended(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.login("ana");
    let (slow, thief) = (visitor.twin(), visitor.twin());
    during(|| slow.get("/stream/b?ms=700"), || visitor.post("/logout").ok()).ok().no_cookie();
    assert_eq!(thief.value("b"), Value::Null);
    assert_eq!(thief.value("email"), Value::Null);
}

// defect 6; behaviour 36
pub(crate) fn a_body_takes_nothing_back(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("a", 1);
    during(|| visitor.get("/stream/b?ms=700"), || visitor.set("a", 2)).ok();
    assert_eq!(visitor.value("a"), 2);
    assert_eq!(visitor.value("b"), "streamed");
}
