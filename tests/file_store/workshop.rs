//! Folders, visitors, and disks that can be filled.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

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

/// A file system of its own that can be frozen, as a snapshot does it.
pub(crate) struct Ext4 {
    folder: TempDir,
    _image: tempfile::NamedTempFile,
}

impl Ext4 {
    /// None, said aloud, where this machine lets nobody mount one.
    pub(crate) fn new() -> Option<Self> {
        let image = tempfile::NamedTempFile::new().expect("a temporary file");
        image.as_file().set_len(32 * 1024 * 1024).expect("it has room");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let made = ran(Command::new("mkfs.ext4").arg("-q").arg(image.path()))
            && ran(Command::new("mount").args(["-o", "loop"]).arg(image.path()).arg(folder.path()));
        if !made {
            // Not by the macro, whose output nobody sees of a test that passes.
            let said =
                "NOT TESTED: a frozen file system, because this machine mounts no ext4 (it takes root and /dev/loop*)";
            writeln!(std::io::stderr(), "{said}").expect("standard error is open");
            return None;
        }
        Some(Self { folder, _image: image })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("session.db")
    }

    /// Nothing is written to it until this is dropped, or half a minute has passed, should the test be killed.
    pub(crate) fn freeze(&self) -> impl Drop + use<> {
        struct Frozen(PathBuf, Child);
        impl Drop for Frozen {
            fn drop(&mut self) {
                ran(Command::new("fsfreeze").arg("-u").arg(&self.0));
                // It has nothing to thaw any more.
                let _ = self.1.kill().and_then(|()| self.1.wait());
            }
        }
        let path = self.folder.path().to_owned();
        let thaw = "sleep 30; fsfreeze -u \"$0\" 2>/dev/null";
        let thaws = Command::new("sh").args(["-c", thaw]).arg(&path).spawn().expect("a shell starts");
        assert!(ran(Command::new("fsfreeze").arg("-f").arg(&path)), "it cannot be frozen");
        Frozen(path, thaws)
    }
}

impl Drop for Ext4 {
    fn drop(&mut self) {
        ran(Command::new("umount").args(["--lazy"]).arg(self.folder.path()));
    }
}

fn ran(command: &mut Command) -> bool {
    command.output().is_ok_and(|ran| ran.status.success())
}
