//! Instructions of a cached bearer where there are few routes, products and groups, and where there are many.

use crate::drive::{Load, in_turn, uniform};
use crate::instructions::{Counts, Run, SETTLE, start};
use crate::{Bench, say};
use portcullis_load::answer::{Judge, Want};
use portcullis_load::bundle::now;
use portcullis_load::claims::{CLIENT, id_token, subject};
use portcullis_load::failure::Outcome;
use portcullis_load::keys::Signature;
use portcullis_load::kind::Case;
use portcullis_load::message::{Fetch, Shape};
use portcullis_load::place::{Place, Transport, repository};
use portcullis_load::rng::Rng;
use std::process::Command;

/// How many products, each with a route and a Group of its own.
const SIZES: [usize; 2] = [10, 100_000];
/// Different callers, spread evenly over the products.
const CALLERS: usize = 10_000;
const CHECKS: usize = 1000;
/// How often they are counted.
const TIMES: usize = 3;
/// The Environment's host.
const HOST: &str = "api.scale.localhost";

/// Both sizes.
pub(crate) fn count(bench: &Bench) -> Outcome<Counts> {
    let mut counts = Counts::new();
    for size in SIZES {
        let name = format!("routes_{size}");
        if !bench.wants(&name) {
            continue;
        }
        say(&format!("instructions: {name}: the policy is made and loaded"));
        let place = Place::lay(Transport::Tcp, bench.provider_port)?;
        generate(bench, &place, size)?;
        let cases = cases(bench, size)?;
        let mut service = start(bench, &name, &place)?;
        let mut load = Load::connect(&place.grpc, &cases, Judge::Portcullis)?;
        load.run(&in_turn(0, cases.len()))?;
        let order = |_| uniform(cases.len(), SETTLE + CHECKS);
        let known = cases.len();
        let run = Run { name: &name, cases: &cases, order: &order, known, signatures: 0 };
        // The lowest: what a large process does beside its checks, such as a look at its files, is not theirs.
        let mut lowest = f64::INFINITY;
        for _time in 0..TIMES {
            lowest = lowest.min(run.count(&mut service, &place)?);
        }
        counts.insert(name.clone(), lowest.into());
    }
    Ok(counts)
}

/// Writes the resources in place of the demo's.
fn generate(bench: &Bench, place: &Place, size: usize) -> Outcome<()> {
    std::fs::remove_dir_all(place.resources())?;
    let status = Command::new("node")
        .arg(repository().join("benches/scale/generate.mjs"))
        .args(["--sites", "one", "--groups", "each", "--client", CLIENT])
        .args(["--count", &size.to_string(), "--issuer", &bench.bundle.issuer])
        .arg("--out")
        .arg(place.resources())
        .status()?;
    if status.success() { Ok(()) } else { Err("the resources were not generated".into()) }
}

/// A check for each caller: of the one product that the caller's one Group grants.
fn cases(bench: &Bench, size: usize) -> Outcome<Vec<Case>> {
    let seed = 0x5ca1e;
    let mut rng = Rng::new(seed);
    let products: Vec<_> = (0..CALLERS).map(|_| rng.below(size)).collect();
    let present = now();
    let case = |number: usize, product: usize| {
        let groups = ["Everyone".to_owned(), "Engineering".to_owned(), format!("g{product:06}")];
        let claims = id_token(&bench.bundle.issuer, number, &groups, present);
        let token = bench.bundle.sign(Signature::Rs256, &claims)?;
        let rng = &mut Rng::new(seed + number as u64);
        let path = format!("/api/p{product:06}/{}?limit=20", rng.below(1_000_000));
        let shape = Shape::get(&path, Fetch::Script, rng).host(HOST);
        let shape = shape.header("authorization", &format!("Bearer {token}"));
        Outcome::Ok(Case {
            message: shape.bytes(),
            want: Want::Granted { subject: subject(number) },
        })
    };
    let part = |from: usize, to: usize| {
        (from..to).map(|number| case(number, products[number])).collect::<Outcome<Vec<_>>>()
    };
    std::thread::scope(|scope| {
        let second = scope.spawn(|| part(CALLERS / 2, CALLERS));
        let mut cases = part(0, CALLERS / 2)?;
        cases.extend(second.join().map_err(|_panic| "signing failed")??);
        Ok(cases)
    })
}
