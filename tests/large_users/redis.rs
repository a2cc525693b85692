//! In Redis: page by page, from where it was cut off, and while others are served.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cloakroom::testing::{FaultStore, Verb};
use cloakroom::{Data, ErrorKind, LimitPolicy, RedisStore, SessionManager, SessionStore, Timestamp};
use servers::Redis;

use crate::measure::{Memory, alone, latencies, percentile};
use crate::{HOUR, Result, new_key, of_ana};

const COUNT: usize = 50_000;

/// Writes sessions as the store does, many at a time.
async fn fill(server: &Redis, store: &RedisStore, count: usize) -> Result {
    let data = Data::from(&[7; 2_000][..]);
    store.create(&new_key(), &of_ana(&data), Timestamp::now()).await?;
    let of_user = server.ask(&["KEYS", "cloakroom:u:*"]);
    let client = redis::Client::open(server.url()).expect("a URL");
    let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
    let (kept, noted) = (2 * HOUR.as_millis() as u64, Timestamp::now().as_millis());
    let mut left = count - 1;
    while left > 0 {
        let mut message = redis::pipe();
        for _ in 0..left.min(500) {
            let (key, record) = (new_key(), of_ana(&data));
            let name = URL_SAFE_NO_PAD.encode(key.as_bytes());
            message.cmd("SET").arg(format!("cloakroom:s:{name}")).arg(record.encode()).arg("PX").arg(kept).ignore();
            message.cmd("HSET").arg(of_user.trim()).arg(key.as_bytes()).arg(noted).ignore();
            let first = [key.as_bytes().as_slice(), &kept.to_le_bytes()].concat();
            message.cmd("SET").arg(format!("cloakroom:h:{}", record.handle)).arg(first).arg("PX").arg(kept).ignore();
            left -= 1;
        }
        let () = message.query_async(&mut connection).await.expect("it is written");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_thousand_sessions_are_ended_from_where_it_was_cut_off() -> Result {
    let _alone = alone().await;
    let server = Redis::start();
    let connect = || RedisStore::builder(&server.url()).connect_later().expect("a URL");
    let store = FaultStore::new(connect());
    fill(&server, store.store(), COUNT).await?;
    let bob = {
        let (key, mut record) = (new_key(), of_ana(&Data::from(&b""[..])));
        record.user = Some("bob".into());
        store.create(&key, &record, Timestamp::now()).await?;
        key
    };
    let sessions = SessionManager::builder(store.clone()).without_sweeper().build().expect("valid");
    let left = || server.ask(&["DBSIZE"]).parse::<usize>().expect("a number") / 2;
    let others = Arc::new(connect());
    let (task, all) = latencies(move || {
        let others = Arc::clone(&others);
        async move { drop(others.load(&bob, Timestamp::now()).await.expect("it is there")) }
    });

    let memory = Memory::new();
    // The process that revokes loses its store half way.
    let stop = store.on(Verb::Delete).nth(100).pause_before();
    let revoking = {
        let sessions = sessions.clone();
        tokio::spawn(async move { sessions.revoke_user("ana").await })
    };
    stop.reached().await;
    store.go_away();
    stop.resume();
    let error = revoking.await.expect("no panic").expect_err("the store is away");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let half = left();
    assert!(half > COUNT / 4 && half < COUNT * 3 / 4, "{half} are left");
    store.come_back();
    let ended = sessions.revoke_user("ana").await?;
    assert!(ended.abs_diff(half) <= 2, "what was ended is not ended again: {ended} of {half}");

    task.abort();
    let (slow, count) = percentile(99, &all);
    assert!(slow < Duration::from_millis(500), "of {count} loads meanwhile one took {slow:?}");
    let peak = memory.peak();
    assert!(peak < 60, "the process grew by {peak} MB");
    assert_eq!(sessions.sessions_of("ana").await?, []);
    assert_eq!(sessions.sessions_of("bob").await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_far_above_the_limit_can_log_in() -> Result {
    let _alone = alone().await;
    let server = Redis::start();
    let store = Arc::new(RedisStore::builder(&server.url()).connect_later().expect("a URL"));
    fill(&server, &store, 5_000).await?;
    let builder = SessionManager::builder(store).without_sweeper().sessions_per_user(5, LimitPolicy::EndOldest);
    let sessions = builder.build().expect("valid");
    for expected in [4_001, 3_002] {
        let session = sessions.open(());
        session.load().await?;
        session.login("ana")?;
        session.save().await?;
        let (mut count, mut next) = (0, None);
        loop {
            let page = sessions.list_of("ana", next, 2_000).await?;
            count += page.sessions.len();
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(count, expected, "each login ends a thousand");
    }
    Ok(())
}
