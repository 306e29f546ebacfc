use super::*;
use crate::token::Algorithm;
use crate::token::fixtures::{b64, ec, jwks, rsa, shared_ec, with};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

/// What becomes of `jwk` in a set beside a good key.
fn fate(jwk: &Value) -> Result<(), Option<KeyFault>> {
    let good = ec("good", Algorithm::Es256).jwk();
    let (keys, alarms) = KeySet::parse(jwks(&[good, jwk.clone()]).as_bytes()).expect("a set");
    assert!(keys.find("good").is_some());
    match (keys.len(), alarms.first()) {
        (2, None) => Ok(()),
        (1, alarm) => Err(alarm.map(|alarm| alarm.fault)),
        other => panic!("{other:?}"),
    }
}

fn modulus() -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(rsa().jwk()["n"].as_str().expect("n")).expect("n")
}

#[test]
fn keeps_the_keys_of_every_algorithm() {
    for algorithm in Algorithm::ALL {
        let signer = match algorithm {
            Algorithm::Es256 | Algorithm::Es384 => ec("k", algorithm),
            _ => rsa().with("k", algorithm),
        };
        assert_eq!(fate(&signer.jwk()), Ok(()), "{algorithm:?}");
    }
    for (name, value) in [
        ("use", json!("absent")),
        ("key_ops", json!(["verify"])),
        ("key_ops", json!(["sign", "verify"])),
        ("x5t", json!("AA")),
    ] {
        assert_eq!(fate(&with(rsa().jwk(), name, &value)), Ok(()), "{name} {value}");
    }
}

#[test]
fn leaves_out_what_is_not_for_signatures_or_not_known() {
    let cases = [
        ("kid", json!("absent")),
        ("kid", json!("")),
        ("kid", json!(5)),
        ("kid", json!(null)),
        ("alg", json!("absent")),
        ("alg", json!("RSA-OAEP")),
        ("alg", json!("HS256")),
        ("alg", json!("none")),
        ("alg", json!(5)),
        ("kty", json!("absent")),
        ("kty", json!("OKP")),
        ("kty", json!("oct")),
        ("kty", json!("rsa")),
        ("use", json!("enc")),
        ("use", json!("other")),
        ("use", json!(null)),
        ("key_ops", json!([])),
        ("key_ops", json!(["encrypt"])),
        ("key_ops", json!(["sign"])),
        ("key_ops", json!("verify")),
    ];
    for (name, value) in cases {
        assert_eq!(fate(&with(rsa().jwk(), name, &value)), Err(None), "{name} {value}");
    }
}

#[test]
fn leaves_out_and_reports_what_nobody_should_publish() {
    let even: Vec<u8> = modulus()
        .into_iter()
        .rev()
        .enumerate()
        .map(|(at, byte)| if at == 0 { byte & 0xfe } else { byte })
        .rev()
        .collect();
    let short: Vec<u8> = modulus()
        .into_iter()
        .enumerate()
        .map(|(at, byte)| if at == 0 { byte & 0x7f } else { byte })
        .collect();
    let long = [vec![1], vec![0; 511], vec![1]].concat();
    let mut cases = vec![
        ("n", json!(b64(&even)), KeyFault::Weak),
        ("n", json!(b64(&short)), KeyFault::Weak),
        ("n", json!(b64(&modulus()[..128])), KeyFault::Weak),
        ("n", json!(b64(&long)), KeyFault::Weak),
        ("n", json!(b64(&vec![0xff; 1025])), KeyFault::Weak),
        ("n", json!(b64(&vec![0xff; 2048])), KeyFault::Weak),
        ("n", json!(""), KeyFault::Weak),
        ("n", json!("absent"), KeyFault::Malformed),
        ("n", json!("a+b/"), KeyFault::Malformed),
        ("n", json!(5), KeyFault::Malformed),
        ("alg", json!("ES256"), KeyFault::Mismatch),
        ("d", json!("AA"), KeyFault::Private),
        ("p", json!("AA"), KeyFault::Private),
        ("qi", json!(null), KeyFault::Private),
        ("oth", json!([]), KeyFault::Private),
    ];
    for exponent in
        [vec![], vec![1], vec![2], vec![3], vec![1, 0, 0], vec![1, 0, 0, 0, 1], vec![1, 0, 3]]
    {
        cases.push(("e", json!(b64(&exponent)), KeyFault::Weak));
    }
    for (name, value, want) in cases {
        assert_eq!(fate(&with(rsa().jwk(), name, &value)), Err(Some(want)), "{name} {value}");
    }
    let secret = json!({"kty": "oct", "kid": "o", "alg": "HS256", "k": "AAAA"});
    assert_eq!(fate(&secret), Err(Some(KeyFault::Private)));
}

