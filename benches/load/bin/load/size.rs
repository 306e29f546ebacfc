//! Gate P8: 10 routes, products and groups against 100,000, and a reload of all of them under load.

use portcullis_load::answer::Judge;
use portcullis_load::compare::{Side, interleave};
use portcullis_load::drive::{Pace, Target};
use portcullis_load::failure::Outcome;
use portcullis_load::histogram::Histogram;
use portcullis_load::kind::Kind;
use portcullis_load::mix::{Deck, Mix};
use portcullis_load::place::Place;
use portcullis_load::process::{Server, counter};
use portcullis_load::report::{Report, say};
use portcullis_load::scale::{Scale, cases, tokens};
use portcullis_load::stage::{Cores, Stage};
use portcullis_load::stats::{Median, Verdict};
use serde_json::json;
use std::time::{Duration, Instant};

use crate::{CLOSED, CONNECTIONS};

const FEW: usize = 10;
/// Pairs of rounds with and without a reload.
const RELOADS: usize = 5;
/// Checks a second meanwhile: well below what a core can do.
const RATE: f64 = 2000.0;
/// How long a reload may take.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn measure(
    stage: &Stage,
    cores: Cores,
    largest: usize,
    rounds: usize,
    length: Duration,
    report: &mut Report,
) -> Outcome<()> {
    say(&format!("\nload: a policy of {largest} routes, products and groups beside one of {FEW}"));
    let issuer = &stage.bundle.issuer;
    let lay = |count| Scale::lay(stage.transport, issuer, stage.provider_port(), count);
    let (many, few) = (lay(largest)?, lay(FEW)?);
    let tokens = tokens(&stage.bundle, largest)?;
    let decks = [deck(many.count, &tokens), deck(few.count, &tokens)];
    let begin = Instant::now();
    let large = stage.portcullis(&many.place, cores.server)?;
    let (started, memory) = (begin.elapsed(), large.memory()?);
    say(&format!("  {largest}: ready in {started:.1?}, {memory} KiB"));
    let small = stage.portcullis(&few.place, cores.server)?;
    let mut ours = side("many", &large, &decks[0])?;
    let mut theirs = side("few", &small, &decks[1])?;
    let before = verified(&many.place)?;
    let pairs = interleave(&mut ours, &mut theirs, CLOSED, rounds, length)?;
    let again = verified(&many.place)? - before;
    report.table("cached bearer, uniform routes, closed loop 2 x 50", &pairs, ["many", "few"]);
    let what = format!("CPU of a check, {FEW} to {largest} routes");
    report.gate("P8", &what, pairs.ratio(|sample| sample.cpu), 2.0);
    report.keep(
        "size",
        json!({"routes": largest, "start seconds": started.as_secs_f64(),
        "memory KiB": memory, "signatures verified again": again}),
    );
    say(&format!("  signatures verified again meanwhile: {again}"));
    drop((ours, theirs, small, large));
    reload(stage, &many, &decks[0], length, report)
}

/// The p99 of a round in which all is loaded again, against that of one without.
fn reload(
    stage: &Stage,
    many: &Scale,
    deck: &Deck,
    length: Duration,
    report: &mut Report,
) -> Outcome<()> {
    // Both cores: what loads is beside what answers, as it is where a gateway runs.
    let server = stage.portcullis(&many.place, None)?;
    let mut side = side("many", &server, deck)?;
    let pace = Pace::Open { rate: RATE };
    let (mut ratios, mut failed, mut took) = (Vec::new(), 0, Vec::new());
    'turns: for turn in 0..RELOADS {
        let still = side.round(pace, length, 1000 + turn as u64)?;
        let loaded = loads(&many.place)?;
        let begin = Instant::now();
        many.touch(turn)?;
        // For as long as it takes: rounds that follow each other until the new policy is in force.
        let mut meanwhile = Histogram::default();
        while loads(&many.place)? == loaded {
            let (_, round) = side.watched(pace, length, 2000 + turn as u64)?;
            if round.wrong > 0 {
                round.hold("many")?;
            }
            failed += round.failed;
            if round.failed > 0 {
                // Its late answers would be taken for those of the next round.
                say(&format!("  {}", round.failure.unwrap_or_default()));
                break 'turns;
            }
            meanwhile.merge(&round.latencies);
            if begin.elapsed() > PATIENCE {
                return Err(format!("a reload takes longer than {PATIENCE:?}").into());
            }
        }
        took.push(begin.elapsed().as_secs_f64());
        ratios.push(meanwhile.percentile(0.99).as_secs_f64() * 1e6 / still.p99);
    }
    let took = Median::of(&took).value;
    say(&format!("  in force {took:.1} s after the files changed, at {RATE} checks a second"));
    let none = if failed == 0 { Verdict::Pass } else { Verdict::Fail };
    report.verdict("P8", "failed checks while all is reloaded", "0", &failed.to_string(), none);
    report.gate("P8", "p99 while all is reloaded, to p99 without", Median::of(&ratios), 2.0);
    report.keep("reload", json!({"seconds": took, "p99 ratios": ratios}));
    Ok(())
}

/// How often the resources were loaded.
fn loads(place: &Place) -> Outcome<u64> {
    counter(place.admin, "portcullis_reloads_total", "")
}

/// How often a signature was verified: none while each token is remembered on each route.
fn verified(place: &Place) -> Outcome<u64> {
    counter(place.admin, "portcullis_bearer_signatures_total", "verified")
}

fn deck(count: usize, tokens: &[String]) -> Deck {
    let mut deck = Deck::default();
    deck.add(Kind::Bearer, cases(count, tokens));
    deck
}

fn side<'d>(name: &'static str, server: &Server, deck: &'d Deck) -> Outcome<Side<'d>> {
    let mut target = Target::connect(&server.address, CONNECTIONS, Judge::Portcullis, &deck.cases)?;
    // Every caller on every route of theirs, so that what can be cached is.
    target.warm(deck.range(Kind::Bearer))?.hold(name)?;
    let mix = Mix::uniform(deck, Kind::Bearer);
    Ok(Side { name, pid: server.pid(), target, mix })
}
