//! What a server refuses, and what it loses: each is an error of its own kind, or a session that is not there.

use std::time::Duration;

use cloakroom::{
    ErrorKind, LimitPolicy, RecordKind, RedisStore, SessionManager, SessionStore, Swap, Timestamp, Touched,
};
use servers::{Redis, RedisOptions};

use crate::bench::{HOUR, Result, index, kind, later, live, load, names, new_key, put, rewrite, rewritten};

/// A server without memory takes no session, and gives up none that it has.
// behaviour 103
#[tokio::test]
async fn a_full_server_says_so_and_lets_sessions_end() -> Result {
    let server = Redis::start();
    let store = later(&server.url());
    let record = live(Some("ana"));
    let key = put(&store, &record).await?;
    let other = live(Some("bob"));
    let ending = put(&store, &other).await?;
    server.ask(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(kind(store.create(&new_key(), &live(None), Timestamp::now()).await), ErrorKind::Full);
    let new = rewritten(&record);
    assert_eq!(kind(store.swap(&key, record.revision, &new, Timestamp::now()).await), ErrorKind::Full);
    let later = record.idle_deadline + HOUR;
    assert_eq!(kind(store.touch(&key, record.revision, later, Timestamp::now()).await), ErrorKind::Full);
    assert_eq!(load(&store, &key).await?.as_ref(), Some(&record), "what was refused changed nothing");
    assert_eq!(index(&store).find_by_user("ana", Timestamp::now()).await?.len(), 1);
    assert_eq!(store.delete(&key, Timestamp::now()).await?, Some(record), "logging out needs no memory");
    let mut ended = rewritten(&other);
    ended.kind = RecordKind::Ended;
    assert_eq!(store.swap(&ending, other.revision, &ended, Timestamp::now()).await?, Swap::Swapped, "nor does this");
    assert_eq!(index(&store).find_by_user("bob", Timestamp::now()).await?, []);
    server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    put(&store, &live(None)).await.map(drop)
}

/// What was evicted is a session that has ended, and nothing brings it back.
#[tokio::test]
async fn an_evicted_session_has_ended() -> Result {
    let server = Redis::start();
    let store = later(&server.url());
    let record = live(Some("ana"));
    let key = put(&store, &record).await?;
    server.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]);
    server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let evicted = || server.ask(&["EXISTS", &names(&key, &record)[0]]) == "0";
    servers::wait_until("the record is evicted", || {
        server.ask(&["SET", "filler", "1"]);
        evicted()
    });
    server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(load(&store, &key).await?, None);
    assert_eq!(store.swap(&key, record.revision, &rewritten(&record), Timestamp::now()).await?, Swap::Gone);
    let touched = store.touch(&key, record.revision, record.idle_deadline + HOUR, Timestamp::now()).await?;
    assert_eq!(touched, Touched::Gone);
    assert_eq!(store.delete(&key, Timestamp::now()).await?, None);
    assert_eq!(index(&store).find_by_user("ana", Timestamp::now()).await?, []);
    assert_eq!(load(&store, &key).await?, None, "and nothing brought it back");
    Ok(())
}

/// A replica refuses to write: an outage, and no session that ended.
#[tokio::test]
async fn a_replica_reads_and_does_not_write() -> Result {
    let server = Redis::start();
    let store = later(&server.url());
    let mut record = live(None);
    let key = put(&store, &record).await?;
    server.ask(&["REPLICAOF", "127.0.0.1", "1"]);
    // behaviour 27
    assert_eq!(load(&store, &key).await?.as_ref(), Some(&record));
    assert_eq!(kind(store.create(&new_key(), &live(None), Timestamp::now()).await), ErrorKind::Unavailable);
    let error = store.swap(&key, record.revision, &rewritten(&record), Timestamp::now()).await.expect_err("a replica");
    assert!(error.kind() == ErrorKind::Unavailable && error.to_string().contains("replica"), "{error}");
    assert_eq!(
        kind(store.touch(&key, record.revision, record.idle_deadline + HOUR, Timestamp::now()).await),
        ErrorKind::Unavailable
    );
    assert_eq!(kind(store.delete(&key, Timestamp::now()).await), ErrorKind::Unavailable);
    server.ask(&["REPLICAOF", "NO", "ONE"]);
    rewrite(&store, &key, &mut record).await?;
    Ok(())
}

/// A server that reads its files after a start is away until it has.
#[tokio::test]
async fn a_loading_server_is_away() -> Result {
    let server = RedisOptions::default().durable().set("key-load-delay", "2000");
    let mut server = server.set("loading-process-events-interval-bytes", "1024").start();
    let store = later(&server.url());
    let key = put(&store, &live(None)).await?;
    for _ in 0..4 {
        server.ask(&["EVAL", "for n = 1, 500 do redis.call('SET', 'filler' .. redis.call('INCR', 'n'), 1) end", "0"]);
    }
    server.ask(&["BGREWRITEAOF"]);
    servers::wait_until("the file is written", || server.info("aof_rewrite_in_progress") == 0);
    server.restart_without_waiting();
    servers::wait_until("it loads", || server.ask(&["PING"]).contains("LOADING"));
    let error = load(&store, &key).await.expect_err("it loads");
    assert!(error.kind() == ErrorKind::Unavailable && error.to_string().contains("loading"), "{error}");
    Ok(())
}

