//! Keys that are not taken, or not any more.

use super::bearer;
use crate::support::process::Process;
use crate::support::token::{Signer, b64, unb64, with};
use crate::support::{Gateway, Provider, Setup, Ways};
use portcullis::clock::Clock;
use serde_json::{Value, json};

#[tokio::test]
async fn c03_a_withdrawn_key_signs_nothing_after_the_next_refresh() {
    let ways = Ways::new().await;
    let old = ways.gateway.provider.signer();
    let claims = ways.gateway.provider.bearer_claims(&json!({}));
    let token = old.sign(&claims);
    // Its signature is remembered from here on.
    bearer(&ways.gateway, &token).await.granted();
    bearer(&ways.gateway, &token).await.granted();
    let new = Signer::new("key-2");
    ways.gateway.publish(&[new.clone(), old.clone()], &[]).await;
    bearer(&ways.gateway, &token).await.granted();
    ways.gateway.publish(std::slice::from_ref(&new), &[]).await;
    bearer(&ways.gateway, &token).await.refused(401, "invalid_token");
    ways.refused("the withdrawn key", move |claims| old.sign(&claims)).await;
    ways.taken("the key in force", move |claims| new.sign(&claims)).await;
}

#[tokio::test]
async fn c03_a_key_replaced_under_its_name_signs_nothing() {
    let ways = Ways::new().await;
    let old = ways.gateway.provider.signer();
    let token = old.sign(&ways.gateway.provider.bearer_claims(&json!({})));
    bearer(&ways.gateway, &token).await.granted();
    let new = Signer::new("key-1");
    ways.gateway.publish(std::slice::from_ref(&new), &[]).await;
    bearer(&ways.gateway, &token).await.refused(401, "invalid_token");
    ways.refused("the old key", move |claims| old.sign(&claims)).await;
    ways.taken("the new key", move |claims| new.sign(&claims)).await;
}

/// How many keys the service has.
fn keys(gateway: &Gateway) -> usize {
    gateway.providers.report()[0].keys
}

/// Beside a good key, whether each of these is loaded.
async fn are_loaded(gateway: &Gateway, cases: Vec<(String, Value)>, want: bool) {
    let good = Signer::new("good");
    for (what, jwk) in cases {
        gateway.publish(std::slice::from_ref(&good), &[jwk]).await;
        assert_eq!(keys(gateway), if want { 2 } else { 1 }, "{what}");
    }
}

/// A number of so many bits, odd; no key of anybody.
fn modulus(bits: usize) -> Vec<u8> {
    let mut bytes = vec![0xab; bits.div_ceil(8)];
    bytes[0] = match bits % 8 {
        0 => 0x80,
        some => 1 << (some - 1),
    };
    bytes
}

fn rsa_with(n: &[u8], e: &[u8]) -> Value {
    with(Signer::rsa("other", "RS256").jwk(), &json!({"n": b64(n), "e": b64(e)}))
}

const E: [u8; 3] = [1, 0, 1];

#[tokio::test]
async fn c06_a_modulus_of_another_size_or_even_is_not_loaded() {
    let gateway = Gateway::new().await;
    let case = |what: &str, n: &[u8]| (what.to_owned(), rsa_with(n, &E));
    let sized = |bits: usize| case(&format!("{bits} bits"), &modulus(bits));
    let good = [2048, 2049, 3072, 4095, 4096].map(sized);
    are_loaded(&gateway, good.into(), true).await;
    let sizes = [0, 1, 8, 512, 1024, 2040, 2047, 4097, 8192, 8193, 16_384, 65_536].map(|bits| {
        let n = if bits == 0 { Vec::new() } else { modulus(bits) };
        case(&format!("{bits} bits"), &n)
    });
    are_loaded(&gateway, sizes.into(), false).await;
    let mut even = modulus(2048);
    *even.last_mut().expect("a byte") = 0xaa;
    let zeros_before = [vec![0; 200], modulus(1024)].concat();
    let others = [
        case("even", &even),
        case("zero", &[0; 256]),
        case("zeros in front of 1024 bits", &zeros_before),
        ("no text".to_owned(), with(rsa_with(&modulus(2048), &E), &json!({"n": 5}))),
        ("missing".to_owned(), with(rsa_with(&modulus(2048), &E), &json!({"n": null}))),
        ("padded".to_owned(), {
            let n = format!("{}==", b64(&modulus(2048)));
            with(rsa_with(&modulus(2048), &E), &json!({"n": n}))
        }),
    ];
    are_loaded(&gateway, others.into(), false).await;
}

