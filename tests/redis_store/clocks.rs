//! Two hosts on one server, whose clocks are five minutes apart: neither hides a session from the other, nor ends it.

use std::time::Duration;

use cloakroom::{RedisStore, SessionStore, Timestamp};
use servers::Redis;

use crate::bench::{HOUR, Result, index, later, live, names, new_key, with};

const MINUTE: Duration = Duration::from_secs(60);

/// What the server says of the indexes: how many records are noted.
fn noted(server: &Redis) -> usize {
    let users = server.ask(&["KEYS", "cloakroom:u:*"]);
    let of_users = users.lines().map(|name| server.ask(&["HLEN", name]).parse::<usize>().expect("a number"));
    of_users.sum::<usize>() + server.ask(&["KEYS", "cloakroom:h:*"]).lines().count()
}

/// Makes all that is noted an hour old, so that nothing is spared because it is young.
fn age(server: &Redis) {
    let hash =
        "for _, key in ipairs(redis.call('HKEYS', KEYS[1])) do redis.call('HINCRBY', KEYS[1], key, -3600000) end";
    for name in server.ask(&["KEYS", "cloakroom:u:*"]).lines() {
        server.ask(&["EVAL", hash, "1", name]);
    }
    for name in server.ask(&["KEYS", "cloakroom:h:*"]).lines() {
        let left: u64 = server.ask(&["PTTL", name]).parse().expect("milliseconds");
        server.ask(&["PEXPIRE", name, &(left - 3_600_000).to_string()]);
    }
}

#[tokio::test]
async fn what_has_expired_by_a_clock_that_is_ahead_stays_in_the_indexes() -> Result {
    let server = Redis::start();
    let (here, there): (RedisStore, RedisStore) = (later(&server.url()), later(&server.url()));
    let now = Timestamp::now();
    // Three minutes are left of it, and by the other clock it is over.
    let record = with(live(Some("ana")), |record| record.idle_deadline = now + MINUTE * 3);
    let (key, ahead) = (new_key(), now + MINUTE * 5);
    here.create(&key, &record, now).await?;
    age(&server);
    for _ in 0..2 {
        assert_eq!(index(&there).find_by_user("ana", ahead).await?, []);
        assert_eq!(index(&there).find_by_handle(record.handle, ahead).await?, []);
        assert_eq!(index(&there).sweep(ahead).await?, 0);
        assert_eq!(noted(&server), 2, "the record exists");
        assert_eq!(index(&here).find_by_user("ana", now).await?.len(), 1);
        assert_eq!(index(&here).find_by_handle(record.handle, now).await?.len(), 1);
        assert!(here.load(&key, now).await?.is_some());
    }
    // Once the server has let it go, whatever its clock, it is forgotten.
    server.ask(&["DEL", &names(&key, &record)[0]]);
    assert_eq!(index(&there).find_by_user("ana", ahead).await?, []);
    assert_eq!(index(&there).find_by_handle(record.handle, ahead).await?, []);
    assert_eq!(noted(&server), 0);
    Ok(())
}

/// A sweep removes what has expired by all clocks that there may be, which the server would do as well.
#[tokio::test]
async fn a_sweep_goes_by_the_slowest_clock() -> Result {
    let server = Redis::start();
    let store = later(&server.url());
    let now = Timestamp::now();
    let key = new_key();
    let record = with(live(Some("ana")), |record| record.idle_deadline = now + HOUR);
    store.create(&key, &record, now).await?;
    let at = now + HOUR + Timestamp::MAX_SKEW;
    assert_eq!(index(&store).sweep(Timestamp::from_millis(at.as_millis() - 1)).await?, 0);
    assert_eq!(index(&store).sweep(at).await?, 1);
    assert_eq!(server.ask(&["DBSIZE"]), "0");
    Ok(())
}
