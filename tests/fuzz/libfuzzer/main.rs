//! Lets libFuzzer look for inputs that break a target's property, led by what they cover.

#![no_main]

#[path = "../targets/all.rs"]
mod targets;

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// Which target, by `FUZZ_TARGET`.
static TARGET: LazyLock<&targets::Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
    targets::ALL.iter().find(|target| target.name == name).expect("a target of this name")
});

fuzz_target!(|data: &[u8]| (TARGET.run)(data));
