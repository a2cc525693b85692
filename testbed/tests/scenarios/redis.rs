//! Processes on one Redis server: what they write together, and what they do without it.

use std::time::{Duration, Instant};

use serde_json::Value;
use servers::{Redis, RedisOptions};

use crate::bed::{Bed, Client, Response, Server, at_once, sleep, stretched};

/// What is promised of every answer, on a machine with time for it.
const BOUND: Duration = Duration::from_secs(5);

fn process(bed: &Bed, redis: &Redis, options: &[&str]) -> Server {
    let url = redis.url();
    let mut all = vec!["--framework", bed.framework, "--store", &url];
    all.extend(options);
    Server::start(&all, &[])
}

/// The same visitor at another process.
fn same_visitor(server: &Server, visitor: &Client) -> Client {
    server.client().holding(&visitor.kept())
}

fn answered(request: impl FnOnce() -> Response) -> Response {
    let start = Instant::now();
    let answer = request();
    assert!(start.elapsed() < BOUND, "it took {:?}: {answer:?}", start.elapsed());
    answer
}

// behaviours 101, 102 and 103
pub(crate) fn an_outage_is_an_error_and_no_logout(bed: &Bed) {
    let mut redis = RedisOptions::default().durable().start();
    let server = process(bed, &redis, &[]);
    let visitor = server.client();
    visitor.set("a", 1);
    redis.kill();
    for _ in 0..2 {
        assert_eq!(answered(|| visitor.get("/get/a")).is(503).no_cookie().error(), "unavailable");
        assert_eq!(answered(|| visitor.put("/set/a", 2)).is(503).no_cookie().error(), "unavailable");
        assert_eq!(answered(|| server.client().put("/set/a", 2)).is(503).no_cookie().error(), "unavailable");
        untouched_at_once(&server);
    }
    redis.restart();
    // The first request after it is back.
    assert_eq!(visitor.value("a"), 1);
}

// behaviours 101 and 102
pub(crate) fn a_silent_server_is_an_outage_too(bed: &Bed) {
    let redis = Redis::start();
    let server = process(bed, &redis, &[]);
    let visitor = server.client();
    visitor.set("a", 1);
    redis.pause();
    let answers = at_once(16, |n| {
        let visitor = same_visitor(&server, &visitor);
        answered(|| if n % 2 == 0 { visitor.get("/get/a") } else { visitor.put("/set/a", 2) })
    });
    for answer in answers {
        assert_eq!(answer.is(503).no_cookie().error(), "unavailable");
    }
    untouched_at_once(&server);
    redis.resume();
    visitor.get("/get/a").ok();
}

// behaviour 101
pub(crate) fn an_outage_can_mean_to_go_on_without_a_session(bed: &Bed) {
    let mut redis = RedisOptions::default().durable().start();
    let server = process(bed, &redis, &["--outage", "anonymous"]);
    let visitor = server.client();
    visitor.set("a", 1);
    redis.kill();
    assert_eq!(answered(|| visitor.get("/get/a")).ok().no_cookie().json()["value"], Value::Null);
    assert_eq!(answered(|| visitor.put("/set/a", 2)).is(503).no_cookie().error(), "read_only");
    // Who brings no ticket has no session that could be away, and cannot begin one.
    assert_eq!(answered(|| server.client().put("/set/a", 2)).is(503).no_cookie().error(), "unavailable");
    untouched_at_once(&server);
    redis.restart();
    assert_eq!(visitor.value("a"), 1, "nobody is logged out, and nothing was overwritten");
    visitor.set("a", 3);
}

/// A server that closes what nobody uses is no error for the next who does.
pub(crate) fn a_connection_that_was_closed_while_idle_is_no_error(bed: &Bed) {
    let redis = Redis::start();
    let server = process(bed, &redis, &[]);
    let visitor = server.client();
    visitor.set("n", 0);
    for n in 1..=5 {
        redis.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
        sleep(50);
        visitor.post("/incr/n").ok();
        redis.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
        assert_eq!(visitor.value("n"), n);
    }
}

// behaviour 138
pub(crate) fn no_password_is_logged_or_said(bed: &Bed) {
    let mut redis = RedisOptions::default().password("open-sesame").start();
    let url = format!("redis://:open-sesame@127.0.0.1:{}", redis.port());
    let options = ["--framework", bed.framework, "--store", &url];
    let server = Server::start(&options, &[("RUST_LOG", "trace")]);
    let visitor = server.client();
    visitor.set("a", 1);
    redis.kill();
    let answer = visitor.get("/get/a").is(503);
    assert!(!format!("{answer:?}").contains("open-sesame"));
    let log = server.log();
    assert!(log.contains("the store failed"), "{log}");
    assert!(!log.contains("open-sesame"), "{log}");
    let (status, said) = crate::bed::refused(&options);
    assert!(!status.success() && !said.contains("open-sesame"), "{said}");
}

/// Requests that do not use their session do not notice.
fn untouched_at_once(server: &Server) {
    let start = Instant::now();
    for _ in 0..20 {
        server.client().get("/untouched").ok().no_cookie();
    }
    assert!(start.elapsed() < stretched(1_000), "{:?}", start.elapsed());
}
