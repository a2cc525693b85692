//! `stats`, `list`, `show`.

use serde_json::Value;

use crate::workshop::{Workshop, named, printed, refused, tool};

#[tokio::test]
async fn a_list_has_a_line_for_each_session() {
    let workshop = Workshop::new();
    let url = workshop.url("session.db");
    let (sessions, _store) = workshop.sessions(&url).await;
    let [ana, ben, nobody] = workshop.three(&sessions).await;

    let list = named(&printed(&["list", &url]), &[(ana, "<ana>"), (ben, "<ben>"), (nobody, "<nobody>")]);
    let mut lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.remove(0), "HANDLE                  CREATED                     SEEN     EXPIRES  USER");
    // In the order of their keys, which is by chance.
    lines.sort_unstable();
    let columns: Vec<Vec<&str>> = lines.iter().map(|line| line.split_whitespace().collect()).collect();
    let shown = |n: usize| (columns[n][0], columns[n][1], *columns[n].last().expect("a user"));
    assert_eq!(shown(0), ("<ana>", "2100-01-01T00:00:00Z", "ana"));
    assert_eq!(shown(1), ("<ben>", "2100-01-01T00:01:00Z", "ben"));
    assert_eq!(shown(2), ("<nobody>", "2100-01-01T00:02:00Z", "-"));
    assert_eq!(columns.len(), 3);
}

#[tokio::test]
async fn a_list_for_programs_is_an_object_a_line() {
    let workshop = Workshop::new();
    let url = workshop.url("session.db");
    let (sessions, _store) = workshop.sessions(&url).await;
    let [ana, ..] = workshop.three(&sessions).await;

    let list = printed(&["list", "--json", "--user", "ana", &url]);
    let expected = format!(
        "{{\"handle\":\"{ana}\",\"user\":\"ana\",\"created\":\"2100-01-01T00:00:00Z\",\"seen\":\"2100-01-01T00:00:00Z\",\
         \"expires\":\"2100-02-01T00:00:00Z\",\"authenticated\":\"2100-01-01T00:00:00Z\",\"bytes\":"
    );
    assert!(list.starts_with(&expected), "{list}");
    assert_eq!(list.lines().count(), 1);

    let all = printed(&["list", "--json", &url]);
    let objects: Vec<Value> = all.lines().map(|line| serde_json::from_str(line).expect("is JSON")).collect();
    assert_eq!(objects.len(), 3);
    assert!(objects.iter().all(|object| object["handle"].is_string()));
}

#[tokio::test]
async fn a_list_is_filtered() {
    let workshop = Workshop::new();
    let url = workshop.url("session.db");
    let (sessions, _store) = workshop.sessions(&url).await;
    workshop.three(&sessions).await;
    let count = |options: &[&str]| {
        let arguments: Vec<&str> = ["list", "--json"].iter().chain(options).copied().chain([&*url]).collect();
        printed(&arguments).lines().count()
    };
    assert_eq!(count(&[]), 3);
    assert_eq!(count(&["--anonymous"]), 1);
    assert_eq!(count(&["--user", "ben"]), 1);
    assert_eq!(count(&["--user", "nobody at all"]), 0);
    assert_eq!(count(&["--limit", "2"]), 2);
    // They are of another century.
    assert_eq!(count(&["--idle-for", "1s"]), 0);
    assert_eq!(count(&["--older-than", "1s"]), 0);
    assert!(refused(&["list", "--idle-for", "soon", &url]).contains("as in 90s, 15m"));
}

#[tokio::test]
async fn values_are_hidden_unless_they_are_asked_for() {
    let workshop = Workshop::new();
    let url = workshop.url("session.db");
    let (sessions, _store) = workshop.sessions(&url).await;
    let [ana, ..] = workshop.three(&sessions).await;
    let handle = ana.to_string();

    let shown = printed(&["show", &handle, &url]);
    assert!(shown.contains("user          ana"), "{shown}");
    assert!(shown.contains("  cart        hidden; --reveal shows it"), "{shown}");
    assert!(!shown.contains("1234") && !shown.contains("tea"), "{shown}");
    let object: Value = serde_json::from_str(&printed(&["show", &handle, "--json", &url])).expect("is JSON");
    assert_eq!(object["values"], serde_json::json!({ "cart": null, "pin": null }));

    assert!(printed(&["show", &handle, "--reveal", &url]).contains("  pin         1234"));
    let object: Value =
        serde_json::from_str(&printed(&["show", &handle, "--reveal", "--json", &url])).expect("is JSON");
    assert_eq!(object["values"], serde_json::json!({ "cart": ["tea", "salt"], "pin": 1234 }));

    let unknown = "AAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(refused(&["show", unknown, &url]), format!("cloakroom: there is no session {unknown}\n"));
}

#[tokio::test]
async fn stats_count_in_several_ways() {
    let workshop = Workshop::new();
    let url = workshop.url("session.db");
    let (sessions, _store) = workshop.sessions(&url).await;
    workshop.three(&sessions).await;
    Workshop::make(&sessions, |session| session.login("ana").expect("is logged in")).await;

    let stats: Value = serde_json::from_str(&printed(&["stats", "--json", &url])).expect("is JSON");
    assert_eq!((&stats["sessions"], &stats["anonymous"], &stats["users"]), (&4.into(), &1.into(), &2.into()));
    assert_eq!(stats["oldest"], "2100-01-01T00:00:00Z");
    let table = printed(&["stats", &url]);
    assert!(table.contains("sessions      4\nwith a user   3, of 2 users\n"), "{table}");
    assert!(table.contains("most sessions 2 of ana\n"), "{table}");
}

#[tokio::test]
async fn the_store_may_come_from_the_environment() {
    let workshop = Workshop::new();
    let url = workshop.url("session.db");
    let (sessions, _store) = workshop.sessions(&url).await;
    workshop.three(&sessions).await;
    let output = tool(&["list", "--json"]).env("CLOAKROOM_STORE", &url).output().expect("the tool runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 3);
}

#[test]
fn what_cannot_be_looked_into_is_refused_in_a_line() {
    for (url, part) in [
        ("memory:", "within each server's process"),
        ("cookie:", "with their visitors"),
        ("mongo://user:password@host", "mongo"),
    ] {
        let complaint = refused(&["list", url]);
        assert!(complaint.contains(part), "{complaint}");
        assert!(!complaint.contains("password"), "{complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
    }
}
