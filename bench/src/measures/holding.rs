//! What a store in memory holds: bytes for each session, pauses while it grows, and whether requests get slower.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::contenders::Contender;
use crate::progress::Progress;
use crate::report::{Section, number};
use crate::subject::Ask;
use crate::work::Operation;
use crate::{Result, machine, plot};

const USUAL: [usize; 3] = [1_000, 100_000, 1_000_000];
const FULL: [usize; 5] = [1_000, 10_000, 100_000, 1_000_000, 5_000_000];

/// Sessions that are read again when there are many.
const READ: usize = 500;
const READS: usize = 20_000;

/// What was found at one number of sessions.
struct At {
    sessions: f64,
    bytes: f64,
    pause: f64,
    read: f64,
    new: f64,
}

/// Grows to these numbers of sessions, and prints at each what it found: what a process of this measure does.
pub(crate) fn hold(contender: &Contender, counts: &[&str]) -> Result<()> {
    let mut subject = contender.subject();
    let fill = Ask::new(Operation::New.path(), None);
    let mut held = 0;
    let mut known: Vec<Ask> = Vec::new();
    let mut start = 0;
    for count in counts {
        let count: usize = count.parse()?;
        // Where memory is counted from: with all made that is made once.
        if held == 0 {
            start = machine::resident_bytes();
        }
        let (mut pause, every) = (0, (count / READ).max(1));
        let (begun, first) = (machine::own_nanoseconds(), held);
        while held < count {
            let before = machine::own_nanoseconds();
            let answer = subject.ask(&fill);
            pause = pause.max(machine::own_nanoseconds() - before);
            held += 1;
            if held % every == 0 {
                known.push(Ask::new(Operation::Read.path(), answer.cookie().as_deref()));
            }
        }
        let new = (machine::own_nanoseconds() - begun) as f64 / (held - first).max(1) as f64;
        let bytes = machine::resident_bytes().saturating_sub(start) as f64 / held as f64;
        let before = machine::own_nanoseconds();
        subject.repeat(&known, READS);
        let read = (machine::own_nanoseconds() - before) as f64 / READS as f64;
        println!("{held} {bytes:.0} {pause} {read:.0} {new:.0}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

pub(crate) fn measure(contenders: &[Contender], full: bool) -> Result<Section> {
    let counts: &[usize] = if full { &FULL } else { &USUAL };
    let contenders: Vec<_> = contenders.iter().filter(|contender| contender.holds_in_memory()).collect();
    let mut progress = Progress::new("holding", contenders.len() * counts.len());
    let (mut rows, mut lines, mut reads) = (Vec::new(), Vec::new(), Vec::new());
    for contender in contenders {
        let found = grow(contender, counts, &mut progress)?;
        for at in &found {
            rows.push(vec![
                contender.label(),
                number(at.sessions),
                number(at.bytes),
                format!("{:.1} ms", at.pause / 1e6),
                format!("{} ns", number(at.read)),
                format!("{} ns", number(at.new)),
            ]);
            lines.push(
                json!({
                    "who": contender.who,
                    "store": contender.store,
                    "sessions": at.sessions,
                    "bytes": at.bytes,
                    "pause_ns": at.pause,
                    "read_ns": at.read,
                    "new_ns": at.new,
                })
                .to_string(),
            );
        }
        reads.push((contender.who, found.iter().map(|at| at.read).collect()));
    }
    let points: Vec<f64> = counts.iter().map(|count| *count as f64).collect();
    Ok(Section {
        title: "Many sessions in memory",
        note: "One contender at a time, in a process of its own: bytes of memory for each session of six values; the \
               longest request while the store grew from the number above; a whole request that reads one of many \
               sessions, and one that fills a new one. Times are of the thread alone, so that a busy machine counts little."
            .to_owned(),
        columns: ["", "sessions", "bytes each", "longest pause", "read", "new"].map(str::to_owned).to_vec(),
        rows,
        lines,
        plots: vec![("holding.svg".to_owned(), plot::lines("A read among so many sessions", "nanoseconds", &points, &reads))],
    })
}

fn grow(contender: &Contender, counts: &[usize], progress: &mut Progress) -> Result<Vec<At>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--hold", contender.who, contender.store]).args(counts.iter().map(usize::to_string));
    let mut process = command.stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(process.stdout.take().ok_or("a process without an output")?).lines();
    let mut found = Vec::new();
    for count in counts {
        progress.step(&format!("{} with {}", number(*count as f64), contender.label()));
        let line = lines.next().ok_or_else(|| format!("{} ended early", contender.label()))??;
        let numbers = line.split(' ').map(str::parse).collect::<std::result::Result<Vec<f64>, _>>()?;
        let &[sessions, bytes, pause, read, new] = &numbers[..] else { return Err(line.into()) };
        found.push(At { sessions, bytes, pause, read, new });
    }
    process.wait()?;
    Ok(found)
}
