//! Copies live sessions from one store to another: resumable, nothing lost, nothing doubled.

use cloakroom::{Created, Found, RecordKind, SessionStore, StoreKey, Swap, Timestamp};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::failure::Failure;
use crate::output::{complain, line, progress};
use crate::store::{More, Store};

/// Writes under way at once: what a store commits together it commits faster.
const AT_ONCE: usize = 64;

/// What became of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copied {
    /// It was not there.
    Created,
    /// It was there as it had been before.
    Updated,
    /// It was there as it is.
    Same,
    /// It was there, and has been used there since.
    Newer,
    /// It ended while it was copied.
    Ended,
}

pub(super) async fn run(from_url: &str, to_url: &str, delete_others: bool) -> Result<(), Failure> {
    let (from, to) = (Store::open(from_url).await?, Store::open(to_url).await?);
    let count = from.index()?.count(Timestamp::now()).await?;
    let bar = progress(count, "copying");
    let mut outcomes = Vec::new();
    let mut page = Vec::new();
    // Pages are copied between looks at the source, so that no more than one is held.
    let mut after = None;
    loop {
        from.each_after(after, |found| {
            page.push(found);
            Ok(if page.len() < AT_ONCE * 8 { More::Wanted } else { More::Enough })
        })
        .await?;
        let Some(last) = page.last() else { break };
        after = Some(last.key);
        let copies = stream::iter(page.drain(..)).map(|found| async {
            let copied = copy(&*from.0, &*to.0, found).await?;
            bar.inc(1);
            Ok::<_, Failure>(copied)
        });
        outcomes.extend(copies.buffer_unordered(AT_ONCE).try_collect::<Vec<_>>().await?);
    }
    bar.finish_and_clear();

    let number = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    line(format!(
        "copied {}: {} new, {} brought up to date, {} there already, {} newer there and left alone",
        outcomes.len() - number(Copied::Ended),
        number(Copied::Created),
        number(Copied::Updated),
        number(Copied::Same),
        number(Copied::Newer),
    ))?;
    others(&from, &to, delete_others).await
}

/// Makes the target hold this session as the source has it, unless it has been used at the target since.
async fn copy(from: &dyn SessionStore, to: &dyn SessionStore, found: Found) -> Result<Copied, Failure> {
    let Found { key, record, .. } = found;
    loop {
        let now = Timestamp::now();
        if record.is_expired(now) {
            return Ok(Copied::Ended);
        }
        if to.create(&key, &record, now).await? == Created::Created {
            return ended_meanwhile(from, to, &key, now).await.map(|ended| ended.unwrap_or(Copied::Created));
        }
        let Some(there) = to.load(&key, now).await? else { continue };
        if there.revision == record.revision {
            to.touch(&key, record.revision, record.idle_deadline, now).await?;
            return Ok(Copied::Same);
        }
        if there.revision.counter >= record.revision.counter {
            return Ok(Copied::Newer);
        }
        match to.swap(&key, there.revision, &record, now).await? {
            Swap::Swapped => {
                return ended_meanwhile(from, to, &key, now).await.map(|ended| ended.unwrap_or(Copied::Updated));
            }
            Swap::Conflict(_) | Swap::Gone => {}
        }
    }
}

/// A session that ended at the source after it was read must not live on at the target.
async fn ended_meanwhile(
    from: &dyn SessionStore,
    to: &dyn SessionStore,
    key: &StoreKey,
    now: Timestamp,
) -> Result<Option<Copied>, Failure> {
    if has_session(from, key, now).await? {
        return Ok(None);
    }
    to.delete(key, now).await?;
    Ok(Some(Copied::Ended))
}

/// Whether there is more under a key than what is left for a moment where a session has ended.
async fn has_session(store: &dyn SessionStore, key: &StoreKey, now: Timestamp) -> Result<bool, Failure> {
    Ok(store.load(key, now).await?.is_some_and(|record| record.kind != RecordKind::Ended))
}

/// What the target has and the source has not.
async fn others(from: &Store, to: &Store, delete: bool) -> Result<(), Failure> {
    let now = Timestamp::now();
    let bar = progress(to.index()?.count(now).await?, "comparing");
    let mut keys = Vec::new();
    to.each(|found| {
        keys.push(found.key);
        Ok(More::Wanted)
    })
    .await?;
    let mut others = Vec::new();
    for key in keys {
        bar.inc(1);
        if !has_session(&*from.0, &key, now).await? {
            others.push(key);
        }
    }
    bar.finish_and_clear();
    if !delete {
        if !others.is_empty() {
            complain(format!(
                "the target has {} sessions that the source has not: they ended since an earlier copy, or never were \
                 there; --delete-others deletes them",
                others.len()
            ));
        }
        return Ok(());
    }
    for key in &others {
        to.0.delete(key, now).await?;
    }
    line(format!("deleted {} from the target that the source has not", others.len()))
}
