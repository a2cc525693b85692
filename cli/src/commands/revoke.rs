//! Ends sessions, wherever their visitors are.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin};

use cloakroom::{SessionManager, Timestamp};

use crate::arguments::{Revoke, STORE_VARIABLE, Whose};
use crate::failure::Failure;
use crate::output::{line, plain, progress};
use crate::store::{More, Store};

pub(super) async fn run(arguments: &Revoke) -> Result<(), Failure> {
    let (whose, url) = arguments.meant(std::env::var(STORE_VARIABLE).ok()).map_err(Failure::new)?;
    let store = Store::open(&url).await?;
    // The engine ends sessions for good, those too that are being renewed.
    let sessions = SessionManager::new(std::sync::Arc::clone(&store.0));
    match whose {
        Whose::One(handle) => {
            if !sessions.revoke(handle).await? {
                return Err(Failure::new(format!("there is no session {handle}")));
            }
            line(format!("ended {handle}"))
        }
        Whose::User(user) => line(format!("ended {} sessions of {}", sessions.revoke_user(&user).await?, plain(&user))),
        Whose::Everybody => everybody(&store, &sessions, arguments.yes).await,
    }
}

async fn everybody(store: &Store, sessions: &SessionManager, sure: bool) -> Result<(), Failure> {
    let count = store.index()?.count(Timestamp::now()).await?;
    if !sure && stdin().is_terminal() && !confirmed(count)? {
        return Err(Failure::new("nothing was ended"));
    }
    let bar = progress(count, "ending");
    let mut ended = 0;
    // Sessions that begin meanwhile are ended as well, as far as they are met.
    loop {
        let mut handles = Vec::new();
        store
            .each(|found| {
                handles.push(found.record.handle);
                Ok(if handles.len() < 1_000 { More::Wanted } else { More::Enough })
            })
            .await?;
        let mut some = false;
        for handle in handles {
            if sessions.revoke(handle).await? {
                (some, ended) = (true, ended + 1);
                bar.inc(1);
            }
        }
        if !some {
            bar.finish_and_clear();
            return line(format!("ended {ended} sessions"));
        }
    }
}

fn confirmed(count: u64) -> Result<bool, Failure> {
    write!(stderr(), "End all {count} sessions? Everybody will have to sign in again. [y/N] ")?;
    stderr().flush()?;
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
