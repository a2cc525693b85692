//! A record as one run of bytes, and data that is shared without a copy.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::{Handle, MAX_USER_BYTES, Record, RecordKind, Revision};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};

/// Bytes that many readers share: a part of an allocation that none of them changes.
///
/// ```
/// use cloakroom::Data;
///
/// let data = Data::from(vec![1, 2, 3]);
/// assert_eq!(&*data.clone(), [1, 2, 3]);
/// ```
#[derive(Clone)]
pub struct Data {
    all: Option<Arc<[u8]>>,
    start: usize,
}

impl Data {
    /// No bytes.
    pub(crate) const EMPTY: Self = Self { all: None, start: 0 };
}

impl Deref for Data {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.all.as_deref().and_then(|all| all.get(self.start..)).unwrap_or_default()
    }
}

impl From<Vec<u8>> for Data {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(&*bytes)
    }
}

impl From<&[u8]> for Data {
    fn from(bytes: &[u8]) -> Self {
        if bytes.is_empty() { Self::EMPTY } else { Self { all: Some(Arc::from(bytes)), start: 0 } }
    }
}

impl PartialEq for Data {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Data {}

impl fmt::Debug for Data {
    /// The length only: the bytes are the visitor's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Data({} bytes)", self.len())
    }
}

/// Version 1: `version kind counter tag handle created seen idle absolute user-length user data`,
/// numbers little-endian, `user-length` 0 for none and else one more than the bytes that follow.
const VERSION: u8 = 1;
const HEAD: usize = 2 + 8 + 8 + 16 + 4 * 8 + 2;

impl Record {
    /// The record as bytes, with the version of their format, for stores that keep it as one value.
    ///
    /// ```
    /// # fn example(record: cloakroom::Record) -> cloakroom::Result<()> {
    /// assert_eq!(cloakroom::Record::decode(record.encode())?, record);
    /// # Ok(()) }
    /// ```
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.encoded_len());
        self.parts(|part| bytes.extend_from_slice(part));
        bytes
    }

    /// How many bytes the encoded form has.
    pub(crate) fn encoded_len(&self) -> usize {
        HEAD + self.user.as_ref().map_or(0, |user| user.len()) + self.data.len()
    }

    /// The same behind something else, to be shared.
    pub(crate) fn encode_behind(&self, front: &[u8]) -> Arc<[u8]> {
        let length = front.len() + self.encoded_len();
        // Room first, which is then written to: bytes that are there already would have to be copied.
        let mut all: Arc<[u8]> = std::iter::repeat_n(0, length).collect();
        if let Some(mut rest) = Arc::get_mut(&mut all) {
            let mut write = |part: &[u8]| {
                let (place, behind) = std::mem::take(&mut rest).split_at_mut(part.len());
                place.copy_from_slice(part);
                rest = behind;
            };
            write(front);
            self.parts(write);
        }
        all
    }

    /// What the encoded form is made of.
    fn parts(&self, mut show: impl FnMut(&[u8])) {
        let mut head = [0; HEAD];
        let mut place = 0;
        let mut add = |bytes: &[u8]| {
            head[place..place + bytes.len()].copy_from_slice(bytes);
            place += bytes.len();
        };
        add(&[VERSION]);
        add(&[self.kind.code()]);
        add(&self.revision.counter.to_le_bytes());
        add(&self.revision.tag.to_le_bytes());
        add(self.handle.as_bytes());
        for instant in [self.created, self.seen, self.idle_deadline, self.absolute_deadline] {
            add(&instant.as_millis().to_le_bytes());
        }
        // The engine refuses longer names of users, so the length always fits.
        let length = self.user.as_ref().map_or(0, |user| u16::try_from(user.len()).map_or(u16::MAX, |n| n + 1));
        add(&length.to_le_bytes());
        show(&head);
        show(self.user.as_deref().unwrap_or_default().as_bytes());
        show(&self.data);
    }

    /// Reads what [`encode`](Record::encode) wrote; the data stays where it is, shared.
    ///
    /// # Errors
    ///
    /// [`Decode`](ErrorKind::Decode) if the bytes are damaged, or of a format that this version does not know.
    ///
    /// ```
    /// use cloakroom::{ErrorKind, Record};
    ///
    /// let error = Record::decode(vec![255, 0, 0]).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Decode);
    /// ```
    pub fn decode(bytes: impl Into<Arc<[u8]>>) -> Result<Self> {
        Self::decode_from(bytes.into(), 0)
    }

    /// The same from some place on.
    pub(crate) fn decode_from(all: Arc<[u8]>, start: usize) -> Result<Self> {
        let mut reader = Reader(all.get(start..).unwrap_or_default());
        let damaged = || Error::new(ErrorKind::Decode, "a stored record is damaged");
        match reader.array().ok_or_else(damaged)? {
            [VERSION] => {}
            [other] => {
                return Err(Error::new(ErrorKind::Decode, format!("a stored record has the unknown format {other}")));
            }
        }
        let mut columns = || {
            let [kind] = reader.array()?;
            let kind = RecordKind::from_code(kind);
            let revision = Revision { counter: reader.number()?, tag: reader.number()? };
            let handle = Handle::from_bytes(reader.array()?);
            let mut instant = || reader.number().map(Timestamp::from_millis);
            let (created, seen, idle_deadline, absolute_deadline) = (instant()?, instant()?, instant()?, instant()?);
            let user = match usize::from(u16::from_le_bytes(reader.array()?)) {
                0 => None,
                length => Some(Arc::from(std::str::from_utf8(reader.take(length - 1)?).ok()?)),
            };
            Some(Self {
                kind,
                revision,
                handle,
                created,
                seen,
                idle_deadline,
                absolute_deadline,
                user,
                data: Data::EMPTY,
            })
        };
        let mut record = columns().ok_or_else(damaged)?;
        let start = all.len() - reader.0.len();
        if start < all.len() {
            record.data = Data { all: Some(all), start };
        }
        Ok(record)
    }
}

