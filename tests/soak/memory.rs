//! Memory under floods: a million distinct bad tokens, and logins that are started and left.

use crate::rng::Rng;
use crate::support::token::{Signer, b64};
use crate::support::{Ask, Setup};
use crate::world::{World, pets, setup};
use crate::{CLIENT, PORTAL};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::time::Instant;

/// Checks under way at a time.
const AT_ONCE: usize = 128;
/// What the service may grow by without holding anything: buffers of connections, and what the
/// allocator keeps of freed memory.
const SLACK_KIB: u64 = 32 * 1024;
/// Tokens that the service remembers in this run, and what one of them takes: its claims as a tree
/// of JSON, its key and its place in the cache.
const REMEMBERED: u64 = 20_000;
const TOKEN_KIB: u64 = 4;
/// A good token is asked with after so many bad ones.
const GOOD_EVERY: u64 = 100;

/// Floods; whether memory stayed bounded, and the good token remembered.
pub(crate) async fn run(tokens: u64, logins: u64) -> bool {
    let limits = format!("{{max_cached_tokens: {REMEMBERED}}}");
    let world = World::new(setup_of(&limits), 4).await;
    let mut holds = true;
    for kind in ["garbage", "unknown kid", "bad signature", "wrong audience"] {
        holds &= flood(&world, kind, tokens / 4).await;
    }
    holds &= start_logins(&world, logins).await;
    world.counts.report() && holds
}

fn setup_of(limits: &str) -> Setup {
    setup().setting("limits", limits)
}

/// One kind of bad tokens, with a good one in between that has to stay remembered.
async fn flood(world: &World, kind: &'static str, count: u64) -> bool {
    let service = &world.service;
    let (good, signer) = world.bearer("00u1", &["PetstoreUsers"], &json!({"exp": far()}));
    let granted = world.gateway.ask(pets().bearer(&good)).await;
    let mut holds = granted.is_ok_and(|answer| answer.allowed);
    let (remembered, verified) = ("outcome=\"remembered\"", "outcome=\"verified\"");
    let signatures = |outcome| service.metric("portcullis_bearer_signatures_total", outcome);
    let (before, verified_before) = (signatures(remembered).await, signatures(verified).await);
    let (memory, began) = (service.memory(), Instant::now());
    let forger = Forger::new(world, signer);
    let checks = futures_util::stream::iter(0..count).map(|number| {
        let (forger, good) = (&forger, &good);
        async move {
            let answer = world.gateway.ask(pets().bearer(&forger.token(kind, number))).await;
            let refused = answer.as_ref().is_ok_and(|answer| !answer.allowed);
            world.counts.check(kind, answer.as_ref().map_or("RPC error", |a| a.reason()));
            if !refused {
                world.counts.wrong("wrongly allowed", format!("{kind}: {answer:?}"));
            }
            if number.is_multiple_of(GOOD_EVERY) {
                let answer = world.gateway.ask(pets().bearer(good)).await;
                if !answer.as_ref().is_ok_and(|answer| answer.allowed) {
                    world.counts.wrong("wrongly refused", format!("the good one: {answer:?}"));
                }
            }
        }
    });
    checks.buffer_unordered(AT_ONCE).for_each(|()| async {}).await;
    let asked = count.div_ceil(GOOD_EVERY);
    let hits = signatures(remembered).await - before;
    let looked_at = signatures(verified).await - verified_before;
    let grown = service.memory().saturating_sub(memory);
    let seconds = began.elapsed().as_secs();
    // What is verified may be remembered, however useless it is.
    let bound = SLACK_KIB + if kind == "wrong audience" { REMEMBERED * TOKEN_KIB } else { 0 };
    println!(
        "{kind:<16} {count:>8} tokens in {seconds} s: memory {memory} KiB, grown by {grown} (bound \
        {bound}); the good token asked {asked} times, remembered {hits}; good signatures {looked_at}"
    );
    // A verdict is remembered for five minutes; after that it is looked at once more, by whoever
    // asks at that moment.
    let looked_again = (1 + seconds / 300) * 8;
    holds &= grown <= bound && hits + looked_again >= asked;
    holds
}

/// Logins that nobody goes on with, without cookies: the state of each is with its browser.
async fn start_logins(world: &World, count: u64) -> bool {
    let (memory, began) = (world.service.memory(), Instant::now());
    let starts = futures_util::stream::iter(0..count).map(|number| async move {
        let ask = Ask::get(&format!("{PORTAL}/{number}")).navigate();
        let answer = world.gateway.ask(ask).await;
        let started = answer.as_ref().is_ok_and(|answer| answer.status == 302);
        world.counts.check("login started", if started { "sent to the provider" } else { "not" });
        if !started {
            world.counts.wrong("wrong answer", format!("a login does not start: {answer:?}"));
        }
    });
    starts.buffer_unordered(AT_ONCE).for_each(|()| async {}).await;
    let grown = world.service.memory().saturating_sub(memory);
    let seconds = began.elapsed().as_secs();
    println!(
        "{:<16} {count:>8} in {seconds} s: memory {memory} KiB, grown by {grown} (bound {})",
        "logins started",
        SLACK_KIB / 4
    );
    grown <= SLACK_KIB / 4
}

fn far() -> u64 {
    crate::provider::now() + 20_000
}

/// Makes bad tokens, each another one.
struct Forger {
    signer: Signer,
    stranger: Signer,
    claims: Value,
    seed: u64,
}

impl Forger {
    fn new(world: &World, signer: Signer) -> Self {
        let now = crate::provider::now();
        let claims = json!({"iss": world.provider.issuer, "aud": CLIENT, "sub": "00u1", "iat": now,
            "exp": far(), "groups": ["PetstoreUsers"]});
        Self { signer, stranger: Signer::new("stranger"), claims, seed: now }
    }

    fn token(&self, kind: &str, number: u64) -> String {
        let mut rng = Rng::new(self.seed ^ number.rotate_left(20));
        let mut claims = self.claims.clone();
        claims["jti"] = number.to_string().into();
        let unsigned = |header: &Value, rng: &mut Rng| {
            let (header, claims) = (header.to_string(), claims.to_string());
            let signature = b64(&rng.bytes(64));
            format!("{}.{}.{signature}", b64(header.as_bytes()), b64(claims.as_bytes()))
        };
        match kind {
            "garbage" => {
                format!("{}.{}.{}", b64(&rng.bytes(30)), b64(&rng.bytes(90)), b64(&rng.bytes(64)))
            }
            "unknown kid" => {
                let kid = format!("kid-{number}");
                unsigned(&json!({"alg": "ES256", "kid": kid}), &mut rng)
            }
            "bad signature" if number.is_multiple_of(10) => {
                self.stranger.sign_as(&self.signer.header(), &claims)
            }
            "bad signature" => unsigned(&self.signer.header(), &mut rng),
            _ => {
                claims["aud"] = format!("0oaOther{number}").into();
                self.signer.sign(&claims)
            }
        }
    }
}
