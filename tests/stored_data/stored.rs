//! Copies of the data that a version stored.

use std::any::Any;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cloakroom::testing::{FakeClock, Visitor};
use cloakroom::{Backend, FileStore, Handle, RedisStore, SessionIndex, SessionManager, SessionStore, StoreKey};
use servers::Redis;

use crate::folder::{Client, Clients, root};
use crate::samples::{WRITTEN, build, manager, registered};

/// The folders of all versions.
pub(crate) fn versions() -> Vec<PathBuf> {
    let entries = fs::read_dir(root()).expect("the folder of folders");
    let folders: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir()).collect();
    assert!(folders.contains(&root().join("v0.1")), "{folders:?}");
    folders
}

/// What one version wrote to one store, and a clock set to when it did.
pub(crate) struct Stored {
    pub(crate) store: Arc<dyn SessionStore>,
    pub(crate) clock: FakeClock,
    pub(crate) clients: Clients,
    pub(crate) lines: Vec<Line>,
    secrets: Vec<String>,
    /// The folder or the server that holds the copy, kept until the test ends.
    _copy: Box<dyn Any>,
}

impl Stored {
    pub(crate) async fn in_a_file(version: &Path) -> Self {
        let copy = tempfile::tempdir().expect("a temporary folder");
        let path = copy.path().join("session.db");
        fs::copy(version.join("file/session.db"), &path).expect("the file is there");
        let store = FileStore::open(path).await.expect("this version opens the file");
        Self::new(Arc::new(store), version, "file", Box::new(copy))
    }

    pub(crate) async fn in_redis(version: &Path) -> Self {
        let server = Redis::start();
        let client = redis::Client::open(server.url()).expect("a URL");
        let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
        for line in read(&version.join("redis/keys.txt")).lines() {
            let [name, left, dump] = fields(line);
            let dump = STANDARD.decode(dump).expect("base64");
            let mut restore = redis::cmd("RESTORE");
            restore.arg(name).arg(left).arg(dump);
            let () = restore.query_async(&mut connection).await.expect("the server reads a dump of an older one");
        }
        let store = RedisStore::connect(&server.url()).await.expect("the server is there");
        Self::new(Arc::new(store), version, "redis", Box::new(server))
    }

    fn new(store: Arc<dyn SessionStore>, version: &Path, name: &str, copy: Box<dyn Any>) -> Self {
        let folder = version.join(name);
        let lines = read(&folder.join("records.txt")).lines().map(Line::parse).collect();
        let (clients, secrets) = (clients_of(&folder), secrets_of(version));
        Self { store, clock: clock(), clients, lines, secrets, _copy: copy }
    }

    pub(crate) fn index(&self) -> &dyn SessionIndex {
        self.store.index().expect("both stores have an index")
    }

    pub(crate) fn sessions(&self) -> SessionManager {
        self.manager(Arc::clone(&self.store))
    }

    /// A manager of sealed sessions that are registered in the store.
    pub(crate) fn registered(&self) -> SessionManager {
        self.manager(registered(Arc::clone(&self.store), &self.secrets))
    }

    fn manager(&self, backend: impl Into<Backend>) -> SessionManager {
        build(manager(backend, &self.clock))
    }

    pub(crate) fn client(&self, name: &str) -> &Client {
        self.clients.get(name).unwrap_or_else(|| panic!("{name} is none of {:?}", self.clients.keys()))
    }

    /// A visitor who returns with their cookies.
    pub(crate) fn visitor(&self, sessions: &SessionManager, name: &str) -> Visitor {
        visitor(sessions, &self.client(name).cookie)
    }
}

/// A clock set to when the folders were written.
pub(crate) fn clock() -> FakeClock {
    let clock = FakeClock::new();
    clock.set(WRITTEN);
    clock
}

pub(crate) fn visitor(sessions: &SessionManager, cookies: &str) -> Visitor {
    let mut visitor = Visitor::new(sessions);
    visitor.receive_cookies(cookies.split("; "));
    visitor
}

pub(crate) fn secrets_of(version: &Path) -> Vec<String> {
    read(&version.join("secrets.txt")).lines().map(str::to_owned).collect()
}

pub(crate) fn clients_of(folder: &Path) -> Clients {
    let client = |line: &str| {
        let [name, handle, cookie] = fields(line);
        (name, Client { handle: handle.parse().expect("a handle"), cookie })
    };
    read(&folder.join("clients.txt")).lines().map(client).collect()
}

/// A record as [`line`](crate::folder::line) described it when it was written.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) key: StoreKey,
    pub(crate) handle: Handle,
    pub(crate) expires: u64,
    pub(crate) user: String,
    pub(crate) is_live: bool,
}

impl Line {
    fn parse(text: &str) -> Self {
        let [key, kind, _, _, handle, _, _, idle, absolute, user, _] = fields(text);
        let key = URL_SAFE_NO_PAD.decode(key).ok().and_then(|key| key.try_into().ok()).expect("a key");
        let [idle, absolute] = [idle, absolute].map(|millis| millis.parse::<u64>().expect("an instant"));
        Self {
            text: text.to_owned(),
            key: StoreKey::from_bytes(key),
            handle: handle.parse().expect("a handle"),
            expires: idle.min(absolute),
            user,
            is_live: kind == "live",
        }
    }
}

/// The fields of a line, which tabs separate.
fn fields<const N: usize>(line: &str) -> [String; N] {
    let fields: Vec<_> = line.split('\t').map(str::to_owned).collect();
    fields.try_into().unwrap_or_else(|fields| panic!("{N} fields, and not {fields:?}"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
