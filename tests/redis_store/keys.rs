//! What is in the server: keys that all expire, indexes that clean themselves, and no more commands than the guide lists.

use std::time::Duration;

use cloakroom::{Announcement, FindBy, RecordKind, SessionStore, Swap, Timestamp};
use servers::Redis;

use crate::bench::{HOUR, Result, index, later, live, load, names, put, rewrite, rewritten, with};

/// As the guide has it, under "Whom the server lets do what".
const ACL: &str = "on >secret ~cloakroom:* resetchannels &cloakroom:deleted -@all +get +getdel +getrange +set +setrange +del \
                   +exists +pexpire +pttl +hset +hget +hdel +hlen +hkeys +hscan +time +eval +evalsha +publish +subscribe +scan \
                   +ping +hello +select +info +cluster|slots";

/// What only a fresh user of the ACL may do, every verb does with it.
#[tokio::test]
async fn a_user_who_may_do_no_more_than_the_guide_says_can_keep_sessions() -> Result {
    let guide = include_str!("../../docs/guide/stores.md");
    let rule: String = ACL.split_whitespace().filter(|word| word.starts_with('+')).collect::<Vec<_>>().join(" ");
    let words = guide.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(&rule), "the guide lists {rule}");

    let server = Redis::start();
    let acl: Vec<_> = ["ACL", "SETUSER", "app"].into_iter().chain(ACL.split_whitespace()).collect();
    assert_eq!(server.ask(&acl), "OK");
    let url = format!("redis://app:secret@127.0.0.1:{}", server.port());
    let store = cloakroom::RedisStore::connect(&url).await.expect("it may connect");
    let now = Timestamp::now();
    let mut record = live(Some("ana"));
    let key = put(&store, &record).await?;
    rewrite(&store, &key, &mut record).await?;
    store.touch(&key, record.revision, record.idle_deadline + HOUR, now).await?;
    assert_eq!(index(&store).find_by_user("ana", now).await?.len(), 1);
    assert_eq!(index(&store).find_by_handle(record.handle, now).await?.len(), 1);
    assert_eq!(index(&store).list(None, 10, now).await?.len(), 1);
    assert_eq!(index(&store).count(now).await?, 1);
    let entries = index(&store).find_page(FindBy::User("ana"), None, 10, now).await?.entries;
    assert_eq!(entries.len(), 1);
    let gone = put(&store, &live(Some("carl"))).await?;
    let entries = index(&store).find_page(FindBy::User("carl"), None, 10, now).await?.entries;
    assert_eq!(store.delete_many(&entries, now).await?, [gone]);
    let other = with(rewritten(&record), |record| record.user = Some("bob".into()));
    assert_eq!(store.swap(&key, record.revision, &other, now).await?, Swap::Swapped);
    assert_eq!(index(&store).find_by_user("ana", now).await?, []);
    let short = with(live(None), |record| record.idle_deadline = now);
    put(&store, &short).await?;
    assert_eq!(index(&store).sweep(now + Timestamp::MAX_SKEW).await?, 1);
    let (said, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let tell = move |announcement| {
        let _ = said.send(announcement);
    };
    let mut listening = index(&store).announcements(&tell).expect("it may listen");
    tokio::select! {
        _ = &mut listening => panic!("it may not listen"),
        first = heard.recv() => assert_eq!(first, Some(Announcement::Listening)),
    }
    assert!(store.delete(&key, now).await?.is_some());
    tokio::select! {
        _ = &mut listening => panic!("it may not listen"),
        next = heard.recv() => assert_eq!(next, Some(Announcement::Deleted(record.handle))),
    }
    // Of what was refused nothing shows above: what is done on the side may fail.
    let refused = server.ask(&["ACL", "LOG"]);
    assert_eq!(refused, "", "nothing was refused");
    // And in no way was more asked of the server than is ours.
    let commands = server.ask(&["INFO", "commandstats"]);
    for never in ["cmdstat_keys:", "cmdstat_dbsize:", "cmdstat_flushdb:", "cmdstat_flushall:"] {
        assert!(!commands.contains(never), "{never}");
    }
    Ok(())
}

/// Every key that we write expires.
#[tokio::test]
async fn every_key_expires() -> Result {
    let server = Redis::start();
    let store = later(&server.url());
    let now = Timestamp::now();
    for user in [None, Some("ana"), Some("bob")] {
        let mut record = live(user);
        let key = put(&store, &record).await?;
        rewrite(&store, &key, &mut record).await?;
        store.touch(&key, record.revision, record.idle_deadline + HOUR, now).await?;
        let login = with(rewritten(&record), |record| record.user = Some("carl".into()));
        store.swap(&key, record.revision, &login, now).await?;
    }
    let mut endless = live(Some("dora"));
    (endless.idle_deadline, endless.absolute_deadline) = (Timestamp::NEVER, Timestamp::NEVER);
    let key = put(&store, &endless).await?;
    rewrite(&store, &key, &mut endless).await?;
    store.touch(&key, endless.revision, Timestamp::NEVER, now).await?;
    assert!(load(&store, &key).await?.is_some());
    let all = server.ask(&["KEYS", "*"]);
    assert!(all.lines().count() >= 12, "{all}");
    for name in all.lines() {
        let left: i64 = server.ask(&["PTTL", name]).parse().expect("milliseconds");
        assert!(left > 0, "{name} does not expire: {left}");
    }
    Ok(())
}

