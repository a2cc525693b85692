//! One request, as it runs: it calls the store, and anything may happen between two calls.
//!
//! What a request does is written as a plain function, as in the engine. It is run again from its beginning each time
//! that the store returned something, with all that it has been told so far, until it asks for what it has not been
//! told yet. So what a process knows is what it was told. What no longer matters is forgotten ([`Io::scope`],
//! [`Io::repeat`]), so that processes which will do the same are the same.

use crate::design::{Design, Fault};
use crate::engine::{self, Attempt, Opened, Outcome, Request};
use crate::store::{Answer, Call, Handle, Key, Record, Revision, Swap, Time, Verb};

/// How often a verb is tried whose answer was lost.
pub const TRIES: u8 = 2;
/// How many keys one process may draw.
pub const DRAWS: u8 = 3;

/// A request and how far it came.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Process {
    /// Where it stands.
    pub stage: Stage,
    /// The token that it came with.
    pub token: Option<Key>,
    /// When it arrived.
    pub arrived: Time,
    told: Vec<Told>,
    me: Identity,
}

/// Where a process stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The request has not arrived.
    Ahead,
    /// The store is asked, for the first, second, … time.
    Asks(Call, u8),
    /// The request has been served.
    Done(Outcome),
    /// The process is no more.
    Crashed,
}

/// By what a process differs from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Identity {
    process: u8,
    first_key: Key,
    tags: u8,
    keys: u8,
}

/// What a process was told.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Told {
    /// By the store, and at which try.
    Store(Answer, u8),
    /// That the store failed.
    Failed,
    /// Something that needs no store: the time, or what was drawn at random.
    Local(u8),
    /// What a part of its work came to.
    Result(Result<Value, Failure>),
}

/// What a part of the work comes to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the type that it holds")]
pub enum Value {
    Opened(Opened),
    Attempt(Attempt),
    Nothing,
}

/// Why a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The session was ended or moved by others.
    Ended,
    /// The store failed.
    Unavailable,
    /// The token was replaced a moment ago.
    ReadOnly,
}

/// Why a function does not come to its end.
#[derive(Debug)]
pub enum Halt {
    /// It has to be told what the store returns.
    Asks(Call),
    /// It fails.
    Fails(Failure),
}

/// Something that the invariants want to know, told once.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// What the token of a request opened.
    Opened(Option<Record>),
    /// A renewal put its marker, at this time, and was not allowed to promote.
    Undone(Handle, Time),
}

impl Process {
    /// A request that has not arrived.
    pub fn new(process: u8, first_key: Key) -> Self {
        let me = Identity { process, first_key, tags: 0, keys: 0 };
        Self { stage: Stage::Ahead, token: None, arrived: 0, told: Vec::new(), me }
    }

    /// The request arrives.
    pub fn arrive(&mut self, request: Request, token: Option<Key>, clock: Time, design: &Design) -> Vec<Event> {
        (self.token, self.arrived) = (token, clock);
        self.go_on(request, clock, design)
    }

    /// The store has returned something, or failed.
    pub fn told(
        &mut self,
        answer: Option<Answer>,
        tries: u8,
        request: Request,
        clock: Time,
        design: &Design,
    ) -> Vec<Event> {
        self.told.push(answer.map_or(Told::Failed, |answer| Told::Store(answer, tries)));
        self.go_on(request, clock, design)
    }

    /// Whether it may still do something.
    pub fn is_running(&self) -> bool {
        matches!(self.stage, Stage::Ahead | Stage::Asks(..))
    }

    /// The token that its response gives to the visitor.
    pub fn given(&self) -> Option<Key> {
        match self.stage {
            Stage::Done(Outcome::Has(_, given)) => given,
            Stage::Done(Outcome::Renewed(_, given)) => Some(given),
            _ => None,
        }
    }

    /// Whether this is one of its own keys, or the handle of a session that it begins.
    pub fn draws(&self, key: Key) -> bool {
        (self.me.first_key..self.me.first_key + DRAWS).contains(&key)
    }

    /// The process crashes.
    pub fn crash(&mut self) {
        (self.stage, self.told) = (Stage::Crashed, Vec::new());
    }

    fn go_on(&mut self, request: Request, clock: Time, design: &Design) -> Vec<Event> {
        let mut io =
            Io { design, me: &mut self.me, told: &mut self.told, next: 0, clock, calls: 0, events: Vec::new() };
        let outcome = match engine::serve(&mut io, request, self.token) {
            Ok(outcome) => outcome,
            Err(Halt::Fails(failure)) => Outcome::Failed(failure),
            Err(Halt::Asks(call)) => {
                self.stage = Stage::Asks(call, 1);
                return io.events;
            }
        };
        let events = io.events;
        self.stage = Stage::Done(outcome);
        self.told = Vec::new();
        events
    }
}

/// What the functions of a request work with.
#[derive(Debug)]
pub struct Io<'a> {
    /// The protocol.
    pub design: &'a Design,
    me: &'a mut Identity,
    told: &'a mut Vec<Told>,
    next: usize,
    clock: Time,
    calls: usize,
    events: Vec<Event>,
}

