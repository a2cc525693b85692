//! Sessions in sealed cookies: opened without asking anybody, committed by sealing them again.

use super::SessionManager;
use super::commit::{Outcome, Work, ended, needs_cookie};
use crate::error::Result;
use crate::events::{self, Refusal, RenewalReason};
use crate::record::{Handle, Record};
use crate::sealed::{Found, Sealer, Unsealed};
use crate::session::state::{Held, Open, Reply};
use crate::session::{Draft, Session};

impl SessionManager {
    /// Opens the session that a request brought; an empty one where it brought none that the seal holds for.
    pub(super) fn unseal(&self, sealer: &Sealer, session: &Session, open: &mut Open) {
        let now = self.now();
        let found = sealer.open(session.head(), |unsealed| {
            let Unsealed { record, by_older_secret } = match unsealed {
                Ok(unsealed) => unsealed,
                Err(error) => {
                    self.events().unreadable(&error);
                    return false;
                }
            };
            if !record.is_live(now) {
                self.events().refused(Refusal::Expired);
                return false;
            }
            match Draft::of(&record, self.settings().record_limit) {
                Ok(draft) => {
                    self.events().loaded(&record);
                    self.0.endings.lives_on(record.handle, record.expires());
                    open.reseal = by_older_secret;
                    open.handle = Some(record.handle);
                    open.draft = draft;
                    open.held = Some(Held::Sealed(record));
                    true
                }
                Err(error) => {
                    self.events().unreadable(&error);
                    false
                }
            }
        });
        if found == Found::Forged {
            self.events().refused(Refusal::Forged);
        }
        open.cookie_sent = found != Found::Nothing;
    }

    /// Seals what the request made of its session, and takes away what it ended.
    pub(super) fn carry_out_sealed(&self, sealer: &Sealer, session: &Session, work: &mut Work) -> Result<Outcome> {
        if !work.ending.is_empty() && !work.can_issue {
            return Err(needs_cookie());
        }
        let (held, mut reply) = self.seal_anew(sealer, session, work)?;
        // Only what the visitor can be told has happened: the same answer takes the old cookies away.
        for ended in work.ending.drain(..) {
            self.events().destroyed(ended.record());
            self.0.endings.over(ended.record().handle);
            reply.get_or_insert_with(|| Reply::Sealed(sealer.remove(&self.settings().cookie, session.head())));
        }
        Ok((held, reply))
    }

    fn seal_anew(&self, sealer: &Sealer, session: &Session, work: &Work) -> Result<Outcome> {
        let now = self.now();
        let record = match &work.held {
            None if !work.begins() => return Ok((None, None)),
            None => self.first_record(work, Handle::random(), now)?,
            Some(held) => {
                let base = held.record();
                let changed = work.draft.differs_from(base) || work.log.clears() || work.renewal.is_some();
                let due = work.active && work.can_issue && (work.reseal || self.touch_due(base, &work.draft, now)?);
                if changed && base.is_expired(now) {
                    return Err(ended());
                }
                // A session that expired meanwhile is not brought back by a read.
                if !changed && (!due || base.is_expired(now)) {
                    return Ok((work.held.clone(), None));
                }
                let mut record = self.next_record(base, &work.draft, now)?;
                if !changed {
                    return Ok(self.note(sealer, session, work, record));
                }
                if work.renewal.is_some() {
                    record.seen = now;
                }
                record
            }
        };
        if !work.can_issue {
            return Err(needs_cookie());
        }
        let reply = self.seal(sealer, session, &record, &work.draft)?;
        match (&work.held, work.renewal) {
            (None, _) => self.events().created(&record),
            (Some(_), Some(_)) => self.events().renewed(&record, RenewalReason::Asked),
            (Some(_), None) => self.events().saved(&record),
        }
        Ok((Some(Held::Sealed(record)), Some(reply)))
    }

    /// Notes the activity; that it could not be noted is no reason to fail a request.
    fn note(&self, sealer: &Sealer, session: &Session, work: &Work, record: Record) -> Outcome {
        match self.seal(sealer, session, &record, &work.draft) {
            Ok(reply) => {
                self.events().touched(&record);
                (Some(Held::Sealed(record)), Some(reply))
            }
            Err(error) => {
                events::touch_failed(record.handle, &error);
                (work.held.clone(), None)
            }
        }
    }

    fn seal(&self, sealer: &Sealer, session: &Session, record: &Record, draft: &Draft) -> Result<Reply> {
        let max_age = self.max_age(record, draft)?;
        let reply = Reply::Sealed(sealer.seal(record, max_age, &self.settings().cookie, session.head())?);
        self.0.endings.lives(record.handle, record.expires());
        Ok(reply)
    }
}
