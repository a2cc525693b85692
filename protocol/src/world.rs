//! Everything together: a store, a clock, browsers, and requests that come in between each other and fail.

use crate::design::Design;
use crate::engine::Request;
use crate::explore::Model;
use crate::invariants::{self, Witness};
use crate::process::{DRAWS, Event, Process, Stage, TRIES};
use crate::store::{Call, Key, Kind, Moved, NEVER, Record, Revision, Store, Time, User, Verb};

/// A few requests of a few visitors, and what may go wrong.
#[derive(Debug, Clone)]
pub struct World {
    /// The protocol.
    pub design: Design,
    /// The sessions that are there in the beginning: whose each is, by its key. Visitor *n* has session *n*.
    pub sessions: Vec<Option<User>>,
    /// Whether the first session has just been renewed periodically: from the key of its name to the next one.
    pub has_moved: bool,
    /// The requests, in the order of their names.
    pub requests: Vec<(Request, Source)>,
    /// How often something may go wrong: a crash, an answer that is lost, a verb that takes effect later.
    pub mishaps: u8,
    /// How far the clock goes.
    pub hours: Time,
    /// How long a request takes at most.
    pub longest: Time,
    /// How much later a delayed verb may take effect.
    pub delay: Time,
    /// Whether a logout that finds no session must leave none, if an end has removed what its token opened.
    pub is_strict: bool,
    /// Whether a verb that is tried again may take effect once more after that.
    pub overtaking: bool,
}

/// Where a request has its token from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The cookie that the browser of this visitor has when it sends the request.
    Jar(u8),
    /// The token that this visitor had in the beginning.
    Old(u8),
}

impl Source {
    fn visitor(self) -> usize {
        let (Self::Jar(visitor) | Self::Old(visitor)) = self;
        usize::from(visitor)
    }
}

/// All that decides what may happen next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub(crate) store: Store,
    pub(crate) clock: Time,
    pub(crate) mishaps: u8,
    pub(crate) processes: Vec<Process>,
    /// Verbs whose callers gave up, and since when.
    late: Vec<(Call, Time)>,
    pub(crate) witness: Witness,
}

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The clock goes on.
    Tick,
    /// A request arrives.
    Arrives(usize),
    /// The store does what a process asks for.
    Answered(usize),
    /// The same, and the response of the request is lost on its way to the visitor.
    ResponseLost(usize),
    /// The store does it, and its answer is lost: the process tries again.
    AnswerLost(usize),
    /// The same, and the process gives up.
    AnswerLostForGood(usize),
    /// The store does it later, or never: the process tries again.
    Delayed(usize),
    /// The same, and the process gives up.
    DelayedForGood(usize),
    /// A process crashes.
    Crashes(usize),
    /// The store does what was delayed.
    TakesEffect(usize),
}

impl Model for World {
    type State = State;
    type Action = Action;

    fn initial(&self) -> State {
        let mut store = Store::default();
        let mut witness = Witness::default();
        for (visitor, &user) in (0..).zip(&self.sessions) {
            // Its handle is called as its first key.
            store.put(visitor, Record::first(visitor, user, 0, NEVER));
            witness.begins(visitor, visitor, user);
            witness.jars[usize::from(visitor)] = Some(visitor);
        }
        let mut first_key = self.sessions.len() as Key;
        if self.has_moved {
            let (old, to) = (store.raw(0).expect("a first session"), first_key);
            let moved = Moved { to, periodic: true, at: 0, session_expires: NEVER };
            store.put(to, Record { revision: Revision { counter: 2, tag: 0 }, ..old });
            store.put(0, Record { kind: Kind::Moved(moved), expires: self.design.times.marker, ..old });
            witness.begins(to, old.handle, old.user);
            witness.jars[0] = Some(to);
            first_key += 1;
        }
        let first_key = |process: u8| first_key + process * DRAWS;
        let processes =
            (0..).zip(&self.requests).map(|(process, _)| Process::new(process, first_key(process))).collect();
        State { store, clock: 0, mishaps: self.mishaps, processes, late: Vec::new(), witness }
    }