impl Io<'_> {
    /// The time, as the process reads it here.
    pub fn now(&mut self) -> Time {
        let clock = self.clock;
        self.local(|_| clock)
    }

    /// A token that was just drawn.
    pub fn draw_key(&mut self) -> Key {
        self.local(|me| {
            me.keys += 1;
            assert!(me.keys <= DRAWS, "a process draws more tokens than the model has keys for");
            me.first_key + me.keys - 1
        })
    }

    /// The first revision of a record.
    pub fn first_revision(&mut self) -> Revision {
        Revision { counter: 1, tag: self.draw_tag() }
    }

    /// The revision after this one.
    pub fn next_revision(&mut self, revision: Revision) -> Revision {
        Revision { counter: revision.counter + 1, tag: self.draw_tag() }
    }

    fn draw_tag(&mut self) -> u8 {
        self.local(|me| {
            me.tags += 1;
            assert!(me.tags < 32, "a process writes more often than the model has tags for");
            me.process * 32 + me.tags
        })
    }

    /// `BoundedStore::load`.
    pub fn load(&mut self, key: Key, now: Time) -> Result<Option<Record>, Halt> {
        match self.attempt(Verb::Load(key), Some(now))? {
            (Answer::Loaded(record), _) => Ok(record),
            other => unreachable!("{other:?}"),
        }
    }

    /// `BoundedStore::create`: if the key is taken by this very record, an answer was lost.
    pub fn create(&mut self, key: Key, record: Record, now: Time) -> Result<bool, Halt> {
        match self.attempt(Verb::Create(key, record), Some(now))? {
            (Answer::Created(false), tries) if tries > 1 => {
                Ok(self.load(key, now)?.is_some_and(|found| found.revision == record.revision))
            }
            (Answer::Created(created), _) => Ok(created),
            other => unreachable!("{other:?}"),
        }
    }

    /// `BoundedStore::swap`: if there is a conflict with this very record, an answer was lost.
    pub fn swap(&mut self, key: Key, expected: Revision, record: Record, now: Option<Time>) -> Result<Swap, Halt> {
        let (swapped, tries) = match self.attempt(Verb::Swap(key, expected, record), now)? {
            (Answer::Swapped(swapped), tries) => (swapped, tries),
            other => unreachable!("{other:?}"),
        };
        match swapped {
            _ if self.design.has(Fault::OwnWriteUnknown) => Ok(swapped),
            Swap::Conflict(current) if current.revision == record.revision => Ok(Swap::Swapped),
            Swap::Conflict(current) if tries > 1 && current.revision.counter > record.revision.counter => {
                Err(Halt::Fails(Failure::Unavailable))
            }
            swapped => Ok(swapped),
        }
    }

    /// `BoundedStore::delete`: what was removed, and whether another record may have been removed by a try before.
    pub fn delete(&mut self, key: Key, now: Time) -> Result<(Option<Record>, bool), Halt> {
        match self.attempt(Verb::Delete(key), Some(now))? {
            (Answer::Deleted(removed), tries) => Ok((removed, tries > 1 && removed.is_none())),
            other => unreachable!("{other:?}"),
        }
    }

    /// A find of the store's index.
    pub fn find(&mut self, verb: Verb, now: Time) -> Result<Vec<(Key, Record)>, Halt> {
        match self.attempt(verb, Some(now))? {
            (Answer::Found(found), _) => Ok(found),
            other => unreachable!("{other:?}"),
        }
    }

    /// Tells something, right before the end of the scope that it is told in.
    pub fn tell(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Does a part of the work, of which only what it came to is remembered.
    pub fn scope<T>(
        &mut self,
        run: impl FnOnce(&mut Self) -> Result<T, Halt>,
        wrap: fn(T) -> Value,
        unwrap: fn(Value) -> Option<T>,
    ) -> Result<T, Halt> {
        let mark = self.next;
        if let Some(Told::Result(result)) = self.told.get(mark) {
            let result = result.clone();
            self.next += 1;
            return match result {
                Ok(value) => Ok(unwrap(value).expect("a scope remembers its own value")),
                Err(failure) => Err(Halt::Fails(failure)),
            };
        }
        let result = match run(self) {
            Ok(value) => Ok(value),
            Err(Halt::Fails(failure)) => Err(failure),
            Err(asks) => return Err(asks),
        };
        self.told.truncate(mark);
        self.next = mark + 1;
        let wrapped = match result {
            Ok(value) => Ok(wrap(value)),
            Err(failure) => Err(failure),
        };
        self.told.push(Told::Result(wrapped.clone()));
        match wrapped {
            Ok(value) => Ok(unwrap(value).expect("a scope remembers its own value")),
            Err(failure) => Err(Halt::Fails(failure)),
        }
    }

    /// Does a part of the work again until it comes to something. What it was told in vain is forgotten.
    pub fn repeat<T>(&mut self, mut run: impl FnMut(&mut Self) -> Result<Option<T>, Halt>) -> Result<T, Halt> {
        let mark = self.next;
        loop {
            if let Some(value) = run(self)? {
                return Ok(value);
            }
            self.told.truncate(mark);
            self.next = mark;
        }
    }

    fn local(&mut self, make: impl FnOnce(&mut Identity) -> u8) -> u8 {
        if self.next == self.told.len() {
            let made = make(self.me);
            self.told.push(Told::Local(made));
        }
        let Told::Local(made) = self.told[self.next] else {
            unreachable!("the same function, run again, does the same")
        };
        self.next += 1;
        made
    }

    fn attempt(&mut self, verb: Verb, now: Option<Time>) -> Result<(Answer, u8), Halt> {
        self.calls += 1;
        assert!(self.calls < 100, "a process goes on for ever");
        let told = self.told.get(self.next).ok_or(Halt::Asks(Call { verb, now }))?;
        self.next += 1;
        match told {
            Told::Store(answer, tries) => Ok((answer.clone(), *tries)),
            Told::Failed => Err(Halt::Fails(Failure::Unavailable)),
            other => unreachable!("the same function, run again, does the same: {other:?}"),
        }
    }
}
