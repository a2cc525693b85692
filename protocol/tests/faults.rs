//! Every fault that is planted is found, and the small search that stands for the others holds.
//!
//! All of them are searched completely by `cargo run --release -p protocol`, in the test command.

use protocol::configurations::{complete, planted};
use protocol::explore::explore;

#[test]
fn every_planted_fault_is_found_and_told() {
    for search in planted() {
        let report = explore(&search.world);
        println!("{}: {} states", search.name, report.states);
        let violation = report.violation.unwrap_or_else(|| panic!("{} is not found", search.name));
        assert!(!violation.trace.is_empty(), "{}", search.name);
    }
}

#[test]
fn without_a_fault_the_smallest_search_holds() {
    let search = complete().into_iter().find(|search| search.name.contains("sleeps")).unwrap();
    let report = explore(&search.world);
    assert!(report.violation.is_none(), "{}", report.violation.unwrap());
}
