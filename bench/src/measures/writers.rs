//! Several writers of one session at once: how fast, and whose changes are lost.

use std::time::Instant;

use serde_json::json;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use crate::Result;
use crate::contenders::{AXUM, Contender, send, shared};
use crate::progress::Progress;
use crate::report::{Section, number};
use crate::work::Operation;

const WRITERS: [usize; 3] = [1, 8, 32];
const WRITES: usize = 64_000;
const THREADS: usize = 2;

pub(crate) fn measure(contenders: &[Contender]) -> Result<Section> {
    let kept = |contender: &&Contender| !contender.is_base() && contender.keeps_on_the_server();
    let contenders: Vec<_> = contenders.iter().filter(kept).filter(|contender| contender.base == AXUM).collect();
    let mut progress = Progress::new("writers", contenders.len() * WRITERS.len());
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for contender in contenders {
        let mut row = vec![contender.label()];
        for writers in WRITERS {
            progress.step(&format!("{writers} of {}", contender.label()));
            let Written { rate, lost, refused } = write(contender, writers)?;
            let refusals = if refused == 0 { String::new() } else { format!(", {} refused", number(refused as f64)) };
            row.push(format!("{}/s, {} lost{refusals}", number(rate), number(lost as f64)));
            let (who, store) = (contender.who, contender.store);
            lines.push(
                json!({
                    "who": who, "store": store, "op": "write", "writers": writers,
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

struct Written {
    /// Requests a second.
    rate: f64,
    /// Answered as kept, and not counted in the end.
    lost: u64,
    /// Answered with an error.
    refused: u64,
}

fn write(contender: &Contender, writers: usize) -> Result<Written> {
    let runtime = Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    let mut app = contender.shared(&runtime).ok_or("no application for several threads")?;
    let writes = if contender.is_in_memory() { WRITES } else { WRITES / 16 };
    runtime.block_on(async {
        let cookie = shared(send(&mut app, Operation::New.path(), None).await.cookie().as_deref());
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..writers {
            let (mut app, cookie) = (app.clone(), cookie.clone());
            tasks.spawn(async move {
                let mut kept = 0_u64;
                for _ in 0..writes / writers {
                    // What is refused, after waiting for others, is not lost: its visitor was told.
                    let answer = send(&mut app, Operation::Write.path(), cookie.as_ref()).await;
                    kept += u64::from(answer.status == 200);
                }
                kept
            });
        }
        let mut kept = 0;
        while let Some(task) = tasks.join_next().await {
            kept += task?;
        }
        let rate = writes as f64 / start.elapsed().as_secs_f64();
        let counted: u64 = send(&mut app, Operation::Write.path(), cookie.as_ref()).await.body.parse()?;
        let sent = (writes / writers * writers) as u64;
        Ok(Written { rate, lost: (kept + 1).saturating_sub(counted), refused: sent - kept })
    })
}
