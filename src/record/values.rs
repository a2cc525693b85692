//! The values of a session as one run of bytes: sorted, so that equal sessions are equal bytes, and read in place, so
//! that asking for one key decodes one value.
//!
//! Version 1: `version` and then, sorted by space and key, `space key-length key value-length value`, lengths as
//! LEB128. No bytes at all are no values.

use std::cmp::Ordering;

use super::Data;
use crate::error::{Error, ErrorKind, Result};

const VERSION: u8 = 1;

/// Two key spaces in one container: what is ours cannot be reached by a key of the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Space {
    Own = 0,
    Application = 1,
}

/// Values, shared with the store until the first change.
#[derive(Clone)]
pub(crate) enum Values {
    Shared(Data),
    Changed(Vec<u8>),
}

impl Values {
    pub(crate) const EMPTY: Self = Self::Shared(Data::EMPTY);

    /// Takes stored bytes, once they are known to be well formed.
    pub(crate) fn from_stored(data: Data) -> Result<Self> {
        let mut entries = Entries::new(&data)?;
        let mut last = None;
        while !entries.rest.is_empty() {
            let entry = entries.read().ok_or_else(damaged)?;
            // Nearly every key is ASCII, which is quicker to tell.
            if !entry.key.is_ascii() && std::str::from_utf8(entry.key).is_err() {
                return Err(damaged());
            }
            let place = Some((entry.space, entry.key));
            if place <= last {
                return Err(damaged());
            }
            last = place;
        }
        Ok(Self::Shared(data))
    }

    pub(crate) fn to_data(&self) -> Data {
        match self {
            Self::Shared(data) => data.clone(),
            Self::Changed(bytes) => Data::from(bytes.as_slice()),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Shared(data) => data,
            Self::Changed(bytes) => bytes,
        }
    }

    pub(crate) fn get(&self, space: Space, key: &str) -> Option<&[u8]> {
        match self.find(space, key) {
            Find::At { value, .. } => Some(value),
            Find::Before(_) => None,
        }
    }

    /// The keys and values of one space, in order.
    pub(crate) fn iter(&self, space: Space) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries()
            .filter(move |entry| entry.space == space as u8)
            .filter_map(|entry| Some((std::str::from_utf8(entry.key).ok()?, entry.value)))
    }

    /// Sets a value unless the container would grow beyond `limit` bytes.
    pub(crate) fn set(&mut self, space: Space, key: &str, value: &[u8], limit: usize) -> Result<()> {
        let (start, end) = match self.find(space, key) {
            Find::At { start, end, .. } => (start, end),
            Find::Before(start) => (start, start),
        };
        let (key_length, value_length) = (Length::of(key.as_bytes())?, Length::of(value)?);
        let entry = [&[space as u8], key_length.as_slice(), key.as_bytes(), value_length.as_slice(), value];
        let added: usize = entry.iter().map(|part| part.len()).sum();
        let total = self.as_bytes().len().max(1) - (end - start) + added;
        check_limit(total, limit)?;
        let bytes = self.changed(total);
        if bytes.is_empty() {
            bytes.push(VERSION);
        }
        let (start, end, length) = (start.max(1), end.max(1), bytes.len());
        // What comes behind makes room, or closes up.
        bytes.resize(length.max(total), 0);
        bytes.copy_within(end..length, start + added);
        bytes.truncate(total);
        let mut place = start;
        for part in entry {
            bytes[place..place + part.len()].copy_from_slice(part);
            place += part.len();
        }
        Ok(())
    }

    pub(crate) fn check_limit(&self, limit: usize) -> Result<()> {
        check_limit(self.as_bytes().len(), limit)
    }

    /// Removes a value; answers whether it was there.
    pub(crate) fn remove(&mut self, space: Space, key: &str) -> bool {
        let Find::At { start, end, .. } = self.find(space, key) else { return false };
        let bytes = self.changed(0);
        bytes.drain(start..end);
        if *bytes == [VERSION] {
            // No values are no bytes, so that equal values are equal bytes.
            bytes.clear();
        }
        true
    }

    /// Removes all values of one space.
    pub(crate) fn clear(&mut self, space: Space) {
        let kept: Vec<_> = self.entries().filter(|entry| entry.space != space as u8).map(|entry| entry.all).collect();
        let mut bytes = Vec::new();
        if !kept.is_empty() {
            bytes.push(VERSION);
            kept.iter().for_each(|entry| bytes.extend(*entry));
        }
        *self = Self::Changed(bytes);
    }

    /// The bytes, to be changed to so many.
    fn changed(&mut self, length: usize) -> &mut Vec<u8> {
        if let Self::Shared(data) = self {
            // Enough for a few more values at once.
            let mut bytes = Vec::with_capacity(length.max(data.len()) + 448);
            bytes.extend_from_slice(data);
            *self = Self::Changed(bytes);
        }
        match self {
            Self::Changed(bytes) => bytes,
            Self::Shared(_) => unreachable!("it was just made a copy of its own"),
        }
    }

    /// Whether there is anything of ours: it would come first.
    pub(crate) fn has_own(&self) -> bool {
        self.as_bytes().get(1) == Some(&(Space::Own as u8))
    }

    fn entries(&self) -> Entries<'_> {
        Entries { rest: self.as_bytes().get(1..).unwrap_or_default() }
    }

    fn find(&self, space: Space, key: &str) -> Find<'_> {
        let total = self.as_bytes().len();
        let mut entries = self.entries();
        loop {
            let start = total - entries.rest.len();
            let Some(entry) = entries.next() else { return Find::Before(start) };
            match (entry.space, entry.key).cmp(&(space as u8, key.as_bytes())) {
                Ordering::Less => {}
                Ordering::Equal => return Find::At { start, end: start + entry.all.len(), value: entry.value },
                Ordering::Greater => return Find::Before(start),
            }
        }
    }
}

