//! `alg`: none of those that verify nothing, or with a shared key, and only that of the key.

use super::refused;
use crate::support::token::{Signer, b64, sign_hmac, with};
use crate::support::{API, Ask, Gateway, SECRET, Ways};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const HMACS: [&str; 3] = ["HS256", "HS384", "HS512"];

#[tokio::test]
async fn a03_none_in_any_writing_is_no_algorithm() {
    let ways = Ways::new().await;
    for alg in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "none ",
        " none",
        "\\u006eone",
        "n\\u006fne",
        "no\\u0000ne",
        "none\\u0000",
        "n\u{43e}ne",
        "NoNe",
        "null",
    ] {
        for key in [r#","kid":"key-1""#, ""] {
            let header = format!(r#"{{"alg":"{alg}"{key}}}"#);
            refused(&ways, &header).await;
            unsigned(&ways, &header).await;
        }
    }
}

/// The same header without a signature, as `none` is written (RFC 7515 §A.5).
async fn unsigned(ways: &Ways, header: &str) {
    let text = header.to_owned();
    let what = format!("{header}, no signature");
    ways.refused(&what, move |claims| {
        format!("{}.{}.", b64(text.as_bytes()), b64(claims.to_string().as_bytes()))
    })
    .await;
}

#[tokio::test]
async fn a04_alg_has_to_say_something() {
    let ways = Ways::new().await;
    for alg in ["", r#""alg":null,"#, r#""alg":"","#, r#""Alg":"ES256","#, r#""alg ":"ES256","#] {
        refused(&ways, &format!(r#"{{{alg}"kid":"key-1"}}"#)).await;
    }
}

#[tokio::test]
async fn a05_alg_has_to_be_a_string() {
    let ways = Ways::new().await;
    for alg in [
        "256",
        "0",
        "-1",
        "true",
        "false",
        "[]",
        "{}",
        r#"["ES256"]"#,
        r#"["RS256"]"#,
        r#"["none","ES256"]"#,
        r#"{"a":"ES256"}"#,
        r#"{"a":"RS256"}"#,
        r#"{"alg":"ES256"}"#,
    ] {
        refused(&ways, &format!(r#"{{"alg":{alg},"kid":"key-1"}}"#)).await;
    }
}

#[tokio::test]
async fn a05_alg_has_to_be_one_that_is_taken_as_it_is_written() {
    let ways = Ways::new().await;
    for alg in [
        "es256",
        "Es256",
        "ES256 ",
        " ES256",
        "ES256\\u0000",
        "ES256K",
        "ES512",
        "ES521",
        "EdDSA",
        "Ed25519",
        "RS1",
        "RSA1_5",
        "RSA-OAEP",
        "dir",
        "A256KW",
        "SHA256withECDSA",
        "ES256,none",
        "\u{ff25}S256",
    ] {
        refused(&ways, &format!(r#"{{"alg":"{alg}","kid":"key-1"}}"#)).await;
    }
}

/// Every way to write a public key down, as an attacker knows it.
fn writings(signer: &Signer) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for (form, bytes) in signer.public_forms() {
        if let Some(trimmed) = bytes.strip_suffix(b"\n") {
            found.push((format!("{form} without newline"), trimmed.to_vec()));
            let crlf = String::from_utf8_lossy(&bytes).replace('\n', "\r\n");
            found.push((format!("{form} with CRLF"), crlf.into_bytes()));
        }
        found.push((format!("{form} in base64"), STANDARD.encode(&bytes).into_bytes()));
        found.push((form.to_owned(), bytes));
    }
    let jwk = signer.jwk();
    let pretty = serde_json::to_vec_pretty(&jwk).expect("JSON");
    found.push(("the JWK".to_owned(), jwk.to_string().into_bytes()));
    found.push(("the JWK, indented".to_owned(), pretty));
    found.push(("the JWKS".to_owned(), json!({"keys": [jwk]}).to_string().into_bytes()));
    found.push(("n or x as text".to_owned(), text_of(&jwk)));
    found.push(("nothing".to_owned(), Vec::new()));
    found
}

fn text_of(jwk: &Value) -> Vec<u8> {
    let member = jwk["n"].as_str().or_else(|| jwk["x"].as_str());
    member.expect("a member").as_bytes().to_vec()
}

/// A shared-key signature, whose key is the public key of `signer` in every writing.
async fn refuses_hmac(signer: Signer, algs: &[&'static str], writing: fn(&str) -> bool) {
    let ways = Ways::new().await;
    ways.gateway.publish(std::slice::from_ref(&signer), &[]).await;
    let mut tried = 0;
    for alg in algs.iter().copied() {
        for (form, key) in writings(&signer).into_iter().filter(|(form, _)| writing(form)) {
            let forge = move |claims: Value| sign_hmac(alg, &key, "k", &claims);
            ways.refused(&format!("{alg} with {form}"), forge).await;
            tried += 1;
        }
    }
    assert!(tried > 0, "nothing tried");
    let good = signer.clone();
    ways.taken("its own signature", move |claims| good.sign(&claims)).await;
}

#[tokio::test]
async fn a07_hs256_with_the_public_key_in_pkcs_1_is_refused() {
    let signer = Signer::rsa("k", "RS256");
    refuses_hmac(signer, &["HS256"], |form| form.starts_with("PKCS#1")).await;
}

#[tokio::test]
async fn a08_hs256_with_the_public_key_in_spki_is_refused() {
    for signer in [Signer::rsa("k", "RS256"), Signer::new("k")] {
        refuses_hmac(signer, &["HS256"], |form| form.starts_with("SPKI")).await;
    }
}

#[tokio::test]
async fn a09_hs256_with_the_public_key_in_any_other_writing_is_refused() {
    for signer in [Signer::rsa("k", "RS256"), Signer::new("k")] {
        refuses_hmac(signer, &["HS256"], |form| !form.contains("PEM")).await;
    }
}

#[tokio::test]
async fn a10_hs384_and_hs512_are_refused_like_hs256() {
    for signer in [Signer::rsa("k", "RS256"), Signer::new("k")] {
        refuses_hmac(signer, &HMACS[1..], |_any| true).await;
    }
}

#[tokio::test]
async fn a11_our_client_secret_signs_nothing() {
    let ways = Ways::new().await;
    let with_newline = format!("{SECRET}\n");
    for alg in HMACS {
        for secret in [SECRET, &with_newline, &b64(SECRET.as_bytes()), "hush+hush"] {
            let key = secret.as_bytes().to_vec();
            let forge = move |claims: Value| sign_hmac(alg, &key, "key-1", &claims);
            ways.refused(&format!("{alg} with {secret:?}"), forge).await;
        }
    }
}

/// A provider with two keys: RSA (which signs) and EC.
async fn with_two_kinds() -> (Ways, Signer, Signer) {
    let ways = Ways::new().await;
    let (rsa, ec) = (Signer::rsa("rsa", "RS256"), Signer::new("ec"));
    ways.gateway.publish(&[rsa.clone(), ec.clone()], &[]).await;
    (ways, rsa, ec)
}

#[tokio::test]
async fn a13_an_ec_signature_under_the_name_of_an_rsa_key_is_refused() {
    let (ways, rsa, ec) = with_two_kinds().await;
    let own = ec.clone();
    ways.taken("ES256 by the EC key", move |claims| own.sign(&claims)).await;
    for alg in ["ES256", "ES384", "RS256", "PS256"] {
        let (ec, header) = (ec.clone(), with(rsa.header(), &json!({"alg": alg})));
        ways.refused(alg, move |claims| ec.sign_as(&header, &claims)).await;
    }
}

#[tokio::test]
async fn a14_an_rsa_signature_under_the_name_of_an_ec_key_is_refused() {
    let (ways, rsa, ec) = with_two_kinds().await;
    let own = rsa.clone();
    ways.taken("RS256 by the RSA key", move |claims| own.sign(&claims)).await;
    for alg in ["RS256", "PS256", "ES256", "RS512"] {
        let (rsa, header) = (rsa.clone(), with(ec.header(), &json!({"alg": alg})));
        ways.refused(alg, move |claims| rsa.sign_as(&header, &claims)).await;
    }
}

#[tokio::test]
async fn a14_a_key_is_for_the_one_algorithm_that_it_says() {
    let gateway = Gateway::new().await;
    let signers = [
        Signer::rsa("rs256", "RS256"),
        Signer::rsa("rs384", "RS384"),
        Signer::rsa("rs512", "RS512"),
        Signer::rsa("ps256", "PS256"),
        Signer::rsa("ps384", "PS384"),
        Signer::rsa("ps512", "PS512"),
        Signer::ec("es256", "ES256"),
        Signer::ec("es384", "ES384"),
    ];
    gateway.publish(&signers, &[]).await;
    let claims = gateway.provider.bearer_claims(&json!({}));
    for by in &signers {
        for named in &signers {
            // Signed by one algorithm, under the name of each key, with either's `alg`.
            for alg in [by.header()["alg"].clone(), named.header()["alg"].clone()] {
                let header = with(named.header(), &json!({ "alg": alg }));
                let right = header == by.header();
                let token = by.sign_as(&header, &claims);
                let ask = Ask::get(&format!("{API}/pets")).bearer(&token);
                let answer = gateway.ask(ask).await;
                if right {
                    answer.granted();
                } else {
                    answer.refused(401, "invalid_token");
                }
            }
        }
    }
}
