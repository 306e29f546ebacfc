//! The clients of a run: each a loop of its own, over connections that all share.

use crate::browser::Browser;
use crate::faults;
use crate::provider::kid;
use crate::rng::Rng;
use crate::support::Ask;
use crate::support::token::{Signer, b64};
use crate::world::{FELT, May, World, bank, pets, setup};
use crate::{API, PORTAL};
use prost::Message;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

/// Connections of the gateway.
const CONNECTIONS: usize = 6;
/// How much the service may grow after its warm-up: what it remembers of tokens is full by then, and of
/// each login there are some hundred bytes.
const GROWTH_KIB: u64 = 16 * 1024;
/// Runs for `span`; whether everything held.
pub(crate) async fn run(span: Duration, seed: u64) -> bool {
    let mut world = Arc::new(World::new(setup(), CONNECTIONS).await);
    let end = Instant::now() + span;
    println!("soak: {} s, seed {seed}", span.as_secs());
    let at_start = world.service.memory();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..22 {
        let rng = Rng::new(seed.wrapping_mul(1000).wrapping_add(number));
        tasks.spawn(client(Arc::clone(&world), rng, number, end));
    }
    let faults = tokio::spawn(faults::run(Arc::clone(&world), seed, end));
    let files = world.service.open_files();
    let mut samples = vec![at_start];
    for _tenth in 0..9 {
        sleep(span / 10).await;
        samples.push(world.service.memory());
    }
    // A third of the time is the warm-up.
    let warm = samples[3];
    let mut ended_well = true;
    while let Some(ended) = tasks.join_next().await {
        ended_well &= ended.is_ok();
    }
    let faults = faults.await.expect("the faults ran");
    let after = world.service.memory();
    let answered = world.service.metric("portcullis_checks_total", "").await;
    let internal = world.service.metric("portcullis_checks_total", "reason=\"internal\"").await;
    let refreshed =
        world.service.metric("portcullis_refreshes_total", "outcome=\"refreshed\"").await;
    let reloads = world.service.metric("portcullis_reloads_total", "").await;
    println!("faults:");
    faults.iter().for_each(|(name, count)| println!("  {name:<32} {count}"));
    println!("calls of the provider:");
    world.provider.calls().iter().for_each(|(path, count)| println!("  {path:<36} {count}"));
    println!("checks:");
    let right = world.counts.report();
    let reused = world.provider.faults();
    reused.iter().for_each(|fault| println!("  {fault}"));
    println!(
        "  checks asked {}, answered {answered}; refreshes {refreshed}, reloads {reloads}, internal errors {internal}",
        world.counts.checks()
    );
    println!("memory: {at_start} KiB at start, {warm} KiB after warm-up, {after} KiB at the end");
    println!("  by tenths of the time: {samples:?}");
    // Those of the gateway's connections, and a few that are on their way out.
    let files_left = world.service.open_files();
    println!("open files and connections: {files} at start, {files_left} at the end");
    let bounded = after <= warm.max(at_start) + GROWTH_KIB && files_left <= files + 2 * CONNECTIONS;
    let world = Arc::get_mut(&mut world).expect("nobody else is left");
    let drained = world.service.end();
    println!(
        "clients ended well: {ended_well}; memory bounded: {bounded}; service ended well: {drained}"
    );
    right && reused.is_empty() && internal == 0 && ended_well && bounded && drained
}

async fn client(world: Arc<World>, mut rng: Rng, number: u64, end: Instant) {
    while Instant::now() < end {
        match number {
            0..=2 => anonymous(&world, &mut rng).await,
            3..=6 => bearer(&world, &mut rng, end).await,
            7..=9 => bad_bearer(&world, &mut rng).await,
            10..=14 => session(&world, &mut rng, &format!("member-{number}"), end).await,
            15 => session(&world, &mut rng, "changing", end).await,
            16 => session(&world, &mut rng, "stranger", end).await,
            17 | 18 => hostile(&world, &mut rng).await,
            19 | 20 => hangs_up(&world, &mut rng).await,
            _ => operator(&world).await,
        }
        sleep(Duration::from_millis(rng.below(8))).await;
    }
}

async fn anonymous(world: &World, rng: &mut Rng) {
    match rng.below(5) {
        0 | 1 => {
            world.judge("anonymous API", pets(), || May::Refuse(&["no_credentials"])).await;
        }
        2 => {
            let ask = Ask::get(&format!("{PORTAL}/")).navigate();
            let may = || match world.calm(Duration::from_secs(75)) {
                true => May::Refuse(&["no_credentials"]),
                false => May::Refuse(&["no_credentials", "provider_unavailable"]),
            };
            world.judge("anonymous page", ask, may).await;
        }
        3 => {
            let ask = pets().host("evil.localhost").navigate();
            world.judge("unknown host", ask, || May::Refuse(&["no_route"])).await;
        }
        _ => {
            let paths = ["/pets/../bank", "/pets%2f..", "//pets", "/pets;a", "/pets/%2e%2e/bank"];
            let ask = pets().path(rng.pick::<&str>(&paths));
            world.judge("ambiguous path", ask, || May::Refuse(&["ambiguous_request"])).await;
        }
    }
}

