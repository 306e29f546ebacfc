//! Counts what a check costs: instructions by callgrind, allocations by an allocator that counts, memory by the system.
//!
//! Everything runs through the binaries that a user runs, over loopback, and every answer is judged. What was counted is
//! written as JSON; `benches/report` makes gates, budgets and figures of it.

mod allocations;
mod callgrind;
mod drive;
mod environment;
mod instructions;
mod memory;
mod profile;
mod scale;
mod service;

use clap::Parser;
use environment::environment;
use portcullis_load::bundle::{Amounts, Bundle};
use portcullis_load::failure::Outcome;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

#[derive(Debug, Parser)]
#[command(name = "portcullis-counts", about = "Counts what a check costs")]
struct Arguments {
    /// Where the results go.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Where the binaries are; beside this one, where it is not said.
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// Count instructions only: what a budget is held to.
    #[arg(long)]
    budget: bool,
    /// Count the instructions of these kinds only, as they are called in the results: for a look in
    /// between.
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', conflicts_with = "budget")]
    kinds: Vec<String>,
}

/// What every measurement needs.
#[derive(Debug)]
struct Bench {
    /// Tokens and the keys that signed them; their provider runs.
    bundle: Bundle,
    provider_port: u16,
    /// Where profiles and logs go.
    folder: PathBuf,
    /// Where the binaries are.
    programs: PathBuf,
    /// Kinds that are counted; all, where none is named.
    kinds: Vec<String>,
}

impl Bench {
    /// Whether this kind is to be counted.
    fn wants(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|wanted| wanted == kind)
    }

    fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }
}

/// Shows where a long run is.
fn say(what: &str) {
    eprintln!("bench: {what}");
}

fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    let program = std::env::current_exe()?;
    let own = program.parent().ok_or("a binary has a folder")?;
    let programs = arguments.programs.unwrap_or_else(|| own.to_owned());
    let target = own.parent().ok_or("the folder of a profile has a folder")?;
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder)?;
    say("keys and tokens");
    let (bundle, _provider) = Bundle::ready(&target.join("load/tokens"), Amounts::default())?;
    let provider_port = port(&bundle.issuer).ok_or("the issuer has a port")?;
    let bench = Bench { bundle, provider_port, folder, programs, kinds: arguments.kinds };
    let mut results = Map::new();
    results.insert("environment".to_owned(), environment()?);
    let mut counts = instructions::count(&bench)?;
    counts.append(&mut scale::count(&bench)?);
    results.insert("profiles".to_owned(), profiles(&bench, &counts)?.into());
    results.insert("instructions".to_owned(), counts.into());
    if !arguments.budget && bench.kinds.is_empty() {
        let (counted, signatures) = allocations::count(&bench)?;
        results.insert("allocations".to_owned(), counted.into());
        results.insert("signatures".to_owned(), signatures);
        results.insert("memory".to_owned(), memory::measure(&bench)?);
    }
    write(&arguments.out, &Value::Object(results))
}

/// Where the instructions of these kinds go, a check.
const PROFILED: [&str; 3] = ["bearer", "session", "redirect"];

fn profiles(bench: &Bench, counts: &Map<String, Value>) -> Outcome<Map<String, Value>> {
    let mut profiles = Map::new();
    for kind in PROFILED.into_iter().filter(|kind| counts.contains_key(*kind)) {
        let file = bench.folder.join("service").join(kind).with_extension("callgrind");
        let shares = profile::shares(&std::fs::read_to_string(file)?);
        let each = |instructions: u64| (instructions as f64 / instructions::CHECKS as f64).round();
        let shares = shares.into_iter().map(|(group, sum)| (group, each(sum).into()));
        profiles.insert(kind.to_owned(), Value::Object(shares.collect()));
    }
    Ok(profiles)
}

fn write(file: &Path, results: &Value) -> Outcome<()> {
    std::fs::write(file, format!("{results:#}\n"))?;
    Ok(())
}

/// The port in an issuer's name.
fn port(issuer: &str) -> Option<u16> {
    issuer.split(':').nth(2)?.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_that_of_the_issuer() {
        assert_eq!(port("http://okta.localhost:10100/oauth2/default"), Some(10_100));
        assert_eq!(port("https://okta.example/oauth2"), None);
    }
}
