//! A store that is named by a URL.

use std::sync::Arc;

use super::{MemoryStore, SessionStore};
use crate::error::ConfigError;

/// The schemes of all stores that this build has.
pub(crate) const SCHEMES: &[&str] = &[
    "memory",
    #[cfg(feature = "file")]
    "file",
    #[cfg(feature = "redis-1")]
    "redis",
];

/// Opens the store that a URL names: `memory:`, and with their features `file:PATH`, and `redis://…` with all its forms.
///
/// For tools and tests that work on whatever store they are given. An application reads its configuration from the
/// environment with [`Config`](crate::Config), which knows these URLs as well.
///
/// # Errors
///
/// [`ConfigError`] if the URL names no store of this build, or the store cannot be opened.
///
/// ```
/// use cloakroom::{SessionManager, store_from_url};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cloakroom::ConfigError> {
/// let sessions = SessionManager::new(store_from_url("memory:").await?);
/// # Ok(()) }
/// ```
pub async fn store_from_url(url: &str) -> Result<Arc<dyn SessionStore>, ConfigError> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    match scheme.to_ascii_lowercase().as_str() {
        "memory" if rest.is_empty() => Ok(Arc::new(MemoryStore::new())),
        "memory" => Err(ConfigError::new("SESSION", format!("\"memory:\" takes nothing behind it, and has {rest:?}"))),
        #[cfg(feature = "file")]
        "file" => Ok(Arc::new(super::FileStore::open(path(rest)).await?)),
        #[cfg(feature = "redis-1")]
        scheme if super::RedisStore::knows(scheme) => Ok(Arc::new(super::RedisStore::connect(url).await?)),
        // The scheme only: the rest of a URL may hold a password.
        _ => Err(ConfigError::new(
            "SESSION",
            format!("{scheme:?} is no store of this build; known are {}", SCHEMES.join(", ")),
        )),
    }
}

/// Whether [`store_from_url`] knows a scheme, in lower case.
pub(crate) fn is_store(scheme: &str) -> bool {
    #[cfg(feature = "redis-1")]
    if super::RedisStore::knows(scheme) {
        return true;
    }
    SCHEMES.contains(&scheme)
}

/// The path in `file:PATH`, which may be written with slashes before it, as in `file:///var/lib/shop/session.db`.
#[cfg(feature = "file")]
fn path(rest: &str) -> &str {
    rest.strip_prefix("//").filter(|path| path.starts_with('/')).unwrap_or(rest)
}

#[cfg(all(test, feature = "file"))]
mod tests {
    use super::path;

    #[test]
    fn a_file_url_may_have_slashes_before_its_path() {
        assert_eq!(path("session.db"), "session.db");
        assert_eq!(path("/var/session.db"), "/var/session.db");
        assert_eq!(path("///var/session.db"), "/var/session.db");
        assert_eq!(path("//var/session.db"), "//var/session.db");
    }
}
