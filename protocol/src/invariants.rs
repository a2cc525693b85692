//! What must hold, and what has to be remembered to know it.

use crate::engine::{Outcome, Request};
use crate::process::{Event, Process, Stage};
use crate::store::{Handle, KEYS, Key, Kind, Record, SLOTS, Store, Time, User};
use crate::world::{State, World};

/// The one user whose sessions are ended and counted.
pub(crate) const ANA: User = 1;

/// How many visitors there are at most.
const VISITORS: usize = 3;

/// What an onlooker remembers who sees everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Witness {
    /// The newest token that each visitor was given.
    pub(crate) jars: [Option<Key>; VISITORS],
    /// Of each token, for which session and user it was drawn.
    born: [Option<(Handle, Option<User>)>; KEYS],
    /// Tokens that an explicit renewal has cut off.
    cut: Bits,
    /// Requests that arrived with such a token.
    late: Bits,
    /// Sessions whose end was acknowledged.
    ended: Bits,
    /// Sessions that must no longer be Ana's.
    ended_of_ana: Bits,
    /// Sessions that somebody has begun to end.
    ending: Bits,
    /// For each request that ends all sessions of Ana: those that were there when it arrived.
    seen: Vec<(usize, Bits)>,
    /// What has been broken.
    broken: Option<&'static str>,
}

type Bits = u16;

impl Witness {
    /// A token is drawn.
    pub(crate) fn begins(&mut self, key: Key, handle: Handle, user: Option<User>) {
        if let Some(born) = self.born.get_mut(usize::from(key)).filter(|_| key != SLOTS) {
            born.get_or_insert((handle, user));
        }
    }

    /// A request arrives.
    pub(crate) fn arrives(&mut self, process: usize, request: Request, token: Option<Key>, store: &Store, now: Time) {
        if token.is_some_and(|token| has(self.cut, token)) {
            self.late |= 1 << process;
        }
        match request {
            Request::Revoke(handle) => self.ending |= bit(handle),
            Request::RevokeUser(user) => {
                let is_there = |record: &Record| match record.kind {
                    Kind::Live => true,
                    Kind::Pending => false,
                    Kind::Moved(moved) => store.get(moved.to, now).is_some(),
                };
                let of_user = store.records(now).filter(|(_, record)| record.user == Some(user) && is_there(record));
                let seen = of_user.fold(0, |bits, (_, record)| bits | bit(record.handle));
                self.seen.push((process, seen));
                self.seen.sort_unstable();
            }
            _ => {}
        }
    }

    /// A process is about to change a record.
    pub(crate) fn changes(&mut self, process: &Process, request: Request, key: Key, store: &Store) {
        let Some(record) = store.raw(key).filter(|_| key != SLOTS) else { return };
        let ends = match request {
            Request::Logout | Request::Revoke(_) | Request::RevokeUser(_) => true,
            // Another session, for which there is no slot.
            Request::Login(_) => !process.draws(record.handle) && self.session_of(process.token) != Some(record.handle),
            _ => false,
        };
        if ends {
            self.ending |= bit(record.handle);
        }
    }

    /// A request has found out what its token opens.
    pub(crate) fn opened(&mut self, process: usize, token: Option<Key>, request: Request, opened: Option<Record>) {
        let Some(opened) = opened else { return };
        if request == Request::Logout {
            self.ending |= bit(opened.handle);
        }
        if has(self.late, process as u8) {
            self.broken = Some("a token that an explicit renewal had cut off opened a session");
        }
        match token.and_then(|token| self.born[usize::from(token)]) {
            Some((handle, _)) if handle != opened.handle => self.broken = Some("a token opened another's session"),
            Some((_, user)) if user != opened.user => {
                self.broken = Some("a token from before a login opened what the login made of its session");
            }
            _ => {}
        }
    }

    /// A renewal that was quick enough was not allowed to promote.
    pub(crate) fn undone(&mut self, handle: Handle) {
        if !has(self.ending, handle) {
            self.broken = Some("a renewal was undone while it was under way, and nobody ended its session");
        }
    }

    /// A request was served.
    pub(crate) fn done(
        &mut self,
        process: usize,
        request: Request,
        token: Option<Key>,
        outcome: Outcome,
        store: &Store,
        is_strict: bool,
    ) {
        match outcome {
            Outcome::Ended(handle) => self.ended |= bit(handle),
            Outcome::EndedAllOf(_) => {
                let seen = self.seen.iter().find(|(of, _)| *of == process).map_or(0, |(_, seen)| *seen);
                self.ended_of_ana |= seen;
            }
            Outcome::Renewed(handle, to) => {
                let others = (0..KEYS as Key).filter(|&key| key != to && key != SLOTS);
                let cut = others.filter(|&key| self.session_of(Some(key)) == Some(handle));
                self.cut |= cut.fold(0, |bits, key| bits | bit(key));
            }
            // The session was being ended and its token's record is gone, so the visitor has no other way to end it.
            Outcome::NoSession if request == Request::Logout && is_strict => {
                if let (Some(token), Some(handle)) = (token, self.session_of(token))
                    && has(self.ending, handle)
                    && !has(self.cut, token)
                    && store.raw(token).is_none()
                {
                    self.ended |= bit(handle);
                }
            }
            _ => {}
        }
    }

