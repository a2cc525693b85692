//! `cloakroom`: looks into a session store while servers run, ends and moves sessions, checks configurations.

mod arguments;
mod commands;
mod failure;
mod output;
mod store;

use std::process::ExitCode;

use clap::Parser;

use arguments::Arguments;
use failure::Failure;

/// One thread does: every command waits for one store after the other.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match commands::run(Arguments::parse().command).await {
        Ok(code) => code,
        // Whoever read the output has seen enough, as `head` has.
        Err(Failure::ClosedOutput) => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&failure);
            ExitCode::FAILURE
        }
    }
}
