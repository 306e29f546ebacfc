//! Allocations a check, by kind, and how often the signature of a token is verified: at full speed.

use crate::drive::{Load, each_three_times, in_turn, zipf};
use crate::instructions::{Counts, name, verified};
use crate::service::Service;
use crate::{Bench, say};
use portcullis_load::answer::Judge;
use portcullis_load::failure::Outcome;
use portcullis_load::kind::{Kind, cases};
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
    let bearers = cases_of(Kind::Bearer)?;
    let load = Load::connect(&Address::Tcp(address), &bearers, Judge::Reference)?;
    let each = allocated(&mut echo, load, bearers.len())?;
    counts.insert("echo".to_owned(), each.into());
    drop(echo);

    let mut service = Service::portcullis(bench, &place)?;
    say("signatures verified for new tokens");
    let fresh = cases_of(Kind::Fresh)?;
    Load::connect(&place.grpc, &fresh, Judge::Portcullis)?.run(&each_three_times(NEW))?;
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
        let cases = cases_of(kind)?;
        let load = Load::connect(&place.grpc, &cases, Judge::Portcullis)?;
        let each = allocated(&mut service, load, cases.len())?;
        counts.insert(name(kind).to_owned(), each.into());
    }
    Ok((counts, signatures))
}

/// Allocations a check, when all of them were seen before.
fn allocated(service: &mut Service, mut load: Load<'_>, cases: usize) -> Outcome<f64> {
    load.run(&in_turn(0, cases))?;
    let order = zipf(cases, CHECKS);
    load.run(&order)?;
    let before = service.memory()?.allocations;
    load.run(&order)?;
    Ok((service.memory()?.allocations - before) as f64 / CHECKS as f64)
}