#[tokio::test]
async fn c06_a_token_that_names_a_key_too_large_is_refused_in_each_way() {
    let ways = Ways::new().await;
    for bits in [2047, 8193, 16_384] {
        let good = Signer::new("good");
        ways.gateway.publish(std::slice::from_ref(&good), &[rsa_with(&modulus(bits), &E)]).await;
        let header = json!({"alg": "RS256", "kid": "other"});
        ways.refused(&format!("{bits} bits"), move |claims| good.sign_as(&header, &claims)).await;
    }
}

#[tokio::test]
async fn c07_another_exponent_than_65537_is_not_loaded() {
    let gateway = Gateway::new().await;
    let n = unb64(Signer::rsa("other", "RS256").jwk()["n"].as_str().expect("n"));
    let case = |e: &[u8]| (format!("e = {e:?}"), rsa_with(&n, e));
    are_loaded(&gateway, vec![case(&E), case(&[0, 1, 0, 1])], true).await;
    let exponents: [&[u8]; 14] = [
        &[],
        &[0],
        &[1],
        &[2],
        &[3],
        &[5],
        &[17],
        &[1, 0, 0],
        &[1, 0, 2],
        &[1, 0, 3],
        &[0xff; 4],
        &[1, 0, 0, 0, 1],
        &[1, 0, 0, 0, 0, 0, 0, 0, 1],
        &n,
    ];
    are_loaded(&gateway, exponents.map(case).into(), false).await;
    let others = [json!(65537), json!(null), json!("65537"), json!(["AQAB"]), json!("AQAB=")];
    let others = others.map(|e| {
        (format!("e = {e}"), with(Signer::rsa("other", "RS256").jwk(), &json!({ "e": e })))
    });
    are_loaded(&gateway, others.into(), false).await;
}

#[tokio::test]
async fn c12_a_point_that_is_not_on_the_curve_is_not_loaded() {
    let gateway = Gateway::new().await;
    for (alg, length) in [("ES256", 32), ("ES384", 48)] {
        let jwk = Signer::ec("other", alg).jwk();
        let part = |name: &str| unb64(jwk[name].as_str().expect("a coordinate"));
        let (x, y) = (part("x"), part("y"));
        let point = |what: &str, x: &[u8], y: &[u8]| {
            (format!("{alg}, {what}"), with(jwk.clone(), &json!({"x": b64(x), "y": b64(y)})))
        };
        are_loaded(&gateway, vec![point("as it is", &x, &y)], true).await;
        let (zero, most) = (vec![0; length], vec![0xff; length]);
        let mut near = y.clone();
        near[length - 1] ^= 1;
        let cases = vec![
            point("off the curve", &x, &near),
            point("x twice", &x, &x),
            point("changed places", &y, &x),
            point("(0, 0)", &zero, &zero),
            point("x = 0", &zero, &y),
            point("y = 0", &x, &zero),
            point("above the prime", &most, &most),
            point("infinity", &[], &[]),
            point("infinity as a byte", &[0], &[]),
            point("empty x", &[], &y),
            point("empty y", &x, &[]),
            point("x short", &x[1..], &y),
            point("y short", &x, &y[1..]),
            point("x short at its end", &x[..length - 1], &y),
            point("x long", &[&[0], x.as_slice()].concat(), &y),
            point("y long", &x, &[&[0], y.as_slice()].concat()),
            point("x longer behind", &[x.as_slice(), &[0]].concat(), &y),
            point("all in x", &[x.as_slice(), &y].concat(), &[]),
            point("a prefix in x", &[&[4], x.as_slice(), &y].concat(), &y),
        ];
        are_loaded(&gateway, cases, false).await;
        let members = [
            json!({"x": null}),
            json!({"y": null}),
            json!({"y": 5}),
            json!({"y": ""}),
            json!({"crv": null}),
            json!({"crv": "P-521"}),
            json!({"crv": "secp256k1"}),
            json!({"crv": "Ed25519"}),
            json!({"crv": "p-256"}),
            json!({"crv": if length == 32 { "P-384" } else { "P-256" }}),
            json!({"alg": if length == 32 { "ES384" } else { "ES256" }}),
            json!({"alg": "ES512"}),
            json!({"alg": "ES256K"}),
            json!({"alg": "RS256"}),
            json!({"alg": "HS256"}),
            json!({"alg": "none"}),
            json!({"alg": null}),
            json!({"kty": "OKP"}),
            json!({"kty": "RSA"}),
            json!({"kty": "oct"}),
            json!({"kty": null}),
        ];
        let cases = members.map(|change| (format!("{alg}, {change}"), with(jwk.clone(), &change)));
        are_loaded(&gateway, cases.into(), false).await;
    }
}

