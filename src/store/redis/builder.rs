//! A store with settings of its own.

use std::fmt;
use std::time::Duration;

use redis::cluster::ClusterClient;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{Client, ClientTlsConfig, Cmd, ProtocolVersion, RedisError, TlsCertificates, TlsMode, Value};

use super::RedisStore;
use super::address::{Place, tcp, wrong};
use super::failure::meaning;
use super::link::{Dialler, Link, Timeouts, refused};
use super::names::Names;
use crate::error::ConfigError;
use crate::events;

/// The prefix of keys unless another is chosen.
pub(super) const PREFIX: &str = "cloakroom";

const LONGEST_PREFIX: usize = 64;

/// Where a [`RedisStore`] connects to, and how.
///
/// ```
/// use std::time::Duration;
///
/// use cloakroom::RedisStore;
///
/// let store = RedisStore::builder("redis+sentinel://localhost:26379/main")
///     .prefix("shop")
///     .response_timeout(Duration::from_secs(1))
///     .connect_later()?;
/// # Ok::<(), cloakroom::ConfigError>(())
/// ```
#[must_use]
pub struct RedisStoreBuilder {
    url: String,
    prefix: String,
    timeouts: Timeouts,
    root_certificate: Option<Vec<u8>>,
    client_certificate: Option<ClientTlsConfig>,
    sentinel_user: Option<String>,
    sentinel_password: Option<String>,
}

