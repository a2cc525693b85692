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

use crate::token::random;

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
    /// What seals is the last one that was drawn here; the others are those of other processes.
    sealing: RwLock<Option<Arc<Salted>>>,
    opened: RwLock<Vec<Arc<Salted>>>,
}

/// A cipher, and the salt of its key.
pub(super) struct Salted {
    pub(super) salt: [u8; SALT],
    pub(super) cipher: Aes256Gcm,
}

impl Ciphers {
    pub(super) fn new(derive: Hmac<Sha256>) -> Self {
        Self { derive, seals: AtomicU64::new(0), sealing: RwLock::default(), opened: RwLock::default() }
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
        self.keep(&drawn);
        drawn
    }

    /// The cipher of a salt that somebody sent.
    pub(super) fn for_opening(&self, salt: [u8; SALT]) -> Arc<Salted> {
        let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
        let known = opened.iter().find(|known| known.salt == salt).map(Arc::clone);
        // A stranger's salt takes its time, in which nobody waits for the lock.
        drop(opened);
        known.unwrap_or_else(|| Arc::new(self.salted(salt)))
    }

    /// Keeps a cipher that has sealed or opened something.
    pub(super) fn keep(&self, salted: &Arc<Salted>) {
        let is_known = |known: &[Arc<Salted>]| known.iter().any(|known| known.salt == salted.salt);
        if is_known(&self.opened.read().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        let mut opened = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        if !is_known(&opened) {
            // The one that has been known for longest goes; if it is still in use, it comes back.
            if opened.len() == MOST {
                opened.remove(0);
            }
            opened.push(Arc::clone(salted));
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
    fn what_opened_is_kept_and_what_did_not_is_not() {
        let ciphers = ciphers();
        let sealing = ciphers.for_sealing();
        assert!(Arc::ptr_eq(&ciphers.for_opening(sealing.salt), &sealing));
        let strange = ciphers.for_opening([1; SALT]);
        assert!(!Arc::ptr_eq(&ciphers.for_opening([1; SALT]), &strange));
        ciphers.keep(&strange);
        assert!(Arc::ptr_eq(&ciphers.for_opening([1; SALT]), &strange));
        for number in 0..100 {
            ciphers.keep(&ciphers.for_opening([number; SALT]));
        }
        assert_eq!(ciphers.opened.read().expect("no panic").len(), MOST);
    }
}
