//! What the steps of a check cost, and whole checks that ask no provider. `cargo bench`.
//!
//! Compare only figures of one run on one machine.

#![expect(clippy::expect_used, reason = "a benchmark without its parts has nothing to measure")]

use criterion::{Criterion, criterion_group, criterion_main};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use portcullis::check::{Checker, Parts};
use portcullis::clock::Clock;
use portcullis::config;
use portcullis::credential::classify;
use portcullis::decision::classify_client;
use portcullis::envoy::{decode, encode};
use portcullis::provider::Providers;
use portcullis::reload::Loader;
use portcullis::session::{KeyRing, Purpose};
use portcullis::telemetry::Metrics;
use prost::Message;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

/// A page load as Envoy describes it, with `path` of `host`.
fn request(host: &str, path: &str) -> Vec<u8> {
    let fields = [
        (":method", "GET"),
        (":path", path),
        ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("accept-language", "en-GB,en;q=0.9"),
        ("cookie", "theme=dark; seen=1; basket=0f8fad5b-d9cb-469f-a165-70867728950e"),
        ("sec-fetch-dest", "empty"),
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-site", "same-origin"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"),
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "7c9e6679-7425-40de-944b-e07fc1f90ae7"),
    ];
    let headers = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let http = HttpRequest {
        method: "GET".to_owned(),
        host: host.to_owned(),
        path: path.to_owned(),
        headers,
        ..HttpRequest::default()
    };
    let request = Some(Request { http: Some(http), ..Request::default() });
    let attributes = Some(AttributeContext { request, ..AttributeContext::default() });
    CheckRequest { attributes }.encode_to_vec()
}

fn key_ring() -> KeyRing {
    let key: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap_or_default());
    KeyRing::of(&key).expect("a key that is not constant")
}

/// The demo's policy; its provider is not there, and is not asked.
fn checker() -> Checker {
    let settings = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/demo/portcullis.yaml"));
    let parsed = config::load(settings).expect("the demo's settings hold");
    let loaded = Loader::new(&parsed).load().expect("the demo's resources hold");
    let (_policy, policy) = watch::channel(loaded.snapshot);
    let (_keys, key_ring) = watch::channel(Arc::new(key_ring()));
    let clock = Clock::system();
    let parts = Parts {
        providers: Providers::new(&parsed.settings.provider, clock.clone()).expect("a client"),
        settings: Arc::new(parsed.settings),
        policy,
        key_ring,
        clock,
        metrics: Metrics::new(),
    };
    Checker::new(parts).expect("randomness")
}

fn steps(criterion: &mut Criterion) {
    let request = request("api.petstore.localhost:10000", "/api/pets?limit=10");
    criterion.bench_function("decode", |bencher| {
        bencher.iter(|| black_box(decode(black_box(&request)).is_ok()));
    });
    let attributes = decode(&request).expect("an unambiguous request");
    criterion.bench_function("classify client and credential", |bencher| {
        bencher.iter(|| {
            let headers = black_box(&attributes.headers);
            black_box(classify_client(attributes.method, headers));
            black_box(classify(headers));
        });
    });
    let key_ring = key_ring();
    let plain = [7; 900];
    let sealed = key_ring.seal(Purpose::Session, "h", &plain, [1; 12]).expect("seals");
    criterion.bench_function("open a sealed session of 900 bytes", |bencher| {
        bencher.iter(|| key_ring.open(Purpose::Session, "h", black_box(&sealed)));
    });
}

fn whole_checks(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let checker = runtime.block_on(async { checker() });
    let cases = [
        ("401 without credential", "api.petstore.localhost:10000", "/api/pets"),
        ("visitor of an optional portal", "portal.petstore.localhost:10000", "/"),
        ("403 for an unknown host", "other.localhost", "/"),
    ];
    for (name, host, path) in cases {
        let request = request(host, path);
        let attributes = decode(&request).expect("an unambiguous request");
        let client = classify_client(attributes.method, &attributes.headers);
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                let checked = runtime.block_on(checker.check(&attributes, client, None));
                black_box(encode(&checked, client, "request"))
            });
        });
    }
}

criterion_group!(benches, steps, whole_checks);
criterion_main!(benches);
