//! A file for each command.

mod backup;
mod check;
mod copy;
mod help;
mod keygen;
mod list;
mod revoke;
mod show;
mod stats;
mod survey;
mod sweep;
mod watch;

use std::process::ExitCode;

use crate::arguments::Command;
use crate::failure::Failure;

pub(crate) async fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Stats { output, store } => stats::run(&store.url, output.json).await?,
        Command::List { filter, output, store } => list::run(&store.url, &filter, output.json).await?,
        Command::Show { handle, reveal, output, store } => {
            show::run(&store.url, handle, reveal, output.json).await?;
        }
        Command::Revoke(revoke) => revoke::run(&revoke).await?,
        Command::Sweep { store } => sweep::run(&store.url).await?,
        Command::Keygen => keygen::run()?,
        Command::Check { asvs, aal } => return check::run(asvs, aal),
        Command::Copy { from, to, delete_others } => copy::run(&from, &to, delete_others).await?,
        Command::Backup { from, to } => backup::run(&from, to).await?,
        Command::Restore { from, to } => backup::restore(from, &to).await?,
        Command::Watch { interval, store } => watch::run(&store.url, interval).await?,
        Command::Completions { shell } => help::completions(shell)?,
        Command::Man => help::manual()?,
    }
    Ok(ExitCode::SUCCESS)
}
