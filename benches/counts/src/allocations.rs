//! Allocations a check, by kind, and how often the signature of a token is verified: at full speed.

use crate::drive::{Load, each_three_times, in_turn, zipf};
use crate::instructions::{Counts, name, verified};
use crate::service::Service;
use crate::{Bench, say};
use portcullis_load::answer::Judge;
use portcullis_load::failure::Outcome;
use portcullis_load::kind::{Case, Kind, cases};
use portcullis_load::place::{Address, Place, Transport};
use serde_json::{Value, json};

/// Checks that are counted of each kind, and as many before them.
const CHECKS: usize = 5000;
/// Tokens that are sent three times each, while nobody knows them.
const NEW: usize = 2000;

/// Allocations of the kinds that need no new token; tokens sent, and how many signatures were verified.
pub(crate) fn count(bench: &Bench) -> Outcome<(Counts, Value)> {
    let place = Place::lay(Transport::Tcp, bench.provider_port)?;
    let key_ring = place.key_ring()?;
    let cases_of = |kind| cases(kind, &bench.bundle, &key_ring);
    let mut counts = Counts::new();
    say("allocations: echo");
    let (mut echo, address) = Service::echo(bench)?;
    let mut load = Load::connect(&Address::Tcp(address))?;
    let each = allocated(&mut echo, &mut load, &cases_of(Kind::Bearer)?, Judge::Reference)?;
    counts.insert("echo".to_owned(), each.into());
    drop(echo);

    let mut service = Service::portcullis(bench, &place)?;
    let mut load = Load::connect(&place.grpc)?;
    say("signatures verified for new tokens");
    load.run(&cases_of(Kind::Fresh)?, &each_three_times(NEW), Judge::Portcullis)?;
    let signatures = json!({ "tokens": NEW, "verified": verified(place.admin)? });
    let kinds = [
        Kind::Bearer,
        Kind::BearerByContext,
        Kind::Session,
        Kind::Redirect,
        Kind::Unauthorized,
        Kind::Forbidden,
    ];
    for kind in kinds {
        say(&format!("allocations: {}", name(kind)));
        let each = allocated(&mut service, &mut load, &cases_of(kind)?, Judge::Portcullis)?;
        counts.insert(name(kind).to_owned(), each.into());
    }
    Ok((counts, signatures))
}

/// Allocations a check, when all of them were seen before.
fn allocated(
    service: &mut Service,
    load: &mut Load,
    cases: &[Case],
    whose: Judge,
) -> Outcome<f64> {
    load.run(cases, &in_turn(0, cases.len()), whose)?;
    let order = zipf(cases.len(), CHECKS);
    load.run(cases, &order, whose)?;
    let before = service.memory()?.allocations;
    load.run(cases, &order, whose)?;
    Ok((service.memory()?.allocations - before) as f64 / CHECKS as f64)
}
