//! Where the file lies, and who may read it.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::ConfigError;
use crate::random::random;

/// The name of the file where only a folder is given.
const DEFAULT_NAME: &str = "session.db";

/// The file that a path means: the file itself, or `session.db` in a folder.
pub(super) fn file_in(path: &Path) -> Result<PathBuf, ConfigError> {
    let text = path.as_os_str().as_encoded_bytes();
    if text.is_empty() || text.contains(&0) {
        return Err(refuse(path, "is no path; give a file or a folder, as in session.db"));
    }
    let is_folder = path.is_dir() || text.ends_with(b"/");
    // Absolute, so that a change of the working directory changes nothing.
    let path = if is_folder { path.join(DEFAULT_NAME) } else { path.to_owned() };
    std::path::absolute(&path).map_err(|error| refuse(&path, &format!("cannot be found: {error}")))
}

/// Creates the folder of the file if it is missing, for this user alone.
pub(super) fn create(path: &Path) -> Result<(), ConfigError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(|error| refuse(folder, &format!("cannot be created: {error}")))?;
    }
    Ok(())
}

/// Keeps all others from changing which files lie in the folder, as long as the answer is kept. Where a folder cannot be
/// locked, as on some network file systems, there is no shared memory either.
pub(super) fn lock(path: &Path) -> Option<File> {
    let folder = path.parent().and_then(|folder| File::open(folder).ok());
    folder.filter(|folder| folder.lock().is_ok())
}

/// Creates the file before SQLite does, which would give it to whoever the umask lets read.
///
/// What a removed file left beside it goes first: two files of one name that share memory would damage each other. The
/// caller has the folder locked, so that nobody takes away what another process has just begun.
pub(super) fn create_file(path: &Path) -> std::io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    for end in ["-wal", "-shm", "-journal"] {
        remove(&beside(path, end))?;
    }
    // Under a name that only this call knows until it is closed: closing it later would release the locks that another
    // store of this process has taken on it in between.
    let fresh = beside(path, &format!("-new-{:016x}", u64::from_le_bytes(random())));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.open(&fresh)?);
    let linked = fs::hard_link(&fresh, path);
    match linked {
        Ok(()) => fs::remove_file(&fresh),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => fs::remove_file(&fresh),
        // A file system without such links; the folder is locked against others who create the file.
        Err(_) => fs::rename(&fresh, path),
    }
}

/// The path of what lies beside a file under the same name with this end.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Removes what may be missing.
pub(super) fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

pub(super) fn refuse(path: &Path, why: &str) -> ConfigError {
    ConfigError::new("SESSION_FILE_PATH", format!("{} {why}", path.display()))
}

/// Which file a path names at this moment: another one after it was removed or replaced.
#[cfg(unix)]
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// Elsewhere a file that is in use cannot be removed.
#[cfg(not(unix))]
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    path.exists().then_some((0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_means_the_file_in_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let inside = folder.path().join(DEFAULT_NAME);
        assert_eq!(file_in(folder.path()).as_deref(), Ok(&*inside));
        let missing = folder.path().join("missing/");
        assert_eq!(file_in(&missing).as_deref(), Ok(&*missing.join(DEFAULT_NAME)));
        assert_eq!(file_in(&inside).as_deref(), Ok(&*inside));
        assert!(file_in(Path::new("a.db")).is_ok_and(|path| path.is_absolute()));
        assert!(file_in(Path::new("")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_created_is_for_this_user_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a/b/session.db");
        create(&path).expect("is created");
        create_file(&path).expect("is created");
        let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&folder.path().join("a/b"))), (0o600, 0o700));
    }
}
