//! A configuration from the environment, or from a file by serde.

mod audit;
mod file;
mod settings;

use std::fmt;
use std::time::Duration;

pub use audit::{Finding, Standard};

use crate::cookie::{CookieConfig, SameSite};
use crate::error::ConfigError;
use crate::lifetime::{CookieKind, Lifetime};
use crate::manager::{Backend, OutagePolicy, SessionManager, SessionManagerBuilder};
use crate::sealed::{CookieStore, Secrets};
use crate::store::{SCHEMES, is_store, store_from_url};
use settings::SETTINGS;

/// A configuration that is read, from the environment or a file, rather than written in code.
///
/// Every setting has a name in the environment and one in files. What is not set stays at its safe default; what is not
/// understood is an error that lists what would be. Names of choices may be in any case. Durations are a number with a
/// unit, as in `500ms`, `90s`, `15m`, `12h` or `31d`; a bare number is seconds.
///
/// | environment | file | meaning | default |
/// |---|---|---|---|
/// | `SESSION` | `store` | where sessions are kept: `memory`, `cookie`, or with the features of these names `file`, `file:PATH`, `redis`, or a URL of [`RedisStore`](crate::RedisStore) | `memory` |
/// | `SESSION_FILE_PATH` | `file_path` | the folder or file of `SESSION=file` | `session.db` |
/// | `REDIS_URL`, then `REDISTOGO_URL` | `redis_url` | the server of `SESSION=redis` | |
/// | `SECRET` | `secret` | what seals cookies: one secret of at least 32 bytes, or several with commas between them, of which the first seals and all open | |
/// | `SESSION_DEVELOPMENT` | `development` | `true`: a missing secret is drawn at random, and a restart ends all sessions | `false` |
/// | `SESSION_READABLE` | `readable` | `true`: cookies are signed and can be read, instead of encrypted | `false` |
/// | `SESSION_LIFETIME` | `lifetime` | the preset to start from: `default`, `aal1`, `aal2`, `aal3` | `default` |
/// | `SESSION_IDLE` | `idle` | how long a session lives without activity | `31d` |
/// | `SESSION_ABSOLUTE` | `absolute` | how long in all | `365d` |
/// | `SESSION_RENEW` | `renew` | how often the ticket of an active session is renewed, or `never` | `never` |
/// | `SESSION_COOKIE` | `cookie` | `persistent`, or forgotten with the `browser` | `persistent` |
/// | `SESSION_COOKIE_NAME` | `cookie_name` | without a prefix | `sid` |
/// | `SESSION_COOKIE_DOMAIN` | `cookie_domain` | | this host alone |
/// | `SESSION_COOKIE_PATH` | `cookie_path` | | `/` |
/// | `SESSION_COOKIE_SAME_SITE` | `cookie_same_site` | `strict`, `lax`, `none` | `lax` |
/// | `SESSION_INSECURE_PLAIN_HTTP` | `insecure_plain_http` | `true`: no `Secure`, no prefix | `false` |
/// | `SESSION_HEADER` | `header` | a header that carries tickets beside the cookie | |
/// | `SESSION_GRACE` | `grace` | how long after a renewal the old ticket is recognised | `10s` |
/// | `SESSION_OUTAGE` | `outage` | what a failing store means: `fail`, `anonymous` | `fail` |
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cloakroom::ConfigError> {
/// use cloakroom::Config;
///
/// // What the code says holds where the environment says nothing.
/// let sessions = Config::default().store("memory:").overlaid_by_env()?.open().await?;
/// # Ok(()) }
/// ```
///
/// From a file, here JSON:
///
/// ```
/// use cloakroom::Config;
///
/// let config: Config = serde_json::from_str(r#"{ "store": "memory", "idle": "15m", "cookie_name": "shop" }"#)?;
/// let error = serde_json::from_str::<Config>(r#"{ "idel": "15m" }"#).unwrap_err();
/// assert!(error.to_string().contains("idel"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct Config {
    store: String,
    file_path: String,
    redis_url: Option<String>,
    secrets: Vec<String>,
    development: bool,
    readable: bool,
    preset: Lifetime,
    idle: Option<Duration>,
    absolute: Option<Duration>,
    renew: Option<Option<Duration>>,
    cookie_kind: Option<CookieKind>,
    cookie: CookieConfig,
    header: Option<String>,
    grace: Option<Duration>,
    outage: OutagePolicy,
}

/// The names of sessions in their visitors' cookies.
const SEALED: [&str; 2] = ["cookie", "client"];

