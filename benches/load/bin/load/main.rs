//! `make load`: Portcullis beside the reference, under the same checks in turn. Every answer is
//! decoded and compared; a wrong one, or a gate that fails, ends with 1.

#![expect(clippy::disallowed_methods, reason = "the make target is steered by its environment")]

mod opinion;
mod size;

use portcullis_load::answer::Judge;
use portcullis_load::bundle::Amounts;
use portcullis_load::compare::{Figure, Side, interleave, median, rate_for};
use portcullis_load::drive::{Pace, Target};
use portcullis_load::failure::Outcome;
use portcullis_load::kind::Kind;
use portcullis_load::mix::{Deck, Mix};
use portcullis_load::place::Transport;
use portcullis_load::process::{Server, pin_self};
use portcullis_load::report::{Report, say};
use portcullis_load::stage::{Cores, Stage};
use portcullis_load::stats::Verdict;
use serde_json::json;
use std::ops::RangeInclusive;
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
/// What is about that share.
const ABOUT: RangeInclusive<f64> = 0.55..=0.8;
const NAMES: [&str; 2] = ["portcullis", "reference"];

/// What an environment variable says, or the usual.
fn setting<T: FromStr>(name: &str, usual: T) -> Outcome<T> {
    match std::env::var(name) {
        Ok(text) => text.parse().map_err(|_| format!("{name}={text} does not hold").into()),
        Err(_) => Ok(usual),
    }
}

/// What of it is run: `LOAD_PARTS` names some, with commas.
struct Parts(String);

impl Parts {
    fn has(&self, part: &str) -> bool {
        self.0.split(',').any(|own| own == part)
    }
}

fn main() -> ExitCode {
    let results = std::env::args().nth(1).unwrap_or_else(|| "target/results/load.json".to_owned());
    let mut report = Report::default();
    let ended = run(&mut report).and_then(|()| report.write(Path::new(&results)));
    match ended {
        Ok(()) => say(&format!(
            "\nload: every answer was decoded and was right; figures are in {results}"
        )),
        Err(error) => {
            say(&format!("load: {error}"));
            return ExitCode::FAILURE;
        }
    }
    if report.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn run(report: &mut Report) -> Outcome<()> {
    let rounds = setting("LOAD_ROUNDS", 9_usize)?.clamp(1, 99);
    let length = Duration::from_secs_f64(setting("LOAD_SECONDS", 1.0_f64)?.clamp(0.1, 60.0));
    let kind_rounds = setting("LOAD_KIND_ROUNDS", 5_usize)?.clamp(1, 99);
    let largest = setting("LOAD_SCALE", 100_000_usize)?.clamp(10, 1_000_000);
    let parts = Parts(setting("LOAD_PARTS", "closed,fixed,kinds,ghz,scale".to_owned())?);
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
    let portcullis = stage.portcullis(&stage.place, cores.server)?;
    let reference = stage.reference(1, cores.server)?;
    if ["closed", "fixed", "kinds"].iter().any(|part| parts.has(part)) {
        let deck = Deck::of(&Kind::ALL, &stage.bundle, &stage.key_ring)?;
        let mut ours = side("portcullis", Judge::Portcullis, &portcullis, &deck)?;
        let mut theirs = side("reference", Judge::Reference, &reference, &deck)?;
        let idle = portcullis.memory()?;
        for kind in [Kind::Bearer, Kind::BearerByContext, Kind::Es256, Kind::Forbidden] {
            ours.target.warm(deck.range(kind))?.hold("portcullis")?;
        }
        let cached = portcullis.memory()?;
        say(&format!("load: memory idle {idle} KiB, with the tokens cached {cached} KiB"));
        if parts.has("closed") {
            closed(&mut ours, &mut theirs, rounds, length, report)?;
        }
        if parts.has("fixed") {
            fixed(&mut ours, &mut theirs, rounds, length, report)?;
        }
        if ours.mix.repeated() > 0 {
            say(&format!("load: {} of the new tokens were not new any more", ours.mix.repeated()));
        }
        if parts.has("kinds") {
            for (name, shares) in kinds() {
                ours.mix = Mix::of(&deck, &shares);
                theirs.mix = ours.mix.clone();
                let pairs = interleave(&mut ours, &mut theirs, CLOSED, kind_rounds, length)?;
                report.table(&format!("{name}, closed loop 2 x 50"), &pairs, NAMES);
            }
        }
    }
    if parts.has("ghz") {
        opinion::ask(&stage, &portcullis, &reference, length, report)?;
    }
    drop((portcullis, reference));
    if parts.has("scale") {
        size::measure(&stage, cores, largest, rounds, length, report)?;
    }
    Ok(())
}

/// Gate P2.
fn closed(
    ours: &mut Side<'_>,
    theirs: &mut Side<'_>,
    rounds: usize,
    length: Duration,
    report: &mut Report,
) -> Outcome<()> {
    let pairs = interleave(ours, theirs, CLOSED, rounds, length)?;
    report.table("cached bearer, closed loop 2 x 50", &pairs, NAMES);
    report.gate("P2", "CPU, cached bearer, closed loop 2 x 50", pairs.ratio(|s| s.cpu), 0.60);
    Ok(())
}

/// Gate P4.
fn fixed(
    ours: &mut Side<'_>,
    theirs: &mut Side<'_>,
    rounds: usize,
    length: Duration,
    report: &mut Report,
) -> Outcome<()> {
    let rate = rate_for(theirs, SHARE, length)?;
    let pairs = interleave(ours, theirs, Pace::Open { rate }, rounds, length)?;
    report.table(&format!("cached bearer, {rate} checks a second"), &pairs, NAMES);
    let load = median(&pairs.theirs, |sample| sample.load);
    say(&format!("  the reference used {load:.2} of a core"));
    report.keep("fixed rate", json!({"rate": rate, "load of the reference": load}));
    let figures: [(&str, Figure, f64); 2] =
        [("CPU", |sample| sample.cpu, 0.85), ("p50", |sample| sample.p50, 1.0)];
    for (name, figure, gate) in figures {
        let what = format!("{name}, cached bearer, {rate}/s");
        if ABOUT.contains(&load) {
            report.gate("P4", &what, pairs.ratio(figure), gate);
        } else {
            // Another rate than the gate's: the machine does other things as well.
            let value = format!("{:.3}, at another load", pairs.ratio(figure).value);
            report.verdict("P4", &what, &format!("<= {gate}"), &value, Verdict::Inconclusive);
        }
    }
    Ok(())
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
