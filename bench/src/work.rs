//! What all contenders are asked to do, with the same values.

/// What a request does with its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// The cookie comes along, and nobody asks for the session.
    Untouched,
    /// One of six values is read.
    Read,
    /// A number among the values is counted up.
    Write,
    /// A request without a cookie begins a session, with six values.
    New,
}

impl Operation {
    pub(crate) const ALL: [Self; 4] = [Self::Untouched, Self::Read, Self::Write, Self::New];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Untouched => "untouched",
            Self::Read => "read",
            Self::Write => "write",
            Self::New => "new",
        }
    }

    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Untouched => "/untouched",
            Self::Read => "/read",
            Self::Write => "/write",
            Self::New => "/fill",
        }
    }
}

/// The six values of a session: with their keys, about 300 bytes.
pub(crate) const VALUES: [(&str, &str); 6] = [
    EMAIL,
    ("name", "Ana Maria Silva"),
    ("roles", "editor,reviewer,moderator"),
    ("return_to", "/articles/2026/11/how-to-keep-a-session/comments?page=3"),
    ("cart", "book-978-0131103627:1,mug-blue:2,poster-a2-rust:1,notebook-a5-dotted:3"),
    ("csrf", "b3f1c2a7d9e84f60a1b2c3d4e5f60718"),
];

/// The key that is read, and its value.
pub(crate) const EMAIL: (&str, &str) = ("email", "ana.maria.silva@example.org");

/// The key that is written.
pub(crate) const COUNTER: &str = "counter";
