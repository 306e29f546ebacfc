//! Key sets: broken, ambiguous, withdrawn, never had, looked for.

use super::{bearer, fetches, issuer, quick};
use crate::support::knobs::{Knobs, Raw};
use crate::support::token::Signer;
use crate::support::{API, Ask, Gateway, PORTAL, Trouble, eventually};
use axum::body::Body;
use axum::response::Response;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::sync::Arc;

fn answering(status: u16, fields: &[(&'static str, &'static str)], body: Vec<u8>) -> Raw {
    let fields = fields.to_vec();
    Arc::new(move || {
        let mut response = Response::builder().status(status);
        for (name, value) in &fields {
            response = response.header(*name, *value);
        }
        response.body(Body::from(body.clone())).expect("a response")
    })
}

fn unknown_kid(gateway: &Gateway, kid: &str) -> String {
    let claims = gateway.provider.bearer_claims(&json!({}));
    gateway.provider.signer().sign_as(&json!({"alg": "ES256", "kid": kid}), &claims)
}

/// 10 MiB of zeros, compressed: a stored prefix would do as well, since nothing is to inflate it.
const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff";

#[tokio::test]
async fn f05_a_set_that_is_no_set_is_ignored_with_an_alarm_and_the_last_good_keys_stay() {
    let gateway = Gateway::new().await;
    let good = gateway.provider.id_token(&json!({}));
    bearer(&gateway, &good).await.granted();
    let many: Vec<Value> =
        (0..10_000).map(|at| json!({"kty": "EC", "kid": at.to_string()})).collect();
    let mut real: Vec<Value> = (0..64).map(|at| Signer::new(&format!("k{at}")).jwk()).collect();
    real.push(gateway.provider.signer().jwk());
    let jwk = gateway.provider.signer().jwk();
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let as_json: &[(&str, &str)] = &[("content-type", "application/json")];
    let as_gzip: &[(&str, &str)] = &[("content-encoding", "gzip")];
    let as_brotli: &[(&str, &str)] = &[("content-encoding", "br")];
    let sets: Vec<(&str, Raw)> = vec![
        ("{}", answering(200, as_json, b"{}".to_vec())),
        ("keys: null", answering(200, as_json, b"{\"keys\":null}".to_vec())),
        ("keys: {}", answering(200, as_json, b"{\"keys\":{}}".to_vec())),
        ("keys: []", answering(200, as_json, b"{\"keys\":[]}".to_vec())),
        ("keys: [null]", answering(200, as_json, b"{\"keys\":[null,1,\"a\"]}".to_vec())),
        ("[]", answering(200, as_json, b"[]".to_vec())),
        ("null", answering(200, as_json, b"null".to_vec())),
        ("nothing", answering(200, as_json, Vec::new())),
        ("half", answering(200, as_json, b"{\"keys\":[{\"kty\":".to_vec())),
        ("HTML", answering(200, &[("content-type", "text/html")], b"<html></html>".to_vec())),
        ("10 MB", answering(200, as_json, vec![b' '; 10 << 20])),
        ("a bomb", answering(200, as_gzip, [GZIP, &[0; 4096]].concat())),
        (
            "said to be compressed",
            answering(200, as_gzip, json!({"keys": [jwk]}).to_string().into()),
        ),
        ("another coding", answering(200, as_brotli, json!({"keys": [jwk]}).to_string().into())),
        ("10,000 keys", answering(200, as_json, json!({"keys": many}).to_string().into())),
        ("65 keys", answering(200, as_json, json!({"keys": real}).to_string().into())),
        ("nested", answering(200, as_json, nested.into())),
        ("keys twice", answering(200, as_json, format!("{{\"keys\":[],\"keys\":[{jwk}]}}").into())),
        ("201", answering(201, as_json, json!({"keys": [jwk]}).to_string().into())),
        ("204", answering(204, &[], Vec::new())),
    ];
    let count = u64::try_from(sets.len()).expect("few");
    for (what, set) in sets {
        gateway.provider.turn(|knobs| drop(knobs.raw.insert("/keys".to_owned(), set)));
        assert!(gateway.providers.refresh_keys(&issuer(&gateway)).await.is_err(), "{what}");
        bearer(&gateway, &good).await.granted();
        assert_eq!(gateway.providers.report()[0].keys, 1, "{what}");
        assert!(gateway.providers.report()[0].last_error.is_some(), "{what}");
    }
    let issuer = issuer(&gateway);
    let failed =
        format!("portcullis_provider_fetches_total{{issuer=\"{issuer}\",outcome=\"failed\"}}");
    assert!(gateway.metric(&failed).await >= count, "an alarm for each");
    // The guard: a set that holds is taken again.
    gateway.provider.turn(|knobs| knobs.raw.clear());
    gateway.provider.rotate("key-2");
    gateway.providers.refresh_keys(&issuer).await.expect("fetched");
    bearer(&gateway, &gateway.provider.id_token(&json!({}))).await.granted();
}

