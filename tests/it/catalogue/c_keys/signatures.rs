//! Signatures that are not of the key, or only look like one.

use super::bearer;
use crate::support::token::{Signer, b64, unb64};
use crate::support::{Ask, Gateway, PORTAL, Ways};
use serde_json::{Value, json};

/// The order of P-256 and of P-384 (FIPS 186-4 §D.1.2).
const N_256: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const N_384: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973";

fn hex(text: &str) -> Vec<u8> {
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("text"), 16);
    text.as_bytes().chunks(2).map(|pair| digits(pair).expect("hex")).collect()
}

/// `token` with one bit of the bytes of a part flipped.
fn flipped(token: &str, part: usize, at: usize, bit: u8) -> String {
    let mut parts: Vec<Vec<u8>> = token.split('.').map(unb64).collect();
    parts[part][at] ^= 1 << bit;
    parts.iter().map(|part| b64(part)).collect::<Vec<_>>().join(".")
}

/// `token` with another signature.
fn resigned(token: &str, change: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let (signed, signature) = token.rsplit_once('.').expect("parts");
    format!("{signed}.{}", b64(&change(&unb64(signature))))
}

#[tokio::test]
async fn c01_no_bit_can_be_flipped() {
    let gateway = Gateway::new().await;
    for signer in [Signer::new("ec"), Signer::rsa("rsa", "RS256")] {
        gateway.publish(std::slice::from_ref(&signer), &[]).await;
        let token = signer.sign(&gateway.provider.bearer_claims(&json!({})));
        bearer(&gateway, &token).await.granted();
        let mut tried = 0;
        for (part, text) in token.split('.').enumerate() {
            let length = unb64(text).len();
            for nth in 0..length.min(64) {
                let at = nth * length / length.min(64);
                for bit in 0..8 {
                    let answer = bearer(&gateway, &flipped(&token, part, at, bit)).await;
                    assert_eq!(answer.status, 401, "part {part}, byte {at}, bit {bit}");
                    answer.refused(401, "invalid_token");
                    tried += 1;
                }
            }
        }
        assert!(tried > 1000, "{tried} tried");
        bearer(&gateway, &token).await.granted();
    }
}

#[tokio::test]
async fn c01_a_flipped_bit_is_refused_in_each_way() {
    let ways = Ways::new().await;
    let signer = ways.gateway.provider.signer();
    for (part, at) in [(0, 1), (0, 20), (1, 10), (1, 200), (2, 0), (2, 31), (2, 32), (2, 63)] {
        let signer = signer.clone();
        ways.refused(&format!("part {part}, byte {at}"), move |claims| {
            flipped(&signer.sign(&claims), part, at, 0)
        })
        .await;
    }
}

#[tokio::test]
async fn c02_another_key_of_that_name_signs_nothing() {
    for (good, evil) in [
        (Signer::new("k"), Signer::new("k")),
        (Signer::new("k"), Signer::ec("k", "ES384")),
        (Signer::rsa("k", "RS256"), Signer::new("k")),
        (Signer::new("k"), Signer::rsa("k", "RS256")),
    ] {
        let ways = Ways::new().await;
        // The other one's name is known, too: the name says which key counts, not who has one.
        let both = [good.clone(), evil.named("other")];
        ways.gateway.publish(&both, &[]).await;
        let right = good.sign(&ways.gateway.provider.bearer_claims(&json!({})));
        bearer(&ways.gateway, &right).await.granted();
        let (by, header) = (evil.clone(), good.header());
        ways.refused("signed by another", move |claims| by.sign_as(&header, &claims)).await;
        let own = evil.clone();
        ways.refused("and says so", move |claims| own.sign(&claims)).await;
        let named = evil.named("other");
        let known = named.sign(&ways.gateway.provider.bearer_claims(&json!({})));
        bearer(&ways.gateway, &known).await.granted();
    }
}

#[tokio::test]
async fn c08_one_padding_is_not_the_other() {
    for (key, by) in [
        ("RS256", "PS256"),
        ("PS256", "RS256"),
        ("RS256", "RS512"),
        ("RS256", "PS512"),
        ("PS256", "PS384"),
    ] {
        let ways = Ways::new().await;
        let (published, other) = (Signer::rsa("k", key), Signer::rsa("k", by));
        ways.gateway.publish(std::slice::from_ref(&published), &[]).await;
        let own = published.clone();
        ways.taken(key, move |claims| own.sign(&claims)).await;
        for header in [published.header(), other.header()] {
            let other = other.clone();
            let what = format!("{by} under {header}, key {key}");
            ways.refused(&what, move |claims| other.sign_as(&header, &claims)).await;
        }
    }
}

/// Numbers that are no part of a signature, beside those of a good one.
fn bad_numbers(order: &[u8], good: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let (r, s) = good.split_at(order.len());
    let (zero, most) = (vec![0; order.len()], vec![0xff; order.len()]);
    let one: Vec<u8> = [&zero[1..], &[1]].concat();
    let mut above = order.to_vec();
    *above.last_mut().expect("a byte") += 1;
    let numbers = [
        ("r = s = 0", &zero[..], &zero[..]),
        ("r = 0", &zero, s),
        ("s = 0", r, &zero),
        ("r = n", order, s),
        ("s = n", r, order),
        ("r = s = n", order, order),
        ("r > n", &above, s),
        ("s > n", r, &above),
        ("r most", &most, s),
        ("s most", r, &most),
        ("r = n, s = 0", order, &zero),
        ("r = 0, s = n", &zero, order),
        ("r = s = 1", &one, &one),
        ("r = 1, s = 0", &one, &zero),
        ("r = 0, s = 1", &zero, &one),
        ("r and s changed places", s, r),
        ("r = s", r, r),
    ];
    numbers.map(|(what, r, s)| (what, [r, s].concat())).into()
}

