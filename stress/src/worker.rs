//! Processes of this program that others of it start.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::Result;

/// A process that works, and says on its standard output what it did. It is killed when this is dropped.
pub(crate) struct Worker {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Worker {
    pub(crate) fn start<'a>(name: &str, arguments: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["worker", name]).args(arguments);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let said = BufReader::new(child.stdout.take().ok_or("its output is a pipe")?);
        Ok(Self { child, said })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next whole line that it says, and none once it has ended.
    pub(crate) fn line(&mut self) -> Result<Option<String>> {
        let mut line = String::new();
        self.said.read_line(&mut line)?;
        let whole = line.strip_suffix('\n').map(str::to_owned);
        Ok(whole)
    }

    /// Waits until it has ended well, and answers the last line that it said.
    pub(crate) fn wait(&mut self) -> Result<String> {
        let mut last = String::new();
        while let Some(line) = self.line()? {
            last = line;
        }
        let status = self.child.wait()?;
        if status.success() { Ok(last) } else { Err(format!("a process failed ({status}): {last}").into()) }
    }

    /// Kills it, without a chance to do anything about it.
    pub(crate) fn kill(&mut self) -> Result {
        Ok(self.child.kill()?)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
