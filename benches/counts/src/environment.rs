//! What the counts depend on besides the sources and Cargo.lock.

use portcullis_load::failure::Outcome;
use serde_json::{Value, json};
use std::process::Command;

/// What libraries choose their instructions by, of what valgrind knows.
const FEATURES: [&str; 7] = ["sse4_2", "avx", "avx2", "bmi2", "adx", "aes", "pclmulqdq"];

/// Compiler, valgrind, C library and processor.
pub(crate) fn environment() -> Outcome<Value> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = cpu.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    let has = |feature: &&str| flags.split_whitespace().any(|flag| flag == *feature);
    let features: Vec<_> = FEATURES.into_iter().filter(has).collect();
    Ok(json!({
        "compiler": said("rustc", &["--version"])?,
        "valgrind": said("valgrind", &["--version"])?,
        "C library": said("getconf", &["GNU_LIBC_VERSION"]).unwrap_or_else(|_| "unknown".to_owned()),
        "processor": format!("{} with {}", std::env::consts::ARCH, features.join(" ")),
    }))
}

fn said(program: &str, arguments: &[&str]) -> Outcome<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
