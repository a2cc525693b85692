//! Every law of a store, on each way to run Redis and on each kind of connection.

use cloakroom::conformance::{index_laws, store_laws};
use cloakroom::{ConfigError, RedisStore};

use crate::bench::{CLUSTER, SENTINELS, SERVER, prefix, store};

store_laws!(server, || async { store(&SERVER.url()).await });
index_laws!(server_index, || async { store(&SERVER.url()).await });

store_laws!(cluster, || async { store(&CLUSTER.url()).await });
index_laws!(cluster_index, || async { store(&CLUSTER.url()).await });

store_laws!(sentinels, || async { store(&SENTINELS.url()).await });
index_laws!(sentinels_index, || async { store(&SENTINELS.url()).await });

store_laws!(managed, managed);
index_laws!(managed_index, managed);

/// A store on a connection that the application has already.
async fn managed() -> Result<RedisStore, ConfigError> {
    let client = redis::Client::open(SERVER.url()).expect("a URL");
    RedisStore::on_with_prefix(client.get_connection_manager().await.expect("a connection"), &prefix())
}
