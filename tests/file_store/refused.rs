//! Files that are not used, and are left as they are.

use std::fs;
use std::path::Path;

use cloakroom::{FileStore, SessionManager};

use crate::workshop::{begin, folder, sessions, value};

async fn refused(path: &Path) -> String {
    let before = fs::read(path).expect("is there");
    let error = FileStore::open(path).await.expect_err("is refused");
    assert_eq!(error.setting(), "SESSION_FILE_PATH");
    assert!(fs::read(path).expect("is there") == before, "it was changed");
    error.to_string()
}

#[tokio::test]
async fn what_is_no_database() {
    let (_folder, path) = folder();
    for content in ["no database", &"a long text that is no database either. ".repeat(100)] {
        fs::write(&path, content).expect("is written");
        let said = refused(&path).await;
        assert!(said.contains("is no session file, or is damaged"), "{said}");
    }
}

#[tokio::test]
async fn the_database_of_another_program() {
    for journal in ["delete", "wal"] {
        let (_folder, path) = folder();
        let other = rusqlite::Connection::open(&path).expect("it opens");
        other.pragma_update_and_check(None, "journal_mode", journal, |_| Ok(())).expect("is set");
        other
            .execute_batch("CREATE TABLE customers (name TEXT); INSERT INTO customers VALUES ('ana');")
            .expect("is made");
        drop(other);
        let said = refused(&path).await;
        assert!(said.contains("is a database of another program"), "{said}");
    }
}

/// A file of ours, made whole and closed.
async fn ours(path: &Path) -> String {
    let sessions = sessions(path).await;
    let mut cookie = String::new();
    for n in 0..200 {
        cookie = begin(&sessions, "text", &format!("{n} ").repeat(100)).await.expect("is kept");
    }
    cookie
}

#[tokio::test]
async fn a_damaged_file() {
    let (_folder, path) = folder();
    ours(&path).await;
    let whole = fs::read(&path).expect("is there");
    // Cut off; and with a page overwritten.
    let mut overwritten = whole.clone();
    overwritten[4_096 * 3..4_096 * 4].fill(0xa5);
    for damaged in [&whole[..50], &whole[..whole.len() / 2], &overwritten] {
        fs::write(&path, damaged).expect("is written");
        let said = refused(&path).await;
        assert!(said.contains("damaged"), "{said}");
    }
}

#[tokio::test]
async fn the_file_of_a_newer_version_that_this_one_cannot_work_on() {
    let (_folder, path) = folder();
    ours(&path).await;
    let newer = rusqlite::Connection::open(&path).expect("it opens");
    newer.execute_batch("UPDATE versions SET oldest_reader = 3; PRAGMA user_version = 3;").expect("is set");
    drop(newer);
    let said = refused(&path).await;
    assert!(said.contains("newer version of cloakroom") && said.contains("update this program"), "{said}");
}

#[tokio::test]
async fn not_the_file_of_a_newer_version_that_only_adds() {
    let (_folder, path) = folder();
    let cookie = ours(&path).await;
    let newer = rusqlite::Connection::open(&path).expect("it opens");
    newer.execute_batch("ALTER TABLE sessions ADD COLUMN more TEXT; PRAGMA user_version = 3;").expect("is set");
    drop(newer);
    let again = SessionManager::new(FileStore::open(&path).await.expect("it opens"));
    assert!(value(&again, &cookie, "text").await.is_ok_and(|found| found.is_some()));
    assert!(begin(&again, "email", "ana@example.org").await.is_ok());
    let after = rusqlite::Connection::open(&path).expect("it opens");
    let version: i64 = after.pragma_query_value(None, "user_version", |row| row.get(0)).expect("it has one");
    assert_eq!(version, 3, "the version is not put back");
}

#[tokio::test]
async fn not_the_file_of_the_version_before() {
    let (_folder, path) = folder();
    let cookie = ours(&path).await;
    let older = rusqlite::Connection::open(&path).expect("it opens");
    older.execute_batch("DROP TABLE log; PRAGMA user_version = 1;").expect("is set");
    drop(older);
    let again = sessions(&path).await;
    assert!(value(&again, &cookie, "text").await.is_ok_and(|found| found.is_some()));
    assert!(begin(&again, "email", "ana@example.org").await.is_ok());
    let after = rusqlite::Connection::open(&path).expect("it opens");
    let found: (i64, i64) = after
        .query_row("SELECT user_version, (SELECT oldest_reader FROM versions) FROM pragma_user_version", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .expect("it has them");
    assert_eq!(found, (2, 1), "programs of the version before go on");
}
