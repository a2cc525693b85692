//! What a store holds: bytes that are a record or not, and a record with any data at all.
//!
//! The first byte says how the rest is read: as a whole record, as a record's data, or as its entries one by one.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cloakroom::testing::FakeClock;
use cloakroom::{
    Data, ErrorKind, MemoryStore, Record, RecordKind, Result, Session, SessionIndex, SessionManager, SessionStore,
    StoreKey, Timestamp,
};

use crate::input::Input;
use crate::visit::{Cookies, block_on, commit, manager, open};

pub(crate) fn run(input: &[u8]) {
    let mut input = Input(input);
    let how = input.byte();
    let mut record = KNOWN.record.clone();
    match how % 3 {
        0 => match decoded(input.0) {
            Some(decoded) => record = decoded,
            None => return,
        },
        1 => record.data = Data::from(input.0),
        _ => record.data = Data::from(entries(&mut input)),
    }
    record.kind = match how / 3 % 4 {
        0 => RecordKind::Live,
        1 => RecordKind::Pending,
        2 => RecordKind::Moved,
        _ => record.kind,
    };
    block_on(visit(record));
}

/// A session, its key in a store and its cookie.
pub(crate) static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    block_on(async {
        let (store, clock) = (Arc::new(MemoryStore::new()), FakeClock::new());
        let manager = manager(Arc::clone(&store), &clock).build().expect("it can be built");
        let session = open(&manager, Cookies::default()).await;
        session.set("value", 1).expect("it fits");
        session.login("ana").expect("nobody is logged in");
        let cookies = Cookies::of(&commit(&session).await);
        let found = store.find_by_user("ana", Timestamp::from_millis(0)).await.expect("it cannot fail");
        Known { cookies, key: found[0].key, record: found[0].record.clone() }
    })
});

pub(crate) struct Known {
    cookies: Cookies,
    key: StoreKey,
    pub(crate) record: Record,
}

/// Reads bytes as a record; what can be read is written the same.
fn decoded(bytes: &[u8]) -> Option<Record> {
    match Record::decode(bytes) {
        Ok(record) => {
            assert_eq!(record.encode(), bytes);
            assert_eq!(Record::decode(record.encode()).expect("it was just written"), record);
            Some(record)
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Decode);
            None
        }
    }
}

/// Well-formed values with made-up entries: `version` and then `space key-length key value-length value`.
fn entries(input: &mut Input<'_>) -> Vec<u8> {
    const KEYS: [&str; 8] = ["lifetime", "renewed", "authenticated", "flash", "moved", "user", "value", ""];
    let mut entries = std::collections::BTreeMap::new();
    while !input.is_empty() {
        let (space, key) = (input.byte() % 3, KEYS[input.index(KEYS.len())]);
        entries.insert((space, key), input.run());
    }
    let mut bytes = vec![1];
    for ((space, key), value) in entries {
        bytes.extend([space, key.len() as u8]);
        bytes.extend(key.as_bytes());
        // LEB128; a run has at most 255 bytes.
        match value.len() {
            short @ ..0x80 => bytes.push(short as u8),
            long => bytes.extend([(long & 0x7f) as u8 | 0x80, (long >> 7) as u8]),
        }
        bytes.extend(value);
    }
    bytes
}

async fn visit(record: Record) {
    let (store, clock) = (Arc::new(MemoryStore::with_limit(100)), FakeClock::new());
    let manager = manager(Arc::clone(&store), &clock).build().expect("it can be built");
    store.create(&KNOWN.key, &record, Timestamp::from_millis(0)).await.expect("there is room");

    let session = open(&manager, KNOWN.cookies.clone()).await;
    read_all(&session);
    assert!(commit(&session).await.len() <= 1);

    let cookies = write(&manager, KNOWN.cookies.clone()).await.unwrap_or_else(|| KNOWN.cookies.clone());
    // And again, when a moment has passed that lets everything be followed or taken back.
    clock.advance(Duration::from_secs(11));
    read_all(&open(&manager, cookies.clone()).await);
    let cookies = write(&manager, cookies.clone()).await.unwrap_or(cookies);

    let session = open(&manager, cookies).await;
    session.destroy().expect("nobody else is at work");
    assert_eq!(commit(&session).await, Vec::<String>::new());
    let cookies = write(&manager, Cookies::default()).await.expect("a new session takes everything");
    let session = open(&manager, cookies).await;
    assert_eq!(session.get("written").expect("a number"), Some(1));

    // Operators come through too; a marker that cannot be read may cost them one attempt.
    let _ = manager.revoke(record.handle).await;
    assert!(!manager.revoke(record.handle).await.expect("no error for ever"));
    manager.count().await.expect("no error");
    manager.sweep().await.expect("no error");
}

/// Changes a session, and answers the cookies of its visitor from then on; nothing if it cannot be changed.
async fn write(manager: &SessionManager, cookies: Cookies) -> Option<Cookies> {
    let session = open(manager, cookies.clone()).await;
    let written = session.set("written", 1).and_then(|()| {
        session.flash("info", "written")?;
        session.update("counted", |n: Option<u32>| n.unwrap_or(0).wrapping_add(1))
    });
    let set = commit(&session).await;
    match written {
        Ok(_) if set.is_empty() => Some(cookies),
        Ok(_) => Some(Cookies::of(&set)),
        Err(error) => {
            // `counted` may be there, and of another type.
            assert!(matches!(error.kind(), ErrorKind::ReadOnly | ErrorKind::Decode), "{error:?}");
            None
        }
    }
}

/// Reads all that there is to read: no panic, and no error but where a value is not of the type that is asked for.
pub(crate) fn read_all(session: &Session) {
    let keys = session.keys().expect("it is loaded");
    assert_eq!(session.len().expect("it is loaded"), keys.len());
    assert_eq!(session.is_empty().expect("it is loaded"), keys.is_empty());
    for key in &keys {
        assert!(session.contains(key).expect("it is loaded"));
        value(session.get::<serde_json::Value>(&**key));
        value(session.get::<String>(&**key));
        value(session.get::<u64>(&**key));
        value(session.get::<Vec<Option<f64>>>(&**key));
        value(session.get::<(i8, char, Duration)>(&**key));
        value(session.get::<std::collections::BTreeMap<String, Vec<u8>>>(&**key));
        value(session.get::<std::net::IpAddr>(&**key));
        value(session.get_transient::<bool>(&**key));
    }
    // A value that some other library has written may be more than JSON can say.
    let _ = serde_json::to_string(&session.view().expect("it is loaded"));
    session.user().expect("it is loaded");
    session.handle().expect("it is loaded");
    session.lifetime().expect("it can be read");
    session.idle_deadline().expect("it can be read");
    session.absolute_deadline().expect("it can be read");
    session.created().expect("it can be read");
    session.expires_in().expect("it can be read");
    session.authenticated_at().expect("it can be read");
    session.peek_flashes().expect("they can be read");
    let _ = format!("{session:?}");
}

fn value<T>(read: Result<Option<T>>) {
    if let Err(error) = read {
        assert_eq!(error.kind(), ErrorKind::Decode);
    }
}
