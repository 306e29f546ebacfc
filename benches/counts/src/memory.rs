//! Memory: of a cached token among a million, and of a service that nobody has asked anything.
//!
//! The million tokens come in over the wire and are verified, each of a caller of its own.

use crate::drive::{Load, in_turn};
use crate::instructions::verified;
use crate::service::Service;
use crate::{Bench, say, scale};
use portcullis_load::answer::{Judge, Want};
use portcullis_load::bundle::now;
use portcullis_load::claims::{groups_of_a_user, id_token, subject};
use portcullis_load::failure::Outcome;
use portcullis_load::keys::Signature;
use portcullis_load::kind::Case;
use portcullis_load::message::{Fetch, Shape};
use portcullis_load::place::{Place, Transport};
use portcullis_load::process::Server;
use portcullis_load::rng::Rng;
use serde_json::{Value, json};
use std::sync::mpsc::sync_channel;

/// Tokens in the cache.
const TOKENS: usize = 1_000_000;
/// Tokens that are signed while those before them are sent.
const BATCH: usize = 10_000;

/// Bytes a cached token, held and resident, of an idle process, and resident for an API key.
pub(crate) fn measure(bench: &Bench) -> Outcome<Value> {
    say("memory: an idle service");
    let place = Place::lay(Transport::Tcp, bench.provider_port)?;
    let service = Server::portcullis(&bench.program("portcullis"), &place, None)?;
    let idle = service.memory()? * 1024;
    drop(service);
    say("memory: a million tokens, which takes minutes");
    let (held, resident) = a_token(bench)?;
    let (per_key, keys_ready) = scale::keys(bench)?;
    Ok(json!({
        "held_per_token": held, "resident_per_token": resident, "idle": idle,
        "resident_per_key": per_key, "keys_ready_ms": keys_ready,
    }))
}

fn a_token(bench: &Bench) -> Outcome<(f64, f64)> {
    let place = Place::lay(Transport::Tcp, bench.provider_port)?;
    let settings = std::fs::read_to_string(place.settings())?;
    // The batch before the million has to have room as well.
    let limits = format!("limits: {{ max_cached_tokens: {} }}\n", TOKENS + BATCH);
    std::fs::write(place.settings(), settings + &limits)?;
    let mut service = Service::portcullis(bench, &place)?;
    let send = |cases: Vec<Case>| {
        Load::connect(&place.grpc, &cases, Judge::Portcullis)?.run(&in_turn(0, cases.len()))
    };
    // What the first checks set up is no token.
    send(batch(bench, 0)?)?;
    let before = service.memory()?;
    let (to, from) = sync_channel(1);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let batches = (1..=TOKENS / BATCH).map(|number| batch(bench, number));
            // Nobody takes them any more only where a check has failed.
            batches.map(|batch| to.send(batch)).take_while(Result::is_ok).count()
        });
        from.iter().try_for_each(|cases| send(cases?))
    })?;
    let after = service.memory()?;
    let known = verified(place.admin)?;
    if known != (TOKENS + BATCH) as u64 {
        return Err(format!("{known} tokens were verified").into());
    }
    let each = |bytes: f64| bytes / TOKENS as f64;
    Ok((each(after.held - before.held), each(after.resident - before.resident)))
}

/// Checks of so many new callers.
fn batch(bench: &Bench, number: usize) -> Outcome<Vec<Case>> {
    let rng = &mut Rng::new(number as u64);
    let (groups, present) = (groups_of_a_user(), now());
    let cases = (number * BATCH..(number + 1) * BATCH).map(|caller| {
        let claims = id_token(&bench.bundle.issuer, caller, &groups, present);
        let token = bench.bundle.sign(Signature::Es256, &claims)?;
        let shape = Shape::get("/api/pets", Fetch::Script, rng);
        let shape = shape.header("authorization", &format!("Bearer {token}"));
        Ok(Case { message: shape.bytes(), want: Want::Granted { subject: subject(caller) } })
    });
    cases.collect()
}
