//! On which file systems processes share memory, without which a write-ahead log is not safe.

use std::path::Path;

/// How SQLite keeps what is being written apart from what was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Journal {
    /// Readers and the writer do not wait for each other. They share memory.
    WriteAhead,
    /// They wait for each other, by locks alone.
    Rollback,
}

impl Journal {
    /// How a commit goes to the disk, as a value of `PRAGMA synchronous`: written through, or so that the file stays whole.
    pub(super) fn synchronous(self, through: bool) -> &'static str {
        match (self, through) {
            (Self::WriteAhead, true) => "FULL",
            (Self::WriteAhead, false) => "NORMAL",
            // A commit is the removal of the journal, and lasts once the folder is written as well.
            (Self::Rollback, true) => "EXTRA",
            (Self::Rollback, false) => "FULL",
        }
    }
}

/// Magic numbers of file systems that reach over a network or between a virtual machine and its host (statfs(2)).
const SHARED: [(u64, &str); 14] = [
    (0x6969, "nfs"),
    (0x517b, "smb"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb2"),
    (0x0102_1997, "9p"),
    // sshfs and virtiofs are among them.
    (0x6573_5546, "fuse"),
    (0x5346_414f, "afs"),
    (0x00c3_6400, "ceph"),
    (0x0bd0_0bd0, "lustre"),
    (0x0116_1970, "gfs2"),
    (0x7461_636f, "ocfs2"),
    (0x7375_7245, "coda"),
    (0x564c, "ncp"),
    (0x786f_4256, "vboxsf"),
];

/// The journal that is safe where this file lies.
pub(super) fn journal_for(path: &Path) -> Journal {
    match magic(path).and_then(shared) {
        Some(name) => {
            crate::events::shared_folder(name);
            Journal::Rollback
        }
        None => Journal::WriteAhead,
    }
}

fn shared(magic: u64) -> Option<&'static str> {
    SHARED.iter().find(|(known, _)| *known == magic).map(|(_, name)| *name)
}

#[cfg(target_os = "linux")]
fn magic(path: &Path) -> Option<u64> {
    // The numbers have 32 bits, in a type that may have a sign.
    rustix::fs::statfs(path).ok().map(|file_system| file_system.f_type as u64 & 0xffff_ffff)
}

#[cfg(not(target_os = "linux"))]
fn magic(_path: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_and_shared_folders_are_known() {
        assert_eq!(shared(0x6969), Some("nfs"));
        assert_eq!(shared(0xff53_4d42), Some("cifs"));
        assert_eq!(shared(0x0102_1997), Some("9p"));
        assert_eq!(shared(0x6573_5546), Some("fuse"));
        // ext4, tmpfs, btrfs, xfs.
        for local in [0xef53, 0x0102_1994, 0x9123_683e, 0x5846_5342] {
            assert_eq!(shared(local), None);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_local_folder_shares_memory() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(journal_for(folder.path()), Journal::WriteAhead);
        assert!(magic(Path::new("/proc")).is_some_and(|magic| magic == 0x9fa0));
    }
}