/// A token, asked with for a while: long enough that its key may be withdrawn.
async fn bearer(world: &World, rng: &mut Rng, end: Instant) {
    let (member, key) = world.bearer("00u1", &["PetstoreUsers"], &json!({}));
    let key = kid(&key);
    let (tester, _) = world.bearer("00u2", &["Testers"], &json!({}));
    let (nobody, _) = world.bearer("00u3", &["Everyone"], &json!({}));
    let until = Instant::now() + Duration::from_secs(5 + rng.below(60));
    while Instant::now() < until.min(end) {
        let may = |granted: Option<bool>| match (world.provider.has(&key), granted) {
            (Some(true), Some(true)) => May::Pass,
            (Some(true), Some(false)) => May::Refuse(&["not_granted"]),
            (Some(false), _) => May::Refuse(&["invalid_token", "keys_unavailable"]),
            (None, Some(false)) => {
                May::Refuse(&["not_granted", "invalid_token", "keys_unavailable"])
            }
            _ => May::Either(&["not_granted", "invalid_token", "keys_unavailable"]),
        };
        let before = world.provider.has(&key);
        let ask = pets().bearer(&member);
        world.judge("bearer, member", ask, || may(Some(true))).await;
        let ask = bank().bearer(&member);
        world.judge("bearer, other product", ask, || may(Some(false))).await;
        let ask = pets().bearer(&nobody);
        world.judge("bearer, no group", ask, || may(Some(false))).await;
        let ask = bank().bearer(&tester);
        world.judge("bearer, edited grant", ask, || may(world.bank())).await;
        let known = before == Some(true);
        sleep(Duration::from_millis(if known { 2 } else { 50 } + rng.below(10))).await;
    }
}

/// Tokens that never hold.
async fn bad_bearer(world: &World, rng: &mut Rng) {
    let good = |changes| world.bearer("00u1", &["PetstoreUsers"], &changes).0;
    let stranger = Signer::new(&format!("unknown-{}", rng.next()));
    let now = crate::provider::now();
    let expired = json!({"iat": now - 7200, "exp": now - 3600});
    let (kind, token) = match rng.below(7) {
        0 => ("bad signature", {
            let token = good(json!({}));
            let (signed, _) = token.rsplit_once('.').expect("a token");
            format!("{signed}.{}", b64(&rng.bytes(64)))
        }),
        1 => ("unknown kid", {
            stranger.sign(&json!({"iss": world.provider.issuer, "aud": crate::CLIENT, "sub": "a",
                "iat": now, "exp": now + 60, "groups": ["PetstoreUsers"]}))
        }),
        2 => ("known kid, other key", {
            let header = world.provider.signer().header();
            let claims = json!({"iss": world.provider.issuer, "aud": crate::CLIENT, "sub": "a",
                "iat": now, "exp": now + 60, "groups": ["PetstoreUsers"]});
            stranger.sign_as(&header, &claims)
        }),
        3 => ("wrong audience", good(json!({"aud": "0oaOther"}))),
        4 => ("expired", good(expired)),
        5 => ("other issuer", good(json!({"iss": "https://evil.example"}))),
        _ => ("garbage", format!("{}.{}.{}", b64(&rng.bytes(20)), b64(&rng.bytes(40)), b64(b"x"))),
    };
    let may = || May::Refuse(&["invalid_token", "expired_token", "keys_unavailable"]);
    world.judge(kind, pets().bearer(&token), may).await;
}

