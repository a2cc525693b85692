//! Where the engine draws from: the operating system, unless a test brings a source that repeats.

use std::hash::{BuildHasher, RandomState};
#[cfg(feature = "testing")]
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A source of random bytes that a test gives to a manager, so that tokens, handles, revisions and pauses repeat.
///
/// Only tests can give one. Secrets, salts and nonces of sealed cookies never come from it: a nonce that repeats would
/// break the seal.
///
/// ```
/// use cloakroom::testing::Randomness;
/// use std::sync::atomic::{AtomicU8, Ordering};
///
/// /// Counts.
/// #[derive(Debug, Default)]
/// struct Counting(AtomicU8);
///
/// impl Randomness for Counting {
///     fn fill(&self, bytes: &mut [u8]) {
///         bytes.fill(self.0.fetch_add(1, Ordering::Relaxed));
///     }
/// }
/// ```
#[cfg(feature = "testing")]
pub trait Randomness: std::fmt::Debug + Send + Sync + 'static {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// What the engine draws from. Without the feature `testing` it is the operating system and takes no space.
#[derive(Debug, Clone, Default)]
pub(crate) struct Random {
    #[cfg(feature = "testing")]
    source: Option<Arc<dyn Randomness>>,
}

impl Random {
    #[cfg(feature = "testing")]
    pub(crate) fn from_source(source: impl Randomness) -> Self {
        Self { source: Some(Arc::new(source)) }
    }

    pub(crate) fn bytes<const N: usize>(&self) -> [u8; N] {
        self.seeded().unwrap_or_else(random)
    }

    /// The tag of an attempt to write.
    pub(crate) fn tag(&self) -> u64 {
        self.seeded().map_or_else(tag, u64::from_le_bytes)
    }

    #[cfg(feature = "testing")]
    fn seeded<const N: usize>(&self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.source.as_ref()?.fill(&mut bytes);
        Some(bytes)
    }

    #[cfg(not(feature = "testing"))]
    fn seeded<const N: usize>(&self) -> Option<[u8; N]> {
        None
    }
}

/// Bytes from the operating system.
///
/// A machine that has none cannot keep any promise about a session, so there is nothing to go on with.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(error) = getrandom::fill(&mut bytes) {
        panic!("the operating system gives no random bytes: {error}");
    }
    bytes
}

/// A tag is no secret: it has to differ from the tags of other attempts to write the same record, in other threads and
/// processes, a fork of this one too. So it is a keyed hash of the time, which costs no system call.
pub(crate) fn tag() -> u64 {
    let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    RandomState::new().hash_one(nanoseconds)
}
