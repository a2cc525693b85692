//! Every store keeps every law: one line for each store.

#[cfg(feature = "file")]
mod folder;

use cloakroom::conformance::{index_laws, store_laws};
use cloakroom::testing::FaultStore;
use cloakroom::{Error, MemoryStore};

store_laws!(memory, || async { Ok::<_, Error>(MemoryStore::new()) });
index_laws!(memory_index, || async { Ok::<_, Error>(MemoryStore::new()) });

// A store around a store changes nothing of the laws as long as nothing is asked of it.
store_laws!(faultless, || async { Ok::<_, Error>(FaultStore::new(MemoryStore::new())) });
index_laws!(faultless_index, || async { Ok::<_, Error>(FaultStore::new(MemoryStore::new())) });

#[cfg(feature = "file")]
store_laws!(file, folder::InFolder::new);
#[cfg(feature = "file")]
index_laws!(file_index, folder::InFolder::new);

// Where processes share no memory.
#[cfg(feature = "file")]
store_laws!(file_on_a_network, folder::InFolder::shared);
#[cfg(feature = "file")]
index_laws!(file_on_a_network_index, folder::InFolder::shared);