/// Something of another type under our key is no session, and not taken for one that ended.
// behaviour 107
#[tokio::test]
async fn another_type_under_our_key_is_unreadable() -> Result {
    let server = Redis::start();
    let store = later(&server.url());
    let record = live(Some("ana"));
    let key = put(&store, &record).await?;
    let [name, handle] = names(&key, &record);
    server.ask(&["DEL", &name]);
    server.ask(&["RPUSH", &name, "x"]);
    let now = Timestamp::now();
    assert_eq!(kind(load(&store, &key).await), ErrorKind::Decode);
    assert_eq!(kind(store.create(&key, &record, now).await), ErrorKind::Decode);
    assert_eq!(kind(store.swap(&key, record.revision, &rewritten(&record), now).await), ErrorKind::Decode);
    assert_eq!(kind(store.touch(&key, record.revision, now + HOUR * 2, now).await), ErrorKind::Decode);
    assert_eq!(kind(store.delete(&key, now).await), ErrorKind::Decode);
    assert_eq!(server.ask(&["LRANGE", &name, "0", "-1"]), "x", "what is not ours is left alone");
    // The others are found, counted and swept all the same.
    put(&store, &live(Some("ana"))).await?;
    assert_eq!(index(&store).find_by_user("ana", now).await?.len(), 1);
    assert_eq!((index(&store).count(now).await?, index(&store).sweep(now).await?), (1, 0));
    // The same for an index.
    server.ask(&["DEL", &handle]);
    server.ask(&["RPUSH", &handle, "x"]);
    assert_eq!(kind(index(&store).find_by_handle(record.handle, now).await), ErrorKind::Decode);
    server.ask(&["SET", &handle.replace(":h:", ":o:"), "x"]);
    assert_eq!(kind(store.create(&new_key(), &record, now).await), ErrorKind::Decode, "it would not be found");
    Ok(())
}

/// A record of a version that is not known, or damaged, is unreadable and stays.
// behaviour 107
#[tokio::test]
async fn a_record_of_another_version_is_left_alone() -> Result {
    let server = Redis::start();
    let store = later(&server.url());
    let record = live(None);
    let key = put(&store, &record).await?;
    let [name, _] = names(&key, &record);
    server.ask(&["SETRANGE", &name, "0", "Z"]);
    let now = Timestamp::now();
    assert_eq!(kind(load(&store, &key).await), ErrorKind::Decode);
    assert_eq!(kind(store.swap(&key, record.revision, &rewritten(&record), now).await), ErrorKind::Decode);
    assert_eq!(store.touch(&key, record.revision, now + HOUR * 2, now).await?, Touched::Stale);
    assert_eq!(store.create(&key, &live(None), now).await?, cloakroom::Created::AlreadyExists);
    assert_eq!((index(&store).count(now).await?, index(&store).sweep(now + HOUR * 48).await?), (0, 0));
    assert_eq!(kind(load(&store, &key).await), ErrorKind::Decode, "it stays");
    Ok(())
}