impl std::fmt::Debug for Values {
    /// The length only: the bytes are the visitor's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Values({} bytes)", self.as_bytes().len())
    }
}

enum Find<'a> {
    At { start: usize, end: usize, value: &'a [u8] },
    Before(usize),
}

struct Entries<'a> {
    rest: &'a [u8],
}

struct Entry<'a> {
    all: &'a [u8],
    space: u8,
    key: &'a [u8],
    value: &'a [u8],
}

impl<'a> Entries<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self> {
        match bytes {
            [] => Ok(Self { rest: &[] }),
            [VERSION, rest @ ..] => Ok(Self { rest }),
            [other, ..] => Err(Error::new(ErrorKind::Decode, format!("stored values have the unknown format {other}"))),
        }
    }

    fn read(&mut self) -> Option<Entry<'a>> {
        let all = self.rest;
        let (&space, rest) = all.split_first()?;
        let (key, rest) = read_run(rest)?;
        let (value, rest) = read_run(rest)?;
        self.rest = rest;
        Some(Entry { all: &all[..all.len() - rest.len()], space, key, value })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        self.read()
    }
}

fn read_run(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    // Nearly every length is one byte.
    if let [length @ 0..0x80, rest @ ..] = bytes {
        return rest.split_at_checked(usize::from(*length));
    }
    let mut length = 0_usize;
    for (index, &byte) in bytes.iter().take(Length::MOST).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return bytes[index + 1..].split_at_checked(length);
        }
    }
    None
}

/// A length as LEB128, of at most 35 bits.
struct Length {
    bytes: [u8; Length::MOST],
    used: usize,
}

impl Length {
    const MOST: usize = 5;

    fn of(run: &[u8]) -> Result<Self> {
        let mut rest = u32::try_from(run.len())
            .map_err(|_| Error::new(ErrorKind::TooLarge, "a value of 4 GiB or more is no session value"))?;
        let mut length = Self { bytes: [0; Self::MOST], used: 0 };
        loop {
            let more = rest >= 0x80;
            length.bytes[length.used] = (rest & 0x7f) as u8 | u8::from(more) << 7;
            length.used += 1;
            rest >>= 7;
            if !more {
                return Ok(length);
            }
        }
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.used]
    }
}

fn check_limit(total: usize, limit: usize) -> Result<()> {
    if total <= limit {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::TooLarge,
        format!("with this value the session would take {total} bytes; the limit is {limit}"),
    ))
}

