//! What sessions add to a request, without a socket: time and heap allocations.

use std::time::Duration;

use serde_json::json;

use crate::contenders::Contender;
use crate::plot::Scale;
use crate::progress::Progress;
use crate::report::{Section, by_store, number};
use crate::subject::{Ask, Subject};
use crate::work::Operation;
use crate::{Result, allocations, check};

/// Requests in one short run, and runs of each contender.
const REQUESTS: usize = 200;
const RUNS: usize = 400;

/// The same for a contender that waits for a server.
const FEW_REQUESTS: usize = 20;
const FEW_RUNS: usize = 100;

struct Measured {
    subject: Box<dyn Subject>,
    ask: Ask,
    requests: usize,
    runs: usize,
    quickest: Duration,
    allocations: f64,
}

impl Measured {
    fn run(&mut self) -> Duration {
        self.subject.repeat(std::slice::from_ref(&self.ask), self.requests)
    }

    fn nanoseconds(&self) -> f64 {
        self.quickest.as_secs_f64() * 1e9 / self.requests as f64
    }
}

pub(crate) fn measure(contenders: &[Contender]) -> Result<Section> {
    let mut progress = Progress::new("in process", Operation::ALL.len());
    let mut rows: Vec<Vec<String>> = contenders.iter().map(|contender| vec![contender.label()]).collect();
    let mut added = vec![Vec::new(); contenders.len()];
    let mut lines = Vec::new();
    for operation in Operation::ALL {
        progress.step(operation.name());
        let measured = run(contenders, operation)?;
        for (index, (contender, of)) in contenders.iter().zip(&measured).enumerate() {
            let base = contenders.iter().position(|other| other.is_base() && other.who == contender.base);
            let Some(base) = base.map(|base| &measured[base]) else { continue };
            if contender.is_base() {
                rows[index].push(format!("({} ns, {:.0})", number(of.nanoseconds()), of.allocations));
                continue;
            }
            let (ns, allocations) = (of.nanoseconds() - base.nanoseconds(), of.allocations - base.allocations);
            rows[index].push(format!("{} ns, {allocations:.0}", number(ns)));
            added[index].push(ns);
            lines.push(
                json!({
                    "who": contender.who,
                    "store": contender.store,
                    "op": operation.name(),
                    "ns": ns.round(),
                    "allocs": (allocations * 10.0).round() / 10.0,
                    "base_ns": base.nanoseconds().round(),
                })
                .to_string(),
            );
        }
    }
    let names = Operation::ALL.map(Operation::name);
    Ok(Section {
        title: "In process",
        note: format!(
            "Nanoseconds and heap allocations that sessions add to a request, over the same handlers behind a layer that \
             does nothing (those without sessions, in brackets, are whole requests). The quickest of {RUNS} runs of \
             {REQUESTS} requests each, on files and Redis {FEW_RUNS} of {FEW_REQUESTS}, all contenders in turn."
        ),
        columns: ["added to a request"].into_iter().chain(names).map(str::to_owned).collect(),
        rows,
        lines,
        plots: by_store(
            "in-process",
            ("Added to a request", "nanoseconds", Scale::Logarithmic(100.0)),
            contenders,
            &added,
        ),
    })
}

fn run(contenders: &[Contender], operation: Operation) -> Result<Vec<Measured>> {
    let mut all = Vec::new();
    for contender in contenders {
        let mut subject = contender.subject();
        let cookie = check::contender(contender, |ask| Ok(subject.ask(ask)))?;
        let cookie = cookie.filter(|_| operation != Operation::New);
        let ask = Ask::new(operation.path(), cookie.as_deref());
        let (requests, runs) = if contender.waits() { (FEW_REQUESTS, FEW_RUNS) } else { (REQUESTS, RUNS) };
        let mut measured = Measured { subject, ask, requests, runs, quickest: Duration::MAX, allocations: 0.0 };
        measured.run();
        let counted = allocations::count(|| {
            measured.run();
        });
        measured.allocations = counted as f64 / requests as f64;
        all.push(measured);
    }
    for number in 0..RUNS {
        for one in all.iter_mut().filter(|one| number < one.runs) {
            one.quickest = one.quickest.min(one.run());
        }
    }
    Ok(all)
}
