//! Vectors that others published, as whole tokens. The longer lists are tried where a copy of them lies
//! beside this repository.

use super::refusal;
use crate::token::fixtures::{jwks, shared_ec, unb64, with};
use crate::token::verify::verify_signature;
use crate::token::{Jws, KeySet, TokenError};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of published vectors of this name, where there is one.
fn published(name: &str) -> Option<PathBuf> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors").join(name);
    if !place.exists() {
        println!("no {name} beside the repository: 0 tried");
    }
    place.exists().then_some(place)
}

fn read(file: &Path) -> Value {
    let text = fs::read(file).expect("a file of vectors");
    serde_json::from_slice(&text).expect("vectors")
}

/// Whether `text` is signed by the key of its name in this set, read as we read an issuer's.
fn is_signed(text: &str, set: &Value) -> bool {
    let verified = || {
        let jws = Jws::parse(text, 65_536).ok()?;
        let (keys, _alarms) = KeySet::parse(set.to_string().as_bytes()).ok()?;
        verify_signature(&jws, keys.find(jws.kid())?).ok()
    };
    verified().is_some()
}

/// RFC 7515 appendix A, as far as its algorithms are taken: the signatures hold, but no token has a
/// `kid`, so none would be taken.
#[test]
fn agrees_with_rfc_7515() {
    let (jwk, token) = rfc_7515_es256();
    let (keys, _) = KeySet::parse(jwks(&[jwk]).as_bytes()).expect("a set");
    let (signed, signature) = token.rsplit_once('.').expect("parts");
    let key = keys.find("a3").expect("its key");
    assert!(key.has_signed(signed.as_bytes(), &unb64(signature)));
    assert_eq!(refusal(token, &keys), Some(TokenError::BadKeyId));
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

/// All of appendix A: the signatures with a public key hold, and no token is taken.
#[test]
fn agrees_with_the_published_rfc_7515() {
    let Some(place) = published("rfc7515/rfc7515-appendix-a.json") else { return };
    let mut held = Vec::new();
    for case in read(&place).as_array().expect("cases") {
        let (alg, token) = (&case["alg"], case["jws"].as_str().expect("a token"));
        let (signed, signature) = token.rsplit_once('.').expect("parts");
        let jwk = if case["jwk"].is_null() { json!({}) } else { case["jwk"].clone() };
        let jwk = with(with(jwk, "alg", alg), "kid", &json!("a"));
        let keys = KeySet::parse(jwks(&[jwk]).as_bytes()).ok();
        let key = keys.as_ref().and_then(|(keys, _)| keys.find("a"));
        if key.is_some_and(|key| key.has_signed(signed.as_bytes(), &unb64(signature))) {
            held.push(alg.as_str().expect("a name").to_owned());
        }
        let (keys, _) = KeySet::parse(jwks(&[shared_ec().jwk()]).as_bytes()).expect("a set");
        assert!(refusal(token, &keys).is_some(), "{}", case["id"]);
    }
    assert_eq!(held, ["RS256", "ES256"]);
}

/// The cookbook of RFC 7520: what it signs in compact form with an algorithm of ours holds under
/// its public key, and nothing else is read as a token at all: other serializations, detached payloads,
/// `b64: false` (RFC 7797), ES512, `EdDSA`, HMAC.
#[test]
fn agrees_with_the_cookbook_of_rfc_7520() {
    let Some(place) = published("rfc7520-cookbook") else { return };
    let files = ["jws", "rfc7797", "curve25519"].map(|folder| json_files(&place.join(folder)));
    let mut held = Vec::new();
    for file in files.iter().flatten() {
        let case = read(file);
        let mut jwk = case["input"]["key"].clone();
        for private in ["d", "p", "q", "dp", "dq", "qi"] {
            jwk = if jwk.is_object() { with(jwk, private, &json!("absent")) } else { jwk };
        }
        let jwk = if jwk.is_object() { with(jwk, "alg", &case["input"]["alg"]) } else { jwk };
        for form in ["compact", "json", "json_flat"] {
            let text = match &case["output"][form] {
                Value::Null => continue,
                Value::String(text) => text.clone(),
                object => object.to_string(),
            };
            if is_signed(&text, &json!({"keys": [jwk]})) {
                held.push((file.file_name().expect("a name").to_owned(), form));
            }
        }
    }
    let names: Vec<_> = held.iter().map(|(name, form)| (name.to_str(), *form)).collect();
    let want = ["4_1.rsa_v15_signature.json", "4_2.rsa-pss_signature.json"];
    assert_eq!(names, want.map(|name| (Some(name), "compact")));
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of vectors");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|kind| kind == "json")).collect();
    files.sort();
    files
}

/// How many vectors of a file were tried, those that are called valid and refused, and those that
/// are called invalid and taken.
#[derive(Debug, Default, Eq, PartialEq)]
struct Verdicts {
    tried: usize,
    refused: Vec<u64>,
    taken: Vec<u64>,
}

/// Tries the vectors of the groups whose keys are of a kind that `counts`.
fn verdicts(file: &Path, counts: impl Fn(&Value) -> bool) -> Verdicts {
    let mut verdicts = Verdicts::default();
    for group in read(file)["testGroups"].as_array().expect("groups") {
        let jwk = group.get("public").unwrap_or_else(|| &group["private"]);
        let set = if jwk["keys"].is_array() { jwk.clone() } else { json!({"keys": [jwk]}) };
        if !counts(&set["keys"][0]) {
            continue;
        }
        for test in group["tests"].as_array().expect("tests") {
            let id = test["tcId"].as_u64().expect("an id");
            let text = test["jws"].as_str().or_else(|| test["jwe"].as_str());
            let taken = text.is_some_and(|text| is_signed(text, &set));
            verdicts.tried += 1;
            match (taken, test["result"] == "valid") {
                (true, false) => verdicts.taken.push(id),
                (false, true) => verdicts.refused.push(id),
                (true, true) | (false, false) => {}
            }
        }
    }
    verdicts
}

fn is_hmac(jwk: &Value) -> bool {
    jwk["kty"] == "oct"
}

#[test]
fn c19_takes_of_wycheproof_s_signed_tokens_just_those_that_are_valid() {
    let Some(place) = published("wycheproof/json_web_signature_test.json") else { return };
    // 346 and 350: the header says PS384, the key PS256. 347 and 351: ES512, which is not taken.
    let want = Verdicts { tried: 361, refused: vec![346, 347, 350, 351], taken: Vec::new() };
    assert_eq!(verdicts(&place, |jwk| !is_hmac(jwk)), want);
}

#[test]
fn c20_takes_none_of_wycheproof_s_tokens_with_a_shared_key() {
    let Some(place) = published("wycheproof/json_web_signature_test.json") else { return };
    let found = verdicts(&place, is_hmac);
    assert_eq!((found.tried, found.taken.len()), (40, 0));
}

#[test]
fn reads_wycheproof_s_key_sets_as_they_are_meant() {
    let Some(place) = published("wycheproof/json_web_key_test.json") else { return };
    let found = verdicts(&place, |_any| true);
    let shared_keys = verdicts(&place, is_hmac);
    assert_eq!(found.tried, 26);
    assert_eq!(found.refused, shared_keys.refused, "only shared keys are refused");
    // 7: a key that is weak by how it was made (ROCA). Who trusts an issuer trusts how it makes keys.
    assert_eq!(found.taken, [7]);
}

#[test]
fn takes_none_of_wycheproof_s_encrypted_tokens() {
    let Some(place) = published("wycheproof/json_web_encryption_test.json") else { return };
    let found = verdicts(&place, |_any| true);
    assert_eq!((found.tried, found.taken.len()), (139, 0));
}

/// A parser test is named for what a parser must do: `y_` read it, `n_` refuse it, `i_` as it likes.
#[test]
fn agrees_with_the_json_test_suite() {
    let Some(place) = published("JSONTestSuite/test_parsing") else { return };
    let (keys, _) = KeySet::parse(jwks(&[shared_ec().jwk()]).as_bytes()).expect("a set");
    let (mut refused_good, mut tried) = (Vec::new(), [0_usize; 3]);
    for file in json_files(&place) {
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let bytes = fs::read(&file).expect("a file of vectors");
        let header = b"{\"alg\":\"ES256\",\"kid\":\"ec\"}".as_slice();
        let inside = [b"{\"iss\":\"a\",\"aud\":\"b\",\"v\":", bytes.as_slice(), b"}"].concat();
        let payload = b"{\"iss\":\"a\",\"aud\":\"b\"}".as_slice();
        let refused = |header: &[u8], payload: &[u8]| {
            let text = shared_ec().sign_bytes(header, payload);
            let jws = Jws::parse(&text, usize::MAX);
            jws.and_then(|jws| super::verify(&jws, &keys)).err()
        };
        // As header and as payload none has what a token needs; as a claim's value it is told by the
        // JSON alone.
        assert!(refused(&bytes, payload).is_some(), "{name} as a header");
        assert!(refused(header, &bytes).is_some(), "{name} as a payload");
        let verdict = refused(header, &inside);
        match name.split('_').next() {
            Some("y") => {
                tried[0] += 1;
                if verdict.is_some() {
                    refused_good.push(name);
                }
            }
            Some("n") => {
                tried[1] += 1;
                // What closes the object early, or leaves out the value, is told apart as a whole.
                let whole = crate::token::parse_object(&bytes);
                assert_eq!(whole, None, "{name}");
                assert_eq!(verdict, Some(TokenError::BadPayload), "{name}");
            }
            _ => tried[2] += 1,
        }
    }
    println!("JSONTestSuite: {tried:?} tried");
    assert_eq!(tried, [95, 188, 35]);
    // On purpose: a member that is named twice.
    assert_eq!(
        refused_good,
        ["y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"]
    );
}
