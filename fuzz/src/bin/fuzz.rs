//! The fuzzer: all targets in one program, of which `FUZZ_TARGET` names one.

#![no_main]

use std::sync::LazyLock;

use cloakroom_fuzz::Target;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    cloakroom_fuzz::target(&name)
        .unwrap_or_else(|| panic!("FUZZ_TARGET is {name:?}; there are: {}", cloakroom_fuzz::names()))
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| TARGET(input));