    fn next(&self, state: &State, into: &mut Vec<(Action, State)>) {
        let in_time = |process: &Process| match process.stage {
            Stage::Asks(..) => state.clock < process.arrived.saturating_add(self.longest),
            _ => true,
        };
        if state.clock < self.hours && state.processes.iter().all(in_time) {
            into.push((Action::Tick, self.after(state, Action::Tick)));
        }
        for (process, running) in state.processes.iter().enumerate() {
            match running.stage {
                Stage::Ahead => into.push((Action::Arrives(process), self.after(state, Action::Arrives(process)))),
                Stage::Asks(call, tries) => {
                    let answered = self.after(state, Action::Answered(process));
                    let gives_token = answered.processes[process].given().is_some();
                    into.push((Action::Answered(process), answered));
                    if state.mishaps == 0 {
                        continue;
                    }
                    let mut add = |action| into.push((action, self.after(state, action)));
                    if gives_token {
                        add(Action::ResponseLost(process));
                    }
                    add(Action::Crashes(process));
                    add(Action::AnswerLostForGood(process));
                    if matches!(call.verb, Verb::Create(..) | Verb::Swap(..) | Verb::Delete(_)) {
                        add(Action::DelayedForGood(process));
                        if tries < TRIES {
                            add(Action::AnswerLost(process));
                            if self.overtaking {
                                add(Action::Delayed(process));
                            }
                        }
                    }
                }
                Stage::Done(_) | Stage::Crashed => {}
            }
        }
        for late in 0..state.late.len() {
            into.push((Action::TakesEffect(late), self.after(state, Action::TakesEffect(late))));
        }
    }

    fn tell(&self, from: &State, action: &Action) -> String {
        let name = |process: usize| format!("{process} {:?}", self.requests[process].0);
        let asks = |process: usize| match from.processes[process].stage {
            Stage::Asks(call, _) => {
                let answer = from.store.clone().carry_out(call, from.clock, &self.design);
                (call.verb.to_string(), answer.to_string())
            }
            _ => unreachable!("only who asks is answered"),
        };
        let after = self.after(from, *action);
        let finished = |process: usize| match after.processes[process].stage {
            Stage::Done(outcome) => format!("; done: {outcome:?}"),
            _ => String::new(),
        };
        match *action {
            Action::Tick => format!("the clock shows {}", after.clock),
            Action::Arrives(process) => {
                let token = after.processes[process].token;
                format!("{}: arrives{}", name(process), token.map_or(String::new(), |key| format!(" with token {key}")))
            }
            Action::Answered(process) | Action::ResponseLost(process) => {
                let (asked, answer) = asks(process);
                let lost = if matches!(action, Action::ResponseLost(_)) { "; its response is lost" } else { "" };
                format!("{}: {asked} => {answer}{}{lost}", name(process), finished(process))
            }
            Action::AnswerLost(process) => format!("{}: {}; the answer is lost", name(process), asks(process).0),
            Action::AnswerLostForGood(process) => {
                format!("{}: {}; the answer is lost for good{}", name(process), asks(process).0, finished(process))
            }
            Action::Delayed(process) => format!("{}: {}, delayed", name(process), asks(process).0),
            Action::DelayedForGood(process) => {
                format!("{}: {}, delayed, gives up{}", name(process), asks(process).0, finished(process))
            }
            Action::Crashes(process) => format!("{}: crashes before it could {}", name(process), asks(process).0),
            Action::TakesEffect(late) => format!("what was delayed takes effect: {}", from.late[late].0.verb),
        }
    }

    fn check(&self, state: &State) -> Result<(), String> {
        invariants::check(self, state)
    }
}

