//! A record as the memory store keeps it.

use std::sync::Arc;

use crate::error::Result;
use crate::record::{Columns, Handle, Record};
use crate::token::StoreKey;

/// A record in its encoded form behind its key, in one allocation that the store's tables and all readers share.
#[derive(Clone)]
pub(super) struct Kept(Arc<[u8]>);

const KEY: usize = 32;

/// What the tables and the allocator add to a record, and what a user adds who has no other.
const OVERHEAD: usize = 96;
const OF_USER: usize = 128;

/// The memory that a record takes.
pub(super) fn size_of(record: &Record) -> usize {
    size(record.encoded_len(), record.user.as_deref())
}

fn size(encoded: usize, user: Option<&str>) -> usize {
    KEY + encoded + OVERHEAD + user.map_or(0, |user| user.len() + OF_USER)
}

impl Kept {
    pub(super) fn new(key: &StoreKey, record: &Record) -> Self {
        Self(record.encode_behind(key.as_bytes()))
    }

    pub(super) fn key(&self) -> StoreKey {
        StoreKey::from_bytes(self.0.first_chunk().copied().unwrap_or_default())
    }

    pub(super) fn is_under(&self, key: &StoreKey) -> bool {
        self.0.starts_with(key.as_bytes())
    }

    pub(super) fn handle(&self) -> Handle {
        self.columns().handle()
    }

    /// The columns that the store looks at, without the whole record.
    pub(super) fn columns(&self) -> Columns<'_> {
        Columns::of(&self.0[KEY..])
    }

    pub(super) fn size(&self) -> usize {
        size(self.0.len() - KEY, self.columns().user())
    }

    pub(super) fn record(&self) -> Result<Record> {
        Record::decode_from(Arc::clone(&self.0), KEY)
    }
}

/// A store key is a hash already, and a handle is random. The first byte says which shard it is; the last eight say where in
/// it.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    bytes.last_chunk().map_or(0, |last| u64::from_le_bytes(*last))
}
