//! Ways to a server: TLS, a socket, an account, a connection that the application has already.

use cloakroom::{RedisStore, Timestamp};
use servers::{Redis, RedisOptions};

use crate::bench::{CLUSTER, Result, SERVER, index, later, live, load, prefix, put};

#[tokio::test]
async fn over_tls_the_server_is_known_by_its_certificate() -> Result {
    let server = RedisOptions::default().tls().password("secret").start();
    let pem = std::fs::read(&server.certificates().expect("it has TLS").authority).expect("a file");
    let url = format!("rediss://:secret@127.0.0.1:{}", server.port());
    let store =
        RedisStore::builder(&url).root_certificate(pem.clone()).connect().await.expect("the authority is known");
    let key = put(&store, &live(None)).await?;
    assert!(load(&store, &key).await?.is_some());
    // An authority that is not known, and a server that speaks no TLS, are refused without the password.
    let unknown = RedisStore::connect(&url).await.expect_err("nobody knows that authority");
    let plain = RedisStore::builder(&SERVER.url().replace("redis:", "rediss:")).root_certificate(pem).connect().await;
    for error in [unknown, plain.expect_err("it speaks no TLS")] {
        assert_eq!(error.setting(), "redis.url");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn over_a_socket_of_this_host() -> Result {
    let server = Redis::start();
    let store =
        RedisStore::connect(&format!("redis+unix://{}?db=3", server.socket().display())).await.expect("a socket");
    put(&store, &live(None)).await?;
    assert!(server.ask(&["INFO", "keyspace"]).contains("db3:keys=2"));
    Ok(())
}

#[tokio::test]
async fn on_connections_that_the_application_has() -> Result {
    let client = redis::Client::open(SERVER.url()).expect("a URL");
    let managed = client.get_connection_manager().await.expect("a connection");
    let multiplexed = client.get_multiplexed_async_connection().await.expect("a connection");
    let nodes: Vec<_> =
        CLUSTER.url().trim_start_matches("redis+cluster://").split(',').map(|host| format!("redis://{host}")).collect();
    let cluster = redis::cluster::ClusterClient::builder(nodes).retries(0).build().expect("addresses");
    let cluster = cluster.get_async_connection().await.expect("a connection");
    let stores = [
        RedisStore::on_with_prefix(managed, &prefix()),
        RedisStore::on_with_prefix(multiplexed, &prefix()),
        RedisStore::on_with_prefix(cluster, &prefix()),
    ];
    for store in stores {
        let store = store.expect("a prefix");
        let key = put(&store, &live(Some("ana"))).await?;
        assert!(load(&store, &key).await?.is_some());
        assert_eq!(index(&store).count(Timestamp::now()).await?, 1);
    }
    Ok(())
}

/// What the environment says is what is opened, and what is wrong with it names the variable.
#[tokio::test]
async fn by_the_environment() -> Result {
    let url = format!("{}?prefix={}", SERVER.url(), prefix());
    let open = async |variables: &[(&str, &str)]| {
        let config = cloakroom::Config::default().overlaid_by(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        });
        config.expect("it is understood").open().await
    };
    let away = "redis://:secret@127.0.0.1:1";
    for variables in [
        &[("SESSION", "redis"), ("REDIS_URL", &*url)][..],
        &[("SESSION", "redis"), ("REDISTOGO_URL", &*url)],
        &[("SESSION", "Redis"), ("REDIS_URL", &*url), ("REDISTOGO_URL", away)],
        &[("SESSION", &*url)],
    ] {
        let sessions = open(variables).await.expect("it is there");
        let session = sessions.open(());
        session.load().await?;
        session.set("a", 1)?;
        assert!(session.commit(200).await.error.is_none());
    }
    assert_eq!(index(&later(&url)).count(Timestamp::now()).await?, 4, "all are in one place");
    for (variables, setting) in [
        (&[("SESSION", "redis")][..], "REDIS_URL"),
        (&[("SESSION", "redis"), ("REDIS_URL", away)], "REDIS_URL"),
        (&[("SESSION", away)], "SESSION"),
    ] {
        let error = open(variables).await.expect_err(setting);
        assert_eq!(error.setting(), setting);
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    Ok(())
}
