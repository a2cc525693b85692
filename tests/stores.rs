//! Every store keeps every law: one line for each store.

use cloakroom::conformance::{index_laws, store_laws};
use cloakroom::testing::FaultStore;
use cloakroom::{Error, MemoryStore};

store_laws!(memory, || async { Ok::<_, Error>(MemoryStore::new()) });
index_laws!(memory_index, || async { Ok::<_, Error>(MemoryStore::new()) });

// A store around a store changes nothing of the laws as long as nothing is asked of it.
store_laws!(faultless, || async { Ok::<_, Error>(FaultStore::new(MemoryStore::new())) });
index_laws!(faultless_index, || async { Ok::<_, Error>(FaultStore::new(MemoryStore::new())) });