/// A touch writes the two instants, and nothing of what the visitor keeps.
// behaviour 15
#[tokio::test]
async fn a_touch_rewrites_no_data() -> Result {
    let server = servers::RedisOptions::default().set("appendonly", "yes").start();
    let store = later(&server.url());
    let mut record = live(None);
    record.data = cloakroom::Data::from(&[7; 100_000][..]);
    let key = put(&store, &record).await?;
    let before = server.info("aof_current_size");
    for n in 1..=10 {
        store.touch(&key, record.revision, record.idle_deadline + Duration::from_secs(n), Timestamp::now()).await?;
    }
    let written = server.info("aof_current_size") - before;
    assert!((1..4_000).contains(&written), "ten touches wrote {written} bytes");
    Ok(())
}

/// What a session that expired or was evicted left in an index goes when it is read, when it is swept, and when the index
/// has grown.
// behaviour 131
#[tokio::test]
async fn an_index_cleans_itself() -> Result {
    let server = Redis::start();
    let store = later(&server.url());
    let now = Timestamp::now();
    let user_index = || {
        let all = server.ask(&["KEYS", "cloakroom:u:*"]);
        all.lines().next().map(str::to_owned)
    };
    let noted = |name: &str| server.ask(&["HLEN", name]).parse::<u64>().expect("a number");
    // As if the server had let the record expire long after it was noted.
    let abandon = async || {
        let record = live(Some("ana"));
        let key = put(&store, &record).await?;
        let [name, _] = names(&key, &record);
        server.ask(&["DEL", &name]);
        Ok::<_, cloakroom::Error>(record)
    };
    let age = |name: &str| {
        let script = "for _, key in ipairs(redis.call('HKEYS', KEYS[1])) do \
                      redis.call('HINCRBY', KEYS[1], key, -3600000) end";
        server.ask(&["EVAL", script, "1", name]);
    };

    abandon().await?;
    let name = user_index().expect("ana's index");
    assert_eq!(index(&store).find_by_user("ana", now).await?, []);
    assert_eq!(noted(&name), 1, "a record that is just being written is not forgotten");
    age(&name);
    assert_eq!(index(&store).find_by_user("ana", now).await?, []);
    assert_eq!(user_index(), None, "read, it is forgotten, and the empty index with it");

    abandon().await?;
    age(&name);
    index(&store).sweep(now).await?;
    assert_eq!(user_index(), None, "swept, it is forgotten");

    for _ in 0..63 {
        abandon().await?;
    }
    age(&name);
    assert_eq!(noted(&name), 63);
    put(&store, &live(Some("ana"))).await?;
    assert_eq!(noted(&name), 1, "grown, it is tidied");
    assert_eq!(index(&store).find_by_user("ana", now).await?.len(), 1);
    Ok(())
}

/// The same for a handle, whose first record is noted apart from its others.
// behaviour 131
#[tokio::test]
async fn the_index_of_a_handle_cleans_itself() -> Result {
    let server = Redis::start();
    let store = later(&server.url());
    let now = Timestamp::now();
    let record = live(None);
    let key = put(&store, &record).await?;
    let [name, handle] = names(&key, &record);
    let found = async || Ok::<_, cloakroom::Error>(index(&store).find_by_handle(record.handle, now).await?.len());
    let is_noted = || server.ask(&["EXISTS", &handle]) == "1";
    // As if it had been noted an hour ago.
    let age = || {
        let left: u64 = server.ask(&["PTTL", &handle]).parse().expect("milliseconds");
        server.ask(&["PEXPIRE", &handle, &(left - 3_600_000).to_string()]);
    };

    server.ask(&["DEL", &name]);
    assert_eq!(found().await?, 0);
    assert!(is_noted(), "a record that is just being written is not forgotten");
    age();
    index(&store).find_by_user("ana", now).await?;
    assert!(is_noted(), "nothing else forgets it");
    assert_eq!(found().await?, 0);
    assert!(!is_noted(), "read, it is forgotten");

    store.create(&key, &record, now).await?;
    age();
    index(&store).sweep(now).await?;
    assert!(is_noted(), "what is there is not swept");
    server.ask(&["DEL", &name]);
    index(&store).sweep(now).await?;
    assert!(!is_noted(), "swept, it is forgotten");
    Ok(())
}