impl RedisStoreBuilder {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            prefix: prefix_in(url).unwrap_or(PREFIX).to_owned(),
            timeouts: Timeouts::default(),
            root_certificate: None,
            client_certificate: None,
            sentinel_user: None,
            sentinel_password: None,
        }
    }

    /// What all keys begin with: 1 to 64 characters of ASCII without spaces, and without `*`, `?`, `[`, `]` and `\`, which
    /// mean something in the patterns of Redis. Applications that share a server need one each, for else they share
    /// sessions. A URL says it as `?prefix=shop`; `cloakroom` by default.
    ///
    /// ```
    /// # use cloakroom::RedisStore;
    /// let builder = RedisStore::builder("redis://localhost").prefix("shop");
    /// ```
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// How long a connection is waited for: one second by default. Whoever comes while another waits may wait twice as
    /// long.
    ///
    /// ```
    /// # use cloakroom::RedisStore;
    /// # use std::time::Duration;
    /// let builder = RedisStore::builder("redis://localhost").connect_timeout(Duration::from_millis(500));
    /// ```
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.connect = timeout;
        self
    }

    /// How long the answer to a command is waited for: 1.5 seconds by default, so that a connection that went silent
    /// leaves time for another within the engine's 4.5 seconds.
    ///
    /// ```
    /// # use cloakroom::RedisStore;
    /// # use std::time::Duration;
    /// let builder = RedisStore::builder("redis://localhost").response_timeout(Duration::from_millis(500));
    /// ```
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.response = timeout;
        self
    }

    /// The certificates, in PEM, of whoever signed the server's. By default those of the system are trusted.
    ///
    /// ```
    /// # fn example(pem: Vec<u8>) {
    /// # use cloakroom::RedisStore;
    /// let builder = RedisStore::builder("rediss://localhost").root_certificate(pem);
    /// # }
    /// ```
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificate = Some(pem.into());
        self
    }

    /// A certificate and its key, both in PEM, for servers that want to know their clients.
    ///
    /// ```
    /// # fn example(certificate: Vec<u8>, key: Vec<u8>) {
    /// # use cloakroom::RedisStore;
    /// let builder = RedisStore::builder("rediss://localhost").client_certificate(certificate, key);
    /// # }
    /// ```
    pub fn client_certificate(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.client_certificate = Some(ClientTlsConfig { client_cert: certificate.into(), client_key: key.into() });
        self
    }

    /// The password of the sentinels, and the user if they have more than one. The name and password of the URL are those
    /// of the servers that they watch over.
    ///
    /// ```
    /// # fn example(password: &str) {
    /// # use cloakroom::RedisStore;
    /// let builder = RedisStore::builder("redis+sentinel://localhost/main").sentinel_password(None, password);
    /// # }
    /// ```
    pub fn sentinel_password(mut self, user: Option<&str>, password: &str) -> Self {
        self.sentinel_user = user.map(str::to_owned);
        self.sentinel_password = Some(password.to_owned());
        self
    }

    /// Connects, and looks whether the server fits.
    ///
    /// # Errors
    ///
    /// As for [`RedisStore::connect`].
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), cloakroom::ConfigError> {
    /// let store = cloakroom::RedisStore::builder("redis://localhost").prefix("shop").connect().await?;
    /// # Ok(()) }
    /// ```
    pub async fn connect(self) -> Result<RedisStore, ConfigError> {
        let store = self.connect_later()?;
        let mut ping = Cmd::new();
        ping.arg("PING");
        store.link.again(&ping).await.map_err(|error| unreachable(&error))?;
        store.look_at_server().await?;
        Ok(store)
    }

    /// A store that connects at its first use: for an application that is to start while its server is away.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if a setting cannot work.
    ///
    /// ```
    /// let store = cloakroom::RedisStore::builder("redis://localhost").connect_later()?;
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    pub fn connect_later(self) -> Result<RedisStore, ConfigError> {
        let names = names(&self.prefix)?;
        for (setting, timeout) in
            [("redis.connect_timeout", self.timeouts.connect), ("redis.response_timeout", self.timeouts.response)]
        {
            if timeout.is_zero() {
                return Err(ConfigError::new(setting, "is zero; give the server some time"));
            }
        }
        let place = Place::parse(&self.url)?;
        let kind = place.kind();
        let timeouts = self.timeouts;
        Ok(RedisStore { link: Link::new(self.dialler(place)?, timeouts), names, kind })
    }

    fn dialler(self, place: Place) -> Result<Dialler, ConfigError> {
        let tls = place.is_tls();
        let certificates = if self.root_certificate.is_some() || self.client_certificate.is_some() {
            Some(TlsCertificates { client_tls: self.client_certificate, root_cert: self.root_certificate })
        } else {
            None
        };
        if tls {
            // Which cryptography TLS uses is for the process to say, and rustls panics if nobody has. Whoever was first
            // has said it.
            let _ = rustls::crypto::ring::default_provider().install_default();
        } else if certificates.is_some() {
            return Err(ConfigError::new(
                "redis.url",
                "has certificates and no TLS; write rediss in the place of redis",
            ));
        }
        let dialler = match place {
            Place::Server(info) => match certificates {
                Some(certificates) => Client::build_with_tls(info, certificates),
                None => Client::open(info),
            }
            .map(|client| Dialler::Server(Box::new(client))),
            Place::Cluster(nodes) => {
                // Its own retries would repeat commands whose answers got lost.
                let client = ClusterClient::builder(nodes)
                    .retries(0)
                    .connection_timeout(self.timeouts.connect)
                    .response_timeout(self.timeouts.response)
                    .tcp_settings(tcp());
                let client = match certificates {
                    Some(certificates) => client.certs(certificates),
                    None => client,
                };
                client.build().map(|client| Dialler::Cluster(Box::new(client)))
            }
            Place::Sentinels { sentinels, primary, server, tls } => {
                SentinelClientBuilder::new(sentinels, primary, SentinelServerType::Master).and_then(|client| {
                    let mut client = client
                        .set_client_to_redis_db(server.db())
                        .set_client_to_redis_protocol(ProtocolVersion::RESP3)
                        .set_client_to_redis_tcp_settings(tcp())
                        .set_client_to_sentinel_tcp_settings(tcp());
                    if let Some(user) = server.username() {
                        client = client.set_client_to_redis_username(user);
                    }
                    if let Some(password) = server.password() {
                        client = client.set_client_to_redis_password(password);
                    }
                    if let Some(user) = self.sentinel_user {
                        client = client.set_client_to_sentinel_username(user);
                    }
                    if let Some(password) = self.sentinel_password {
                        client = client.set_client_to_sentinel_password(password);
                    }
                    if tls {
                        client = client
                            .set_client_to_redis_tls_mode(TlsMode::Secure)
                            .set_client_to_sentinel_tls_mode(TlsMode::Secure);
                    }
                    if let Some(certificates) = certificates {
                        client = client
                            .set_client_to_redis_certificates(certificates.clone())
                            .set_client_to_sentinel_certificates(certificates);
                    }
                    client.build().map(|client| Dialler::Sentinels(Box::new(client)))
                })
            }
        };
        dialler.map_err(|error| {
            if tls {
                ConfigError::new("redis.root_certificate", format!("cannot be used, it or the client's: {error}"))
            } else {
                wrong("cannot be used")
            }
        })
    }
}

