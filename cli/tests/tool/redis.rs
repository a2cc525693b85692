//! The same on a Redis server.

use cloakroom::{SessionStore, Timestamp};
use servers::Redis;

use crate::workshop::{Workshop, named, printed};

#[tokio::test]
async fn sessions_in_redis_are_listed_shown_and_ended() {
    let (workshop, redis) = (Workshop::new(), Redis::start());
    let url = redis.url();
    let (sessions, _store) = workshop.sessions(&url).await;
    let [ana, ben, nobody] = workshop.three(&sessions).await;
    let list = named(&printed(&["list", &url]), &[(ana, "<ana>"), (ben, "<ben>"), (nobody, "<nobody>")]);
    for line in ["<ana>  2100-01-01T00:00:00Z", "<ben>  2100-01-01T00:01:00Z", "<nobody>  2100-01-01T00:02:00Z"] {
        assert!(list.contains(line), "{list}");
    }
    let shown = printed(&["show", &ana.to_string(), "--reveal", &url]);
    assert!(shown.contains("  pin         1234"), "{shown}");
    assert_eq!(printed(&["revoke", "--user", "ana", &url]), "ended 1 sessions of ana\n");
    assert_eq!(sessions.count().await.ok(), Some(2));
    assert_eq!(printed(&["revoke", "--all", &url]), "ended 2 sessions\n");
    assert_eq!(sessions.count().await.ok(), Some(0));
}

/// Moved there and back, nobody is logged out.
#[tokio::test]
async fn sessions_move_between_a_file_and_redis() {
    let (workshop, redis) = (Workshop::new(), Redis::start());
    let (file, server, back) = (workshop.url("old.db"), redis.url(), workshop.url("new.db"));
    let (sessions, source) = workshop.sessions(&file).await;
    workshop.three(&sessions).await;
    let copied = "copied 3: 3 new, 0 brought up to date, 0 there already, 0 newer there and left alone\n";
    assert_eq!(printed(&["copy", &file, &server]), copied);
    assert_eq!(printed(&["copy", &server, &back]), copied);
    let (_, target) = workshop.sessions(&back).await;
    let all = async |store: &dyn SessionStore| {
        let index = store.index().expect("it can list");
        index.list(None, 10, Timestamp::now()).await.expect("the store answers")
    };
    assert_eq!(all(&*target).await, all(&*source).await);
}