#[test]
fn leaves_out_points_that_are_not_on_the_curve() {
    let (zero, ones) = (b64(&[0; 32]), b64(&[1; 32]));
    let x = shared_ec().jwk()["x"].clone();
    let cases = [
        ("y", json!(ones), KeyFault::OffCurve),
        ("y", x, KeyFault::OffCurve),
        ("x", json!(zero), KeyFault::OffCurve),
        ("x", json!(b64(&[0xff; 32])), KeyFault::OffCurve),
        ("x", json!(b64(&[1; 31])), KeyFault::Malformed),
        ("x", json!(b64(&[1; 33])), KeyFault::Malformed),
        ("x", json!(""), KeyFault::Malformed),
        ("y", json!("absent"), KeyFault::Malformed),
        ("crv", json!("P-384"), KeyFault::Mismatch),
        ("crv", json!("absent"), KeyFault::Mismatch),
        ("alg", json!("ES384"), KeyFault::Mismatch),
        ("alg", json!("RS256"), KeyFault::Mismatch),
        ("d", json!("AA"), KeyFault::Private),
    ];
    for (name, value, want) in cases {
        assert_eq!(fate(&with(shared_ec().jwk(), name, &value)), Err(Some(want)), "{name} {value}");
    }
    let infinity = with(with(shared_ec().jwk(), "x", &json!(zero)), "y", &json!(zero));
    assert_eq!(fate(&infinity), Err(Some(KeyFault::OffCurve)));
}

#[test]
fn drops_both_keys_of_one_name() {
    let (good, twin) = (ec("good", Algorithm::Es256), ec("k", Algorithm::Es256));
    let private = with(twin.jwk(), "d", &json!("AA"));
    for (other, left) in [
        (ec("k", Algorithm::Es256).jwk(), 1),
        (twin.jwk(), 1),
        (private, 1),
        (with(twin.jwk(), "use", &json!("enc")), 2),
        (with(twin.jwk(), "kid", &json!("K")), 3),
    ] {
        let text = jwks(&[twin.jwk(), good.jwk(), other.clone()]);
        let (keys, alarms) = KeySet::parse(text.as_bytes()).expect("a set");
        assert_eq!(keys.len(), left, "{other}");
        assert_eq!(alarms.len(), if left == 1 { 2 } else { 0 }, "{other}");
    }
}

#[test]
fn refuses_a_set_that_is_empty_or_broken() {
    let good = shared_ec().jwk();
    let many: Vec<Value> =
        (0..65).map(|at| with(good.clone(), "kid", &json!(at.to_string()))).collect();
    let cases = [
        (String::new(), KeySetError::NotAnObject),
        ("<html></html>".to_owned(), KeySetError::NotAnObject),
        ("[]".to_owned(), KeySetError::NotAnObject),
        (format!("[{good}]"), KeySetError::NotAnObject),
        (format!("{{\"keys\":[],\"keys\":[{good}]}}"), KeySetError::NotAnObject),
        ("{}".to_owned(), KeySetError::NoArray),
        ("{\"keys\":null}".to_owned(), KeySetError::NoArray),
        ("{\"keys\":{}}".to_owned(), KeySetError::NoArray),
        (jwks(&many), KeySetError::TooMany),
        ("{\"keys\":[]}".to_owned(), KeySetError::Empty(None)),
        ("{\"keys\":[5,null,\"a\"]}".to_owned(), KeySetError::Empty(None)),
        (jwks(&[with(good.clone(), "use", &json!("enc"))]), KeySetError::Empty(None)),
        (
            jwks(&[with(good, "d", &json!("AA"))]),
            KeySetError::Empty(Some(KeyAlarm { kid: "ec".to_owned(), fault: KeyFault::Private })),
        ),
    ];
    for (text, want) in cases {
        assert_eq!(KeySet::parse(text.as_bytes()).err(), Some(want), "{text:.40}");
    }
    let leaked = KeySet::parse(jwks(&[with(rsa().jwk(), "d", &json!("AA"))]).as_bytes());
    let said = leaked.expect_err("no key").to_string();
    assert!(said.contains("key \"rsa\": it has private members"), "{said}");
    assert!(KeySet::parse(jwks(&many[..64]).as_bytes()).is_ok());
}

#[test]
fn finds_a_key_by_its_exact_name() {
    let (keys, _) =
        KeySet::parse(jwks(&[with(shared_ec().jwk(), "kid", &json!("caf\u{e9}"))]).as_bytes())
            .expect("a set");
    for (kid, found) in [
        ("caf\u{e9}", true),
        ("Caf\u{e9}", false),
        ("caf\u{e9} ", false),
        ("cafe\u{301}", false),
        ("", false),
    ] {
        assert_eq!(keys.find(kid).is_some(), found, "{kid}");
    }
}

#[test]
fn is_equal_by_content() {
    let (one, two) = (ec("a", Algorithm::Es256), ec("b", Algorithm::Es256));
    let set = |keys: &[Value]| KeySet::parse(jwks(keys).as_bytes()).expect("a set").0;
    assert_eq!(set(&[one.jwk(), two.jwk()]), set(&[two.jwk(), one.jwk()]));
    assert_ne!(set(&[one.jwk()]), set(&[two.with("a", Algorithm::Es256).jwk()]));
    assert_ne!(set(&[one.jwk()]), set(&[one.jwk(), two.jwk()]));
}

#[test]
fn shows_names_on_one_line() {
    let name = "a\r\nb\u{1b}[31m\u{2028}".to_owned() + &"x".repeat(100);
    let bad = with(with(rsa().jwk(), "kid", &json!(name)), "d", &json!("AA"));
    let (_, alarms) = KeySet::parse(jwks(&[shared_ec().jwk(), bad]).as_bytes()).expect("a set");
    let shown = alarms[0].to_string();
    assert!(shown.is_ascii() && !shown.contains(['\r', '\n', '\u{1b}']), "{shown}");
    assert!(alarms[0].kid.len() <= 64);
}
