//! Folders, visitors, and disks that can be filled.

use std::path::{Path, PathBuf};
use std::process::Command;

use cloakroom::{FileStore, Session, SessionManager};
use tempfile::TempDir;

/// A folder with the path of a session file in it.
pub(crate) fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("session.db");
    (folder, path)
}

pub(crate) async fn sessions(path: &Path) -> SessionManager {
    SessionManager::new(FileStore::open(path).await.expect("the store opens"))
}

/// Makes a session, and answers the cookie that opens it.
pub(crate) async fn begin(sessions: &SessionManager, key: &str, value: &str) -> cloakroom::Result<String> {
    let session = sessions.open(());
    session.load().await?;
    session.set(key, value)?;
    let committed = session.commit(200).await;
    if let Some(error) = committed.error {
        return Err(error);
    }
    let cookie = committed.edits.set_cookies().next().expect("a new session has a cookie").to_owned();
    Ok(cookie.split(';').next().unwrap_or_default().to_owned())
}

/// The session that a cookie opens.
pub(crate) async fn opened(sessions: &SessionManager, cookie: &str) -> cloakroom::Result<Session> {
    let session = sessions.open(cookie.to_owned());
    session.load().await?;
    Ok(session)
}

pub(crate) async fn value(sessions: &SessionManager, cookie: &str, key: &str) -> cloakroom::Result<Option<String>> {
    opened(sessions, cookie).await?.get(key)
}

/// A file system in memory, so large and no larger.
pub(crate) struct Disk(TempDir);

impl Disk {
    pub(crate) fn new(kibibytes: u32) -> Self {
        let disk = Self(tempfile::tempdir().expect("a temporary folder"));
        disk.mount(&["-t", "tmpfs", "-o", &format!("size={kibibytes}k"), "tmpfs"]);
        disk
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("session.db")
    }

    /// Fills it up with a file that is not ours.
    pub(crate) fn fill(&self) {
        let bytes = vec![1; 64 * 1024 * 1024];
        let filled = std::fs::write(self.0.path().join("ballast"), bytes);
        assert!(filled.is_err(), "the disk is larger than was asked for");
    }

    pub(crate) fn empty(&self) {
        std::fs::remove_file(self.0.path().join("ballast")).expect("the ballast is there");
    }

    pub(crate) fn set_writable(&self, writable: bool) {
        let mode = if writable { "remount,rw" } else { "remount,ro" };
        self.mount(&["-o", mode, "tmpfs"]);
    }

    fn mount(&self, arguments: &[&str]) {
        let mounted = Command::new("mount").args(arguments).arg(self.0.path()).output().expect("mount is installed");
        let said = String::from_utf8_lossy(&mounted.stderr);
        assert!(mounted.status.success(), "this test mounts a file system in memory, which takes root: {said}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a store that is dropped after it may have the file open.
        let _ = Command::new("umount").args(["--lazy"]).arg(self.0.path()).status();
    }
}