#[tokio::test]
async fn c09_numbers_out_of_range_are_no_signature() {
    let ways = Ways::new().await;
    let signer = ways.gateway.provider.signer();
    for at in 0..bad_numbers(&hex(N_256), &[0; 64]).len() {
        let signer = signer.clone();
        let what = bad_numbers(&hex(N_256), &[0; 64])[at].0;
        ways.refused(what, move |claims| {
            resigned(&signer.sign(&claims), |good| bad_numbers(&hex(N_256), good).remove(at).1)
        })
        .await;
    }
}

#[tokio::test]
async fn c09_numbers_out_of_range_are_no_signature_on_p_384_either() {
    let gateway = Gateway::new().await;
    let signer = Signer::ec("k", "ES384");
    gateway.publish(std::slice::from_ref(&signer), &[]).await;
    let token = signer.sign(&gateway.provider.bearer_claims(&json!({})));
    bearer(&gateway, &token).await.granted();
    let (_, signature) = token.rsplit_once('.').expect("parts");
    for (what, numbers) in bad_numbers(&hex(N_384), &unb64(signature)) {
        let forged = resigned(&token, |_good| numbers.clone());
        let answer = bearer(&gateway, &forged).await;
        assert_eq!(answer.status, 401, "{what}");
        answer.refused(401, "invalid_token");
    }
}

/// A DER sequence of the two numbers (RFC 3279 §2.2.3); `minimal`: as DER wants it.
fn der(signature: &[u8], minimal: bool) -> Vec<u8> {
    let (r, s) = signature.split_at(signature.len() / 2);
    let integer = |number: &[u8]| {
        let number: Vec<u8> =
            number.iter().copied().skip_while(|byte| minimal && *byte == 0).collect();
        let sign = number.first().is_some_and(|byte| byte & 0x80 != 0);
        let number = if sign { [&[0], number.as_slice()].concat() } else { number };
        [&[2, u8::try_from(number.len()).expect("short")], number.as_slice()].concat()
    };
    let both = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(both.len()).expect("short")], both.as_slice()].concat()
}

#[tokio::test]
async fn c10_a_signature_in_der_is_refused() {
    let ways = Ways::new().await;
    for minimal in [true, false] {
        let signer = ways.gateway.provider.signer();
        ways.refused("DER", move |claims| {
            resigned(&signer.sign(&claims), |good| der(good, minimal))
        })
        .await;
    }
}

/// `(r, n - s)`, which verifies as well as `(r, s)`.
fn twin(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(32);
    let mut borrow = 0;
    let less: Vec<u8> = hex(N_256)
        .iter()
        .zip(s)
        .rev()
        .map(|(from, byte)| {
            let left = i16::from(*from) - i16::from(*byte) - borrow;
            borrow = i16::from(left < 0);
            u8::try_from(left.rem_euclid(256)).expect("a byte")
        })
        .collect();
    [r.to_vec(), less.into_iter().rev().collect()].concat()
}

#[tokio::test]
async fn c14_the_twin_of_a_signature_is_decided_alike() {
    let ways = Ways::new().await;
    let signer = ways.gateway.provider.signer();
    ways.taken("the twin", move |claims| resigned(&signer.sign(&claims), twin)).await;
    // Without the group that grants, both are refused alike.
    let gateway = &ways.gateway;
    let poor = gateway.provider.id_token(&json!({"groups": ["Other"]}));
    for token in [resigned(&poor, twin), poor] {
        bearer(gateway, &token).await.refused(403, "not_granted");
    }
}

#[tokio::test]
async fn c14_who_signed_out_is_out_with_either_twin() {
    for (logout, later) in [(json!({}), 0), (json!({"sid": null}), 1)] {
        let gateway = Gateway::new().await;
        let token = gateway.provider.id_token(&json!({}));
        let twins = [resigned(&token, twin), token];
        // One was seen before, the other comes as new.
        bearer(&gateway, &twins[1]).await.granted();
        gateway.later(later);
        let body = format!("logout_token={}", gateway.provider.logout_token(&logout));
        let ask = Ask::post(&format!("{PORTAL}/.auth/backchannel-logout"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(&body);
        assert_eq!(gateway.ask(ask).await.status, 200);
        for token in &twins {
            bearer(&gateway, token).await.refused(401, "invalid_token");
        }
    }
}

#[tokio::test]
async fn c14_a_logout_token_counts_once_whatever_its_signature_looks_like() {
    let gateway = Gateway::new().await;
    let token = gateway.provider.logout_token(&json!({}));
    let post = |token: &str| {
        Ask::post(&format!("{PORTAL}/.auth/backchannel-logout"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(&format!("logout_token={token}"))
    };
    assert_eq!(gateway.ask(post(&token)).await.status, 200);
    assert_eq!(gateway.ask(post(&resigned(&token, twin))).await.status, 400);
    let other: Value = json!({"jti": "LO.2"});
    assert_eq!(gateway.ask(post(&gateway.provider.logout_token(&other))).await.status, 200);
}
