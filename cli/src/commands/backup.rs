//! Backups of a file store, made while servers use it and put back while none does.

use std::path::PathBuf;

use cloakroom::{FileStore, SessionIndex, Timestamp};
use indicatif::ProgressBar;

use crate::failure::Failure;
use crate::output::{line, progress};
use crate::store::file;

pub(super) async fn run(from: &str, to: PathBuf) -> Result<(), Failure> {
    let bar = progress(0, "copying");
    FileStore::backup(file(from)?, &to, shown(&bar)).await?;
    bar.finish_and_clear();
    line(format!("backed up to {}", to.display()))
}

pub(super) async fn restore(from: PathBuf, to: &str) -> Result<(), Failure> {
    let path = file(to)?;
    let bar = progress(0, "copying");
    FileStore::restore(&from, &path, shown(&bar)).await?;
    bar.finish_and_clear();
    // It is opened as a server will do it.
    let sessions = FileStore::open(path).await?.count(Timestamp::now()).await?;
    line(format!("restored from {}: {sessions} live sessions", from.display()))
}

fn shown(bar: &ProgressBar) -> impl Fn(u64, u64) + Send + 'static {
    let bar = bar.clone();
    move |pages, of| {
        bar.set_length(of);
        bar.set_position(pages);
    }
}