/// Signs in, uses the session for a while in several tabs, perhaps signs out, and tries it again.
async fn session(world: &World, rng: &mut Rng, person: &str, end: Instant) {
    if person != "changing" {
        let member = person != "stranger";
        world.provider.groups(person, if member { &["PetstoreUsers"] } else { &["Others"] });
    } else if world.provider.told(person).is_none() {
        world.provider.groups(person, &["PetstoreUsers"]);
    }
    let mut browser = Browser::default();
    let calm = world.calm(Duration::from_secs(75));
    let page = format!("{API}/pets");
    let Some(answer) = browser.sign_in(world, &page, person).await else { return };
    let signed_in = matches!(answer.reason(), "granted" | "not_granted");
    if !signed_in {
        let excused = matches!(answer.reason(), "provider_unavailable" | "keys_unavailable");
        if calm && world.calm(Duration::from_secs(75))
            || !excused && answer.reason() != "bad_callback"
        {
            world.counts.wrong("wrong answer", format!("login: {:?}", answer.metadata));
        }
        return sleep(Duration::from_millis(500)).await;
    }
    let until = Instant::now() + Duration::from_secs(3 + rng.below(60));
    while Instant::now() < until.min(end) {
        let tabs = 1 + rng.below(3);
        let asks = (0..tabs).map(|_| use_session(world, &browser, person));
        for answer in futures_util::future::join_all(asks).await.into_iter().flatten() {
            browser.keep("api.petstore.localhost", &answer);
        }
        if rng.one_in(20) {
            let forged =
                browser.dress(pets().method("POST").header("sec-fetch-site", "cross-site"));
            world.judge("forged POST", forged, || May::Refuse(&["cross_site"])).await;
        }
        sleep(Duration::from_millis(20 + rng.below(100))).await;
    }
    if rng.one_in(2) {
        let old = browser.clone();
        let ask = Ask::post(&format!("{API}/.auth/logout")).fetch();
        world.judge("logout", browser.dress(ask), || May::Refuse(&["endpoint"])).await;
        for _again in 0..3 {
            let ask = old.dress(pets().fetch());
            world.judge("session after logout", ask, || May::Refuse(&["invalid_session"])).await;
            sleep(Duration::from_millis(rng.below(400))).await;
        }
    }
}

async fn use_session(
    world: &World,
    browser: &Browser,
    person: &str,
) -> Option<crate::support::Answer> {
    let may = || {
        let told = world.provider.told(person).filter(|(_, at)| at.elapsed() > FELT);
        match told {
            Some((groups, _)) if groups == ["PetstoreUsers"] => May::Pass,
            Some(_) => May::Refuse(&["not_granted"]),
            None if person == "changing" => May::Either(&["not_granted"]),
            None if person == "stranger" => May::Refuse(&["not_granted"]),
            None => May::Pass,
        }
    };
    let kind = match person {
        "changing" => "session, groups change",
        "stranger" => "session, no group",
        _ => "session, member",
    };
    world.judge(kind, browser.dress(pets().fetch()), may).await
}

/// Messages that no gateway sends; whatever comes back, nothing passes.
async fn hostile(world: &World, rng: &mut Rng) {
    let good = world.bearer("00u1", &["PetstoreUsers"], &json!({})).0;
    let mut bytes = pets().message().encode_to_vec();
    if rng.one_in(3) {
        bytes = rng.bytes(64);
    } else {
        let at = usize::try_from(rng.below(bytes.len() as u64)).expect("small");
        bytes[at] = rng.next().to_le_bytes()[0];
    }
    match envoy_types::pb::envoy::service::auth::v3::CheckRequest::decode(bytes.as_slice()) {
        Ok(message) => match world.gateway.send(message, Duration::from_secs(10)).await {
            Ok(answer) => {
                world.counts.check("mutated message", answer.reason());
                if answer.allowed {
                    world.counts.wrong("wrongly allowed", format!("{bytes:?}"));
                }
            }
            Err(status) => world.counts.wrong("RPC error", format!("mutated: {status:?}")),
        },
        Err(_) => world.counts.check("mutated message", "undecodable, not sent"),
    }
    let two = pets().header("authorization", &format!("Bearer {good},Bearer {good}"));
    world.judge("two bearers", two, || May::Refuse(&["ambiguous_request"])).await;
    let cookie = format!("__Host-portcullis-s=1.{}", b64(&rng.bytes(200)));
    let forged = pets().header("cookie", &cookie);
    world.judge("forged session", forged, || May::Refuse(&["invalid_session"])).await;
}

/// Hangs up: in the middle of a check, or of a connection.
async fn hangs_up(world: &World, rng: &mut Rng) {
    let (good, _) = world.bearer("00u1", &["PetstoreUsers"], &json!({}));
    if rng.one_in(10) {
        let Ok(mut stream) = tokio::net::TcpStream::connect(world.service.grpc).await else {
            return;
        };
        let length = usize::try_from(rng.below(24)).expect("small");
        // It may be gone already.
        let _sent = stream.write_all(&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..length]).await;
        world.counts.check("half a connection", "closed");
        return;
    }
    let patience = Duration::from_micros(rng.below(1500));
    let check = world.gateway.ask(pets().bearer(&good));
    let outcome = match tokio::time::timeout(patience, check).await {
        Ok(_) => "answered first",
        Err(_) => "hung up",
    };
    world.counts.check("impatient client", outcome);
}

/// Looks whether the process lives and is ready; it has to, whatever the provider does.
async fn operator(world: &World) {
    for path in ["/livez", "/readyz", "/metrics"] {
        match world.service.get(path).await {
            Some((200, _)) => world.counts.check("operator", "200"),
            other => world.counts.wrong("wrong answer", format!("{path}: {other:?}")),
        }
    }
    sleep(Duration::from_secs(1)).await;
}
