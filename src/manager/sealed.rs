//! Sessions in sealed cookies: opened without asking anybody but the [register](super::register), if there is one, and
//! committed by sealing them again.

use super::SessionManager;
use super::commit::{Outcome, Work, ended, needs_cookie};
use super::register::Entry;
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::events::{self, Refusal};
use crate::record::{Handle, Record};
use crate::sealed::{Found, MOST_CANDIDATES, Sealer, Unsealed};
use crate::session::state::{Beside, Held, Open, Reply, Standing};
use crate::session::{Draft, Session};

/// What a request made of its session.
pub(super) enum Made {
    /// Nothing that has to be sealed.
    Nothing,
    /// A record that is only newer by its activity.
    Seen(Record),
    Changed(Record),
}

/// A session that a request brought.
struct Sealed {
    record: Record,
    draft: Draft,
    by_older_secret: bool,
    is_ahead: bool,
}

impl SessionManager {
    /// Opens the session that a request brought; an empty one where it brought none that the seal holds for.
    pub(super) fn unseal_at_once(&self, sealer: &Sealer, session: &Session, open: &mut Open) {
        let (mut sealed, mut ahead) = (None, Vec::new());
        open.cookie_sent = self.each_sealed(sealer, session, self.now(), |one| {
            let opens = !one.is_ahead;
            if opens {
                sealed = Some(one)
            } else {
                ahead.push(one.record)
            }
            opens
        });
        ahead.into_iter().for_each(|record| self.pass_over(open, Held::Sealed(record)));
        if let Some(sealed) = sealed {
            self.open_sealed(open, sealed);
        }
    }

    /// The same where a register knows which sessions are live: if the first is not, there may be another.
    pub(super) async fn unseal(&self, sealer: &Sealer, session: &Session, open: &mut Open) -> Result<()> {
        let now = self.now();
        let mut all = Vec::new();
        open.cookie_sent = self.each_sealed(sealer, session, now, |one| {
            all.push(one);
            all.len() == MOST_CANDIDATES
        });
        let mut all = all.into_iter();
        while let Some(sealed) = all.next() {
            if sealed.is_ahead {
                self.pass_over(open, Held::Sealed(sealed.record));
                continue;
            }
            match Box::pin(self.entry(session.patience(), &sealed.record, now)).await? {
                Entry::Live => {
                    self.open_sealed(open, sealed);
                    open.beside.extend(all.map(|other| Beside::Seen(Held::Sealed(other.record))));
                    return Ok(());
                }
                Entry::Replaced => {
                    open.standing = Standing::Replaced;
                    open.beside.push(Beside::Seen(Held::Sealed(sealed.record)));
                }
                Entry::None => self.events().refused(Refusal::Expired),
            }
        }
        Ok(())
    }

    /// Shows what the seal holds for, until `take` says that it is enough; answers whether the request brought any cookie.
    fn each_sealed(
        &self,
        sealer: &Sealer,
        session: &Session,
        now: Timestamp,
        mut take: impl FnMut(Sealed) -> bool,
    ) -> bool {
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
            match Draft::of_loaded(&record, self.settings().record_limit, now) {
                Ok((draft, is_ahead)) => take(Sealed { record, draft, by_older_secret, is_ahead }),
                Err(error) => {
                    self.events().unreadable(&error);
                    false
                }
            }
        });
        if found == Found::Forged {
            self.events().refused(Refusal::Forged);
        }
        found != Found::Nothing
    }

    fn open_sealed(&self, open: &mut Open, Sealed { record, draft, by_older_secret, .. }: Sealed) {
        self.events().loaded(&record);
        self.0.endings.lives_on(record.handle, record.expires());
        open.standing = Standing::Usable;
        open.reseal = by_older_secret;
        open.handle = Some(record.handle);
        open.draft = draft;
        open.held = Some(Held::Sealed(record));
    }

    /// Seals what the request made of its session, and takes away what it ended.
    pub(super) async fn carry_out_sealed(
        &self,
        sealer: &Sealer,
        session: &Session,
        work: &mut Work,
    ) -> Result<Outcome> {
        if (!work.ending.is_empty() || !work.beside.is_empty()) && !work.can_issue {
            return Err(needs_cookie());
        }
        let made = self.make_anew(work)?;
        // Before anything is noted elsewhere: what is too large changes nothing.
        let reply = match &made {
            Made::Nothing => None,
            Made::Changed(record) => Some(self.seal(sealer, session, record, &work.draft)?),
            Made::Seen(record) => match self.seal(sealer, session, record, &work.draft) {
                Ok(reply) => Some(reply),
                Err(error) => return Ok((self.unseen(work, &error), None)),
            },
        };
        let ended = match self.register_made(session.patience(), work, &made).await {
            Ok(ended) => ended,
            // That the activity could not be noted is no reason to fail a request.
            Err(error) if matches!(made, Made::Seen(_)) && error.kind() != ErrorKind::Ended => {
                return Ok((self.unseen(work, &error), None));
            }
            Err(error) => return Err(error),
        };
        // Only what the visitor can be told has happened: the same answer takes the old cookies away.
        let removal = || Reply::Sealed(sealer.remove(&self.settings().cookie, session.head()));
        let reply = reply.or_else(|| ended.then(removal));
        let held = match made {
            Made::Nothing => work.held.clone(),
            Made::Changed(record) | Made::Seen(record) => Some(Held::Sealed(record)),
        };
        Ok((held, reply))
    }

    /// What the request makes of its session.
    fn make_anew(&self, work: &Work) -> Result<Made> {
        let now = self.now();
        let record = match &work.held {
            None if !work.begins() => return Ok(Made::Nothing),
            None => self.first_record(work, Handle::random_by(self.random()), now)?,
            Some(held) => {
                let base = held.record();
                let changed = work.draft.differs_from(base) || work.log.clears() || work.renewal.is_some();
                let due = work.active && work.can_issue && (work.reseal || self.touch_due(base, &work.draft, now)?);
                if changed && base.is_expired(now) {
                    return Err(ended());
                }
                // A session that expired meanwhile is not brought back by a read.
                if !changed && (!due || base.is_expired(now)) {
                    return Ok(Made::Nothing);
                }
                let mut record = self.next_record(base, &work.draft, now)?;
                if !changed {
                    return Ok(Made::Seen(record));
                }
                if work.renewal.is_some() {
                    record.seen = now;
                }
                record
            }
        };
        if work.can_issue { Ok(Made::Changed(record)) } else { Err(needs_cookie()) }
    }

    /// The session as it was, where its activity could not be noted.
    fn unseen(&self, work: &Work, error: &Error) -> Option<Held> {
        if let Some(held) = &work.held {
            events::touch_failed(held.record().handle, error);
        }
        work.held.clone()
    }

    fn seal(&self, sealer: &Sealer, session: &Session, record: &Record, draft: &Draft) -> Result<Reply> {
        let max_age = self.max_age(record, draft)?;
        let reply = Reply::Sealed(sealer.seal(record, max_age, &self.settings().cookie, session.head())?);
        self.0.endings.lives(record.handle, record.expires());
        Ok(reply)
    }
}
