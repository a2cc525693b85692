//! The ciphers that one secret becomes, one for each salt.
//!
//! To derive a key and prepare its cipher takes as long as to seal a small session. So one salt serves for many seals, and
//! the ciphers that opened something lately are kept. What a stranger sends is never kept: it opens nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::KeyInit;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::random::random;

pub(super) const SALT: usize = 16;

/// Seals under one salt. That two of them draw the same nonce has a chance of 2^-49; NIST SP 800-38D, section 8.3, allows
/// 2^-32.
const SEALS: u64 = 1 << 24;

/// Salts that are kept: every process that seals has one at a time.
const MOST: usize = 16;

pub(super) struct Ciphers {
    /// Derives the key of each salt.
    derive: Hmac<Sha256>,
    seals: AtomicU64,
    /// The last one that was drawn here.
    sealing: RwLock<Option<Arc<Salted>>>,
    /// That one, and those of other processes.
    known: RwLock<Vec<Arc<Salted>>>,
}

/// A cipher, and the salt of its key.
pub(super) struct Salted {
    pub(super) salt: [u8; SALT],
    pub(super) cipher: Aes256Gcm,
}

impl Ciphers {
    pub(super) fn new(derive: Hmac<Sha256>) -> Self {
        Self { derive, seals: AtomicU64::new(0), sealing: RwLock::default(), known: RwLock::default() }
    }

    /// The cipher for one more seal.
    pub(super) fn for_sealing(&self) -> Arc<Salted> {
        let is_worn = self.seals.fetch_add(1, Ordering::Relaxed).is_multiple_of(SEALS);
        let sealing = self.sealing.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(sealing) = sealing.filter(|_| !is_worn) {
            return sealing;
        }
        let drawn = Arc::new(self.salted(random()));
        *self.sealing.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&drawn));
        self.keep(Arc::clone(&drawn));
        drawn
    }

    /// Opens something with the cipher of a salt that somebody sent, and keeps that if it does open.
    pub(super) fn open(&self, salt: [u8; SALT], open: impl FnOnce(&Aes256Gcm) -> bool) -> bool {
        let known = self.known(salt);
        if let Some(known) = known {
            return open(&known.cipher);
        }
        let derived = Arc::new(self.salted(salt));
        let opens = open(&derived.cipher);
        if opens {
            self.keep(derived);
        }
        opens
    }

    fn known(&self, salt: [u8; SALT]) -> Option<Arc<Salted>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|known| known.salt == salt).map(Arc::clone)
    }

    fn keep(&self, salted: Arc<Salted>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been as quick.
        if known.iter().all(|known| known.salt != salted.salt) {
            // The one that has been known for longest goes; if it is still in use, it comes back.
            if known.len() == MOST {
                known.remove(0);
            }
            known.push(salted);
        }
    }

    fn salted(&self, salt: [u8; SALT]) -> Salted {
        let key = Zeroizing::new(<[u8; 32]>::from(self.derive.clone().chain_update(salt).finalize().into_bytes()));
        Salted { salt, cipher: Aes256Gcm::new((&*key).into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ciphers() -> Ciphers {
        let Ok(derive) = Hmac::<Sha256>::new_from_slice(&[7; 32]) else { unreachable!() };
        Ciphers::new(derive)
    }

    #[test]
    fn one_salt_serves_for_many_seals_and_then_another() {
        let ciphers = ciphers();
        let first = ciphers.for_sealing();
        assert_eq!(ciphers.for_sealing().salt, first.salt);
        ciphers.seals.store(SEALS - 1, Ordering::Relaxed);
        assert_eq!(ciphers.for_sealing().salt, first.salt);
        assert_ne!(ciphers.for_sealing().salt, first.salt);
        assert_ne!(self::ciphers().for_sealing().salt, first.salt, "of another process");
    }

    #[test]
    fn what_opens_is_kept_and_what_does_not_is_not() {
        let ciphers = ciphers();
        assert!(ciphers.known(ciphers.for_sealing().salt).is_some());
        assert!(!ciphers.open([1; SALT], |_| false));
        assert!(ciphers.known([1; SALT]).is_none(), "of a stranger");
        assert!(ciphers.open([1; SALT], |_| true));
        assert!(ciphers.known([1; SALT]).is_some(), "of another process");
        for number in 0..100 {
            ciphers.open([number; SALT], |_| true);
        }
        assert_eq!(ciphers.known.read().expect("no panic").len(), MOST);
    }
}