impl World {
    fn after(&self, state: &State, action: Action) -> State {
        let mut next = state.clone();
        match action {
            Action::Tick => {
                next.clock += 1;
                let clock = next.clock;
                next.late.retain(|(_, since)| clock <= since + self.delay);
            }
            Action::Arrives(process) => {
                let (request, source) = self.requests[process];
                let token = match source {
                    Source::Jar(visitor) => next.witness.jars[usize::from(visitor)],
                    Source::Old(visitor) => Some(visitor),
                };
                next.witness.arrives(process, request, token, &next.store, next.clock);
                let events = next.processes[process].arrive(request, token, next.clock, &self.design);
                self.went_on(&mut next, process, &events, true);
            }
            Action::Answered(process) => self.answer(&mut next, process, true),
            Action::ResponseLost(process) => {
                next.mishaps -= 1;
                self.answer(&mut next, process, false);
            }
            Action::AnswerLost(process) | Action::AnswerLostForGood(process) => {
                next.mishaps -= 1;
                let call = asked(&next, process);
                self.carry_out(&mut next, Some(process), call);
                self.no_answer(&mut next, process, matches!(action, Action::AnswerLost(_)));
            }
            Action::Delayed(process) | Action::DelayedForGood(process) => {
                next.mishaps -= 1;
                let mut call = asked(&next, process);
                self.note(&mut next, process, call);
                call.now = call.now.or(Some(next.clock));
                next.late.push((call, next.clock));
                self.no_answer(&mut next, process, matches!(action, Action::Delayed(_)));
            }
            Action::Crashes(process) => {
                next.mishaps -= 1;
                next.processes[process].crash();
            }
            Action::TakesEffect(late) => {
                let (call, _) = next.late.remove(late);
                self.carry_out(&mut next, None, call);
            }
        }
        next
    }

    fn answer(&self, state: &mut State, process: usize, arrives: bool) {
        let Stage::Asks(call, tries) = state.processes[process].stage else {
            unreachable!("only who asks is answered")
        };
        let answer = self.carry_out(state, Some(process), call);
        let (request, clock) = (self.requests[process].0, state.clock);
        let events = state.processes[process].told(Some(answer), tries, request, clock, &self.design);
        self.went_on(state, process, &events, arrives);
    }

    fn no_answer(&self, state: &mut State, process: usize, tries_again: bool) {
        if tries_again {
            if let Stage::Asks(_, tries) = &mut state.processes[process].stage {
                *tries += 1;
            }
            return;
        }
        let (request, clock) = (self.requests[process].0, state.clock);
        let events = state.processes[process].told(None, 1, request, clock, &self.design);
        self.went_on(state, process, &events, true);
    }

    fn carry_out(&self, state: &mut State, process: Option<usize>, call: Call) -> crate::store::Answer {
        if let Some(process) = process {
            self.note(state, process, call);
        }
        let answer = state.store.carry_out(call, state.clock, &self.design);
        if let Verb::Create(key, record) = call.verb {
            state.witness.begins(key, record.handle, record.user);
        }
        answer
    }

    fn note(&self, state: &mut State, process: usize, call: Call) {
        if let Verb::Swap(key, ..) | Verb::Delete(key) = call.verb {
            state.witness.changes(&state.processes[process], self.requests[process].0, key, &state.store);
        }
    }

    fn went_on(&self, state: &mut State, process: usize, events: &[Event], arrives: bool) {
        let ((request, source), token) = (self.requests[process], state.processes[process].token);
        for event in events {
            match *event {
                Event::Opened(opened) => state.witness.opened(process, token, request, opened),
                Event::Undone(handle, at) => {
                    if state.clock < at + self.design.times.timeout {
                        state.witness.undone(handle);
                    }
                }
            }
        }
        if let Stage::Done(outcome) = state.processes[process].stage {
            state.witness.done(process, request, token, outcome, &state.store, self.is_strict);
            let given = state.processes[process].given();
            if let Some(given) = given.filter(|_| arrives) {
                state.witness.jars[source.visitor()] = Some(given);
            }
        }
    }
}

fn asked(state: &State, process: usize) -> Call {
    match state.processes[process].stage {
        Stage::Asks(call, _) => call,
        _ => unreachable!("only who asks can go without an answer"),
    }
}
