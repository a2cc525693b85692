//! What our keys are called. A hash, and never the name of a user: key names stand in slow logs and dumps.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::record::Handle;
use crate::token::StoreKey;

/// The prefix of an application, and the names under it: `PREFIX:s:` and the key of a record, `PREFIX:u:` and the hash of a
/// user, `PREFIX:h:` and a handle for its first record, `PREFIX:o:` and a handle for its others.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) prefix: Box<str>,
}

impl Names {
    pub(super) fn record(&self, key: &StoreKey) -> String {
        self.name("s", key.as_bytes())
    }

    pub(super) fn user(&self, user: &str) -> String {
        let hash = Sha256::new().chain_update(b"cloakroom user 1").chain_update(user).finalize();
        self.name("u", &hash)
    }

    pub(super) fn handle(&self, handle: Handle) -> String {
        self.name("h", handle.as_bytes())
    }

    pub(super) fn others(&self, handle: Handle) -> String {
        self.name("o", handle.as_bytes())
    }

    /// The channel on which every deleted handle is published: no key.
    pub(super) fn deleted(&self) -> String {
        format!("{}:deleted", self.prefix)
    }

    fn name(&self, kind: &str, bytes: &[u8]) -> String {
        let mut name = String::with_capacity(self.prefix.len() + 3 + 43);
        name.extend([&self.prefix, ":", kind, ":"]);
        URL_SAFE_NO_PAD.encode_string(bytes, &mut name);
        name
    }

    /// What every record's name matches, and some other names of the server may match too.
    pub(super) fn records(&self) -> String {
        format!("{}:s:*", self.prefix)
    }

    /// What every index's name matches.
    pub(super) fn indexes(&self) -> [String; 3] {
        ["u", "h", "o"].map(|kind| format!("{}:{kind}:*", self.prefix))
    }

    /// Whose record a name is, if it is one of ours.
    pub(super) fn read_record(&self, name: &[u8]) -> Option<StoreKey> {
        read(&self.prefix, "s", name).map(StoreKey::from_bytes)
    }

    /// Whether a name is that of a hash of records: those of a user, or others of a handle.
    pub(super) fn is_hash(&self, name: &[u8]) -> bool {
        read::<32>(&self.prefix, "u", name).is_some() || read::<16>(&self.prefix, "o", name).is_some()
    }

    /// Whether a name is that of the first record of a handle.
    pub(super) fn is_first(&self, name: &[u8]) -> bool {
        read::<16>(&self.prefix, "h", name).is_some()
    }
}

fn read<const N: usize>(prefix: &str, kind: &str, name: &[u8]) -> Option<[u8; N]> {
    let rest = name.strip_prefix(prefix.as_bytes())?.strip_prefix(b":")?.strip_prefix(kind.as_bytes())?;
    URL_SAFE_NO_PAD.decode(rest.strip_prefix(b":")?).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(prefix: &str) -> Names {
        Names { prefix: prefix.into() }
    }

    // behaviour 31
    #[test]
    fn a_name_is_read_under_its_own_prefix_only() {
        let key = StoreKey::from_bytes([7; 32]);
        let name = names("shop").record(&key);
        assert_eq!(names("shop").read_record(name.as_bytes()), Some(key));
        for other in ["sho", "shop:s", "shops", "Shop"] {
            assert_eq!(names(other).read_record(name.as_bytes()), None, "{other}");
            assert_eq!(names("shop").read_record(names(other).record(&key).as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_record_is_no_index_and_an_index_no_record() {
        let names = names("shop");
        let handle = Handle::from_bytes([1; 16]);
        for (index, is_first) in
            [(names.user("ana"), false), (names.others(handle), false), (names.handle(handle), true)]
        {
            assert_eq!(names.is_hash(index.as_bytes()), !is_first);
            assert_eq!(names.is_first(index.as_bytes()), is_first);
            assert_eq!(names.read_record(index.as_bytes()), None);
        }
        let record = names.record(&StoreKey::from_bytes([7; 32]));
        assert!(!names.is_hash(record.as_bytes()) && !names.is_first(record.as_bytes()));
    }

    #[test]
    fn a_name_tells_nobody_who_the_user_is() {
        let name = names("shop").user("ana@example.org");
        assert!(!name.contains("ana"), "{name}");
        assert_eq!(name.len(), "shop:u:".len() + 43);
    }
}
