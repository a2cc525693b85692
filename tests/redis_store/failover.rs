//! A primary that is lost, and slots that move: what was acknowledged is there, and nothing is done twice.

use std::time::{Duration, Instant};

use cloakroom::{ErrorKind, SessionStore, Timestamp};
use servers::{Redis, RedisCluster, RedisSentinels, wait_until};
use tokio::time::sleep;

use crate::bench::{Result, index, later, live, load, put, rewrite, within};

/// The primary dies: an outage until the sentinels have put its replica in its place, and then the same sessions.
#[tokio::test]
async fn sentinels_put_the_replica_in_the_primary_s_place() -> Result {
    let mut site = RedisSentinels::start();
    let store = later(&site.url());
    let mut record = live(Some("ana"));
    let key = put(&store, &record).await?;
    let caught_up =
        |primary: &Redis, replica: &Redis| primary.info("master_repl_offset") == replica.info("master_repl_offset");
    wait_until("the replica has it all", || caught_up(&site.primary, &site.replica));
    site.primary.kill();
    let start = Instant::now();
    loop {
        let asked = Instant::now();
        match within(Duration::from_millis(4_500), asked, load(&store, &key).await) {
            Ok(found) => break assert_eq!(found.as_ref(), Some(&record), "the session is not lost"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
        }
        assert!(start.elapsed() < Duration::from_secs(20), "no failover");
        sleep(Duration::from_millis(100)).await;
    }
    // The promoted replica may still refuse to write for a moment.
    while let Err(error) = rewrite(&store, &key, &mut record).await {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(site.current(), Some(site.replica.port()));
    assert_eq!(index(&store).find_by_user("ana", Timestamp::now()).await?.len(), 1);
    assert!(store.delete(&key, Timestamp::now()).await?.is_some());
    Ok(())
}

/// While a slot moves, its keys are found where they are, and what is done is done once.
#[tokio::test]
async fn slots_of_a_cluster_move_under_way() -> Result {
    let cluster = RedisCluster::start();
    let store = later(&cluster.url());
    let mut records = Vec::new();
    for _ in 0..30 {
        let record = live(Some("ana"));
        records.push((put(&store, &record).await?, record));
    }
    for (key, record) in &mut records {
        let [name, _] = crate::bench::names(key, record);
        let half_way = cluster.begin_move(&name);
        // Some have moved already, some have not: the slot's owner sends on who asks for one that has.
        rewrite(&store, key, record).await?;
        half_way.move_keys(&cluster);
        rewrite(&store, key, record).await?;
        assert_eq!(load(&store, key).await?.as_ref(), Some(&*record));
        half_way.finish(&cluster);
        rewrite(&store, key, record).await?;
        assert_eq!(load(&store, key).await?.as_ref(), Some(&*record));
    }
    let now = Timestamp::now();
    assert_eq!(index(&store).count(now).await?, 30);
    assert_eq!(index(&store).list(None, 100, now).await?.len(), 30);
    assert_eq!(index(&store).find_by_user("ana", now).await?.len(), 30);
    for (key, record) in records {
        assert_eq!(store.delete(&key, now).await?, Some(record));
    }
    Ok(())
}

/// A node that dies takes its sessions away until it is back, and no others.
#[tokio::test]
async fn a_node_that_dies_is_an_outage_of_its_slots() -> Result {
    let mut cluster = RedisCluster::start_durable();
    let store = later(&cluster.url());
    let mut keys = Vec::new();
    for _ in 0..30 {
        keys.push(put(&store, &live(None)).await?);
    }
    for _ in 0..2 {
        cluster.nodes()[1].kill();
        let mut away = 0;
        for key in &keys {
            let asked = Instant::now();
            match within(Duration::from_millis(4_500), asked, load(&store, key).await) {
                Ok(found) => assert!(found.is_some(), "an outage is no end"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                    away += 1;
                }
            }
            if away == 3 {
                break;
            }
        }
        assert!(away > 0);
        cluster.nodes()[1].restart();
        cluster.wait();
        let start = Instant::now();
        for key in &keys {
            while let Err(error) = load(&store, key).await {
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                assert!(start.elapsed() < Duration::from_secs(5), "{error}");
            }
        }
    }
    Ok(())
}
