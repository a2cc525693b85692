//! What an index tells of many records at once: pages of their columns, without their data.

use std::sync::Arc;

use super::Found;
use crate::clock::Timestamp;
use crate::record::{Handle, Record, RecordKind, Revision};
use crate::token::StoreKey;

/// Whose records to find: see [`SessionIndex::find_page`](crate::SessionIndex::find_page).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindBy<'a> {
    /// Those of a user.
    User(&'a str),
    /// Those of a session.
    Handle(Handle),
}

impl FindBy<'_> {
    /// Whether a record is one of those.
    ///
    /// ```
    /// # fn example(record: &cloakroom::Record) {
    /// assert!(cloakroom::FindBy::Handle(record.handle).matches(record));
    /// # }
    /// ```
    pub fn matches(&self, record: &Record) -> bool {
        match self {
            Self::User(user) => record.user.as_deref() == Some(*user),
            Self::Handle(handle) => record.handle == *handle,
        }
    }
}

/// What an index tells of a record: where it is kept, and its columns without its data.
///
/// ```
/// use cloakroom::{FindBy, Result, SessionIndex, Timestamp};
///
/// /// When a user was last seen.
/// async fn last_seen(index: &dyn SessionIndex, user: &str) -> Result<Option<Timestamp>> {
///     let now = Timestamp::now();
///     let (mut from, mut last): (Option<Vec<u8>>, Option<Timestamp>) = (None, None);
///     loop {
///         let page = index.find_page(FindBy::User(user), from.as_deref(), 500, now).await?;
///         last = last.max(page.entries.iter().map(|entry| entry.seen).max());
///         from = page.next;
///         if from.is_none() {
///             return Ok(last);
///         }
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexEntry {
    /// The key that the record is kept under.
    pub key: StoreKey,
    /// Whether a token opens it.
    pub kind: RecordKind,
    /// Which version of the record this is.
    pub revision: Revision,
    /// The session's public name.
    pub handle: Handle,
    /// Whose session it is.
    pub user: Option<Arc<str>>,
    /// When the session began.
    pub created: Timestamp,
    /// When activity was last noted.
    pub seen: Timestamp,
    /// When the session ends if nothing happens.
    pub idle_deadline: Timestamp,
    /// When the session ends whatever happens.
    pub absolute_deadline: Timestamp,
}

impl IndexEntry {
    /// The entry of a record that is kept under `key`. The record's data plays no part: a store that reads columns alone
    /// leaves it empty.
    ///
    /// ```
    /// # fn example(found: cloakroom::Found) {
    /// let entry = cloakroom::IndexEntry::new(found.key, &found.record);
    /// assert_eq!(entry.expires(), found.record.expires());
    /// # }
    /// ```
    pub fn new(key: StoreKey, record: &Record) -> Self {
        Self {
            key,
            kind: record.kind,
            revision: record.revision,
            handle: record.handle,
            user: record.user.clone(),
            created: record.created,
            seen: record.seen,
            idle_deadline: record.idle_deadline,
            absolute_deadline: record.absolute_deadline,
        }
    }

    /// When the record expires: the earlier of its two deadlines.
    ///
    /// ```
    /// # fn example(entry: cloakroom::IndexEntry) {
    /// assert!(entry.expires() <= entry.absolute_deadline);
    /// # }
    /// ```
    pub fn expires(&self) -> Timestamp {
        self.idle_deadline.min(self.absolute_deadline)
    }

    /// Whether the record is live, and has not expired at `now`.
    ///
    /// ```
    /// # fn example(entry: cloakroom::IndexEntry) {
    /// assert!(!entry.is_live(entry.expires()));
    /// # }
    /// ```
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.kind == RecordKind::Live && now < self.expires()
    }
}

impl From<Found> for IndexEntry {
    fn from(found: Found) -> Self {
        Self::new(found.key, &found.record)
    }
}

/// A part of what an index finds: [`SessionIndex::find_page`](crate::SessionIndex::find_page) returns it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct IndexPage {
    /// The records, perhaps none.
    pub entries: Vec<IndexEntry>,
    /// Where the next page begins, in the store's own terms; none if this is the last.
    pub next: Option<Vec<u8>>,
}

impl IndexPage {
    /// A page with these records, and where the next one begins.
    ///
    /// ```
    /// let nothing = cloakroom::IndexPage::new(Vec::new(), None);
    /// assert_eq!(nothing, cloakroom::IndexPage::default());
    /// ```
    pub fn new(entries: Vec<IndexEntry>, next: Option<Vec<u8>>) -> Self {
        Self { entries, next }
    }
}

/// When the session expires whose records these are, all of one handle and none of them expired.
pub(super) fn expiry_of_session(records: impl Iterator<Item = (RecordKind, Timestamp)> + Clone) -> Option<Timestamp> {
    let of =
        |wanted: fn(&RecordKind) -> bool| records.clone().find(|(kind, _)| wanted(kind)).map(|(_, expires)| expires);
    of(|kind| *kind == RecordKind::Live)
        .or_else(|| of(|kind| *kind == RecordKind::Moved).and(of(|kind| *kind == RecordKind::Pending)))
        // What a newer version made of a session has not ended.
        .or_else(|| of(|kind| matches!(kind, RecordKind::Unknown(_))))
}
