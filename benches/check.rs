//! What the steps of a check cost in time, and whole checks from message to answer, without the transport. `make bench-times`.
//!
//! Compare only figures of one run on one machine.

#![expect(clippy::expect_used, reason = "a benchmark without its parts has nothing to measure")]

use bytes::Bytes;
use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use portcullis::attributes::Headers;
use portcullis::check::{Checker, Parts};
use portcullis::clock::Clock;
use portcullis::config::{self, Parsed};
use portcullis::cookie::{CookiePrefix, Cookies};
use portcullis::credential::classify;
use portcullis::decision::{Asked, LazyClient, classify_client};
use portcullis::envoy::{AuthorizationService, decode, encode};
use portcullis::policy::{Membership, PortalId, Snapshot};
use portcullis::provider::{IssuerSource, Providers};
use portcullis::reload::Loader;
use portcullis::session::Purpose;
use portcullis::store::TokenCache;
use portcullis::telemetry::{CheckMetrics, Metrics};
use portcullis::token::{Jws, KeySet, verify};
use portcullis_load::bundle::{Amounts, Bundle, List};
use portcullis_load::claims::groups_of_a_user;
use portcullis_load::kind::{Case, Kind, cases};
use portcullis_load::place::{Place, Transport};
use portcullis_load::process::get;
use portcullis_load::provider::Provider;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// The demo's settings and policy, tokens, and their provider, which runs.
struct World {
    bundle: Bundle,
    provider: SocketAddr,
    place: Place,
    parsed: Parsed,
    snapshot: Arc<Snapshot>,
    runtime: Runtime,
    _provider: Provider,
}

impl World {
    fn new() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/load/tokens");
        let (bundle, provider) = Bundle::ready(&file, Amounts::default()).expect("tokens");
        let port = bundle.issuer.split([':', '/']).nth(4).expect("a port").parse();
        let port: u16 = port.expect("a port");
        let place = Place::lay(Transport::Tcp, port).expect("a folder");
        let parsed = config::load(&place.settings()).expect("the demo's settings hold");
        let snapshot = Loader::new(&parsed).load().expect("the demo's resources hold").snapshot;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self {
            bundle,
            provider: (Ipv4Addr::LOCALHOST, port).into(),
            place,
            parsed,
            snapshot,
            runtime: runtime.expect("a runtime"),
            _provider: provider,
        }
    }

    fn cases(&self, kind: Kind) -> Vec<Case> {
        cases(kind, &self.bundle, &self.place.key_ring().expect("keys")).expect("cases")
    }

    /// What decides, with room for so many tokens, and what counts it.
    fn checker(&self, max_cached_tokens: u64) -> (Checker, Metrics) {
        let mut settings = self.parsed.settings.clone();
        settings.limits.max_cached_tokens = max_cached_tokens;
        let (clock, metrics) = (Clock::system(), Metrics::new());
        self.runtime.block_on(async {
            let providers = Providers::new(&settings.provider, clock.clone()).expect("a client");
            let issuers = self.snapshot.issuers();
            providers.set_issuers(issuers.into_iter().map(IssuerSource::from).collect());
            providers.first_fetches(Duration::from_secs(10)).await;
            let (_policy, policy) = watch::channel(Arc::clone(&self.snapshot));
            let key_ring = Arc::new(self.place.key_ring().expect("keys"));
            let (_keys, key_ring) = watch::channel(key_ring);
            let settings = Arc::new(settings);
            let counted = metrics.clone();
            let redis = None;
            let parts = Parts { settings, policy, key_ring, providers, redis, clock, metrics };
            (Checker::new(parts).expect("randomness"), counted)
        })
    }

    /// What answers messages.
    fn service(&self, max_cached_tokens: u64) -> AuthorizationService {
        let (checker, metrics) = self.checker(max_cached_tokens);
        AuthorizationService::new(checker, CheckMetrics::new(metrics))
    }
}

/// Answers the messages of `cases` one after another, and again from the first.
fn answer(bencher: &mut Bencher<'_>, world: &World, service: &AuthorizationService, kind: Kind) {
    let cases = world.cases(kind);
    let messages: Vec<Bytes> = cases.into_iter().map(|case| case.message.into()).collect();
    let mut turn = messages.iter().cycle();
    bencher.iter(|| {
        let message = turn.next().cloned();
        black_box(world.runtime.block_on(service.answer(message, Some("500m")).bytes()))
    });
}

