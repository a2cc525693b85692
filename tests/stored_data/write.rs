//! Writes what this version stores into a new folder: see the README beside.
//!
//! `cargo run --all-features --example write_stored_data -- v0.2`

mod folder;
mod samples;
mod values;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloakroom::testing::{FakeClock, FaultStore, Verb, Visitor};
use cloakroom::{
    FileStore, Found, Handle, LimitPolicy, RedisStore, Result, Session, SessionManager, SessionStore, StoreKey,
    Timestamp,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use servers::Redis;
use sha2::{Digest, Sha256};

use folder::{Client, Clients, line};
use samples::{Contents, RENEWED, Sample, WRITTEN, before, build, manager, visit};
use values::Each;

/// The secrets of a folder: the first seals, the second did so before.
const SECRETS: [&str; 2] = ["the newest secret of the stored data", "an older secret of the stored data, 32 bytes"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let version = std::env::args().nth(1).ok_or("the name of a new folder is missing, as `v0.2`")?;
    let folder = folder::root().join(version);
    // Fails if the folder exists: stored data is never changed.
    fs::create_dir(&folder)?;
    let secrets = SECRETS.map(str::to_owned);
    fs::write(folder.join("secrets.txt"), secrets.join("\n") + "\n")?;
    file(&folder.join("file"), &secrets).await?;
    redis(&folder.join("redis"), &secrets).await?;
    cookies(&folder.join("cookies"), &secrets).await
}

async fn file(folder: &Path, secrets: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    fs::create_dir(folder)?;
    let path = folder.join("session.db");
    StoreWriter::on(Arc::new(FileStore::open(&path).await?), secrets).run(folder).await?;
    // The store is dropped, which closes the file.
    let beside = |end: &str| folder.join(format!("session.db{end}")).exists();
    assert!(!beside("-wal") && !beside("-shm") && !beside("-journal"), "the file is closed");
    Ok(())
}

/// Writes every key of the server with its remaining milliseconds and its `DUMP`.
async fn redis(folder: &Path, secrets: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    fs::create_dir(folder)?;
    let server = Redis::start();
    StoreWriter::on(Arc::new(RedisStore::connect(&server.url()).await?), secrets).run(folder).await?;
    let mut connection = redis::Client::open(server.url())?.get_multiplexed_async_connection().await?;
    let mut names: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await?;
    names.sort_unstable();
    let mut text = String::new();
    for name in names {
        let left: u64 = redis::cmd("PTTL").arg(&name).query_async(&mut connection).await?;
        let dump: Vec<u8> = redis::cmd("DUMP").arg(&name).query_async(&mut connection).await?;
        text += &format!("{name}\t{left}\t{}\n", STANDARD.encode(dump));
    }
    Ok(fs::write(folder.join("keys.txt"), text)?)
}

/// Sealed sessions that no store knows.
async fn cookies(folder: &Path, secrets: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    fs::create_dir(folder)?;
    let clock = FakeClock::new();
    clock.set(before(samples::SEALED));
    let mut clients = Clients::new();
    for (form, name) in samples::FORMS {
        let sessions = build(manager(form.store(secrets), &clock));
        for (sample, contents) in samples::sealed_samples() {
            clients.insert(format!("{name} {sample}"), begin(&sessions, &contents).await?.client);
        }
        let older = build(manager(form.store(&secrets[1..]), &clock));
        clients.insert(format!("{name} by an older secret"), begin(&older, &samples::renewed()).await?.client);
    }
    Ok(fs::write(folder.join("clients.txt"), to_text(&clients))?)
}

fn to_text(clients: &Clients) -> String {
    clients.iter().map(|(name, client)| format!("{name}\t{}\t{}\n", client.handle, client.cookie)).collect()
}

/// A visitor with a new session.
struct Begun {
    visitor: Visitor,
    client: Client,
}

async fn begin(sessions: &SessionManager, contents: &Contents) -> Result<Begun> {
    let mut visitor = Visitor::new(sessions);
    let handle = visit(&mut visitor, |session| {
        write(session, contents)?;
        session.handle()
    });
    let handle = handle.await?.expect("a session that begins has a handle");
    let client = Client { handle, cookie: visitor.cookie().expect("a session has a cookie") };
    Ok(Begun { visitor, client })
}

fn write(session: &Session, contents: &Contents) -> Result<()> {
    if let Some(lifetime) = contents.lifetime {
        session.set_lifetime(lifetime)?;
    }
    if let Some(user) = &contents.user {
        session.login(user.as_str())?;
    }
    if let Some(note) = contents.note {
        session.note(note)?;
    }
    contents.flashes.iter().try_for_each(|(kind, text)| session.flash(*kind, *text))?;
    contents.values.show(&mut Set(session))
}

struct Set<'a>(&'a Session);

