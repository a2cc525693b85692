//! Every fault that is planted is found, and the small search that stands for the others holds.
//!
//! All of them are searched completely by `cargo run --release -p protocol`, in the test command.

use protocol::configurations::{complete, planted};
use protocol::explore::explore;

#[test]
fn every_planted_fault_is_found_and_told() {
    for search in planted() {
        let report = explore(&search.world);
        let violation = report.violation.unwrap_or_else(|| panic!("{} is not found", search.name));
        assert!(!violation.trace.is_empty(), "{}", search.name);
    }
}

#[test]
fn without_a_fault_the_smallest_search_holds() {
    let search = complete().into_iter().min_by_key(|search| search.world.requests.len()).expect("there are searches");
    if let Some(violation) = explore(&search.world).violation {
        panic!("{}:\n{violation}", search.name);
    }
}
