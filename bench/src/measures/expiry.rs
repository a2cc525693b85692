//! A million sessions that expire while others are read: does anybody wait for the sweep?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::http::HeaderValue;
use cloakroom::{Lifetime, MemoryStore, SessionIndex, SessionManager, Timestamp};
use serde_json::json;
use tokio::runtime::Builder;

use crate::Result;
use crate::contenders::{cloakroom_app, send, shared};
use crate::progress::Progress;
use crate::report::{Section, number};
use crate::work::Operation;

const EXPIRING: usize = 1_000_000;
const READ: usize = 10_000;
const THREADS: usize = 16;

pub(crate) fn measure() -> Result<Section> {
    let mut progress = Progress::new("expiry", 3);
    progress.step("filling");
    let idle = Duration::from_secs(40);
    let store = Arc::new(MemoryStore::with_limit(2 * EXPIRING));
    let sessions = SessionManager::builder(Arc::clone(&store))
        .lifetime(Lifetime::default().idle(idle).absolute(Duration::from_secs(3_600)))
        .without_sweeper()
        .build()?;
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let filled = Instant::now();
    let cookies = runtime.block_on(async {
        let mut app = cloakroom_app(&sessions);
        let mut cookies = Vec::new();
        for number in 0..EXPIRING + READ {
            let answer = send(&mut app, Operation::New.path(), None).await;
            if number >= EXPIRING {
                cookies.extend(shared(answer.cookie().as_deref()));
            }
        }
        cookies
    });
    progress.step("reading");
    let quiet = reads(&sessions, &cookies, || std::thread::sleep(Duration::from_secs(5)));
    // Reads keep those alive that are read.
    let (mut swept, mut swept_in) = (0, Duration::ZERO);
    progress.step("sweeping");
    let busy = reads(&sessions, &cookies, || {
        std::thread::sleep((idle + Duration::from_secs(5)).saturating_sub(filled.elapsed()));
        while swept < EXPIRING as u64 {
            let start = Instant::now();
            // Not ten minutes later: there is one clock.
            swept += runtime.block_on(store.sweep(Timestamp::now() + Timestamp::MAX_SKEW)).unwrap_or(0);
            swept_in += start.elapsed();
        }
    });
    let rows = [("nothing expires", &quiet), ("all expire", &busy)].map(|(when, waits)| {
        let [p50, p999, most] = [at(waits, 0.5), at(waits, 0.999), at(waits, 1.0)];
        (when, p50, p999, most)
    });
    Ok(Section {
        title: "While sessions expire",
        note: format!(
            "Whole requests that read one of {} sessions, on {THREADS} threads, while {} others expire and are swept, which \
             took {} ms in all. With more threads than cores the long waits are those for a core.",
            number(READ as f64),
            number(swept as f64),
            number(swept_in.as_secs_f64() * 1e3)
        ),
        columns: ["cloakroom-axum, memory", "median", "p99.9", "longest"].map(str::to_owned).to_vec(),
        rows: rows
            .iter()
            .map(|(when, p50, p999, most)| {
                let micros = |nanoseconds: f64| format!("{:.1} µs", nanoseconds / 1e3);
                vec![(*when).to_owned(), micros(*p50), micros(*p999), micros(*most)]
            })
            .collect(),
        lines: rows
            .iter()
            .map(|(when, p50, p999, most)| {
                json!({
                    "who": "cloakroom-axum", "store": "memory", "op": "read", "while": when,
                    "p50_ns": p50, "p999_ns": p999, "longest_ns": most,
                })
                .to_string()
            })
            .collect(),
        plots: Vec::new(),
    })
}

/// How long reads take, in order, while something else is done.
fn reads(sessions: &SessionManager, cookies: &[HeaderValue], meanwhile: impl FnOnce()) -> Vec<u32> {
    let done = AtomicBool::new(false);
    let mut all: Vec<u32> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|first| {
                let done = &done;
                scope.spawn(move || {
                    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
                    runtime.block_on(async {
                        let mut app = cloakroom_app(sessions);
                        let mut waits = Vec::new();
                        for cookie in cookies.iter().cycle().skip(first * READ / THREADS) {
                            let start = Instant::now();
                            send(&mut app, Operation::Read.path(), Some(cookie)).await;
                            waits.push(u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX));
                            if done.load(Ordering::Relaxed) {
                                break;
                            }
                        }
                        waits
                    })
                })
            })
            .collect();
        meanwhile();
        done.store(true, Ordering::Relaxed);
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    all.sort_unstable();
    all
}

fn at(waits: &[u32], share: f64) -> f64 {
    let place = ((waits.len() as f64 * share) as usize).min(waits.len().saturating_sub(1));
    f64::from(waits.get(place).copied().unwrap_or(0))
}