impl Each for Set<'_> {
    fn value<T: Serialize + DeserializeOwned + PartialEq + Debug>(&mut self, key: &str, value: T) -> Result<()> {
        self.0.set(key, value)
    }
}

/// Writes the sessions of one store, the last of them at [`WRITTEN`].
struct StoreWriter {
    store: FaultStore<Arc<dyn SessionStore>>,
    clock: FakeClock,
    sessions: SessionManager,
    registered: SessionManager,
    clients: Clients,
}

impl StoreWriter {
    fn on(store: Arc<dyn SessionStore>, secrets: &[String]) -> Self {
        let (store, clock) = (FaultStore::new(store), FakeClock::new());
        let sessions = build(manager(store.clone(), &clock));
        let registered = build(manager(samples::registered(Arc::new(store.clone()), secrets), &clock));
        Self { store, clock, sessions, registered, clients: Clients::new() }
    }

    async fn run(mut self, folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
        for sample in samples::unmoved_samples().into_iter().chain([samples::expired()]) {
            self.write_unmoved(&sample).await?;
        }
        self.write_periodic_renewals().await?;
        self.write_explicit_renewals().await?;
        self.write_logins().await?;
        self.write_limited_logins().await?;
        self.write_registered().await?;
        fs::write(folder.join("clients.txt"), to_text(&self.clients))?;
        Ok(fs::write(folder.join("records.txt"), self.records().await?)?)
    }

    async fn write_unmoved(&mut self, sample: &Sample) -> Result<()> {
        self.clock.set(before(sample.began));
        let mut begun = begin(&self.sessions, &sample.contents).await?;
        if sample.seen != sample.began {
            self.clock.set(before(sample.seen));
            visit(&mut begun.visitor, |session| session.keys().map(drop)).await?;
        }
        self.clients.insert(sample.name.to_owned(), begun.client);
        Ok(())
    }

    async fn write_periodic_renewals(&mut self) -> Result<()> {
        for (name, is_cut_off) in [("periodic", false), ("periodic cut off", true)] {
            let begun = self.begin_earlier(&self.sessions, &samples::periodic()).await?;
            self.write_renewal(name, begun, is_cut_off.then_some(Verb::Swap), |session| session.keys().map(drop))
                .await?;
        }
        Ok(())
    }

    async fn write_explicit_renewals(&mut self) -> Result<()> {
        let cuts = [("renewed", None), ("renewed cut off", Some(Verb::Swap)), ("renewed hardly", Some(Verb::Create))];
        for (name, cut_off) in cuts {
            let begun = self.begin_earlier(&self.sessions, &samples::renewed()).await?;
            self.write_renewal(name, begun, cut_off, Session::renew).await?;
        }
        Ok(())
    }

    async fn write_logins(&mut self) -> Result<()> {
        for (name, cut_off) in [("login", None), ("login cut off", Some(Verb::Swap))] {
            let begun = self.begin_earlier(&self.sessions, &samples::stranger()).await?;
            self.write_renewal(name, begun, cut_off, |session| session.login("eve")).await?;
        }
        Ok(())
    }

