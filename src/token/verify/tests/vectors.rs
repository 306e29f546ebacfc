//! Vectors that others published.

use super::refusal;
use crate::token::fixtures::jwks;
use crate::token::verify::verify_signature;
use crate::token::{Jws, KeySet, TokenError};
use serde_json::{Value, json};

/// RFC 7515 appendix A, as far as its algorithms are taken: the signatures hold, but no token has a
/// `kid`, so none would be taken.
#[test]
fn agrees_with_rfc_7515() {
    let published = rfc_7515_es256();
    let (keys, _) = KeySet::parse(jwks(&[published.0]).as_bytes()).expect("a set");
    let key = keys.find("a3").expect("its key");
    let (signed, signature) = published.1.rsplit_once('.').expect("parts");
    let algorithm = key.algorithm().library();
    let holds =
        jsonwebtoken::crypto::verify(signature, signed.as_bytes(), key.library(), algorithm);
    assert_eq!(holds.ok(), Some(true));
    assert_eq!(refusal(published.1, &keys), Some(TokenError::BadKeyId));
}

/// Key and token of RFC 7515 §A.3.
fn rfc_7515_es256() -> (Value, &'static str) {
    let jwk = json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "a3",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
    let token = "eyJhbGciOiJFUzI1NiJ9.\
        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
        DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    (jwk, token)
}

/// Wycheproof's JWS vectors, where a copy lies beside this repository.
#[test]
fn agrees_with_wycheproof() {
    let place = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/vectors/wycheproof/json_web_signature_test.json"
    );
    let Ok(text) = std::fs::read(place) else {
        println!("no Wycheproof vectors beside the repository: 0 tried");
        return;
    };
    let file: Value = serde_json::from_slice(&text).expect("vectors");
    let (mut tried, mut refused_valid) = (0, Vec::new());
    for group in file["testGroups"].as_array().expect("groups") {
        let jwk = group.get("public").unwrap_or_else(|| &group["private"]);
        let keys = KeySet::parse(jwks(std::slice::from_ref(jwk)).as_bytes());
        let kid = jwk["kid"].as_str().unwrap_or_default();
        for test in group["tests"].as_array().expect("tests") {
            let (id, valid) = (test["tcId"].as_u64().expect("an id"), test["result"] == "valid");
            let verdict = test["jws"].as_str().and_then(|text| {
                let jws = Jws::parse(text, 8192).ok()?;
                let (keys, _) = keys.as_ref().ok()?;
                verify_signature(&jws, keys.find(kid)?).ok()
            });
            tried += 1;
            match (verdict, valid) {
                (Some(()), false) => panic!("accepts {id}: {}", test["comment"]),
                (None, true) if jwk["kty"] != "oct" => refused_valid.push(id),
                _ => {}
            }
        }
    }
    println!("Wycheproof: {tried} tried, valid ones that are refused: {refused_valid:?}");
    assert_eq!(refused_valid, [346, 347, 350, 351]);
}