pub(super) fn names(prefix: &str) -> Result<Names, ConfigError> {
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"*?[]\\".contains(&byte);
    if prefix.is_empty() || prefix.len() > LONGEST_PREFIX || !prefix.bytes().all(fits) {
        return Err(ConfigError::new(
            "redis.prefix",
            format!("{prefix:?} is no prefix; use 1 to {LONGEST_PREFIX} letters, digits, \"-\", \"_\" or \":\""),
        ));
    }
    Ok(Names { prefix: prefix.into() })
}

/// The prefix that a URL asks for.
fn prefix_in(url: &str) -> Option<&str> {
    let (_, query) = url.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix("prefix="))
}

fn unreachable(error: &RedisError) -> ConfigError {
    let (_, meaning) = meaning(error);
    let mend = if refused(error) { "correct it" } else { "start it, or correct the address" };
    ConfigError::new("redis.url", format!("{meaning} ({error}); {mend}"))
}

impl RedisStore {
    /// Looks whether the server is new enough and keeps what it has. A server that does not tell is taken as it is.
    async fn look_at_server(&self) -> Result<(), ConfigError> {
        let mut info = Cmd::new();
        info.arg("INFO");
        let Ok(info) = self.link.again(&info).await else { return Ok(()) };
        let mut text = String::new();
        collect(&info, &mut text);
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let version = field("redis_version").and_then(|version| {
            let mut parts = version.split('.').map(str::parse::<u32>);
            Some((parts.next()?.ok()?, parts.next()?.ok()?))
        });
        if version.is_some_and(|version| version < (6, 2)) {
            return Err(ConfigError::new("redis.url", "leads to a Redis server older than 6.2; use a newer one"));
        }
        if let Some(policy) = field("maxmemory_policy").filter(|policy| *policy != "noeviction") {
            events::may_evict(policy);
        }
        Ok(())
    }
}

/// All text in an answer: a cluster's has a part for each node.
fn collect(value: &Value, text: &mut String) {
    match value {
        Value::BulkString(bytes) => text.push_str(&String::from_utf8_lossy(bytes)),
        Value::VerbatimString { text: part, .. } => text.push_str(part),
        Value::Map(pairs) => pairs.iter().for_each(|(_, value)| collect(value, text)),
        _ => {}
    }
}

impl fmt::Debug for RedisStoreBuilder {
    /// Neither the URL nor a certificate: they may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("prefix", &self.prefix)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_before_anything_is_asked() {
        let builder = || RedisStore::builder("redis://:secret@localhost");
        for (builder, setting) in [
            (builder().prefix(""), "redis.prefix"),
            (builder().prefix("shop*"), "redis.prefix"),
            (builder().prefix("my shop"), "redis.prefix"),
            (builder().prefix(&"x".repeat(65)), "redis.prefix"),
            (RedisStore::builder("redis://:secret@localhost/1?prefix=sh*p"), "redis.prefix"),
            (builder().connect_timeout(Duration::ZERO), "redis.connect_timeout"),
            (builder().response_timeout(Duration::ZERO), "redis.response_timeout"),
            (builder().root_certificate("none"), "redis.url"),
            (RedisStore::builder("rediss://localhost").client_certificate("no", "pem"), "redis.root_certificate"),
            (RedisStore::builder("localhost"), "redis.url"),
        ] {
            let error = builder.connect_later().expect_err(setting);
            assert_eq!(error.setting(), setting, "{error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn nothing_prints_a_password() {
        let builder = RedisStore::builder("redis://ana:secret@localhost").sentinel_password(Some("bob"), "secret");
        assert!(!format!("{builder:?}").contains("secret"));
        let store = builder.connect_later().expect("a URL");
        assert!(!format!("{store:?}").contains("secret"));
    }
}
