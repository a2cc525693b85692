//! What is ours in a session's values: it lives in a key space that the application cannot reach.
//!
//! Each is a field of its own, and fields that this version does not know are kept, so that old and new versions of the
//! library can run on one store.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Handle, Record, Space, Values};
use crate::clock::Timestamp;
use crate::codec;
use crate::error::{Error, ErrorKind, Result};
use crate::lifetime::Lifetime;
use crate::session::Flash;
use crate::token::{NONCE_BYTES, StoreKey};

/// A field of ours.
pub(crate) trait Own: Sized {
    const FIELD: &'static str;
    type Stored: Serialize + DeserializeOwned;

    fn to_stored(&self) -> Self::Stored;
    fn from_stored(stored: Self::Stored) -> Option<Self>;
}

impl Values {
    pub(crate) fn own<T: Own>(&self) -> Result<Option<T>> {
        if !self.has_own() {
            return Ok(None);
        }
        let Some(bytes) = self.get(Space::Own, T::FIELD) else { return Ok(None) };
        match T::from_stored(codec::decode(bytes)?) {
            Some(value) => Ok(Some(value)),
            None => Err(Error::new(ErrorKind::Decode, format!("the stored field {:?} is damaged", T::FIELD))),
        }
    }

    pub(crate) fn set_own<T: Own>(&mut self, value: &T, limit: usize) -> Result<()> {
        codec::encoded(&value.to_stored(), |bytes| self.set(Space::Own, T::FIELD, bytes, limit))
    }

    /// Refuses values of which a field of ours cannot be read, so that no later call of the session meets it. Returns when
    /// its user logged in.
    pub(crate) fn check_own(&self) -> Result<Option<AuthenticatedAt>> {
        self.own::<Lifetime>()?;
        self.own::<RenewedAt>()?;
        self.own::<Flashes>()?;
        self.own::<Note>()?;
        self.own::<AuthenticatedAt>()
    }

    pub(crate) fn remove_own<T: Own>(&mut self) -> bool {
        self.remove(Space::Own, T::FIELD)
    }
}

impl Record {
    /// A field of ours in a record that is not read otherwise.
    pub(crate) fn own<T: Own>(&self) -> Result<Option<T>> {
        Values::from_stored(self.data.clone())?.own()
    }
}

/// Where a session went, in the marker that its renewal leaves at the old place.
///
/// The marker keeps the session's values as they were, and here its deadlines, so that a renewal that was cut off by a
/// crash can be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) to: StoreKey,
    /// With a nonce the holder of the old ticket may follow; without one, nobody may.
    pub(crate) nonce: Option<[u8; NONCE_BYTES]>,
    pub(crate) at: Timestamp,
    pub(crate) idle_deadline: Timestamp,
    pub(crate) absolute_deadline: Timestamp,
}

impl Own for Moved {
    const FIELD: &'static str = "moved";
    type Stored = ([u8; 32], Option<[u8; NONCE_BYTES]>, u64, u64, u64);

    fn to_stored(&self) -> Self::Stored {
        let [at, idle, absolute] = [self.at, self.idle_deadline, self.absolute_deadline].map(Timestamp::as_millis);
        (*self.to.as_bytes(), self.nonce, at, idle, absolute)
    }

    fn from_stored((to, nonce, at, idle, absolute): Self::Stored) -> Option<Self> {
        let [at, idle_deadline, absolute_deadline] = [at, idle, absolute].map(Timestamp::from_millis);
        Some(Self { to: StoreKey::from_bytes(to), nonce, at, idle_deadline, absolute_deadline })
    }
}

/// When the user proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AuthenticatedAt(pub(crate) Timestamp);

impl Own for AuthenticatedAt {
    const FIELD: &'static str = "authenticated";
    type Stored = u64;

    fn to_stored(&self) -> u64 {
        self.0.as_millis()
    }

    fn from_stored(stored: u64) -> Option<Self> {
        Some(Self(Timestamp::from_millis(stored)))
    }
}

/// When the token was drawn; for a session that was never renewed that is when it was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RenewedAt(pub(crate) Timestamp);

impl Own for RenewedAt {
    const FIELD: &'static str = "renewed";
    type Stored = u64;

    fn to_stored(&self) -> u64 {
        self.0.as_millis()
    }

    fn from_stored(stored: u64) -> Option<Self> {
        Some(Self(Timestamp::from_millis(stored)))
    }
}

/// What the application noted of a session, for its user's list of sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note(pub(crate) String);

impl Own for Note {
    const FIELD: &'static str = "note";
    type Stored = String;

    fn to_stored(&self) -> String {
        self.0.clone()
    }

    fn from_stored(stored: String) -> Option<Self> {
        Some(Self(stored))
    }
}

/// Who has taken a place among the sessions of a user and is not live yet, in the record that logins of that user meet at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Arriving(pub(crate) Vec<Handle>);

impl Own for Arriving {
    const FIELD: &'static str = "arriving";
    type Stored = Vec<[u8; 16]>;

    fn to_stored(&self) -> Self::Stored {
        self.0.iter().map(|handle| *handle.as_bytes()).collect()
    }

    fn from_stored(stored: Self::Stored) -> Option<Self> {
        Some(Self(stored.into_iter().map(Handle::from_bytes).collect()))
    }
}

impl Own for Lifetime {
    const FIELD: &'static str = "lifetime";
    type Stored = (u64, u64, Option<u64>, bool);

    fn to_stored(&self) -> Self::Stored {
        self.to_parts()
    }

    fn from_stored(stored: Self::Stored) -> Option<Self> {
        Some(Self::from_parts(stored))
    }
}

/// The messages that wait for the next request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Flashes(pub(crate) Vec<WaitingFlash>);

/// A message, with a number by which a request takes it and no other one that came meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WaitingFlash {
    pub(crate) number: u64,
    pub(crate) flash: Flash,
}

impl Own for Flashes {
    const FIELD: &'static str = "flash";
    type Stored = Vec<(u64, String, String)>;

    fn to_stored(&self) -> Self::Stored {
        self.0.iter().map(|w| (w.number, w.flash.kind.clone(), w.flash.text.clone())).collect()
    }

    fn from_stored(stored: Self::Stored) -> Option<Self> {
        let waiting =
            stored.into_iter().map(|(number, kind, text)| WaitingFlash { number, flash: Flash { kind, text } });
        Some(Self(waiting.collect()))
    }
}