    fn session_of(&self, token: Option<Key>) -> Option<Handle> {
        self.born[usize::from(token?)].map(|(handle, _)| handle)
    }
}

fn bit(index: u8) -> Bits {
    1 << index
}

fn has(bits: Bits, index: u8) -> bool {
    bits & bit(index) != 0
}

/// Checks a state.
pub(crate) fn check(world: &World, state: &State) -> Result<(), String> {
    let witness = &state.witness;
    if let Some(broken) = witness.broken {
        return Err(broken.to_owned());
    }
    let mut live: Bits = 0;
    let mut of_ana = 0;
    for (key, record) in state.store.records(state.clock).filter(|(_, record)| record.kind == Kind::Live) {
        if has(live, record.handle) {
            return Err(format!("session {} has two live records", record.handle));
        }
        live |= bit(record.handle);
        of_ana += usize::from(record.user == Some(ANA));
        if has(witness.cut, key) {
            return Err(format!("token {key} opens a session, though an explicit renewal has cut it off"));
        }
        if has(witness.ended, record.handle) {
            return Err(format!("session {} is live, though its end was acknowledged", record.handle));
        }
        if has(witness.ended_of_ana, record.handle) && record.user == Some(ANA) {
            return Err(format!("session {} is live, though all of its user were ended", record.handle));
        }
    }
    if world.design.limit.is_some_and(|limit| of_ana > limit) {
        return Err(format!("the user has {of_ana} sessions"));
    }
    if state.processes.iter().any(Process::is_running) { Ok(()) } else { check_at_rest(world, state) }
}

/// Checks what must hold when no request is under way, whatever request comes next.
fn check_at_rest(world: &World, state: &State) -> Result<(), String> {
    let later = state.clock..=state.clock + world.design.times.pending;
    for token in 0..SLOTS {
        let Some((handle, user)) = state.witness.born[usize::from(token)] else { continue };
        for now in later.clone() {
            let Some(opened) = open(world, &state.store, token, now) else { continue };
            if has(state.witness.cut, token) {
                return Err(format!("token {token} would open a session, though an explicit renewal has cut it off"));
            }
            if has(state.witness.ended, handle) {
                return Err(format!("token {token} would open session {handle}, though its end was acknowledged"));
            }
            if (opened.handle, opened.user) != (handle, user) {
                return Err(format!("token {token} would open another session, or another user's"));
            }
        }
    }
    let tokens = state.witness.jars.iter().flatten().copied();
    for token in tokens {
        let Some((handle, _)) = state.witness.born[usize::from(token)] else { continue };
        let is_excused = has(state.witness.ending, handle) || came_too_late(world, state, token);
        if !is_excused && !later.clone().any(|now| open(world, &state.store, token, now).is_some()) {
            return Err(format!("token {token} opens nothing any more, though nobody ended session {handle}"));
        }
    }
    let at_last = state.clock + world.design.times.pending;
    match state.store.records(at_last).find(|(_, record)| record.kind != Kind::Live) {
        Some((key, record)) => Err(format!("something is left behind for ever at key {key}: {record}")),
        None => check_reachable(world, state, at_last),
    }
}

/// Where nothing went wrong, each visitor has the token under which the session lives.
fn check_reachable(world: &World, state: &State, at_last: Time) -> Result<(), String> {
    if state.mishaps < world.mishaps {
        return Ok(());
    }
    for token in state.witness.jars.iter().flatten() {
        let session = state.witness.session_of(Some(*token));
        if state.store.records(at_last).any(|(key, record)| Some(record.handle) == session && key != *token) {
            return Err(format!(
                "a visitor was left with token {token}, where the session no longer is, and nothing went wrong"
            ));
        }
    }
    Ok(())
}

/// Whether a visitor with this token has lost a session for a reason that is stated as a limit of the protocol: the
/// answer of a renewal was lost, and the visitor did not come back in time, or the renewal was explicit.
fn came_too_late(world: &World, state: &State, token: Key) -> bool {
    let mut key = token;
    loop {
        let Some(record) = state.store.raw(key) else { return false };
        let Some(moved) = record.moved() else { return key != token && record.kind == Kind::Live };
        let target = state.store.raw(moved.to);
        let is_pending = target.is_some_and(|target| target.kind == Kind::Pending);
        let grace = moved.at + world.design.times.grace;
        // The renewal after it can be taken back only when its own holder can no longer follow.
        if let Some(next) = target.and_then(|target| target.moved())
            && moved.periodic
            && !next.periodic
            && grace <= next.at + world.design.times.timeout
        {
            return true;
        }
        if state.clock >= record.expires || (moved.periodic && !is_pending && state.clock >= grace) {
            return true;
        }
        if !moved.periodic && target.is_some_and(|target| target.kind != Kind::Pending) {
            return true;
        }
        key = moved.to;
    }
}

/// What a request would open that comes with this token and is alone.
fn open(world: &World, store: &Store, token: Key, now: Time) -> Option<Record> {
    let mut store = store.clone();
    let mut process = Process::new(7, 0);
    let mut events = process.arrive(Request::Read, Some(token), now, &world.design);
    while let Stage::Asks(call, tries) = process.stage {
        let answer = store.carry_out(call, now, &world.design);
        events.extend(process.told(Some(answer), tries, Request::Read, now, &world.design));
    }
    events.into_iter().find_map(|event| if let Event::Opened(opened) = event { opened } else { None })
}
