//! The program under test, as a process.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Client;

/// A testbed that listens, and ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    log: Arc<Mutex<String>>,
}

impl Server {
    pub(crate) fn start(options: &[impl AsRef<OsStr>], environment: &[(&str, &str)]) -> Self {
        let mut child = command(options).envs(environment.iter().copied()).spawn().expect("the testbed starts");
        let log = collect(child.stderr.take().expect("stderr is piped"));
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        stdout.read_line(&mut line).expect("stdout can be read");
        let Some(url) = line.trim_end().strip_prefix("listening on ") else {
            thread::sleep(Duration::from_millis(100));
            panic!("the testbed said {line:?}: {}", log.lock().expect("the log"));
        };
        Self { child, url: url.to_owned(), log }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.url)
    }

    /// What was written to standard error so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the store was asked since the start.
    pub(crate) fn stats(&self) -> Value {
        self.client().get("/stats").json()
    }

    /// What the store is asked while `work` runs, as in `load 1, swap 1`.
    pub(crate) fn asked<R>(&self, work: impl FnOnce() -> R) -> String {
        let count = |stats: &Value, verb: &str| stats[verb].as_u64().expect("a number");
        let before = self.stats();
        drop(work());
        let after = self.stats();
        let changes = ["load", "create", "swap", "conflict", "touch", "delete"].into_iter().filter_map(|verb| {
            let n = count(&after, verb) - count(&before, verb);
            (n > 0).then(|| format!("{verb} {n}"))
        });
        changes.collect::<Vec<_>>().join(", ")
    }

    /// Asks the process to end, and waits until it does.
    pub(crate) fn terminate(&mut self, signal: &str) -> ExitStatus {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill runs");
        assert!(sent.success());
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be waited for") {
                return status;
            }
            assert!(start.elapsed() < Duration::from_secs(5), "the testbed does not end");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the testbed says to options that it refuses, and how it ends.
pub(crate) fn refused(options: &[impl AsRef<OsStr>]) -> (ExitStatus, String) {
    let output = command(options).output().expect("the testbed runs");
    assert!(output.stdout.is_empty(), "it listens all the same");
    (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn command(options: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_testbed"));
    command.args(options).env_remove("RUST_LOG").env_remove("RUST_BACKTRACE");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn collect(mut stderr: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let log = Arc::new(Mutex::new(String::new()));
    let written = Arc::clone(&log);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stderr.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..read]);
            written.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
        }
    });
    log
}
