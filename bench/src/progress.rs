//! How far a long measure is: a bar on stderr, where that is a terminal.

use std::io::{IsTerminal, Write};

pub(crate) struct Progress {
    what: &'static str,
    steps: usize,
    done: usize,
    shown: bool,
}

impl Progress {
    pub(crate) fn new(what: &'static str, steps: usize) -> Self {
        Self { what, steps: steps.max(1), done: 0, shown: std::io::stderr().is_terminal() }
    }

    /// Begins the next step.
    pub(crate) fn step(&mut self, step: &str) {
        if self.shown {
            const WIDTH: usize = 30;
            let full = self.done * WIDTH / self.steps;
            let (bar, rest) = ("#".repeat(full), ".".repeat(WIDTH.saturating_sub(full)));
            eprint!("\r\x1b[K{} [{bar}{rest}] {}/{} {step}", self.what, self.done, self.steps);
            let _ = std::io::stderr().flush();
        }
        self.done += 1;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            eprint!("\r\x1b[K");
        }
    }
}
