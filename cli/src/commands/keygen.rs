//! A fresh secret.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::failure::Failure;
use crate::output::line;

/// Bytes of a secret: half as many again as the key that it becomes.
const SECRET_BYTES: usize = 48;

pub(super) fn run() -> Result<(), Failure> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::new(format!("the operating system gives no random bytes: {error}")))?;
    line(STANDARD.encode(bytes))
}
