//! Sessions without a store: the record travels in the cookie, under a seal that only the server can make.

mod ciphers;
mod cookies;
mod seal;
mod secrets;

use std::fmt;
use std::sync::Arc;

pub(crate) use cookies::{Found, MOST_CANDIDATES, Sealer, Unsealed};
pub use secrets::Secrets;

use crate::store::SessionStore;

/// Keeps each session in its visitor's cookie, encrypted and authenticated: no server state at all.
///
/// It costs no store, and has its price. What a cookie cannot promise:
///
/// - **Ending is up to the browser**, unless a store helps ([`revocable_with`](CookieStore::revocable_with)). A logout
///   removes the cookie; somebody who copied it before can use the copy until
///   its deadline. A request of the same browser that is under way during the logout may send the cookie once more, and so
///   undo it. Keep lifetimes short, or use a store.
/// - **The last writer wins.** Of two requests at the same time the later answer replaces the earlier one's changes.
///   `update` and `transaction` are not run again, because there is nothing to compare with.
/// - **Sessions cannot be listed or revoked**, since the server does not have them; with `revocable_with` they can.
/// - **Length tells.** Sessions of 1 KiB or more are compressed. Who can put text into a session and sees how long its
///   cookie is learns whether the text resembles what else is in it; keep secrets out of such sessions.
/// - **Size.** Four cookies of 4,096 bytes hold some 11,000 bytes after compression; more is
///   [`TooLarge`](crate::ErrorKind::TooLarge), and the session stays as it was. Proxies often allow fewer: nginx takes
///   8 KiB of headers in all by default.
/// - **After the response head nothing can be changed**: every change needs a cookie.
///
/// ```
/// use cloakroom::{CookieStore, Secrets, SessionManager};
///
/// let secrets = Secrets::new(["an example of a secret of 32 bytes or more"])?;
/// let sessions = SessionManager::new(CookieStore::new(secrets));
/// # Ok::<(), cloakroom::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct CookieStore {
    secrets: Secrets,
    form: Form,
    register: Option<Arc<dyn SessionStore>>,
}

/// How a record is sealed. The number is the first byte of the seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// AES-256-GCM, under a key for each salt.
    Encrypted = 1,
    /// HMAC-SHA-256 over readable bytes.
    Signed = 2,
}

impl CookieStore {
    /// Encrypted and authenticated cookies: the visitor cannot read them, nor change a bit.
    ///
    /// ```
    /// # use cloakroom::{CookieStore, Secrets};
    /// let store = CookieStore::new(Secrets::new(["an example of a secret of 32 bytes or more"])?);
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    pub fn new(secrets: Secrets) -> Self {
        Self { secrets, form: Form::Encrypted, register: None }
    }

    /// Signs only: the visitor, and whoever reads the traffic, can read every value, and change none.
    ///
    /// ```
    /// # use cloakroom::{CookieStore, Secrets};
    /// let secrets = Secrets::new(["an example of a secret of 32 bytes or more"])?;
    /// let store = CookieStore::new(secrets).insecure_readable();
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    #[must_use]
    pub fn insecure_readable(mut self) -> Self {
        self.form = Form::Signed;
        self
    }

    /// Makes sessions end on the server too. The values stay in the cookie; this store, which may be any, knows of each
    /// session no more than whose it is, its deadlines and what was [noted](crate::Session::note). A cookie whose session
    /// it does not know opens nothing: so `logout`, [`revoke`](crate::SessionManager::revoke) and
    /// [`revoke_user`](crate::SessionManager::revoke_user) hold for copies too,
    /// [`sessions_of`](crate::SessionManager::sessions_of) lists, and
    /// [`sessions_per_user`](crate::SessionManagerBuilder::sessions_per_user) counts.
    ///
    /// A request that reads its session asks the store once, one that changes it once more. Cookies that were sealed
    /// before there was this store open nothing. The last writer still wins: what the store does not have it cannot merge.
    ///
    /// ```
    /// # use cloakroom::{CookieStore, MemoryStore, Secrets, SessionManager};
    /// # let secrets = Secrets::new(["an example of a secret of 32 bytes or more"])?;
    /// let store = CookieStore::new(secrets).revocable_with(MemoryStore::new());
    /// let sessions = SessionManager::new(store);
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    #[must_use]
    pub fn revocable_with(mut self, store: impl SessionStore) -> Self {
        self.register = Some(Arc::new(store));
        self
    }

    pub(crate) fn register(&self) -> Option<Arc<dyn SessionStore>> {
        self.register.clone()
    }
}

impl fmt::Debug for CookieStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieStore")
            .field("form", &self.form)
            .field("secrets", &self.secrets)
            .field("register", &self.register)
            .finish()
    }
}