impl Default for Config {
    /// The safe defaults, in memory.
    fn default() -> Self {
        Self {
            store: "memory".to_owned(),
            file_path: "session.db".to_owned(),
            redis_url: None,
            secrets: Vec::new(),
            development: false,
            readable: false,
            preset: Lifetime::default(),
            idle: None,
            absolute: None,
            renew: None,
            cookie_kind: None,
            cookie: CookieConfig::default(),
            header: None,
            grace: None,
            outage: OutagePolicy::default(),
        }
    }
}

impl SessionManager {
    /// A manager as the environment asks for it, in memory where it asks for nothing: [`Config`] tells the variables.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the variable, what is wrong with it, and what it may be.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cloakroom::ConfigError> {
    /// let sessions = cloakroom::SessionManager::from_env().await?;
    /// # Ok(()) }
    /// ```
    pub async fn from_env() -> Result<Self, ConfigError> {
        Config::default().overlaid_by_env()?.open().await
    }
}

impl Config {
    /// Where sessions are kept, by name or URL: for a default that the environment may overrule.
    ///
    /// ```
    /// let config = cloakroom::Config::default().store("cookie:");
    /// ```
    #[must_use]
    pub fn store(mut self, url: impl Into<String>) -> Self {
        self.store = url.into();
        self
    }

    /// This configuration, with what the environment says in the place of what it said before.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the variable, what is wrong with it, and what it may be.
    ///
    /// ```
    /// let config = cloakroom::Config::default().overlaid_by_env()?;
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    pub fn overlaid_by_env(self) -> Result<Self, ConfigError> {
        let mut unreadable = None;
        let config = self.overlaid_by(|name| match std::env::var(name) {
            Ok(value) => Some(value),
            Err(std::env::VarError::NotPresent) => None,
            Err(std::env::VarError::NotUnicode(_)) => {
                unreadable = SETTINGS.iter().flat_map(|setting| setting.variables).find(|known| **known == name);
                None
            }
        })?;
        match unreadable {
            Some(name) => Err(ConfigError::new(name, "is not UTF-8; set it to plain text")),
            None => Ok(config),
        }
    }

    /// The same with variables from elsewhere: for tests, or for an environment of another kind. An empty value is none.
    ///
    /// # Errors
    ///
    /// As for [`overlaid_by_env`](Config::overlaid_by_env).
    ///
    /// ```
    /// use cloakroom::Config;
    ///
    /// let error = Config::default().overlaid_by(|name| (name == "SESSION_OUTAGE").then(|| "ignore".into())).unwrap_err();
    /// assert_eq!(error.to_string(), "SESSION_OUTAGE: \"ignore\" is unknown; known are fail, anonymous");
    /// ```
    pub fn overlaid_by(mut self, mut variable: impl FnMut(&str) -> Option<String>) -> Result<Self, ConfigError> {
        for setting in SETTINGS {
            let value = setting.variables.iter().find_map(|name| {
                let value = variable(name)?;
                (!value.trim().is_empty()).then_some((*name, value))
            });
            if let Some((name, value)) = value {
                (setting.set)(&mut self, value.trim()).map_err(|why| ConfigError::new(name, why))?;
            }
        }
        Ok(self)
    }

    /// Opens the store and builds the manager.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if a setting cannot work or the store cannot be opened.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cloakroom::ConfigError> {
    /// let sessions = cloakroom::Config::default().store("memory:").open().await?;
    /// # Ok(()) }
    /// ```
    pub async fn open(&self) -> Result<SessionManager, ConfigError> {
        self.builder().await?.build()
    }

    /// The same as a builder, for what only code can say.
    ///
    /// # Errors
    ///
    /// As for [`open`](Config::open).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cloakroom::ConfigError> {
    /// let builder = cloakroom::Config::default().overlaid_by_env()?.builder().await?;
    /// let sessions = builder.roll_back_on(|status| status >= 500).build()?;
    /// # Ok(()) }
    /// ```
    pub async fn builder(&self) -> Result<SessionManagerBuilder, ConfigError> {
        let mut builder = SessionManager::builder(self.backend().await?)
            .cookie(self.cookie.clone())
            .lifetime(self.lifetime())
            .outage(self.outage);
        if let Some(grace) = self.grace {
            builder = builder.grace(grace);
        }
        if let Some(header) = &self.header {
            builder = builder.ticket_header(header);
        }
        Ok(builder)
    }

