//! How a file store is opened.

use std::path::{Path, PathBuf};

use super::connection::Place;
use super::{FileStore, folder};
use crate::error::ConfigError;

/// Opens a [`FileStore`] with options of its own: [`FileStore::builder`].
///
/// ```
/// use cloakroom::{Durability, FileStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path();
/// let store = FileStore::builder(path)
///     .durability(Durability::ProcessCrash)
///     .size_limit(64 * 1024 * 1024)
///     .open()
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder opens nothing until `open` is called"]
pub struct FileStoreBuilder {
    path: PathBuf,
    pub(super) durability: Durability,
    pub(super) size_limit: Option<u64>,
    pub(super) shared_folder: bool,
}

/// What an acknowledged write survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// A crash of the process, a crash of the system, and a loss of power.
    #[default]
    PowerLoss,
    /// A crash of the process only: after a crash of the system or a loss of power the last moments may be missing, logouts
    /// among them. The file itself stays whole. For disks that are slow to write through.
    ProcessCrash,
}

/// The smallest limit that leaves room for anything: 1 MiB.
const SMALLEST: u64 = 1024 * 1024;

impl FileStoreBuilder {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), durability: Durability::default(), size_limit: None, shared_folder: false }
    }

    /// What an acknowledged write survives: a loss of power, unless told otherwise. That activity was noted is never
    /// written through by itself: what a loss of power takes of it is a deadline that moved.
    ///
    /// ```
    /// # let path = "session.db";
    /// use cloakroom::{Durability, FileStore};
    ///
    /// let builder = FileStore::builder(path).durability(Durability::ProcessCrash);
    /// ```
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// The most bytes that the file may take, at least a mebibyte; its log takes a few more. When it is reached, what has
    /// expired is deleted, and if that does not help, new sessions are refused with [`Full`](crate::ErrorKind::Full),
    /// while sessions still can be read and ended. Without a limit the disk is one, and a disk that is really full lets
    /// nobody sign out.
    ///
    /// ```
    /// # let path = "session.db";
    /// let builder = cloakroom::FileStore::builder(path).size_limit(1024 * 1024 * 1024);
    /// ```
    pub fn size_limit(mut self, bytes: u64) -> Self {
        self.size_limit = Some(bytes);
        self
    }

    /// Treats the folder as one on a network, or shared with a virtual machine, where processes do not share memory: then
    /// the file is used without a write-ahead log, which is slower and safe there, as far as the locks of the file system
    /// are. The common network file systems are found out without this.
    ///
    /// ```
    /// # let path = "session.db";
    /// let builder = cloakroom::FileStore::builder(path).shared_folder();
    /// ```
    pub fn shared_folder(mut self) -> Self {
        self.shared_folder = true;
        self
    }

    /// Opens the store.
    ///
    /// # Errors
    ///
    /// As for [`FileStore::open`], and [`ConfigError`] for a size limit of less than a mebibyte.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path();
    /// let store = cloakroom::FileStore::builder(path).open().await?;
    /// # Ok(()) }
    /// ```
    pub async fn open(self) -> Result<FileStore, ConfigError> {
        if self.size_limit.is_some_and(|limit| limit < SMALLEST) {
            return Err(ConfigError::new(
                "file.size_limit",
                format!("is less than {SMALLEST} bytes; give it more room"),
            ));
        }
        let opening = tokio::task::spawn_blocking(move || {
            let path = folder::file_in(&self.path)?;
            FileStore::new(Place::open(path, &self)?)
        });
        match opening.await {
            Ok(opened) => opened,
            Err(error) => Err(ConfigError::new("file", format!("opening the session file failed: {error}"))),
        }
    }
}