#[tokio::test]
async fn f04_whatever_ails_the_key_set_the_last_good_keys_stay_and_unknown_ones_never_pass() {
    let statuses = [500, 502, 503, 404, 403, 401, 429];
    for status in statuses {
        let gateway = Gateway::new().await;
        gateway.provider.turn(|knobs| knobs.fetch_status = status);
        let unknown = unknown_kid(&gateway, "key-9");
        bearer(&gateway, &unknown).await.refused(503, "keys_unavailable");
        bearer(&gateway, &gateway.provider.id_token(&json!({}))).await.granted();
        assert_eq!(fetches(&gateway), 2, "{status}: the first one and one search");
    }
    let troubles = [Trouble::Refused, Trouble::Reset, Trouble::Alert, Trouble::Hung, Trouble::Drip];
    for trouble in troubles {
        let (gateway, line) = Gateway::behind_a_line(quick()).await;
        line.trouble(trouble).await;
        let unknown = unknown_kid(&gateway, "key-9");
        let answer = bearer(&gateway, &unknown).await;
        assert_eq!((answer.status, answer.reason()), (503, "keys_unavailable"), "{trouble:?}");
        bearer(&gateway, &gateway.provider.id_token(&json!({}))).await.granted();
        // The key comes with the provider: a bearer that was turned away passes then.
        line.trouble(Trouble::None).await;
        gateway.provider.rotate("key-2");
        gateway.later(31);
        let token = gateway.provider.id_token(&json!({}));
        let passes = async { while !bearer(&gateway, &token).await.allowed {} };
        let passes = tokio::time::timeout(std::time::Duration::from_secs(10), passes).await;
        assert!(passes.is_ok(), "{trouble:?}");
    }
}

#[tokio::test]
async fn f12_two_keys_of_one_name_are_both_dropped_with_an_alarm() {
    let other = Signer::new("key-2");
    let twins: [fn(&mut Knobs, Signer); 2] = [
        |knobs, other| knobs.published.push(other),
        |knobs, other| knobs.published.insert(0, other),
    ];
    for twin in twins {
        let gateway = Gateway::new().await;
        let kept = gateway.provider.id_token(&json!({}));
        gateway.provider.rotate("key-2");
        gateway.providers.refresh_keys(&issuer(&gateway)).await.expect("fetched");
        let mine = gateway.provider.id_token(&json!({}));
        bearer(&gateway, &mine).await.granted();
        gateway.provider.turn(|knobs| twin(knobs, other.clone()));
        gateway.providers.refresh_keys(&issuer(&gateway)).await.expect("fetched");
        let theirs = other.sign(&gateway.provider.bearer_claims(&json!({})));
        for token in [&mine, &theirs] {
            bearer(&gateway, token).await.refused(401, "invalid_token");
        }
        bearer(&gateway, &kept).await.granted();
        let alarms =
            format!("portcullis_provider_key_alarms_total{{issuer=\"{}\"}}", issuer(&gateway));
        assert!(gateway.metric(&alarms).await >= 2);
    }
}

#[tokio::test]
async fn f13_keys_of_unknown_kinds_are_skipped_and_the_others_count() {
    let gateway = Gateway::new().await;
    let changed =
        |changes: Value| crate::support::token::with(Signer::new("key-x").jwk(), &changes);
    let strange = vec![
        changed(json!({"kty": "OKP", "crv": "Ed25519"})),
        changed(json!({"kty": "PQ"})),
        changed(json!({"kty": null})),
        changed(json!({"crv": "secp256k1"})),
        changed(json!({"crv": "P-521", "alg": "ES512"})),
        changed(json!({"alg": "XS256"})),
        changed(json!({"alg": null, "kid": "no-alg"})),
        changed(json!({"kid": null})),
        changed(json!({"kid": ""})),
        changed(json!({"kid": 5})),
        json!("text"),
        json!(null),
        json!([]),
    ];
    gateway.provider.turn(|knobs| knobs.published_beside = strange);
    gateway.providers.refresh_keys(&issuer(&gateway)).await.expect("fetched");
    assert_eq!(gateway.providers.report()[0].keys, 1);
    bearer(&gateway, &gateway.provider.id_token(&json!({}))).await.granted();
    for kid in ["key-x", "no-alg", "", "5"] {
        bearer(&gateway, &unknown_kid(&gateway, kid)).await.refused(401, "invalid_token");
    }
}

