//! Instructions where there is little, and where there is much: of a cached bearer by the number of routes,
//! products and groups, and of an API key by the number of keys.

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
use portcullis_load::process::Server;
use portcullis_load::rng::Rng;
use std::process::Command;
use std::time::Instant;

/// How many products, each with a route and a Group of its own.
const SIZES: [usize; 2] = [10, 100_000];
/// How many API keys.
const KEYS: [usize; 2] = [10, 100_000];
/// Products that keys are for.
const PRODUCTS: usize = 10;
/// Different callers, spread evenly over the products.
const CALLERS: usize = 10_000;
const CHECKS: usize = 1000;
/// How often they are counted.
const TIMES: usize = 3;
/// The Environment's host.
const HOST: &str = "api.scale.localhost";

/// What the policy consists of.
#[derive(Clone, Copy)]
struct Amount {
    products: usize,
    keys: usize,
}

/// Both sizes of both.
pub(crate) fn count(bench: &Bench) -> Outcome<Counts> {
    let mut counts = Counts::new();
    for products in SIZES {
        let of = Amount { products, keys: 0 };
        count_one(bench, &mut counts, &format!("routes_{products}"), of, cases)?;
    }
    for keys in KEYS {
        let of = Amount { products: PRODUCTS, keys };
        count_one(bench, &mut counts, &format!("keys_{keys}"), of, key_cases)?;
    }
    Ok(counts)
}

fn count_one(
    bench: &Bench,
    counts: &mut Counts,
    name: &str,
    amount: Amount,
    cases: impl FnOnce(&Bench, Amount) -> Outcome<Vec<Case>>,
) -> Outcome<()> {
    if !bench.wants(name) {
        return Ok(());
    }
    say(&format!("instructions: {name}: the policy is made and loaded"));
    let place = Place::lay(Transport::Tcp, bench.provider_port)?;
    generate(bench, &place, amount)?;
    let cases = cases(bench, amount)?;
    let mut service = start(bench, name, &place)?;
    let mut load = Load::connect(&place.grpc, &cases, Judge::Portcullis)?;
    load.run(&in_turn(0, cases.len()))?;
    let order = |_| uniform(cases.len(), SETTLE + CHECKS);
    let known = cases.len();
    let run = Run { name, cases: &cases, order: &order, known, signatures: 0 };
    // The lowest: what a large process does beside its checks, such as a look at its files, is not theirs.
    let mut lowest = f64::INFINITY;
    for _time in 0..TIMES {
        lowest = lowest.min(run.count(&mut service, &place)?);
    }
    counts.insert(name.to_owned(), lowest.into());
    Ok(())
}

/// Writes the resources in place of the demo's.
fn generate(bench: &Bench, place: &Place, amount: Amount) -> Outcome<()> {
    std::fs::remove_dir_all(place.resources())?;
    let status = Command::new("node")
        .arg(repository().join("benches/scale/generate.mjs"))
        .args(["--sites", "one", "--groups", "each", "--client", CLIENT])
        .args(["--count", &amount.products.to_string(), "--keys", &amount.keys.to_string()])
        .args(["--issuer", &bench.bundle.issuer])
        .arg("--out")
        .arg(place.resources())
        .status()?;
    if status.success() { Ok(()) } else { Err("the resources were not generated".into()) }
}

/// Bytes resident for each API key, where there are a hundred thousand, and milliseconds until the service has
/// read them and is ready.
pub(crate) fn keys(bench: &Bench) -> Outcome<(f64, f64)> {
    let [few, many] = KEYS;
    let mut resident = Vec::new();
    let mut spent = 0.0;
    for keys in [few, many] {
        say(&format!("memory: {keys} API keys"));
        let place = Place::lay(Transport::Tcp, bench.provider_port)?;
        generate(bench, &place, Amount { products: PRODUCTS, keys })?;
        let began = Instant::now();
        let service = Server::portcullis(&bench.program("portcullis"), &place, None)?;
        spent = began.elapsed().as_secs_f64() * 1000.0;
        resident.push(service.memory()? as f64 * 1024.0);
    }
    let more = resident.pop().unwrap_or_default() - resident.pop().unwrap_or_default();
    Ok((more / (many - few) as f64, spent))
}

/// A check for each of the keys, or of as many as there are callers.
fn key_cases(_bench: &Bench, amount: Amount) -> Outcome<Vec<Case>> {
    let mut rng = Rng::new(0x5ca1e);
    let cases = (0..CALLERS).map(|number| {
        let key = rng.below(amount.keys);
        let product = key % amount.products;
        let rng = &mut Rng::new(number as u64);
        let path = format!("/api/p{product:06}/{}?limit=20", rng.below(1_000_000));
        let shape = Shape::get(&path, Fetch::Script, rng).host(HOST);
        let shape = shape.header("api-key", &format!("scale-key-{key:06}"));
        Case { message: shape.bytes(), want: Want::Granted { subject: format!("k{key:06}") } }
    });
    Ok(cases.collect())
}

/// A check for each caller: of the one product that the caller's one Group grants.
fn cases(bench: &Bench, amount: Amount) -> Outcome<Vec<Case>> {
    let size = amount.products;
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
