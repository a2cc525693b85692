//! Where the servers are: read from a URL.

use std::time::Duration;

use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo};

use crate::error::ConfigError;

/// A form of URL for each way to run Redis.
const FORMS: &str = "redis://user:password@host:6379/0, rediss://… for TLS, redis+unix:///path/of.sock, \
                     redis+cluster://host:6379,host:6379 or redis+sentinel://host:26379,host:26379/primary/0";

/// A single server, a cluster, or a primary that sentinels watch over.
#[derive(Clone)]
pub(super) enum Place {
    Server(ConnectionInfo),
    Cluster(Vec<ConnectionInfo>),
    Sentinels { sentinels: Vec<ConnectionAddr>, primary: String, server: RedisConnectionInfo, tls: bool },
}

impl Place {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Server(_) => "server",
            Self::Cluster(_) => "cluster",
            Self::Sentinels { .. } => "sentinels",
        }
    }

    pub(super) fn is_tls(&self) -> bool {
        match self {
            Self::Server(info) => is_tls(info),
            Self::Cluster(nodes) => nodes.iter().any(is_tls),
            Self::Sentinels { tls, .. } => *tls,
        }
    }

    /// Reads a URL. What is wrong with it is said without quoting it: it may hold a password.
    pub(super) fn parse(url: &str) -> Result<Self, ConfigError> {
        let (scheme, rest) = url.trim().split_once("://").ok_or_else(|| wrong("is no URL"))?;
        let scheme = scheme.to_ascii_lowercase().replace("valkey", "redis");
        let (plain, tls) = match scheme.strip_prefix("rediss") {
            Some(kind) => (kind, true),
            None => (scheme.strip_prefix("redis").ok_or_else(|| wrong("has an unknown scheme"))?, false),
        };
        let node = if tls { "rediss" } else { "redis" };
        match plain {
            "" => connection(&format!("{node}://{rest}")).map(Self::Server),
            // Two ways to write the second: with the "s" of `rediss` and with that of `valkeys`.
            "+unix" if !tls => connection(&format!("redis+unix://{rest}")).map(Self::Server),
            "+cluster" => {
                let Parts { user, hosts, path } = parts(rest);
                let nodes: Result<Vec<_>, _> =
                    hosts.iter().map(|host| connection(&format!("{node}://{user}{host}/{path}"))).collect();
                nodes.map(Self::Cluster)
            }
            "+sentinel" => {
                let Parts { user, hosts, path } = parts(rest);
                let (primary, database) = path.split_once('/').unwrap_or((path, ""));
                if primary.is_empty() {
                    return Err(wrong("does not name the primary that the sentinels watch over"));
                }
                let hosts: Vec<_> = hosts.iter().map(|host| with_port(host, 26_379)).collect();
                let sentinels: Result<Vec<_>, _> = hosts
                    .iter()
                    .map(|host| connection(&format!("{node}://{host}")).map(|info| info.addr().clone()))
                    .collect();
                // Name, password and database are the server's.
                let server = connection(&format!("{node}://{user}host/{database}"))?.redis_settings().clone();
                Ok(Self::Sentinels { sentinels: sentinels?, primary: primary.to_owned(), server, tls })
            }
            _ => Err(wrong("has an unknown scheme")),
        }
    }
}

struct Parts<'a> {
    /// Empty, or with the `@` behind it.
    user: &'a str,
    hosts: Vec<&'a str>,
    path: &'a str,
}

fn parts(rest: &str) -> Parts<'_> {
    let rest = rest.split('?').next().unwrap_or(rest);
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    Parts { user, hosts: hosts.split(',').map(str::trim).collect(), path: path.trim_end_matches('/') }
}

fn with_port(host: &str, port: u16) -> String {
    // An IPv6 address is in brackets, and its port behind them.
    let behind = host.rsplit(']').next().unwrap_or(host);
    if behind.contains(':') { host.to_owned() } else { format!("{host}:{port}") }
}

fn connection(url: &str) -> Result<ConnectionInfo, ConfigError> {
    let info = url.into_connection_info().map_err(|error| match error.kind() {
        // The client's words are about the form, and quote nothing.
        redis::ErrorKind::InvalidClientConfig => wrong("cannot be read"),
        _ => wrong("is no URL of a Redis server"),
    })?;
    // The client does not introduce itself, so that an ACL rule need not allow that.
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3).set_skip_set_lib_name();
    Ok(info.set_redis_settings(settings).set_tcp_settings(tcp()))
}

/// Small requests go out at once, and a peer that is gone without a word is noticed.
pub(super) fn tcp() -> TcpSettings {
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10)).with_retries(3);
    TcpSettings::default().set_nodelay(true).set_keepalive(keepalive)
}

fn is_tls(info: &ConnectionInfo) -> bool {
    matches!(info.addr(), ConnectionAddr::TcpTls { .. })
}

pub(super) fn wrong(what: &str) -> ConfigError {
    ConfigError::new("redis.url", format!("{what}; write it as {FORMS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(url: &str) -> (&'static str, bool) {
        let place = Place::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        (place.kind(), place.is_tls())
    }

    #[test]
    fn every_form_is_read() {
        for (url, expected) in [
            ("redis://localhost", ("server", false)),
            ("valkey://:secret@[::1]:6380/3", ("server", false)),
            ("rediss://localhost:6380", ("server", true)),
            ("redis+unix:///run/redis.sock?db=2", ("server", false)),
            ("redis+cluster://ana:secret@one:7000,two:7001", ("cluster", false)),
            ("valkeys+cluster://one,two,three", ("cluster", true)),
            ("redis+sentinel://:secret@one,two:26380/main/2?prefix=shop", ("sentinels", false)),
            ("redis+cluster://one,two?prefix=shop", ("cluster", false)),
            ("redis://localhost?prefix=shop", ("server", false)),
            ("rediss+sentinel://[::1]/main", ("sentinels", true)),
        ] {
            assert_eq!(kind(url), expected, "{url}");
        }
    }

    #[test]
    fn sentinels_have_a_port_of_their_own_and_the_server_the_password() {
        let place = Place::parse("redis+sentinel://ana:s%40cret@one,two:26380/main/2");
        let Ok(Place::Sentinels { sentinels, primary, server, .. }) = place else { panic!("sentinels") };
        let sentinels: Vec<_> = sentinels.iter().map(ToString::to_string).collect();
        assert_eq!(sentinels, ["one:26379", "two:26380"]);
        assert_eq!(
            (&*primary, server.username(), server.password(), server.db()),
            ("main", Some("ana"), Some("s@cret"), 2)
        );
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for url in [
            "secret",
            "http://:secret@host",
            "redis://:secret@host/secret",
            "redis://:secret@:x",
            "redis+sentinel://:secret@host",
            "redis+ring://:secret@host",
            "rediss://:secret@host#secret",
        ] {
            let error = Place::parse(url).err().unwrap_or_else(|| panic!("{url} is refused"));
            assert_eq!(error.setting(), "redis.url");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
