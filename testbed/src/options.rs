//! What the command line says, and the session manager that it asks for.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use cloakroom::{Backend, ConfigError, CookieConfig, Lifetime, LimitPolicy, OutagePolicy, SessionManager};

use crate::frameworks::Framework;

/// The header that `--header` accepts and issues tickets in.
const TICKET_HEADER: &str = "X-Session-Id";

/// A server that shows over HTTP all that a session can do.
#[derive(Debug, Parser)]
#[command(name = "testbed")]
pub(crate) struct Options {
    /// The framework to serve with.
    #[arg(long, value_enum, default_value_t = Framework::Axum)]
    pub(crate) framework: Framework,

    /// Where sessions are kept, as in `memory:`.
    #[arg(long, value_name = "URL", default_value = "memory:")]
    pub(crate) store: String,

    /// The address to listen on; port 0 picks a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) listen: String,

    /// How long a session lives without activity.
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    idle: Option<Duration>,

    /// How long a session lives whatever happens.
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    absolute: Option<Duration>,

    /// How often a session in use gets a fresh token.
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    renew: Option<Duration>,

    /// How long the ticket of a moment ago is still recognised.
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    grace: Option<Duration>,

    /// The share of the idle time that passes before a read moves the deadline.
    #[arg(long, value_name = "SHARE")]
    touch: Option<f64>,

    /// A secret for sealed cookies; the first seals, all open.
    #[arg(long, value_name = "TEXT")]
    pub(crate) secret: Vec<String>,

    /// Sealed cookies that can be read: signed instead of encrypted.
    #[arg(long)]
    pub(crate) signed: bool,

    /// Sealed cookies whose sessions a store in memory knows, so that they end on the server.
    #[arg(long)]
    pub(crate) revocable: bool,

    /// How many sessions a user may have.
    #[arg(long, value_name = "N")]
    sessions_per_user: Option<usize>,

    /// What a login does that would be one too many.
    #[arg(long, value_enum, default_value_t = WhenReached::EndOldest)]
    when_reached: WhenReached,

    /// Cookies without `Secure` and `__Host-`, for clients that insist on plain http.
    #[arg(long)]
    insecure_cookies: bool,

    /// The base name of the cookie.
    #[arg(long, value_name = "NAME")]
    cookie_name: Option<String>,

    /// Also accept and issue tickets in the header `X-Session-Id`.
    #[arg(long)]
    header: bool,

    /// Worker threads.
    #[arg(long, value_name = "N", default_value = "2")]
    workers: NonZeroUsize,

    /// What a load that fails means.
    #[arg(long, value_enum, default_value_t = Outage::Fail)]
    outage: Outage,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum WhenReached {
    /// The session with the oldest login ends.
    EndOldest,
    /// The login fails.
    Refuse,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Outage {
    /// An error.
    Fail,
    /// A visitor without a session.
    Anonymous,
}

impl Options {
    pub(crate) fn workers(&self) -> usize {
        self.workers.get()
    }

    /// The manager that the options ask for; what they leave open is the library's choice.
    pub(crate) fn manager(&self, backend: Backend) -> Result<SessionManager, ConfigError> {
        let mut builder = SessionManager::builder(backend).lifetime(self.lifetime()).cookie(self.cookie());
        if let Some(grace) = self.grace {
            builder = builder.grace(grace);
        }
        if let Some(share) = self.touch {
            builder = builder.touch_share(share);
        }
        if self.header {
            builder = builder.ticket_header(TICKET_HEADER);
        }
        if let Some(limit) = self.sessions_per_user {
            builder = builder.sessions_per_user(
                limit,
                match self.when_reached {
                    WhenReached::EndOldest => LimitPolicy::EndOldest,
                    WhenReached::Refuse => LimitPolicy::Refuse,
                },
            );
        }
        builder
            .outage(match self.outage {
                Outage::Fail => OutagePolicy::Fail,
                Outage::Anonymous => OutagePolicy::Anonymous,
            })
            .build()
    }

    fn lifetime(&self) -> Lifetime {
        let default = Lifetime::default();
        // Where only one of the two is given, the other makes room for it.
        let idle = self.idle.unwrap_or_else(|| default.idle_duration().min(self.absolute.unwrap_or(Duration::MAX)));
        let absolute = self.absolute.unwrap_or_else(|| default.absolute_duration().max(idle));
        let lifetime = default.idle(idle).absolute(absolute);
        match self.renew {
            Some(interval) => lifetime.renew_every(interval),
            None => lifetime,
        }
    }

    fn cookie(&self) -> CookieConfig {
        let cookie = match &self.cookie_name {
            Some(name) => CookieConfig::new(name.clone()),
            None => CookieConfig::default(),
        };
        if self.insecure_cookies { cookie.insecure_plain_http() } else { cookie }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds, as in 0.5".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