    /// Of the two sessions that the user may have, one has begun, and the login of the other is cut off.
    async fn write_limited_logins(&mut self) -> Result<()> {
        let limited = build(manager(self.store.clone(), &self.clock).sessions_per_user(2, LimitPolicy::Refuse));
        self.clock.set(WRITTEN);
        let begun = begin(&limited, &Contents::of("dora")).await?;
        self.clients.insert("limited".to_owned(), begun.client);
        let session = Visitor::new(&limited).session().await?;
        write(&session, &Contents::of("dora"))?;
        let handle = session.handle()?.expect("it is about to begin");
        self.commit_cut_off_after(&session, Verb::Swap).await;
        self.clients.insert("limited cut off".to_owned(), Client { handle, cookie: "-".to_owned() });
        Ok(())
    }

    /// Sealed sessions that are registered in the store.
    async fn write_registered(&mut self) -> Result<()> {
        let begun = self.begin_earlier(&self.registered, &samples::renewed()).await?;
        self.clients.insert("registered".to_owned(), begun.client);
        for (name, cut_off) in [("registered login", None), ("registered login cut off", Some(Verb::Swap))] {
            let begun = self.begin_earlier(&self.registered, &samples::stranger()).await?;
            self.write_renewal(name, begun, cut_off, |session| session.login("eve")).await?;
        }
        Ok(())
    }

    async fn begin_earlier(&self, sessions: &SessionManager, contents: &Contents) -> Result<Begun> {
        self.clock.set(before(RENEWED));
        let begun = begin(sessions, contents).await;
        self.clock.set(WRITTEN);
        begun
    }

    /// Sends a request that renews its session. Its process dies after the first call of `cut_off`, if there is one.
    async fn write_renewal(
        &mut self,
        name: &str,
        Begun { mut visitor, client }: Begun,
        cut_off: Option<Verb>,
        handler: impl FnOnce(&Session) -> Result<()>,
    ) -> Result<()> {
        match cut_off {
            Some(verb) => {
                let session = visitor.session().await?;
                handler(&session)?;
                self.commit_cut_off_after(&session, verb).await;
            }
            None => {
                visit(&mut visitor, handler).await?;
                let cookie = visitor.cookie().filter(|cookie| *cookie != client.cookie).expect("another cookie");
                self.clients.insert(format!("{name}, new"), Client { cookie, ..client });
            }
        }
        self.clients.insert(name.to_owned(), client);
        Ok(())
    }

    async fn commit_cut_off_after(&self, session: &Session, verb: Verb) {
        let stop = self.store.on(verb).pause_after();
        let commit = tokio::spawn(session.commit(200));
        stop.reached().await;
        self.store.go_away();
        stop.resume();
        let committed = commit.await.expect("no panic");
        assert!(committed.edits.set_cookies().next().is_none(), "it was cut off");
        self.store.come_back();
    }

    /// All records of the store, one a line.
    async fn records(&self) -> Result<String> {
        // So early that nothing has expired.
        let now = Timestamp::from_millis(0);
        let index = self.store.index().expect("both stores have an index");
        let handles: BTreeSet<Handle> = self.clients.values().map(|client| client.handle).collect();
        let mut lines = BTreeSet::new();
        for handle in handles {
            lines.extend(index.find_by_handle(handle, now).await?.iter().map(line));
        }
        // The record that counts the logins of a user, to which no handle leads.
        let key = Sha256::new().chain_update(b"cloakroom user 1").chain_update("dora").finalize();
        let key = StoreKey::from_bytes(key.into());
        let record = self.store.load(&key, now).await?.expect("the user logged in");
        lines.insert(line(&Found::new(key, record)));
        Ok(lines.into_iter().map(|line| line + "\n").collect())
    }
}
