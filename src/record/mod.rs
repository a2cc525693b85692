//! What a store keeps of one session.

mod bytes;
mod own;
mod values;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine;
use base64::display::Base64Display;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub(crate) use bytes::Columns;
pub use bytes::Data;
pub(crate) use own::{Arriving, AuthenticatedAt, Flashes, Moved, Note, Own, RenewedAt, WaitingFlash};
pub(crate) use values::{Space, Values};

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::random::{Random, random, tag};

/// The longest user identifier, in bytes: enough for an e-mail address (254) or an OpenID Connect subject (255).
pub const MAX_USER_BYTES: usize = 512;

/// The longest note about a session, in bytes.
pub const MAX_NOTE_BYTES: usize = 256;

/// One session as a store keeps it: columns that the store can see, and data that is opaque to it.
///
/// A store keeps a record whole: all fields come back as they were given. [`encode`](Record::encode) and
/// [`decode`](Record::decode) turn it into bytes for stores that have no columns of their own.
///
/// ```
/// use cloakroom::{Record, Result, Timestamp};
///
/// /// A record as a store reads it back whose `touch` moved a deadline in a column of its own.
/// fn read(bytes: Vec<u8>, idle_deadline: Timestamp, seen: Timestamp) -> Result<Record> {
///     let mut record = Record::decode(bytes)?;
///     record.idle_deadline = idle_deadline;
///     record.seen = seen;
///     Ok(record)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Whether a ticket opens it.
    pub kind: RecordKind,
    /// Which version of the record this is; [`swap`](crate::SessionStore::swap) compares it.
    pub revision: Revision,
    /// The session's public name, the same after every renewal.
    pub handle: Handle,
    /// When the session began.
    pub created: Timestamp,
    /// When activity was last noted: exact to the share of the idle time that the manager is set to.
    pub seen: Timestamp,
    /// When the session ends if nothing happens; activity moves it forward.
    pub idle_deadline: Timestamp,
    /// When the session ends whatever happens.
    pub absolute_deadline: Timestamp,
    /// Whose session it is.
    pub user: Option<Arc<str>>,
    /// The session's values, with their format version. A store never looks inside.
    pub data: Data,
}

/// What a record is to whoever presents its ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecordKind {
    /// A session.
    Live,
    /// Opens nothing: the new place of a session that is being renewed, whose ticket nobody has yet, or the place where
    /// logins of one user meet, which has no ticket.
    Pending,
    /// The old place of a session that was renewed: says where it went.
    Moved,
    /// Takes the place of a record whose session has ended, without its values and its user, so that an attempt to create
    /// that record which arrives late finds its key taken. Opens nothing, is neither counted nor listed, and expires when no
    /// such attempt can be under way any more.
    Ended,
    /// A kind that a newer version of this crate writes, by its code. Opens nothing, and is neither counted nor listed; it
    /// is found, deleted and swept as any other, so that whoever ends a user's sessions ends it too.
    Unknown(u8),
}

impl RecordKind {
    /// The kind of this code, for stores with a column for it.
    ///
    /// ```
    /// use cloakroom::RecordKind;
    ///
    /// assert_eq!(RecordKind::from_code(0), RecordKind::Live);
    /// assert_eq!(RecordKind::from_code(9), RecordKind::Unknown(9));
    /// ```
    pub const fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Live,
            1 => Self::Pending,
            2 => Self::Moved,
            3 => Self::Ended,
            code => Self::Unknown(code),
        }
    }

    /// The code that every version of this crate writes for the kind.
    ///
    /// ```
    /// # use cloakroom::RecordKind;
    /// assert_eq!(RecordKind::Moved.code(), 2);
    /// ```
    pub const fn code(self) -> u8 {
        match self {
            Self::Live => 0,
            Self::Pending => 1,
            Self::Moved => 2,
            Self::Ended => 3,
            Self::Unknown(code) => code,
        }
    }
}

impl Record {
    /// When the record expires: the earlier of its two deadlines.
    ///
    /// ```
    /// # fn example(record: cloakroom::Record) {
    /// assert!(record.expires() <= record.absolute_deadline);
    /// # }
    /// ```
    pub fn expires(&self) -> Timestamp {
        self.idle_deadline.min(self.absolute_deadline)
    }