    fn lifetime(&self) -> Lifetime {
        let preset = self.preset;
        // Where only one of the two is given, the other makes room for it.
        let idle = self.idle.unwrap_or_else(|| preset.idle_duration().min(self.absolute.unwrap_or(Duration::MAX)));
        let absolute = self.absolute.unwrap_or_else(|| preset.absolute_duration().max(idle));
        let mut lifetime = preset.idle(idle).absolute(absolute);
        lifetime = match self.renew {
            None => lifetime,
            Some(None) => lifetime.without_renewal(),
            Some(Some(interval)) => lifetime.renew_every(interval),
        };
        match self.cookie_kind {
            None => lifetime,
            Some(CookieKind::Browser) => lifetime.browser_cookie(),
            Some(CookieKind::Persistent) => lifetime.persistent_cookie(),
        }
    }

    async fn backend(&self) -> Result<Backend, ConfigError> {
        let scheme = self.store.split(':').next().unwrap_or_default().to_ascii_lowercase();
        if SEALED.contains(&&*scheme) {
            return match self.store.split_once(':') {
                None | Some((_, "")) => {
                    let store = CookieStore::new(self.ring()?);
                    Ok(if self.readable { store.insecure_readable() } else { store }.into())
                }
                Some((_, rest)) => {
                    let text = format!("\"{scheme}:\" takes nothing behind it, and has {rest:?}");
                    Err(ConfigError::new("SESSION", text))
                }
            };
        }
        if !is_store(&scheme) {
            // The scheme only: the rest of a URL may hold a password.
            let known = SCHEMES.iter().chain(&SEALED).copied().collect::<Vec<_>>().join(", ");
            return Err(ConfigError::new(
                "SESSION",
                format!("{scheme:?} is no store of this build; known are {known}"),
            ));
        }
        let setting = if scheme == self.store.to_ascii_lowercase() { "REDIS_URL" } else { "SESSION" };
        let store = store_from_url(&self.url()?).await;
        store.map(Into::into).map_err(|error| error.in_place_of("redis.url", setting))
    }

