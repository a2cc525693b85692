//! One table of HTTP scenarios, which runs unchanged against every framework on every store.
//!
//! A scenario is a function in one of the modules of `scenarios`; it gets a line in the table, and runs on every line of
//! the matrix.

mod bed;

use bed::Bed;

mod scenarios {
    pub mod concurrency;
    pub mod cookies;
    pub mod expiry;
    pub mod flash;
    pub mod forged;
    pub mod header;
    pub mod identity;
    pub mod logout;
    pub mod logs;
    pub mod manager;
    pub mod outcomes;
    pub mod process;
    pub mod renewal;
    pub mod streams;
    pub mod transient;
    pub mod untouched;
    pub mod values;
}

/// Generates a module of tests for each line of the matrix.
macro_rules! matrix {
    ($($line:ident: $framework:literal on $store:literal;)+) => {
        $(mod $line {
            table! { super::Bed { framework: $framework, store: $store } }
        })+
    };
}

macro_rules! tests {
    ($bed:expr; $($module:ident: $($scenario:ident)+;)+) => {
        $(mod $module {
            $(#[test]
            fn $scenario() {
                crate::scenarios::$module::$scenario(&$bed);
            })+
        })+
    };
}

macro_rules! table {
    (super::Bed { framework: $framework:literal, store: $store:literal }) => {
        tests! { crate::Bed { framework: $framework, store: $store };
@@TABLE@@
        }
    };
}

matrix! {
    axum_memory: "axum" on "memory:";
}