/// While a session is renewed, its handle has two records, and in the end the later one alone.
#[tokio::test]
async fn a_handle_finds_all_its_records() -> Result {
    let server = Redis::start();
    let store = later(&server.url());
    let now = Timestamp::now();
    let record = live(None);
    let mut keys = Vec::new();
    for _ in 0..3 {
        keys.push(put(&store, &record).await?);
    }
    // Another one, the first, and the last that is left.
    for gone in [1, 0, 0] {
        let mut found: Vec<_> = index(&store).find_by_handle(record.handle, now).await?;
        found.sort_unstable_by_key(|found| found.key);
        let mut expected = keys.clone();
        expected.sort_unstable();
        assert_eq!(found.iter().map(|found| found.key).collect::<Vec<_>>(), expected);
        store.delete(&keys.remove(gone), now).await?;
    }
    assert_eq!(server.ask(&["DBSIZE"]), "0");
    Ok(())
}

/// A renewal never moves back to where a handle's first record is noted: who reads one place after the other would miss it.
#[tokio::test]
async fn a_renewal_moves_to_the_others_for_good() -> Result {
    let server = Redis::start();
    let store = later(&server.url());
    let now = Timestamp::now();
    let record = live(None);
    let key = put(&store, &record).await?;
    let pending = with(record.clone(), |record| record.kind = RecordKind::Pending);
    for round in 0..3 {
        put(&store, &pending).await?;
        store.delete(&key, now).await?;
        let [_, handle] = names(&key, &record);
        assert_eq!(server.ask(&["EXISTS", &handle]), "0", "round {round}");
    }
    assert_eq!(index(&store).find_by_handle(record.handle, now).await?.len(), 3);
    Ok(())
}

/// One that came to live longer is still found when the time of its first note is over.
#[tokio::test]
async fn a_later_deadline_is_noted_too() -> Result {
    let server = Redis::start();
    let store = later(&server.url());
    let now = Timestamp::now();
    let record = live(None);
    let key = put(&store, &record).await?;
    let longer = with(rewritten(&record), |record| record.absolute_deadline = record.absolute_deadline + HOUR * 24);
    store.swap(&key, record.revision, &longer, now).await?;
    server.ask(&["DEL", &names(&key, &record)[1]]);
    assert_eq!(index(&store).find_by_handle(record.handle, now).await?.len(), 1);
    Ok(())
}

/// What is deleted leaves nothing.
// behaviour 131
#[tokio::test]
async fn a_deleted_session_leaves_no_key() -> Result {
    let server = Redis::start();
    let store = later(&server.url());
    let mut record = live(Some("ana"));
    let key = put(&store, &record).await?;
    rewrite(&store, &key, &mut record).await?;
    store.delete(&key, Timestamp::now()).await?;
    assert_eq!(server.ask(&["DBSIZE"]), "0");
    Ok(())
}

/// The same where many are deleted together.
#[tokio::test]
async fn sessions_that_are_deleted_together_leave_no_key() -> Result {
    let server = Redis::start();
    let store = later(&server.url());
    let now = Timestamp::now();
    for user in ["ana", "bob"] {
        for _ in 0..100 {
            let record = live(Some(user));
            put(&store, &record).await?;
            put(&store, &with(record, |record| record.kind = RecordKind::Pending)).await?;
        }
        let entries = index(&store).find_page(FindBy::User(user), None, 1_000, now).await?.entries;
        assert_eq!(store.delete_many(&entries, now).await?.len(), 200);
    }
    assert_eq!(server.ask(&["DBSIZE"]), "0");
    Ok(())
}

/// Nothing that is in the server opens a session, and no key says whose it is.
// behaviours 32 and 33
#[tokio::test]
async fn nothing_in_the_server_opens_a_session() -> Result {
    let server = Redis::start();
    let sessions = cloakroom::SessionManager::new(later(&server.url()));
    let session = sessions.open(());
    session.load().await?;
    session.login("ana@example.org")?;
    let committed = session.commit(200).await;
    let header = committed.edits.set_cookies().next().expect("a cookie");
    let ticket = header.split(['=', ';']).nth(1).expect("a value");
    assert_eq!(ticket.len(), 43);
    let mut names = Vec::new();
    for name in server.ask(&["KEYS", "*"]).lines() {
        assert!(!name.contains("ana") && !name.contains(ticket), "{name}");
        names.push(name.rsplit(':').next().unwrap_or_default().to_owned());
        for dump in [["DUMP", name], ["TYPE", name]] {
            assert!(!server.ask(&dump).contains(ticket), "{name}");
        }
    }
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        let session = sessions.open(format!("{}={name}", sessions.cookie_name()));
        session.load().await?;
        assert_eq!(session.handle()?, None, "{name} opens nothing");
    }
    Ok(())
}
