//! What is counted, under which names.

use cloakroom::testing::Verb;
use cloakroom::{Handle, Session};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

use crate::harness::*;
use crate::secrecy::{all_sorts, base64};

/// What was counted since the last time: names with their labels, and values; of latencies how many there were.
fn since(snapshotter: &Snapshotter) -> Vec<(String, u64)> {
    let mut counted = Vec::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let mut name = key.key().name().to_owned();
        for label in key.key().labels() {
            name.push_str(&format!(" {}={}", label.key(), label.value()));
        }
        let value = match value {
            DebugValue::Counter(count) => count,
            DebugValue::Gauge(value) => value.0 as u64,
            DebugValue::Histogram(values) => {
                assert!(values.iter().all(|seconds| (0.0..60.0).contains(&seconds.0)), "{values:?}");
                values.len() as u64
            }
        };
        counted.push((name, value));
    }
    counted.retain(|(_, value)| *value > 0);
    counted.sort();
    counted
}

fn all(names: &[(&str, u64)]) -> Vec<(String, u64)> {
    let mut all: Vec<_> = names.iter().map(|(name, value)| (format!("cloakroom_{name}"), *value)).collect();
    all.sort();
    all
}

// behaviour 137
#[tokio::test(start_paused = true)]
async fn what_happens_is_counted_under_the_names_that_are_documented() -> Result {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let site = Site::renewing();
    let mut visitor = Visitor::new();
    visitor.visit(&site, |_| Ok(())).await?;
    assert_eq!(since(&snapshotter), all(&[]), "nothing happened");
    visitor.visit(&site, |session| session.set("a", 1)).await?;
    let created = [("sessions_created_total", 1), ("store_seconds verb=create", 1)];
    assert_eq!(since(&snapshotter), all(&created));
    visitor.number(&site, "a").await?;
    let loaded = [("tickets_total outcome=opened", 1), ("store_seconds verb=load", 1)];
    assert_eq!(since(&snapshotter), all(&loaded));
    visitor.visit(&site, |session| session.login("ana")).await?;
    let renewed = [
        ("tickets_total outcome=opened", 1),
        ("sessions_renewed_total why=asked", 1),
        ("logins_total", 1),
        ("store_seconds verb=load", 1),
        ("store_seconds verb=create", 1),
        ("store_seconds verb=swap", 2),
    ];
    assert_eq!(since(&snapshotter), all(&renewed));
    site.store.on(Verb::Swap).fail_before();
    visitor.visit(&site, |session| session.set("a", 2)).await?;
    let saved = [
        ("tickets_total outcome=opened", 1),
        ("saves_total", 1),
        ("store_seconds verb=load", 1),
        ("store_seconds verb=swap", 2),
        ("store_errors_total verb=swap", 1),
        ("store_retries_total verb=swap", 1),
    ];
    assert_eq!(since(&snapshotter), all(&saved));
    let (one, other) = (visitor.arrive(&site).await?, visitor.arrive(&site).await?);
    one.set("b", 1)?;
    other.set("c", 1)?;
    one.commit(200).await;
    other.commit(200).await;
    let conflict = [
        ("tickets_total outcome=opened", 2),
        ("saves_total", 2),
        ("conflicts_total", 1),
        ("store_seconds verb=load", 2),
        ("store_seconds verb=swap", 3),
    ];
    assert_eq!(since(&snapshotter), all(&conflict));
    // A spike of guesses stands out.
    for _ in 0..50 {
        let unknown = base64(&Handle::random().to_string().as_bytes().repeat(2)[..32]);
        Visitor { cookie: Some(format!("__Host-sid={unknown}")) }.arrive(&site).await?;
    }
    Visitor { cookie: Some("__Host-sid=x".to_owned()) }.arrive(&site).await?;
    let guesses =
        [("tickets_total outcome=unknown", 50), ("tickets_total outcome=forged", 1), ("store_seconds verb=load", 50)];
    assert_eq!(since(&snapshotter), all(&guesses));
    visitor.visit(&site, Session::logout).await?;
    let ended = [
        ("tickets_total outcome=opened", 1),
        ("sessions_ended_total how=destroyed", 1),
        ("store_seconds verb=load", 2),
        ("store_seconds verb=swap", 1),
    ];
    assert_eq!(since(&snapshotter), all(&ended));
    Visitor::logged_in(&site, "ana").await?;
    site.clock.advance(DAY * 400);
    site.sessions.sweep().await?;
    let swept = [
        ("sessions_created_total", 1),
        ("logins_total", 1),
        ("store_seconds verb=create", 1),
        ("sessions_ended_total how=expired", 1),
        ("swept_total", 3),
    ];
    assert_eq!(since(&snapshotter), all(&swept), "with the marker of the login");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn live_and_awaited_sessions_are_gauged() -> Result {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let site = Site::with(|builder| builder.sweep_every(SECOND * 10));
    let visitor = Visitor::logged_in(&site, "ana").await?;
    Visitor::with(&site, &[("a", 1)]).await?;
    tokio::time::sleep(SECOND * 20).await;
    let gauge = |name: &str| {
        let name = format!("cloakroom_{name}");
        since(&snapshotter).into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    };
    assert_eq!(gauge("sessions_live"), Some(2));
    let session = visitor.arrive(&site).await?;
    let waiting = tokio::spawn(session.ended());
    tokio::time::sleep(SECOND).await;
    assert_eq!(gauge("sessions_awaited"), Some(1));
    waiting.abort();
    tokio::time::sleep(SECOND * 2).await;
    assert_eq!(gauge("sessions_awaited"), None, "zero");
    Ok(())
}

// behaviour 138
#[tokio::test(start_paused = true)]
async fn no_label_contains_a_ticket_or_a_key() -> Result {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let site = Site::renewing();
    let secrecy = all_sorts(&site).await?;
    let said: String = since(&snapshotter).into_iter().map(|(name, value)| format!("{name} {value}\n")).collect();
    assert!(said.contains("outcome=forged"), "{said}");
    secrecy.hold(&said);
    Ok(())
}

/// The table that operators read names all that is counted, and nothing else.
#[test]
fn the_guide_names_every_metric() {
    let source = include_str!("../../src/events/metrics.rs");
    let guide = include_str!("../../docs/guide/operations.md");
    let names = |text: &str| -> std::collections::BTreeSet<String> {
        let words = text.split(|letter: char| !letter.is_ascii_lowercase() && letter != '_');
        words.filter(|word| word.starts_with("cloakroom_")).map(str::to_owned).collect()
    };
    assert_eq!(names(source), names(guide));
    assert!(names(source).len() > 10);
}