#[tokio::test]
async fn c12_a_token_that_names_such_a_key_is_refused_in_each_way() {
    let ways = Ways::new().await;
    let (good, other) = (Signer::new("good"), Signer::new("other"));
    for change in [json!({"x": b64(&[0; 32]), "y": b64(&[0; 32])}), json!({"crv": "P-384"})] {
        let jwk = with(other.jwk(), &change);
        ways.gateway.publish(std::slice::from_ref(&good), &[jwk]).await;
        let other = other.clone();
        ways.refused(&change.to_string(), move |claims| other.sign(&claims)).await;
    }
}

/// Members that only a private or shared key has (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

#[tokio::test]
async fn c18_a_key_with_private_members_is_dropped() {
    let gateway = Gateway::new().await;
    for jwk in [Signer::new("other").jwk(), Signer::rsa("other", "RS256").jwk()] {
        are_loaded(&gateway, vec![("public".to_owned(), jwk.clone())], true).await;
        for value in [json!("AQAB"), json!(""), json!([]), json!(5)] {
            let cases = PRIVATE.map(|name| {
                (format!("{name}: {value}"), with(jwk.clone(), &json!({ name: value })))
            });
            are_loaded(&gateway, cases.into(), false).await;
        }
    }
    let ways = Ways::new().await;
    let (good, leaked) = (Signer::new("good"), Signer::new("leaked"));
    let jwk = with(leaked.jwk(), &json!({"d": b64(&[1; 32])}));
    ways.gateway.publish(&[good], &[jwk]).await;
    ways.refused("leaked", move |claims| leaked.sign(&claims)).await;
}

#[tokio::test]
async fn c18_and_the_operator_hears_of_it() {
    for alone in [false, true] {
        let provider = Provider::start(Clock::system()).await;
        let leaked = with(Signer::new("leaked").jwk(), &json!({"d": "bGVha2VkLXNlY3JldA"}));
        provider.turn(|knobs| knobs.published_beside = vec![leaked.clone()]);
        let setup = Setup::default().setting("log", "{level: warn}");
        let service = Process::start(setup, &provider).await;
        if alone {
            // Now the set has no other: it is ignored, and the last good keys stay in use.
            let token = provider.id_token(&json!({}));
            provider.turn(|knobs| knobs.published.clear());
            let unknown = Signer::new("unknown").sign(&provider.bearer_claims(&json!({})));
            service.bearer(&unknown).await.refused(503, "keys_unavailable");
            service.bearer(&token).await.granted();
        }
        let output = service.stop().await;
        let lines: Vec<Value> = output
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line is an object"))
            .filter(|line: &Value| line.to_string().contains("private members"))
            .collect();
        assert!(!lines.is_empty(), "nobody hears of it: {output}");
        assert!(lines.iter().all(|line| line["level"] == "WARN"), "{lines:?}");
        let said = json!(lines).to_string();
        assert!(said.contains("leaked"), "the key is not named: {said}");
        assert!(alone == said.contains("no usable key"), "{said}");
        assert!(!output.contains("bGVha2VkLXNlY3JldA"), "the key itself is printed");
    }
}
