//! Why a command did not do what it was asked for: one clear line.

use std::fmt;
use std::io;

#[derive(Debug)]
pub(crate) enum Failure {
    /// The reader of the output is gone.
    ClosedOutput,
    Told(String),
}

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self::Told(text.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClosedOutput => f.write_str("the output was closed"),
            Self::Told(text) => f.write_str(text),
        }
    }
}

impl From<cloakroom::Error> for Failure {
    fn from(error: cloakroom::Error) -> Self {
        Self::Told(error.to_string())
    }
}

impl From<cloakroom::ConfigError> for Failure {
    fn from(error: cloakroom::ConfigError) -> Self {
        Self::Told(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ClosedOutput,
            _ => Self::Told(error.to_string()),
        }
    }
}