fn reading(criterion: &mut Criterion) {
    let world = World::new();
    let (bearer, session) = (world.cases(Kind::Bearer), world.cases(Kind::Session));
    let message = &session.first().expect("a case").message;
    criterion.bench_function("decode", |bencher| {
        bencher.iter(|| black_box(decode(black_box(message), &mut Headers::default()).is_ok()));
    });
    let mut headers = Headers::default();
    let attributes = decode(message, &mut headers).expect("an unambiguous request");
    criterion.bench_function("classify", |bencher| {
        bencher.iter(|| {
            let headers = black_box(attributes.headers);
            black_box(classify_client(attributes.method, headers));
            black_box(classify(headers));
        });
    });
    let prefix = CookiePrefix::new("portcullis");
    criterion.bench_function("cookie", |bencher| {
        bencher.iter(|| black_box(Cookies::read(black_box(attributes.headers), &prefix)));
    });
    let key_ring = world.place.key_ring().expect("keys");
    let sealed = key_ring.seal(Purpose::Session, "h", &[7; 1100], [1; 12]).expect("seals");
    criterion.bench_function("open", |bencher| {
        bencher.iter(|| black_box(key_ring.open(Purpose::Session, "h", black_box(&sealed))));
    });
    let message = &bearer.first().expect("a case").message;
    let mut headers = Headers::default();
    let attributes = decode(message, &mut headers).expect("an unambiguous request");
    let site = |snapshot: &Snapshot| snapshot.site(attributes.host.name.as_str()).expect("a site");
    criterion.bench_function("route", |bencher| {
        bencher.iter(|| black_box(world.snapshot.route(site(&world.snapshot), &attributes)));
    });
    let route = world.snapshot.route(site(&world.snapshot), &attributes).expect("a route");
    let caller = Membership {
        portals: world.snapshot.portals().map(|(id, _)| id).collect(),
        groups: groups_of_a_user().into_iter().collect(),
    };
    criterion.bench_function("authorize", |bencher| {
        bencher.iter(|| black_box(world.snapshot.authorize(black_box(&caller), &route)));
    });
}

fn tokens(criterion: &mut Criterion) {
    let world = World::new();
    let (_status, keys) = get(world.provider, "/oauth2/default/v1/keys").expect("keys");
    let keys = KeySet::parse(keys.as_bytes()).expect("keys").0;
    for (name, list) in [("verify RS256", List::Users), ("verify ES256", List::UsersEs256)] {
        let token = world.bundle.tokens(list).first().expect("a token");
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                let jws = Jws::parse(black_box(token), 8192).expect("a token");
                black_box(verify(&jws, &keys).is_ok())
            });
        });
    }
    let (cache, token) =
        (TokenCache::new(100).expect("randomness"), world.bundle.tokens(List::Users));
    let token = token.first().expect("a token");
    criterion.bench_function("cache: the key of a token", |bencher| {
        bencher.iter(|| black_box(cache.key(None, Some(PortalId(0)), black_box(token))));
    });
}

fn answering(criterion: &mut Criterion) {
    let world = World::new();
    let (checker, _metrics) = world.checker(100_000);
    let message = &world.cases(Kind::Unauthorized).first().expect("a case").message.clone();
    let mut headers = Headers::default();
    let attributes = decode(message, &mut headers).expect("an unambiguous request");
    let lazy = LazyClient::of(attributes.method, attributes.headers);
    let client = lazy.kind();
    let checked = world.runtime.block_on(checker.check(&attributes, &lazy, None));
    let asked = Asked { client, host: attributes.host.name.as_str(), request_id: "request" };
    criterion.bench_function("encode", |bencher| {
        bencher.iter(|| black_box(encode(black_box(&checked), &asked)));
    });
    let service = world.service(100_000);
    for (name, kind) in [
        ("check: cached bearer, by host", Kind::Bearer),
        ("check: cached bearer, by context", Kind::BearerByContext),
        ("check: sealed session", Kind::Session),
        ("check: redirect", Kind::Redirect),
        ("check: 401", Kind::Unauthorized),
        ("check: 403", Kind::Forbidden),
        ("check: hostile", Kind::Hostile),
    ] {
        criterion.bench_function(name, |bencher| answer(bencher, &world, &service, kind));
    }
    // Room for one: whatever comes around again is not there any more.
    let service = world.service(1);
    for (name, kind) in [("check: new RS256", Kind::Fresh), ("check: new ES256", Kind::Es256)] {
        criterion.bench_function(name, |bencher| answer(bencher, &world, &service, kind));
    }
}

/// Short rounds: what is claimed is counted, not timed.
fn short() -> Criterion {
    let (warm, measure) = (Duration::from_millis(500), Duration::from_millis(1500));
    Criterion::default().warm_up_time(warm).measurement_time(measure).sample_size(30)
}

criterion_group!(name = benches; config = short(); targets = reading, tokens, answering);
criterion_main!(benches);
