//! Memory: of a cached token among a million, and of a service that nobody has asked anything.

use crate::{Bench, say};
use portcullis_load::failure::Outcome;
use portcullis_load::place::{Place, Transport};
use portcullis_load::process::Server;
use serde_json::{Value, json};
use std::process::Command;

/// Tokens in the cache.
const TOKENS: u32 = 1_000_000;

/// Bytes a cached token, held and resident, and bytes of an idle process.
pub(crate) fn measure(bench: &Bench) -> Outcome<Value> {
    say("memory: an idle service");
    let place = Place::lay(Transport::Tcp, bench.provider_port)?;
    let service = Server::portcullis(&bench.program("portcullis"), &place, None)?;
    let idle = service.memory()? * 1024;
    say("memory: a million tokens");
    let output = Command::new(bench.program("portcullis-allocations"))
        .args(["tokens", &TOKENS.to_string()])
        .output()?;
    let said = String::from_utf8(output.stdout)?;
    let mut numbers = said.split_whitespace().map(str::parse::<f64>);
    let (Some(Ok(held)), Some(Ok(resident))) = (numbers.next(), numbers.next()) else {
        return Err(format!("{said}{}", String::from_utf8_lossy(&output.stderr)).into());
    };
    Ok(json!({ "held_per_token": held, "resident_per_token": resident, "idle": idle }))
}