    /// Whether the record has expired at `now`; at the very instant of a deadline it has.
    ///
    /// ```
    /// # fn example(record: cloakroom::Record) {
    /// assert!(record.is_expired(record.expires()));
    /// # }
    /// ```
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.expires()
    }

    /// Whether a store counts and lists the record at `now`: it is live and has not expired.
    ///
    /// ```
    /// # fn example(record: cloakroom::Record) {
    /// assert!(!record.is_live(record.expires()));
    /// # }
    /// ```
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.kind == RecordKind::Live && !self.is_expired(now)
    }

    /// When its user logged in; none where nobody did.
    ///
    /// # Errors
    ///
    /// [`Decode`](ErrorKind::Decode) if the data is damaged or of an unknown version.
    ///
    /// ```
    /// # fn example(record: &cloakroom::Record) -> cloakroom::Result<()> {
    /// let since = record.authenticated_at()?;
    /// # Ok(()) }
    /// ```
    pub fn authenticated_at(&self) -> Result<Option<SystemTime>> {
        let values = Values::from_stored(self.data.clone())?;
        Ok(values.own::<AuthenticatedAt>()?.map(|at| at.0.into()))
    }

    /// Moves the idle deadline as [`SessionStore::touch`](crate::SessionStore::touch) promises: forward, never back,
    /// and not beyond the absolute one. For stores that hold records as they are.
    ///
    /// ```
    /// # fn example(mut record: cloakroom::Record, now: cloakroom::Timestamp) {
    /// record.touch(cloakroom::Timestamp::NEVER, now);
    /// assert_eq!(record.idle_deadline, record.absolute_deadline);
    /// # }
    /// ```
    pub fn touch(&mut self, idle_deadline: Timestamp, now: Timestamp) {
        self.idle_deadline = idle_deadline.min(self.absolute_deadline).max(self.idle_deadline);
        self.seen = self.seen.max(now);
    }
}

/// Which version of a record this is: a counter, and a tag drawn for each attempt to write.
///
/// After an answer was lost, the tag tells whether the version in the store is one's own write or another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision {
    /// How often the session was written.
    pub counter: u64,
    /// Drawn at random for this write.
    pub tag: u64,
}

impl Revision {
    /// The revision of a new record.
    ///
    /// ```
    /// use cloakroom::Revision;
    ///
    /// assert_eq!(Revision::first().counter, 1);
    /// assert_ne!(Revision::first(), Revision::first());
    /// ```
    pub fn first() -> Self {
        Self { counter: 1, tag: tag() }
    }

    /// The revision of an attempt to write over this one.
    ///
    /// ```
    /// # use cloakroom::Revision;
    /// let first = Revision::first();
    /// assert_eq!(first.next().counter, 2);
    /// ```
    #[must_use]
    pub fn next(self) -> Self {
        Self { counter: self.counter.wrapping_add(1), tag: tag() }
    }

    /// [`first`](Self::first), with a tag of this source.
    pub(crate) fn first_by(random: &Random) -> Self {
        Self { counter: 1, tag: random.tag() }
    }

    /// [`next`](Self::next), with a tag of this source.
    pub(crate) fn next_by(self, random: &Random) -> Self {
        Self { counter: self.counter.wrapping_add(1), tag: random.tag() }
    }
}

/// A session's public name: 128 random bits, for device lists, logs and revocation.
///
/// It is the same after every renewal, safe in a URL, and opens nothing.
///
/// ```
/// use cloakroom::Handle;
///
/// let handle = Handle::random();
/// assert_eq!(handle.to_string().parse::<Handle>()?, handle);
/// # Ok::<(), cloakroom::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle([u8; 16]);

impl Handle {
    const CHARACTERS: usize = 22;

    /// A handle that nobody has.
    ///
    /// ```
    /// # use cloakroom::Handle;
    /// assert_ne!(Handle::random(), Handle::random());
    /// ```
    pub fn random() -> Self {
        Self(random())
    }

    /// [`random`](Self::random), from this source.
    pub(crate) fn random_by(random: &Random) -> Self {
        Self(random.bytes())
    }

    /// The handle of these bytes, as a store reads it back.
    ///
    /// ```
    /// # use cloakroom::Handle;
    /// assert_eq!(Handle::from_bytes([1; 16]).as_bytes(), &[1; 16]);
    /// ```
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes of the handle.
    ///
    /// ```
    /// # use cloakroom::Handle;
    /// assert_eq!(Handle::random().as_bytes().len(), 16);
    /// ```
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Base64Display::new(&self.0, &URL_SAFE_NO_PAD))
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({self})")
    }
}

impl FromStr for Handle {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut bytes = [0; 16];
        let right_length = text.len() == Self::CHARACTERS;
        match URL_SAFE_NO_PAD.decode_slice_unchecked(if right_length { text } else { "" }, &mut bytes) {
            Ok(16) => Ok(Self(bytes)),
            _ => Err(Error::new(ErrorKind::Decode, "a handle is 22 characters of base64url")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_has_one_written_form() {
        let handle = Handle::from_bytes([0xfb; 16]);
        let text = handle.to_string();
        assert_eq!(text.parse::<Handle>().ok(), Some(handle));
        for bad in ["", "short", &format!("{text}A"), &text.replace('-', "+"), &format!("{}=", &text[..21])] {
            assert!(bad.parse::<Handle>().is_err(), "{bad}");
        }
    }
}