#[tokio::test]
async fn f15_a_withdrawn_key_is_gone_with_the_next_set_and_with_it_what_it_vouched_for() {
    let gateway = Gateway::new().await;
    let (old, first) = (gateway.provider.id_token(&json!({})), gateway.provider.signer());
    gateway.provider.rotate("key-2");
    bearer(&gateway, &gateway.provider.id_token(&json!({}))).await.granted();
    // Remembered as verified.
    for _time in 0..2 {
        bearer(&gateway, &old).await.granted();
    }
    gateway.provider.turn(|knobs| drop(knobs.published.remove(0)));
    bearer(&gateway, &old).await.granted();
    // Somebody who runs the service does not wait for the next fetch.
    let before = fetches(&gateway);
    gateway.providers.refetch();
    eventually(|| fetches(&gateway) > before && gateway.providers.report()[0].keys == 1).await;
    gateway.later(31);
    bearer(&gateway, &old).await.refused(401, "invalid_token");
    bearer(&gateway, &gateway.provider.id_token(&json!({}))).await.granted();
    // Another key of the same name does not bring it back.
    let again = Signer::new("key-1");
    gateway.provider.turn(|knobs| knobs.published.push(again.clone()));
    gateway.providers.refresh_keys(&issuer(&gateway)).await.expect("fetched");
    bearer(&gateway, &old).await.refused(401, "invalid_token");
    let claims = gateway.provider.bearer_claims(&json!({}));
    bearer(&gateway, &again.sign(&claims)).await.granted();
    bearer(&gateway, &first.sign(&claims)).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn f19_without_keys_since_the_start_the_replica_is_ready_and_lets_nobody_in() {
    let failing: [fn(&mut Knobs); 2] = [
        |knobs| drop(knobs.raw.insert("/keys".to_owned(), answering(500, &[], Vec::new()))),
        |knobs| knobs.fetch_status = 500,
    ];
    for fail in failing {
        let gateway = Gateway::new().await;
        let token = gateway.provider.id_token(&json!({}));
        bearer(&gateway, &token).await.granted();
        gateway.provider.turn(fail);
        let gateway = gateway.restarted(crate::support::Setup::default()).await;
        let (status, ready) = gateway.admin("/readyz").await;
        assert_eq!(status, 200);
        assert!(ready.contains(&format!("keys of {}", gateway.provider.issuer)), "{ready}");
        let pets = format!("{API}/pets");
        let none = unknown_kid(&gateway, "key-9");
        for token in [&token, &none] {
            bearer(&gateway, token).await.refused(503, "keys_unavailable");
        }
        gateway.ask(Ask::get(&pets)).await.refused(401, "no_credentials");
        let home = Ask::get(&format!("{PORTAL}/home")).navigate();
        gateway.ask(home).await.refused(503, "provider_unavailable");
        // A token of nobody that we know needs no keys to be refused.
        let other = gateway.provider.id_token(&json!({"iss": "https://evil.example"}));
        bearer(&gateway, &other).await.refused(401, "invalid_token");
    }
}

#[tokio::test]
async fn f21_hundreds_of_unknown_keys_make_one_fetch_and_bounded_waits() {
    // What hangs is given up by who waits for it, long before the fetch itself ends.
    let patient = "{allow_http: true, allow_addresses: [127.0.0.0/8], timeout: 60s}";
    let setup = crate::support::Setup::default().setting("provider", patient);
    let gateway = Gateway::with(setup).await;
    let good = gateway.provider.id_token(&json!({}));
    let tokens: Vec<String> =
        (0..600).map(|at| unknown_kid(&gateway, &format!("key-x{at}"))).collect();
    // While the provider answers, each is refused, after one fetch for all of them.
    let started = tokio::time::Instant::now();
    let answers = join_all(tokens.iter().map(|token| bearer(&gateway, token))).await;
    let usual = started.elapsed();
    assert_eq!(fetches(&gateway), 2);
    let known = answers.iter().filter(|answer| answer.reason() == "invalid_token").count();
    assert!(answers.iter().all(|answer| !answer.allowed));
    println!("600 unknown keys: {known} heard 401, the others 503, by 1 fetch");
    bearer(&gateway, &tokens[0]).await.refused(401, "invalid_token");

    // While it hangs, a few wait for a second, and the others hear 503 at once.
    gateway.later(30);
    let gate: Raw = Arc::new(|| {
        let never = futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
        Response::new(Body::from_stream(never))
    });
    gateway.provider.turn(|knobs| drop(knobs.raw.insert("/keys".to_owned(), gate)));
    let started = tokio::time::Instant::now();
    let answers = join_all(tokens.iter().map(|token| bearer(&gateway, token))).await;
    let elapsed = started.elapsed();
    println!("600 unknown keys while the provider answers: {usual:?}, while it hangs: {elapsed:?}");
    assert!(elapsed < usual + std::time::Duration::from_secs(4), "{usual:?}, then {elapsed:?}");
    for answer in answers {
        answer.refused(503, "keys_unavailable");
    }
    assert_eq!(fetches(&gateway), 3);
    bearer(&gateway, &good).await.granted();
}