/// Columns of a record in its encoded form, where they have a fixed place.
pub(crate) struct Columns<'a>(&'a [u8; HEAD], &'a [u8]);

impl<'a> Columns<'a> {
    /// Of what [`Record::encode`] made; less reads as zeros.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        let (head, rest) = bytes.split_first_chunk().unwrap_or((&[0; HEAD], &[]));
        Self(head, rest)
    }

    pub(crate) fn revision(&self) -> Revision {
        Revision { counter: self.number(2), tag: self.number(10) }
    }

    pub(crate) fn handle(&self) -> Handle {
        Handle::from_bytes(self.array(18))
    }

    pub(crate) fn expires(&self) -> Timestamp {
        Timestamp::from_millis(self.number(HEAD - 18).min(self.number(HEAD - 10)))
    }

    pub(crate) fn is_of_kind_live(&self) -> bool {
        self.0[1] == 0
    }

    pub(crate) fn user(&self) -> Option<&'a str> {
        let length = usize::from(u16::from_le_bytes(self.array(HEAD - 2)));
        std::str::from_utf8(self.1.get(..length.checked_sub(1)?)?).ok()
    }

    fn array<const N: usize>(&self, start: usize) -> [u8; N] {
        self.0[start..].first_chunk().copied().unwrap_or([0; N])
    }

    fn number(&self, start: usize) -> u64 {
        u64::from_le_bytes(self.array(start))
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

const _: () = assert!(MAX_USER_BYTES < u16::MAX as usize, "the length of a user fits its field");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(user: Option<&str>, data: &[u8]) -> Record {
        Record {
            kind: RecordKind::Live,
            revision: Revision::first(),
            handle: Handle::random(),
            created: Timestamp::from_millis(1),
            seen: Timestamp::from_millis(2),
            idle_deadline: Timestamp::from_millis(3),
            absolute_deadline: Timestamp::NEVER,
            user: user.map(Arc::from),
            data: Data::from(data),
        }
    }

    #[test]
    fn a_record_reads_back() {
        for user in [None, Some(""), Some("ana"), Some("日本")] {
            for data in [&[][..], &[0], &[7; 70_000]] {
                let record = record(user, data);
                let bytes = record.encode_behind(b"front");
                let columns = Columns::of(&bytes[5..]);
                assert_eq!((columns.revision(), columns.handle()), (record.revision, record.handle));
                assert_eq!((columns.expires(), columns.user()), (record.expires(), record.user.as_deref()));
                assert!(columns.is_of_kind_live());
                assert_eq!(Record::decode_from(bytes, 5).ok().as_ref(), Some(&record));
                assert_eq!(Record::decode(record.encode()).ok(), Some(record));
            }
        }
    }

    #[test]
    fn a_cut_record_is_an_error() {
        let bytes = record(Some("ana"), &[]).encode();
        for length in 0..bytes.len() {
            assert!(Record::decode(&bytes[..length]).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn junk_never_panics(bytes: Vec<u8>) {
            let _ = Record::decode(bytes);
        }
    }
}