    fn is_sealed(&self) -> bool {
        let scheme = self.store.split(':').next().unwrap_or_default();
        ["cookie", "client"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
    }

    /// The store as a URL: a bare name is completed by what else was set.
    fn url(&self) -> Result<String, ConfigError> {
        match self.store.to_ascii_lowercase().as_str() {
            "file" => Ok(format!("file:{}", self.file_path)),
            "redis" => self.redis_url.clone().ok_or_else(|| {
                ConfigError::new("REDIS_URL", "is missing; set it to the server, as in redis://localhost:6379")
            }),
            _ => Ok(self.store.clone()),
        }
    }

    fn ring(&self) -> Result<Secrets, ConfigError> {
        match &self.secrets[..] {
            [] if self.development => Ok(Secrets::random_for_development()),
            [] => Err(ConfigError::new(
                "SECRET",
                "is missing; make one with `openssl rand -base64 48`, or set SESSION_DEVELOPMENT=true for a random one \
                 that ends with this process",
            )),
            secrets => Secrets::new(secrets),
        }
    }
}

impl fmt::Debug for Config {
    /// Neither the secrets nor what a URL may hold of one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.store.split(':').next().unwrap_or_default();
        f.debug_struct("Config")
            .field("store", &scheme)
            .field("secrets", &self.secrets.len())
            .field("lifetime", &self.lifetime())
            .field("cookie", &self.cookie)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlaid(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::default().overlaid_by(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn opened(config: &Config) -> Result<(), ConfigError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(config.backend()).map(drop)
    }

    fn refused(variables: &[(&str, &str)]) -> String {
        overlaid(variables).and_then(|config| opened(&config)).expect_err("is refused").to_string()
    }

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn every_setting_is_read_in_any_case() {
        let config = overlaid(&[
            ("SESSION", "Cookie"),
            ("SECRET", &format!("{SECRET}, the secret of yesterday: 32 bytes")),
            ("SESSION_LIFETIME", "AAL2"),
            ("SESSION_IDLE", "20M"),
            ("SESSION_RENEW", "Never"),
            ("SESSION_COOKIE", "PERSISTENT"),
            ("SESSION_COOKIE_NAME", "shop"),
            ("SESSION_COOKIE_DOMAIN", "example.org"),
            ("SESSION_COOKIE_PATH", "/shop"),
            ("SESSION_COOKIE_SAME_SITE", "Strict"),
            ("SESSION_GRACE", "1.5"),
            ("SESSION_OUTAGE", "Anonymous"),
            ("SESSION_READABLE", "yes"),
        ])
        .expect("all of it is understood");
        let lifetime = config.lifetime();
        assert_eq!(lifetime, Lifetime::aal2().idle(Duration::from_secs(1200)).without_renewal().persistent_cookie());
        assert_eq!((config.secrets.len(), config.grace), (2, Some(Duration::from_millis(1500))));
        assert_eq!((config.outage, config.readable), (OutagePolicy::Anonymous, true));
        assert_eq!(config.cookie.full_name(), "__Secure-shop");
        assert!(opened(&config).is_ok());
    }

    #[test]
    fn what_is_not_understood_is_refused_with_what_would_be() {
        let error = refused(&[("SESSION", "mongo://user:password@host")]);
        let expected = "SESSION: \"mongo\" is no store of this build; known are memory, ";
        assert!(error.starts_with(expected) && !error.contains("password"), "{error}");
        for (variable, value, part) in [
            ("SESSION_LIFETIME", "aal4", "known are default, aal1, aal2, aal3"),
            ("SESSION_COOKIE", "forever", "known are persistent, browser"),
            ("SESSION_COOKIE_SAME_SITE", "off", "known are strict, lax, none"),
            ("SESSION_OUTAGE", "ignore", "known are fail, anonymous"),
            ("SESSION_DEVELOPMENT", "maybe", "known are true, false"),
            ("SESSION_IDLE", "soon", "as in 15m"),
            ("SESSION_IDLE", "-1", "as in 15m"),
            ("SESSION_IDLE", "1e300", "as in 15m"),
        ] {
            let error = refused(&[(variable, value)]);
            assert!(error.starts_with(&format!("{variable}: ")) && error.contains(part), "{error}");
        }
    }

    // behaviour 114
    #[test]
    fn cookies_need_a_secret_or_say_that_this_is_development() {
        assert!(refused(&[("SESSION", "cookie")]).starts_with("SECRET: is missing"));
        assert!(refused(&[("SESSION", "cookie"), ("SECRET", "short")]).contains("at least 32"));
        for development in ["true", "1", "on"] {
            let config =
                overlaid(&[("SESSION", "client"), ("SESSION_DEVELOPMENT", development)]).expect("is understood");
            assert!(opened(&config).is_ok());
        }
    }

    #[test]
    fn a_bare_name_is_completed_by_what_else_is_set() {
        let url = |variables: &[(&str, &str)]| overlaid(variables).and_then(|config| config.url());
        assert_eq!(url(&[("SESSION", "file")]).as_deref(), Ok("file:session.db"));
        assert_eq!(url(&[("SESSION", "FILE"), ("SESSION_FILE_PATH", "/var/lib/x")]).as_deref(), Ok("file:/var/lib/x"));
        let redis = [("SESSION", "redis"), ("REDISTOGO_URL", "redis://b"), ("REDIS_URL", "redis://a")];
        assert_eq!(url(&redis).as_deref(), Ok("redis://a"));
        assert_eq!(url(&redis[..2]).as_deref(), Ok("redis://b"));
        assert_eq!(url(&[("SESSION", "redis")]).map_err(|error| error.setting()), Err("REDIS_URL"));
        assert_eq!(url(&[("SESSION", " ")]).as_deref(), Ok("memory"));
    }

    #[test]
    fn a_file_says_the_same() {
        let config: Config = serde_json::from_value(serde_json::json!({
            "store": "cookie:",
            "secret": [SECRET, "the secret of yesterday, with a comma in it"],
            "idle": 900,
            "grace": 0.5,
            "insecure_plain_http": true,
        }))
        .expect("all of it is understood");
        assert_eq!(config.lifetime().idle_duration(), Duration::from_secs(900));
        assert_eq!((config.secrets.len(), config.grace), (2, Some(Duration::from_millis(500))));
        assert_eq!(config.cookie.full_name(), "sid");
        assert!(opened(&config).is_ok());
        let error = serde_json::from_str::<Config>(r#"{ "idel": 900 }"#).expect_err("a typing error").to_string();
        assert!(error.contains("\"idel\" is unknown; known are store, file_path"), "{error}");
    }

    #[test]
    fn nothing_prints_a_secret() {
        let config = Config::default().store(format!("redis://user:{SECRET}@host"));
        let config = config.overlaid_by(|name| (name == "SECRET").then(|| SECRET.into())).expect("is understood");
        let error = opened(&config).expect_err("no such store");
        assert!(!format!("{config:?} {error} {error:?}").contains(SECRET));
    }
}
