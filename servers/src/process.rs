//! A program that does not outlive whoever started it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Runs a program in the background, tells its number, and waits. When its input ends, because it was closed or because
/// the test that holds it is no more, the program is killed.
const KEEPER: &str = r#"exec 3<&0
"$@" </dev/null >/dev/null 2>&1 &
server=$!
echo "$server"
read -r _ <&3
kill -9 "$server" 2>/dev/null
wait "$server" 2>/dev/null
"#;

/// The same with a folder that is removed at the end.
const SWEEPER: &str = r#"read -r _; rm -rf "$1""#;

/// A program under the eyes of a shell that kills it when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    keeper: Child,
    id: u32,
}

impl Process {
    pub(crate) fn start(program: &str, arguments: &[String], folder: &Path) -> Self {
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper", program])
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let mut line = String::new();
        let stdout = keeper.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the shell tells a number");
        let id = line.trim().parse().expect("the number of a process");
        Self { keeper, id }
    }

    /// Sends a signal, as in `-STOP`.
    pub(crate) fn signal(&self, signal: &str) {
        let _ = Command::new("kill").args([signal, &self.id.to_string()]).stderr(Stdio::null()).status();
    }

    /// Whether it is still there.
    pub(crate) fn runs(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id)).unwrap_or_default();
        // What was killed and not yet waited for is a zombie.
        !stat.is_empty() && !stat.contains(") Z ")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// A temporary folder, removed when this is dropped or the test is no more.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    sweeper: Child,
}

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("cloakroom-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a temporary folder");
        let sweeper = Command::new("sh")
            .args(["-c", SWEEPER, "sweeper"])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        Self { path, sweeper }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.sweeper.stdin.take());
        let _ = self.sweeper.wait();
    }
}
