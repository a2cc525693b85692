//! Disks and other processes that stand still: who waits, for how long, and what is not done late.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cloakroom::{
    Created, Data, ErrorKind, FileStore, Handle, Record, Revision, SessionIndex, SessionManager, SessionStore,
    StoreKey, Timestamp,
};

use crate::workshop::{Ext4, begin, folder, value};

/// How long a request may wait for its store in these tests.
const BUDGET: Duration = Duration::from_secs(1);

const FROZEN: Duration = Duration::from_secs(3);

/// Freezes a file system, and has requests use their sessions. Returns how long others stood, and those that learned nothing
/// within their budget.
async fn frozen(disk: &Ext4) -> (Duration, usize) {
    let store = FileStore::open(disk.path()).await.expect("the store opens");
    let sessions = SessionManager::builder(store).store_timeout(BUDGET).build().expect("is valid");
    let mut cookies = Vec::new();
    for n in 0..8 {
        cookies.push(begin(&sessions, "n", &n.to_string()).await.expect("is kept"));
        assert!(value(&sessions, &cookies[0], "n").await.is_ok(), "a connection is there to read on");
    }
    begin(&sessions, "n", "the last").await.expect("is kept");

    let freezes = disk.freeze();
    let done = Arc::new(AtomicBool::new(false));
    let others = tokio::spawn({
        let done = Arc::clone(&done);
        async move {
            let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
            while !done.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(10)).await;
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
            longest
        }
    });
    // From outside of the runtime: whatever stands, it is thawed.
    let thawing = std::thread::spawn(move || {
        std::thread::sleep(FROZEN);
        drop(freezes);
        done.store(true, Ordering::Relaxed);
    });
    let mut asking = Vec::new();
    for cookie in cookies.clone() {
        let sessions = sessions.clone();
        asking.push(tokio::spawn(async move {
            let start = Instant::now();
            let found = value(&sessions, &cookie, "n").await;
            if let Err(error) = &found {
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            }
            (found.is_err(), start.elapsed())
        }));
    }
    let (mut stood, mut late) = (0, 0);
    for task in asking {
        let (failed, took) = task.await.expect("it ends");
        stood += usize::from(failed || took >= BUDGET);
        late += usize::from(took >= BUDGET * 2);
    }
    assert!(stood > 0, "nothing stood still, so this has shown nothing");
    let others = others.await.expect("it ends");
    thawing.join().expect("it ends");
    for cookie in &cookies {
        assert!(value(&sessions, cookie, "n").await.is_ok_and(|found| found.is_some()), "it does not go on");
    }
    (others, late)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_file_system_leaves_a_worker_to_requests_without_a_session() {
    let Some(disk) = Ext4::new() else { return };
    let (others, late) = frozen(&disk).await;
    assert!(others < BUDGET, "others stood for {others:?}");
    assert!(late <= 1, "{late} requests learned nothing in time, and only one was read for on a worker");
}

/// Runs this test again in a process of its own, because other tests have workers, too. Returns whether this is that process.
fn is_alone(test: &str) -> bool {
    const ALONE: &str = "CLOAKROOM_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut again = Command::new(std::env::current_exe().expect("it has a path"));
    let run = again.args([test, "--exact", "--nocapture"]).env(ALONE, "1").output().expect("it starts");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&run.stderr));
    false
}

#[tokio::test]
async fn the_only_worker_never_reads_and_one_of_several_does() {
    if !is_alone("standing::the_only_worker_never_reads_and_one_of_several_does") {
        return;
    }
    let (_folder, path) = folder();
    let store = Arc::new(FileStore::open(&path).await.expect("the store opens"));
    store.load(&key(), Timestamp::now()).await.expect("a connection is there to read on");
    assert!(store.try_load(&key(), Timestamp::now()).is_none(), "who reads for others meanwhile?");
    let (asked, has_asked) = std::sync::mpsc::channel();
    let (end, ends) = std::sync::mpsc::channel::<()>();
    let another = std::thread::spawn({
        let store = Arc::clone(&store);
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            runtime
                .block_on(async { asked.send(store.try_load(&key(), Timestamp::now()).is_some()) })
                .expect("it waits");
            let _ = ends.recv();
        }
    });
    assert!(has_asked.recv().expect("it asks"), "there are two");
    assert!(store.try_load(&key(), Timestamp::now()).is_some(), "there are two");
    drop(end);
    another.join().expect("it ends");
    assert!(store.try_load(&key(), Timestamp::now()).is_none(), "it is alone again");
}

#[tokio::test]
async fn a_frozen_file_system_leaves_the_only_worker_there_is() {
    if !is_alone("standing::a_frozen_file_system_leaves_the_only_worker_there_is") {
        return;
    }
    let Some(disk) = Ext4::new() else { return };
    let (others, late) = frozen(&disk).await;
    assert!(others < BUDGET, "others stood for {others:?}");
    assert_eq!(late, 0);
}

fn key() -> StoreKey {
    let mut key = [0; 32];
    key[..16].copy_from_slice(Handle::random().as_bytes());
    StoreKey::from_bytes(key)
}

fn record(now: Timestamp, bytes: usize) -> Record {
    let mut form = vec![0; 68];
    form[0] = 1;
    let mut record = Record::decode(form).expect("is a record");
    record.revision = Revision::first();
    record.handle = Handle::random();
    let later = now + Duration::from_secs(3_600);
    (record.created, record.seen, record.idle_deadline, record.absolute_deadline) = (now, now, later, later);
    record.data = Data::from(vec![7; bytes].as_slice());
    record
}

/// The memory of this process, in mebibytes.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("there is one");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it says so");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") / 1024
}

#[tokio::test]
async fn what_waits_while_another_process_writes_is_bounded_and_not_done_late() {
    let (_folder, path) = folder();
    let store = FileStore::open(&path).await.expect("the store opens");
    let other = rusqlite::Connection::open(&path).expect("it opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
    let (before, now) = (memory(), Timestamp::now());
    for _ in 0..300 {
        let (key, record) = (key(), record(now, 1024 * 1024));
        let created = tokio::time::timeout(Duration::from_millis(2), store.create(&key, &record, now)).await;
        assert!(created.is_err(), "another process has the lock");
    }
    let grown = memory().saturating_sub(before);
    assert!(grown < 150, "{grown} MiB wait for the lock");
    other.execute_batch("COMMIT").expect("it ends");
    let last = store.create(&key(), &record(now, 10), now).await;
    assert_eq!(last.ok(), Some(Created::Created));
    assert_eq!(store.count(now).await.ok(), Some(1), "verbs were done whose callers had given up");
}

/// More at once than the queue takes wait for their turn, and none fails.
#[tokio::test]
async fn a_rush_that_is_larger_than_the_queue_is_written() {
    let (_folder, path) = folder();
    let store = Arc::new(FileStore::open(&path).await.expect("the store opens"));
    let mut rush = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let store = Arc::clone(&store);
        rush.spawn(async move {
            let now = Timestamp::now();
            store.create(&key(), &record(now, 1024 * 1024), now).await
        });
    }
    for created in rush.join_all().await {
        assert_eq!(created.ok(), Some(Created::Created));
    }
}
