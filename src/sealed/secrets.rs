//! The secrets that seal cookies.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::ciphers::Ciphers;
use crate::error::ConfigError;
use crate::events;
use crate::random::random;

/// The shortest secret, in bytes: as long as the keys that are derived from it.
const SHORTEST: usize = 32;

/// A ring of secrets: the first seals, all open.
///
/// To change a secret, put the new one first and leave the old one behind it; cookies that the old one sealed are sealed
/// anew as their visitors come by. When the longest lifetime has passed, drop the old one.
///
/// ```
/// use cloakroom::Secrets;
///
/// let secrets = Secrets::new(["the new secret, of at least 32 bytes", "the old secret, of at least 32 bytes"])?;
/// # Ok::<(), cloakroom::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Secrets(Arc<[Keys]>);

/// What one secret becomes: a key for each purpose, and a name that a seal tells it by.
pub(super) struct Keys {
    pub(super) id: [u8; 4],
    pub(super) encrypting: Ciphers,
    pub(super) signing: Hmac<Sha256>,
}

impl Secrets {
    /// The secrets, the one that seals first. A secret is any text of at least 32 bytes that nobody can guess: as from
    /// `openssl rand -base64 48`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if there is none, one is too short or made of a single character, or two are the same.
    ///
    /// ```
    /// use cloakroom::Secrets;
    ///
    /// assert_eq!(Secrets::new(["short"]).unwrap_err().setting(), "secret");
    /// ```
    pub fn new<S: AsRef<[u8]>>(secrets: impl IntoIterator<Item = S>) -> Result<Self, ConfigError> {
        let (mut keys, mut seen) = (Vec::new(), Vec::new());
        for secret in secrets {
            let secret = secret.as_ref();
            if secret.len() < SHORTEST {
                return Err(refuse(format!(
                    "has {} bytes, and takes at least {SHORTEST}; make one with `openssl rand -base64 48`",
                    secret.len()
                )));
            }
            if secret.iter().all(|byte| *byte == secret[0]) {
                return Err(refuse("is one character again and again; make one with `openssl rand -base64 48`"));
            }
            let mark = expand(secret, b"cloakroom 1 comparison");
            if seen.contains(&mark) {
                return Err(refuse("is given twice; leave one of the two out"));
            }
            seen.push(mark);
            keys.push(Keys::derive(secret));
        }
        if keys.is_empty() {
            return Err(refuse("is missing; make one with `openssl rand -base64 48`"));
        }
        Ok(Self(keys.into()))
    }

    /// A secret of this process alone, for development: a restart, or another process, opens none of its cookies. It says
    /// so in the log.
    ///
    /// ```
    /// let secrets = cloakroom::Secrets::random_for_development();
    /// ```
    pub fn random_for_development() -> Self {
        events::development_secret();
        let secret: [u8; 32] = random();
        Self([Keys::derive(&secret)].into())
    }

    pub(super) fn first(&self) -> Option<&Keys> {
        self.0.first()
    }

    /// The keys that a seal names, each with whether it is the one that seals now.
    pub(super) fn named(&self, id: [u8; 4]) -> impl Iterator<Item = (&Keys, bool)> {
        self.0.iter().enumerate().filter(move |(_, keys)| keys.id == id).map(|(index, keys)| (keys, index == 0))
    }
}

impl Keys {
    fn derive(secret: &[u8]) -> Self {
        let id = expand(secret, b"cloakroom 1 key id");
        Self {
            id: [id[0], id[1], id[2], id[3]],
            encrypting: Ciphers::new(keyed(&*expand(secret, b"cloakroom 1 encrypting key"))),
            signing: keyed(&*expand(secret, b"cloakroom 1 signing key")),
        }
    }
}

/// HMAC as a pseudo-random function of the purpose, keyed by the secret (the expanding half of HKDF, RFC 5869: the secret
/// has its entropy already).
fn expand(secret: &[u8], purpose: &[u8]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(keyed(secret).chain_update(purpose).chain_update([1]).finalize().into_bytes().into())
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of every length, so there is nothing to fail here.
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(key) else { unreachable!() };
    mac
}

fn refuse(why: impl Into<std::borrow::Cow<'static, str>>) -> ConfigError {
    ConfigError::new("secret", why)
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // behaviour 114
    #[test]
    fn what_is_no_secret_is_refused() {
        let good = "0123456789abcdef0123456789abcdef";
        assert!(Secrets::new([good]).is_ok());
        for bad in [vec![], vec![""], vec![&good[1..]], vec![good, "short"], vec![good, good], vec![&"x".repeat(64)]] {
            assert_eq!(Secrets::new(&bad).map(drop).map_err(|error| error.setting()), Err("secret"), "{bad:?}");
        }
    }

    #[test]
    fn nothing_prints_a_secret() {
        let secrets = Secrets::new(["0123456789abcdef0123456789abcdef"]).expect("a secret");
        assert_eq!(format!("{secrets:?}"), "Secrets(1)");
    }
}
