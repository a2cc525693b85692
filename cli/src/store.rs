//! The store that a command works on, and all of its sessions in bounded steps.

use std::path::PathBuf;
use std::sync::Arc;

use cloakroom::{Found, Handle, SessionIndex, SessionStore, StoreKey, Timestamp};

use crate::failure::Failure;

/// How many records are read at a time: enough to be quick, too few to keep a server waiting.
const PAGE: usize = 500;

/// A store that can list what it keeps.
#[derive(Debug, Clone)]
pub(crate) struct Store(pub(crate) Arc<dyn SessionStore>);

impl Store {
    /// Opens the store of this URL. What is with the visitors, or ends with this process, cannot be looked into.
    pub(crate) async fn open(url: &str) -> Result<Self, Failure> {
        let scheme = url.split(':').next().unwrap_or_default().to_ascii_lowercase();
        match scheme.as_str() {
            "memory" => Err(Failure::new("memory: is within each server's process, where no other program can look")),
            "cookie" | "client" => {
                Err(Failure::new("sessions in cookies are with their visitors: there is no store to look into"))
            }
            _ => {
                let store = Self(cloakroom::store_from_url(url).await?);
                store.index()?;
                Ok(store)
            }
        }
    }

    pub(crate) fn index(&self) -> Result<&dyn SessionIndex, Failure> {
        self.0.index().ok_or_else(|| Failure::new("this store can neither list nor find sessions"))
    }

    /// Shows every live session, in the order of their keys, until `show` has seen enough and says so.
    pub(crate) async fn each(&self, show: impl FnMut(Found) -> Result<More, Failure>) -> Result<(), Failure> {
        self.each_after(None, show).await
    }

    /// The same, of those behind a key only.
    pub(crate) async fn each_after(
        &self,
        mut after: Option<StoreKey>,
        mut show: impl FnMut(Found) -> Result<More, Failure>,
    ) -> Result<(), Failure> {
        let (index, now) = (self.index()?, Timestamp::now());
        loop {
            let page = index.list(after, PAGE, now).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.key);
            for found in page {
                if show(found)? == More::Enough {
                    return Ok(());
                }
            }
        }
    }

    /// The live session of this handle.
    pub(crate) async fn find(&self, handle: Handle) -> Result<Found, Failure> {
        let now = Timestamp::now();
        let found = self.index()?.find_by_handle(handle, now).await?;
        found
            .into_iter()
            .find(|found| found.record.is_live(now))
            .ok_or_else(|| Failure::new(format!("there is no session {handle}")))
    }
}

/// The file that a URL of a file store names.
pub(crate) fn file(url: &str) -> Result<PathBuf, Failure> {
    let (scheme, rest) = url.split_once(':').unwrap_or_default();
    if scheme.eq_ignore_ascii_case("file") && !rest.is_empty() {
        // Slashes before the path, as in file:///var/lib/shop/session.db.
        return Ok(rest.strip_prefix("//").filter(|path| path.starts_with('/')).unwrap_or(rest).into());
    }
    Err(Failure::new("only a file store is backed up and restored here: give file:PATH; a server has its own means"))
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum More {
    Wanted,
    Enough,
}