fn damaged() -> Error {
    Error::new(ErrorKind::Decode, "stored values are damaged")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const NO_LIMIT: usize = usize::MAX;

    fn as_map(values: &Values, space: Space) -> BTreeMap<String, Vec<u8>> {
        values.iter(space).map(|(key, value)| (key.to_owned(), value.to_vec())).collect()
    }

    // behaviour 125
    #[test]
    fn the_two_spaces_do_not_meet() {
        let mut values = Values::EMPTY;
        values.set(Space::Own, "a", b"ours", NO_LIMIT).expect("fits");
        values.set(Space::Application, "a", b"theirs", NO_LIMIT).expect("fits");
        assert_eq!(values.get(Space::Own, "a"), Some(&b"ours"[..]));
        values.clear(Space::Application);
        assert_eq!(values.get(Space::Application, "a"), None);
        assert_eq!(values.get(Space::Own, "a"), Some(&b"ours"[..]));
    }

    #[test]
    fn a_value_beyond_the_limit_changes_nothing() {
        let mut values = Values::EMPTY;
        values.set(Space::Application, "a", &[1; 50], 100).expect("fits");
        let before = values.as_bytes().to_vec();
        let error = values.set(Space::Application, "b", &[2; 50], 100).expect_err("does not fit");
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert_eq!(values.as_bytes(), before);
        values.set(Space::Application, "a", &[3; 90], 100).expect("replaces, so it fits");
    }

    #[test]
    fn long_values_read_back() {
        for length in [0, 127, 128, 16_383, 16_384, 70_000] {
            let mut values = Values::EMPTY;
            values.set(Space::Application, "k", &vec![7; length], NO_LIMIT).expect("fits");
            assert_eq!(values.get(Space::Application, "k").map(<[u8]>::len), Some(length));
            assert!(Values::from_stored(values.to_data()).is_ok());
        }
    }

    #[test]
    fn damaged_or_foreign_bytes_are_refused() {
        let mut values = Values::EMPTY;
        values.set(Space::Application, "key", b"value", NO_LIMIT).expect("fits");
        let good = values.as_bytes().to_vec();
        for length in 2..good.len() {
            assert!(Values::from_stored(Data::from(&good[..length])).is_err(), "{length}");
        }
        let twice = [&good[..], &good[1..]].concat();
        for bad in [&[9, 1][..], &[1, 1, 255, 255, 255, 255, 255, 1], &twice] {
            assert!(Values::from_stored(Data::from(bad)).is_err(), "{bad:?}");
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Set(String, Vec<u8>),
        Remove(String),
        Clear,
    }

    fn step() -> impl Strategy<Value = Step> {
        let key = "[a-c]{0,2}";
        prop_oneof![
            6 => (key, proptest::collection::vec(any::<u8>(), 0..200)).prop_map(|(key, value)| Step::Set(key, value)),
            3 => key.prop_map(Step::Remove),
            1 => Just(Step::Clear),
        ]
    }

    proptest! {
        #[test]
        fn it_behaves_like_a_sorted_map(steps in proptest::collection::vec(step(), 0..40)) {
            let (mut values, mut model) = (Values::EMPTY, BTreeMap::new());
            for step in steps {
                match step {
                    Step::Set(key, value) => {
                        values.set(Space::Application, &key, &value, NO_LIMIT).expect("no limit");
                        model.insert(key, value);
                    }
                    Step::Remove(key) => {
                        prop_assert_eq!(values.remove(Space::Application, &key), model.remove(&key).is_some());
                    }
                    Step::Clear => {
                        values.clear(Space::Application);
                        model.clear();
                    }
                }
                prop_assert_eq!(&as_map(&values, Space::Application), &model);
                prop_assert_eq!(values.as_bytes().is_empty(), model.is_empty());
                values = Values::from_stored(values.to_data()).expect("its own bytes are well formed");
            }
        }

        #[test]
        fn junk_never_panics(bytes: Vec<u8>) {
            if let Ok(values) = Values::from_stored(Data::from(bytes)) {
                let _ = values.iter(Space::Application).count();
            }
        }
    }
}