/// A record of a kind that only a newer version knows is not listed, and ended with the others; and so is what nobody can
/// read left out.
#[tokio::test]
async fn a_record_of_an_unknown_kind_is_not_listed_and_is_ended() -> Result {
    let server = Redis::start();
    let store = std::sync::Arc::new(later(&server.url()));
    let (newer, damaged, plain) = (live(Some("ana")), live(Some("ana")), live(Some("ana")));
    let key = put(&store, &newer).await?;
    server.ask(&["SETRANGE", &names(&key, &newer)[0], "1", "\t"]);
    let key = put(&store, &damaged).await?;
    server.ask(&["SETRANGE", &names(&key, &damaged)[0], "0", "Z"]);
    put(&store, &plain).await?;
    let sessions = SessionManager::builder(std::sync::Arc::clone(&store)).sessions_per_user(2, LimitPolicy::Refuse);
    let sessions = sessions.without_sweeper().build().expect("valid");
    let listed = sessions.list(None, 10).await?.sessions;
    assert_eq!(listed.iter().map(|info| info.handle).collect::<Vec<_>>(), [plain.handle]);
    assert_eq!(sessions.sessions_of("ana").await?, listed);
    let login = sessions.open(());
    login.load().await?;
    login.login("ana")?;
    login.save().await?;
    assert_eq!(sessions.revoke_user("ana").await?, 3);
    assert_eq!(server.ask(&["EXISTS", &names(&key, &damaged)[0]]), "1", "whose it is, nobody can say");
    assert_eq!(index(&store).find_by_handle(newer.handle, Timestamp::now()).await?, []);
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_or_database_is_a_wrong_configuration() {
    let server = RedisOptions::default().password("right").start();
    let port = server.port();
    for (url, part) in [
        (format!("redis://:wrong-secret@127.0.0.1:{port}"), "refuses the name or the password"),
        (format!("redis://nobody:wrong-secret@127.0.0.1:{port}"), "refuses the name or the password"),
        (format!("redis://127.0.0.1:{port}"), "wants a password"),
        (format!("redis://:right@127.0.0.1:{port}/99"), "refuses a command"),
    ] {
        let error = RedisStore::connect(&url).await.expect_err(&url);
        assert_eq!(error.setting(), "redis.url");
        let said = format!("{error} {error:?}");
        assert!(said.contains(part) && !said.contains("wrong-secret") && !said.contains("right@"), "{said}");
        // What begins before it knows finds out later, and says the same.
        let error = load(&later(&url), &new_key()).await.expect_err(&url);
        let said = format!("{error} {error:?}");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(said.contains(part) && !said.contains("wrong-secret") && !said.contains("right@"), "{said}");
    }
    assert!(RedisStore::connect(&format!("redis://:right@127.0.0.1:{port}/15")).await.is_ok());
}

/// A password that is changed while connections are open is an outage from the next connection on.
#[tokio::test]
async fn a_password_that_changes_is_an_outage_until_it_is_back() -> Result {
    let server = RedisOptions::default().password("right").start();
    let store = later(&format!("redis://:right@127.0.0.1:{}", server.port()));
    let key = put(&store, &live(None)).await?;
    server.ask(&["CONFIG", "SET", "requirepass", "other"]);
    server.ask_with("other", &["CLIENT", "KILL", "TYPE", "normal"]);
    let error = load(&store, &key).await.expect_err("the password is another");
    assert!(error.kind() == ErrorKind::Unavailable && error.to_string().contains("password"), "{error}");
    server.ask_with("other", &["CONFIG", "SET", "requirepass", "right"]);
    assert!(load(&store, &key).await?.is_some());
    Ok(())
}

/// The engine answers each of these as its kind says.
#[tokio::test]
async fn the_engine_pretends_nothing() -> Result {
    let server = Redis::start();
    let sessions = SessionManager::builder(later(&server.url())).without_sweeper().build().expect("valid");
    let session = sessions.open(());
    session.load().await?;
    session.set("a", 1)?;
    server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let committed = session.commit(200).await;
    let error = committed.error.expect("the server is full");
    assert_eq!((error.kind(), error.status()), (ErrorKind::Full, 503));
    assert_eq!(committed.edits.set_cookies().count(), 0, "no cookie for a session that is not there");
    Ok(())
}

/// Applications that share a server see their own sessions only, and nothing of whatever else is there.
// behaviour 31
#[tokio::test]
async fn applications_on_one_server_do_not_meet() -> Result {
    let server = Redis::start();
    let url = server.url();
    let shop = later(&format!("{url}?prefix=shop"));
    let blog = later(&format!("{url}?prefix=shop:s"));
    let elsewhere = later(&format!("{url}/1?prefix=shop"));
    for n in 0..50 {
        server.ask(&["SET", &format!("shop:s:{n}"), "x"]);
        server.ask(&["SET", &format!("other:{n}"), "x"]);
    }
    let now = Timestamp::now();
    let key = put(&shop, &live(Some("ana"))).await?;
    for other in [&blog, &elsewhere] {
        assert_eq!(load(other, &key).await?, None);
        assert_eq!(index(other).count(now).await?, 0);
        assert_eq!(index(other).list(None, 10, now).await?, []);
        assert_eq!(index(other).find_by_user("ana", now).await?, []);
        assert_eq!(index(other).sweep(now + HOUR * 48).await?, 0);
        assert_eq!(other.delete(&key, now).await?, None);
    }
    assert_eq!(index(&shop).count(now).await?, 1);
    assert_eq!(index(&shop).sweep(now + HOUR * 48).await?, 1);
    assert_eq!(server.ask(&["DBSIZE"]), "100", "what others keep is still there, and nothing of ours");
    Ok(())
}

/// Clocks that differ end nobody's session early: the server's expiry comes minutes after the deadline.
#[tokio::test]
async fn the_server_expires_later_than_the_record() -> Result {
    let server = Redis::start();
    let store = later(&server.url());
    let mut record = live(None);
    // Our clock is a minute ahead of those who write, and the record is over in a moment.
    (record.idle_deadline, record.absolute_deadline) = (record.created + Duration::from_secs(1), record.created + HOUR);
    let key = put(&store, &record).await?;
    let [name, handle] = names(&key, &record);
    let left = |name: &str| server.ask(&["PTTL", name]).parse::<u64>().expect("milliseconds");
    let minutes = |n: u64| n * 60_000;
    assert!((minutes(9)..=minutes(11)).contains(&left(&name)), "{}", left(&name));
    assert!((minutes(69)..=minutes(71)).contains(&left(&handle)), "{}", left(&handle));
    // A touch moves it with the deadline, and never beyond the absolute one.
    store.touch(&key, record.revision, record.created + HOUR * 9, Timestamp::now()).await?;
    assert!((minutes(69)..=minutes(71)).contains(&left(&name)), "{}", left(&name));
    Ok(())
}
