//! Several writers of one session at once: how fast, and whose changes are lost.

use serde_json::json;

use crate::Result;
use crate::contenders::Contender;
use crate::progress::Progress;
use crate::report::{Section, number};
use crate::subject::{Writers, Written};

const WRITERS: [usize; 3] = [1, 8, 32];
const WRITES: usize = 64_000;
const THREADS: usize = 2;

pub(crate) fn measure(contenders: &[Contender]) -> Result<Section> {
    let kept = |contender: &&Contender| !contender.is_base() && contender.keeps_on_the_server();
    let contenders: Vec<_> = contenders.iter().filter(kept).collect();
    let mut progress = Progress::new("writers", contenders.len() * WRITERS.len());
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for contender in contenders {
        let mut row = vec![contender.label()];
        for count in WRITERS {
            progress.step(&format!("{count} of {}", contender.label()));
            let writes = if contender.is_in_memory() { WRITES } else { WRITES / 16 };
            let writers = Writers { count, each: writes / count, threads: THREADS };
            let Written { took, kept, counted } = contender.write(&writers)?;
            let sent = (writers.each * count) as u64;
            let (lost, refused) = (kept.saturating_sub(counted), sent + 1 - kept);
            let rate = sent as f64 / took.as_secs_f64();
            let refusals = if refused == 0 { String::new() } else { format!(", {} refused", number(refused as f64)) };
            row.push(format!("{}/s, {} lost{refusals}", number(rate), number(lost as f64)));
            let (who, store) = (contender.who, contender.store);
            lines.push(
                json!({
                    "who": who, "store": store, "op": "write", "writers": count,
                    "rps": rate.round(), "lost": lost, "refused": refused,
                })
                .to_string(),
            );
        }
        rows.push(row);
    }
    Ok(Section {
        title: "Writers of one session",
        note: format!(
            "{} requests in process that count the same number up, by so many tasks at once on {THREADS} threads; and how \
             many of them were answered as kept and do not count in the end. On files and Redis a sixteenth of that.",
            number(WRITES as f64)
        ),
        columns: [String::from("writers at once")].into_iter().chain(WRITERS.map(|n| n.to_string())).collect(),
        rows,
        lines,
        plots: Vec::new(),
    })
}
