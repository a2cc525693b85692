//! Where a session file lies while it is stressed.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::Result;
use crate::arguments::Arguments;

/// The path of a session file; a folder that was made for it is deleted in the end.
pub(crate) struct Place {
    path: PathBuf,
    _folder: Option<TempDir>,
}

impl Place {
    /// The path that was given, or a new one on the disk of temporary files.
    pub(crate) fn on_disk(arguments: &mut Arguments) -> Result<Self> {
        Self::given_or(arguments, &std::env::temp_dir())
    }

    /// The path that was given, or a new one in memory where there is such a file system: for what counts, and is about no
    /// disk.
    pub(crate) fn in_memory(arguments: &mut Arguments) -> Result<Self> {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self::given_or(arguments, memory) } else { Self::on_disk(arguments) }
    }

    fn given_or(arguments: &mut Arguments, parent: &Path) -> Result<Self> {
        let given = arguments.take();
        arguments.finish()?;
        match given {
            Some(path) => Ok(Self { path: path.strip_prefix("file:").unwrap_or(&path).into(), _folder: None }),
            None => {
                let folder = TempDir::new_in(parent)?;
                Ok(Self { path: folder.path().join("session.db"), _folder: Some(folder) })
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// As an argument of a worker.
    pub(crate) fn word(&self) -> Result<&str> {
        self.path.to_str().ok_or_else(|| "the path has to be UTF-8".into())
    }

    /// How many bytes the file has, and its log.
    pub(crate) fn sizes(&self) -> (u64, u64) {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        (size(&self.path), size(log.as_ref()))
    }
}

pub(crate) const MEBIBYTE: u64 = 1024 * 1024;
