//! What a server that refuses or does not answer means.

use redis::{ErrorKind as Kind, RedisError, ServerErrorKind};

use crate::error::{Error, ErrorKind};

/// The error of ours for one of the client's, which holds neither a password nor a value.
pub(super) fn failed(error: RedisError) -> Error {
    let (kind, message) = meaning(&error);
    Error::new(kind, message).caused_by(error)
}

/// An answer of another shape than the command has.
pub(super) fn unexpected() -> Error {
    Error::new(ErrorKind::Unavailable, "the Redis server gave an answer that its command does not have")
}

pub(super) fn meaning(error: &RedisError) -> (ErrorKind, &'static str) {
    use ErrorKind::{Decode, Full, Unavailable};
    match error.code() {
        Some("OOM") => {
            (Full, "the Redis server has no memory left; raise its maxmemory, or shorten the sessions' lives")
        }
        Some("WRONGTYPE") => {
            (Decode, "a key of ours in Redis holds something of another type, which somebody else wrote")
        }
        Some("NOAUTH") => (Unavailable, "the Redis server wants a password, and none was given"),
        Some("WRONGPASS") => (Unavailable, "the Redis server refuses the name or the password"),
        Some("NOPERM") => (Unavailable, "the Redis user may not do what sessions need; see the ACL rule in the guide"),
        Some("READONLY") => (Unavailable, "the Redis server is a replica by now; its primary is looked for"),
        Some("LOADING") => (Unavailable, "the Redis server is loading its data"),
        Some("MASTERDOWN") => (Unavailable, "the Redis server is a replica that has lost its primary"),
        Some("CLUSTERDOWN") => (Unavailable, "the Redis cluster is down"),
        Some("MOVED" | "ASK" | "TRYAGAIN") => (Unavailable, "the Redis cluster is moving its slots"),
        Some("CROSSSLOT") => (Unavailable, "the Redis server is a cluster; give its address as redis+cluster://"),
        Some("MISCONF") => (Unavailable, "the Redis server cannot save to its disk, and refuses to write"),
        Some("NOREPLICAS") => {
            (Unavailable, "the Redis server has fewer replicas than it must have, and refuses to write")
        }
        Some("BUSY") => (Unavailable, "the Redis server is busy with a script of somebody"),
        _ => match error.kind() {
            _ if error.is_timeout() => (Unavailable, "the Redis server did not answer in time"),
            Kind::AuthenticationFailed => (Unavailable, "the Redis server refuses the name or the password"),
            Kind::RESP3NotSupported => {
                (Unavailable, "the Redis server is older than 6.2, or a proxy that speaks no RESP3")
            }
            Kind::MasterNameNotFoundBySentinel => (Unavailable, "no sentinel knows a primary of this name that is up"),
            Kind::Server(ServerErrorKind::ResponseError) | Kind::Extension => {
                (Unavailable, "the Redis server refuses a command")
            }
            _ => (Unavailable, "the Redis server cannot be reached"),
        },
    }
}

/// Whether the connection is of no use any more, or leads to a server that is not the one to ask.
pub(super) fn spoils_connection(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.is_io_error()
        || matches!(error.code(), Some("READONLY" | "MASTERDOWN" | "NOAUTH"))
}

/// Whether asking again cannot help: what is wrong is in the configuration.
pub(super) fn is_misconfigured(error: &RedisError) -> bool {
    matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM" | "CROSSSLOT"))
        || matches!(
            error.kind(),
            Kind::AuthenticationFailed | Kind::RESP3NotSupported | Kind::Server(ServerErrorKind::ResponseError)
        )
}
