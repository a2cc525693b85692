//! Sessions in sealed cookies: opened without asking anybody, committed by sealing them again.

use super::SessionManager;
use super::commit::{Outcome, Work, needs_cookie};
use crate::error::Result;
use crate::events;
use crate::record::{Handle, Record, RecordKind};
use crate::sealed::{Sealer, Unsealed};
use crate::session::state::{Held, Open, Reply};
use crate::session::{Draft, Session};

impl SessionManager {
    /// Opens the session that a request brought; an empty one where it brought none that the seal holds for.
    pub(super) fn unseal(&self, sealer: &Sealer, session: &Session, open: &mut Open) {
        let mut is_forged = true;
        let (_, sent) = sealer.open(session.head(), |unsealed| {
            is_forged = false;
            let usable = unsealed.and_then(|unsealed| self.use_sealed(unsealed, open));
            usable.unwrap_or_else(|error| {
                events::unreadable(&error);
                None
            })
        });
        open.cookie_sent = sent;
        if sent && is_forged {
            events::forged();
        }
    }

    /// Takes a record that its seal holds for; nothing if its time is over.
    fn use_sealed(&self, unsealed: Unsealed, open: &mut Open) -> Result<Option<()>> {
        let record = unsealed.record;
        if record.kind != RecordKind::Live || record.is_expired(self.now()) {
            events::expired();
            return Ok(None);
        }
        open.draft = Draft::of(&record, self.settings().record_limit)?;
        events::loaded(record.handle);
        open.reseal = unsealed.by_older_secret;
        open.handle = Some(record.handle);
        open.held = Some(Held::Sealed(record));
        Ok(Some(()))
    }

    /// Seals what the request made of its session, and takes away what it ended.
    pub(super) fn carry_out_sealed(&self, sealer: &Sealer, session: &Session, work: &mut Work) -> Result<Outcome> {
        let now = self.now();
        let mut reply = None;
        if !work.ending.is_empty() {
            if !work.can_issue {
                return Err(needs_cookie());
            }
            work.ending.drain(..).for_each(|held| events::destroyed(held.record().handle));
            reply = Some(Reply::Sealed(sealer.remove(&self.settings().cookie, session.head())));
        }
        let record = match &work.held {
            None if !work.begins() => return Ok((None, reply)),
            None => self.first_record(work, Handle::random(), now)?,
            Some(held) => {
                let base = held.record();
                let changed = work.draft.differs_from(base) || work.renewal.is_some();
                let due = work.active && work.can_issue && (work.reseal || self.touch_due(base, &work.draft, now)?);
                if !changed && !due {
                    return Ok((work.held.clone(), reply));
                }
                self.next_record(base, &work.draft, now)?
            }
        };
        if !work.can_issue {
            return Err(needs_cookie());
        }
        let reply = self.seal(sealer, session, &record, &work.draft)?;
        match (&work.held, work.renewal) {
            (None, _) => events::created(record.handle),
            (Some(_), Some(_)) => events::renewed(record.handle, "asked for"),
            (Some(_), None) => events::saved(record.handle),
        }
        Ok((Some(Held::Sealed(record)), Some(reply)))
    }

    fn seal(&self, sealer: &Sealer, session: &Session, record: &Record, draft: &Draft) -> Result<Reply> {
        let max_age = self.max_age(record, draft)?;
        Ok(Reply::Sealed(sealer.seal(record, max_age, &self.settings().cookie, session.head())?))
    }
}
