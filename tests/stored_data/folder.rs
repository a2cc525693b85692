//! What the writer and the tests know of the files of a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cloakroom::{Found, Handle, RecordKind};
use sha2::{Digest, Sha256};

/// Where the folders of all versions are.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stored_data")
}

/// The `Cookie` header of a visitor, and the handle of their session.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) handle: Handle,
    pub(crate) cookie: String,
}

/// By the names of the visitors.
pub(crate) type Clients = BTreeMap<String, Client>;

/// A record as one line: its columns, and the hash of its data.
pub(crate) fn line(Found { key, record, .. }: &Found) -> String {
    let kind = match record.kind {
        RecordKind::Live => "live",
        RecordKind::Pending => "pending",
        RecordKind::Moved => "moved",
        _ => "unknown",
    };
    let instants = [record.created, record.seen, record.idle_deadline, record.absolute_deadline];
    let instants = instants.map(|instant| instant.as_millis().to_string()).join("\t");
    let (key, data) = (URL_SAFE_NO_PAD.encode(key.as_bytes()), URL_SAFE_NO_PAD.encode(Sha256::digest(&*record.data)));
    let (revision, handle, user) = (record.revision, record.handle, &record.user);
    format!("{key}\t{kind}\t{}\t{}\t{handle}\t{instants}\t{user:?}\t{data}", revision.counter, revision.tag)
}
