//! `make load`: Portcullis beside the reference, under the same checks in turn. Every answer is
//! decoded and compared; a wrong one, or a gate that fails, ends with 1.

#![expect(clippy::disallowed_methods, reason = "the make target is steered by its environment")]

mod opinion;
mod size;

use portcullis_load::answer::Judge;
use portcullis_load::bundle::Amounts;
use portcullis_load::compare::{Side, interleave, rate_for};
use portcullis_load::drive::{Pace, Target};
use portcullis_load::failure::Outcome;
use portcullis_load::kind::Kind;
use portcullis_load::mix::{Deck, Mix};
use portcullis_load::place::Transport;
use portcullis_load::process::{Server, pin_self};
use portcullis_load::report::{Report, say};
use portcullis_load::stage::{Cores, Stage};
use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

/// Connections of the loader: a gateway with two workers.
const CONNECTIONS: usize = 2;
/// Streams of each in the closed loop.
const CLOSED: Pace = Pace::Closed { streams: 50 };
/// A rate of the fixed-rate gate is found by the share of a core that the reference uses.
const SHARE: f64 = 2.0 / 3.0;

/// What an environment variable says, or the usual.
fn setting<T: FromStr>(name: &str, usual: T) -> Outcome<T> {
    match std::env::var(name) {
        Ok(text) => text.parse().map_err(|_| format!("{name}={text} is no number").into()),
        Err(_) => Ok(usual),
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(report) if report.has_failed() => ExitCode::FAILURE,
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("load: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<Report> {
    let results = std::env::args().nth(1).unwrap_or_else(|| "target/results/load.json".to_owned());
    let rounds = setting("LOAD_ROUNDS", 9_usize)?.clamp(1, 99);
    let length = Duration::from_secs_f64(setting("LOAD_SECONDS", 1.0_f64)?.clamp(0.1, 60.0));
    let kind_rounds = setting("LOAD_KIND_ROUNDS", 5_usize)?.clamp(0, 99);
    let largest = setting("LOAD_SCALE", 100_000_usize)?.clamp(0, 1_000_000);
    let (cores, count) = (Cores::of_this_machine(), Cores::count());
    let pinned = cores.loader.is_some_and(pin_self);
    let amounts = Amounts::of_users(setting("LOAD_TOKENS", 10_000_usize)?.clamp(10, 100_000));
    let stage = Stage::ready(amounts, Transport::Tcp)?;
    say(&format!(
        "load: {count} cores, {}; {rounds} rounds of {length:?}; {} tokens, one check in a hundred has a \
         new one",
        if pinned { "server on core 1, loader on core 0" } else { "nothing pinned" },
        stage.bundle.amounts.users,
    ));
    let mut report = Report::default();
    let deck = Deck::of(&Kind::ALL, &stage.bundle, &stage.key_ring)?;
    let portcullis = stage.portcullis(&stage.place, cores.server)?;
    let reference = stage.reference(1, cores.server)?;
    let idle = portcullis.memory()?;
    let mut ours = side("portcullis", Judge::Portcullis, &portcullis, &deck)?;
    let mut theirs = side("reference", Judge::Reference, &reference, &deck)?;
    for kind in [Kind::Bearer, Kind::BearerByContext, Kind::Es256, Kind::Forbidden] {
        ours.target.warm(deck.range(kind))?.hold("portcullis")?;
    }
    say(&format!(
        "load: memory idle {idle} KiB, with the tokens cached {} KiB",
        portcullis.memory()?
    ));

    let names = ["portcullis", "reference"];
    let pairs = interleave(&mut ours, &mut theirs, CLOSED, rounds, length)?;
    report.table("cached bearer, closed loop 2 x 50", &pairs, names);
    report.gate("P2", "CPU, cached bearer, closed loop 2 x 50", pairs.ratio(|s| s.cpu), 0.60);

    let rate = rate_for(&mut theirs, SHARE, length)?;
    let pairs = interleave(&mut ours, &mut theirs, Pace::Open { rate }, rounds, length)?;
    report.table(&format!("cached bearer, {rate} checks a second"), &pairs, names);
    let load = portcullis_load::compare::median(&pairs.theirs, |sample| sample.load);
    say(&format!("  the reference used {load:.2} of a core"));
    report.gate("P4", &format!("CPU, cached bearer, {rate}/s"), pairs.ratio(|s| s.cpu), 0.85);
    report.gate("P4", &format!("p50, cached bearer, {rate}/s"), pairs.ratio(|s| s.p50), 1.0);
    report.keep("fixed rate", serde_json::json!({"rate": rate, "load of the reference": load}));
    if ours.mix.repeated() > 0 {
        say(&format!("load: {} of the new tokens were not new any more", ours.mix.repeated()));
    }

    for (name, shares) in kinds() {
        if kind_rounds == 0 {
            break;
        }
        ours.mix = Mix::of(&deck, &shares);
        theirs.mix = ours.mix.clone();
        let pairs = interleave(&mut ours, &mut theirs, CLOSED, kind_rounds, length)?;
        report.table(&format!("{name}, closed loop 2 x 50"), &pairs, names);
    }
    drop((ours, theirs));
    opinion::ask(&stage, &portcullis, &reference, length, &mut report)?;
    drop((portcullis, reference));
    if largest > 0 {
        size::measure(&stage, cores, largest, rounds, length, &mut report)?;
    }
    report.write(Path::new(&results))?;
    say(&format!("\nload: every answer was decoded and was right; figures are in {results}"));
    Ok(report)
}

/// What is measured besides, without a gate.
fn kinds() -> Vec<(&'static str, Vec<(Kind, u32)>)> {
    let mut kinds: Vec<_> = [
        Kind::BearerByContext,
        Kind::Es256,
        Kind::Session,
        Kind::Redirect,
        Kind::Unauthorized,
        Kind::Forbidden,
        Kind::Hostile,
    ]
    .map(|kind| (kind.name(), vec![(kind, 1000)]))
    .into();
    let mix = [
        (Kind::Bearer, 500),
        (Kind::BearerByContext, 100),
        (Kind::Es256, 50),
        (Kind::Session, 250),
        (Kind::Redirect, 20),
        (Kind::Unauthorized, 30),
        (Kind::Forbidden, 30),
        (Kind::Hostile, 20),
    ];
    kinds.push(("mix", mix.into()));
    kinds
}

fn side<'d>(
    name: &'static str,
    judge: Judge,
    server: &Server,
    deck: &'d Deck,
) -> Outcome<Side<'d>> {
    let target = Target::connect(&server.address, CONNECTIONS, judge, &deck.cases)?;
    Ok(Side { name, pid: server.pid(), target, mix: Mix::cached_bearer(deck) })
}
