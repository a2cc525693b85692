//! What requests do, with and without a session.

use cloakroom::{Result, Session};

const EMAIL: &str = "ana.maria.silva@example.org";

/// With their keys, about 300 bytes.
const VALUES: [(&str, &str); 6] = [
    ("email", EMAIL),
    ("name", "Ana Maria Silva"),
    ("roles", "editor,reviewer,moderator"),
    ("return_to", "/articles/2026/11/how-to-keep-a-session/comments?page=3"),
    ("cart", "book-978-0131103627:1,mug-blue:2,poster-a2-rust:1,notebook-a5-dotted:3"),
    ("csrf", "b3f1c2a7d9e84f60a1b2c3d4e5f60718"),
];

pub(super) async fn nothing() -> &'static str {
    "ok"
}

pub(super) async fn read(session: Session) -> Result<String> {
    Ok(session.get("email")?.unwrap_or_default())
}

pub(super) async fn write(session: Session) -> Result<&'static str> {
    // Another value each time: what is there already is not written again.
    session.update("counter", |n: Option<u64>| n.unwrap_or(0) + 1)?;
    Ok("ok")
}

pub(super) async fn fill(session: Session) -> Result<&'static str> {
    for (key, value) in VALUES {
        session.set(key, value)?;
    }
    Ok("ok")
}

pub(super) async fn read_nothing() -> Result<String> {
    Ok(EMAIL.to_owned())
}

pub(super) async fn write_nothing() -> Result<&'static str> {
    Ok("ok")
}
