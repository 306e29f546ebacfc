//! Minutes of the real service as a process, with clients of every kind and faults that a seed
//! chooses. Each answer is held against what may be answered at that time. `make soak`
//!
//! `soak [SECONDS] [SEED]`, or `soak memory [TOKENS] [LOGINS]`.

#![expect(clippy::expect_used, clippy::panic, reason = "a run that cannot go on ends there")]
#![expect(clippy::print_stdout, reason = "the figures are what this is for")]
#![expect(clippy::indexing_slicing, reason = "a fault of the driver ends there")]
#![expect(clippy::disallowed_methods, reason = "this runs in real time")]

mod actors;
mod browser;
mod counts;
mod faults;
mod gateway;
mod memory;
mod provider;
mod rng;
mod service;
mod support;
mod world;

use std::process::ExitCode;
use std::time::Duration;

/// The Portal.
const PORTAL: &str = "http://portal.petstore.localhost:10000";
/// The Environment that it publishes.
const API: &str = "http://api.petstore.localhost:10000";
/// Our client id at the provider.
const CLIENT: &str = "0oaPetstore";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u64| -> u64 {
        arguments.get(at).map_or(default, |text| text.parse().expect("a number"))
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let holds = if arguments.first().is_some_and(|first| first == "memory") {
        runtime.block_on(memory::run(number(1, 1_000_000), number(2, 100_000)))
    } else {
        let seconds = Duration::from_secs(number(0, 180));
        runtime.block_on(actors::run(seconds, number(1, 1)))
    };
    println!("soak: {}", if holds { "all holds" } else { "SOMETHING DOES NOT HOLD" });
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
