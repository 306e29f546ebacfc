mod vectors;
mod wycheproof;

use super::*;
use crate::time::UnixTime;
use crate::token::fixtures::{
    CLIENT, NOW, b64, ec, id_claims, jwks, key_set, rsa, shared_ec, verified, with,
};
use crate::token::{Algorithm, TokenType};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};

fn refusal(text: &str, keys: &KeySet) -> Option<TokenError> {
    Jws::parse(text, 8192).and_then(|jws| verify(&jws, keys)).err()
}

#[test]
fn verifies_every_algorithm_with_its_own_key_only() {
    for algorithm in Algorithm::ALL {
        let signer = match algorithm {
            Algorithm::Es256 | Algorithm::Es384 => ec("k", algorithm),
            _ => rsa().with("k", algorithm),
        };
        let text = signer.token(&id_claims());
        assert_eq!(refusal(&text, &key_set(&[&signer])), None, "{algorithm:?}");
        let other = ec("k", Algorithm::Es256);
        let want = match algorithm {
            Algorithm::Es256 => TokenError::BadSignature,
            _ => TokenError::OtherAlgorithm,
        };
        assert_eq!(refusal(&text, &key_set(&[&other])), Some(want), "{algorithm:?}");
        let unknown = key_set(&[&signer.with("K", algorithm)]);
        assert_eq!(refusal(&text, &unknown), Some(TokenError::UnknownKey), "{algorithm:?}");
    }
}

#[test]
fn refuses_another_algorithm_than_the_key_is_for() {
    // The signature is good for what the header says; the key says something else.
    for (key, header) in [
        (Algorithm::Rs256, Algorithm::Ps256),
        (Algorithm::Ps256, Algorithm::Rs256),
        (Algorithm::Rs256, Algorithm::Rs512),
        (Algorithm::Ps256, Algorithm::Ps384),
    ] {
        let published = rsa().with("rsa", key);
        let text = rsa().with("rsa", header).token(&id_claims());
        let refused = refusal(&text, &key_set(&[&published]));
        assert_eq!(refused, Some(TokenError::OtherAlgorithm), "{header:?}");
        // The header agrees with the key, the padding or hash does not.
        let claims = id_claims().to_string();
        let text = format!("{{\"alg\":\"{}\",\"kid\":\"rsa\"}}", key.as_str());
        let text = rsa().sign_as(header, &text, &claims);
        assert_eq!(refusal(&text, &key_set(&[&published])), Some(TokenError::BadSignature));
    }
    let keys = key_set(&[&rsa(), shared_ec()]);
    for (signer, kid) in [(shared_ec().clone(), "rsa"), (rsa(), "ec")] {
        let text = signer.with(kid, signer.algorithm).token(&id_claims());
        assert_eq!(refusal(&text, &keys), Some(TokenError::OtherAlgorithm), "{kid}");
    }
}

#[test]
fn refuses_hmac_whatever_its_key_is() {
    use aws_lc_rs::hmac;
    let jwk = rsa().jwk();
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().expect("n")).expect("n");
    let keys: Vec<Vec<u8>> = vec![
        modulus,
        jwk.to_string().into_bytes(),
        jwks(std::slice::from_ref(&jwk)).into_bytes(),
        rsa().pem().into_bytes(),
        rsa().pem().trim_end().as_bytes().to_vec(),
        b"the client secret".to_vec(),
        Vec::new(),
    ];
    for (name, hash) in
        [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
    {
        for key in &keys {
            let header = format!("{{\"alg\":\"{name}\",\"kid\":\"rsa\"}}");
            let signed =
                format!("{}.{}", b64(header.as_bytes()), b64(id_claims().to_string().as_bytes()));
            let tag = hmac::sign(&hmac::Key::new(hash, key), signed.as_bytes());
            let text = format!("{signed}.{}", b64(tag.as_ref()));
            assert_eq!(
                refusal(&text, &key_set(&[&rsa()])),
                Some(TokenError::BadAlgorithm),
                "{name}"
            );
        }
    }
}

#[test]
fn refuses_signatures_that_only_look_like_one() {
    let signer = shared_ec();
    let keys = key_set(&[signer, &rsa()]);
    let text = signer.token(&id_claims());
    let (signed, signature) = text.rsplit_once('.').expect("parts");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let (r, s) = signature.split_at(32);
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let zero = [0; 32];
    let cases: Vec<Vec<u8>> = vec![
        [zero, zero].concat(),
        [&zero, s].concat(),
        [r, &zero].concat(),
        [&order, s].concat(),
        [r, &order].concat(),
        [&[0xff; 32], s].concat(),
        [&[0x30, 0x44, 0x02, 0x20], r, &[0x02, 0x20], s].concat(),
        vec![1],
        [r, &s[..31]].concat(),
        [r, s, &[0]].concat(),
        [&[0], r, s].concat(),
        [s, r].concat(),
    ];
    for case in cases {
        let text = format!("{signed}.{}", b64(&case));
        assert_eq!(refusal(&text, &keys), Some(TokenError::BadSignature), "{case:x?}");
    }
    let text = rsa().token(&id_claims());
    let (signed, signature) = text.rsplit_once('.').expect("parts");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    for case in [
        vec![0; 256],
        vec![0xff; 256],
        signature[..255].to_vec(),
        [&[0], &signature[..]].concat(),
        [&signature[..], &[0]].concat(),
    ] {
        let text = format!("{signed}.{}", b64(&case));
        assert_eq!(refusal(&text, &keys), Some(TokenError::BadSignature), "{}", case.len());
    }
}

#[test]
fn treats_the_twin_of_an_ec_signature_like_the_signature() {
    // (r, n - s) verifies as well; so nothing may be remembered by a token's bytes alone.
    let signer = shared_ec();
    let text = signer.token(&id_claims());
    let (signed, signature) = text.rsplit_once('.').expect("parts");
    let mut signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let order = [
        0xff_u8, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25,
        0x51,
    ];
    let mut borrow = 0;
    for (byte, from) in signature[32..].iter_mut().zip(order).rev() {
        let left = i16::from(from) - i16::from(*byte) - borrow;
        borrow = i16::from(left < 0);
        *byte = u8::try_from(left.rem_euclid(256)).expect("a byte");
    }
    let twin = format!("{signed}.{}", b64(&signature));
    let keys = key_set(&[signer]);
    let claims = |text: &str| verify(&Jws::parse(text, 8192).expect("a token"), &keys);
    assert_ne!(twin, text);
    assert_eq!(claims(&twin), claims(&text));
    assert!(claims(&twin).is_ok());
}

#[test]
fn reads_the_claims() {
    let mut claims = id_claims();
    for (name, value) in [
        ("aud", json!([CLIENT, CLIENT])),
        ("exp", json!(1_800_000_000.9)),
        ("nbf", json!(0)),
        ("email", json!("joe@example.com")),
        ("email_verified", json!(true)),
        ("scope", json!("a b")),
        ("groups", json!(["a", "b"])),
        ("group", json!("a b")),
        ("mixed", json!(["a", 1])),
        ("none", json!([])),
        ("object", json!({"a": 1})),
        ("empty", json!(null)),
    ] {
        claims = with(claims, name, &value);
    }
    let claims = verified(&claims).expect("claims");
    assert_eq!(claims.audience.iter().collect::<Vec<_>>(), [CLIENT]);
    assert_eq!(claims.expires_at, Some(UnixTime(1_800_000_000)));
    assert_eq!(claims.not_before, Some(UnixTime(0)));
    assert_eq!(claims.auth_time, Some(UnixTime(NOW.0 - 10)));
    assert_eq!((claims.email.as_deref(), claims.email_verified), (Some("joe@example.com"), true));
    assert_eq!(claims.scope, Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!((claims.token_type, claims.kid.as_str()), (TokenType::Unsaid, "ec"));
    assert_eq!(claims.groups("groups"), Some(vec!["a", "b"]));
    assert_eq!(claims.groups("group"), Some(vec!["a b"]));
    for name in ["mixed", "none", "object", "empty", "ver"] {
        assert_eq!(claims.groups(name), Some(Vec::new()), "{name}");
    }
    assert_eq!(claims.groups("missing"), None);
    assert_eq!((claims.string("email"), claims.string("ver")), (Some("joe@example.com"), None));
    assert_eq!(format!("{claims:?}"), "Claims(secret)");
}

#[test]
fn believes_an_email_only_where_the_claim_is_true() {
    for (value, want) in [
        (json!(true), true),
        (json!(false), false),
        (json!("true"), false),
        (json!(1), false),
        (json!("absent"), false),
    ] {
        let with_email = with(id_claims(), "email", &json!("ann@example.com"));
        let claims = verified(&with(with_email, "email_verified", &value)).expect("claims");
        assert_eq!(claims.email_verified, want, "{value}");
        let alone = verified(&with(id_claims(), "email_verified", &value)).expect("claims");
        assert!(!alone.email_verified, "{value}, and no e-mail that it could be about");
    }
}

#[test]
fn refuses_claims_of_a_wrong_type() {
    let mut cases: Vec<(&'static str, Value)> = Vec::new();
    for iss in [
        json!("absent"),
        json!(null),
        json!(1),
        json!({}),
        json!([crate::token::fixtures::ISSUER]),
        json!(["https://evil.example", crate::token::fixtures::ISSUER]),
    ] {
        cases.push(("iss", iss));
    }
    for aud in [
        json!("absent"),
        json!(null),
        json!(7),
        json!({}),
        json!([]),
        json!(""),
        json!([""]),
        json!([1, CLIENT]),
        json!([null, CLIENT]),
        json!([[CLIENT]]),
    ] {
        cases.push(("aud", aud));
    }
    for sub in [
        json!(""),
        json!(1),
        json!([]),
        json!(null),
        json!("s".repeat(256)),
        json!("a\r\nb"),
        json!("a b"),
        json!("\u{e9}"),
        json!("a\u{0}"),
    ] {
        cases.push(("sub", sub));
    }
    for name in ["exp", "nbf", "iat", "auth_time"] {
        for value in [
            json!("1"),
            json!(null),
            json!(-1),
            json!(-0.5),
            json!(1e300),
            json!([1]),
            json!(true),
            json!(18_446_744_073_709_551_616.0),
        ] {
            cases.push((name, value));
        }
    }
    for name in [
        "nonce",
        "at_hash",
        "c_hash",
        "azp",
        "sid",
        "jti",
        "acr",
        "cid",
        "uid",
        "client_id",
        "scope",
    ] {
        for value in [json!(null), json!(1), json!([]), json!(["a"])] {
            cases.push((name, value));
        }
    }
    cases.push(("email", json!(5)));
    for value in [json!("a b"), json!([1]), json!(null), json!({})] {
        cases.push(("scp", value));
    }
    for (name, value) in cases {
        let refused = verified(&with(id_claims(), name, &value)).err();
        assert_eq!(refused, Some(TokenError::BadClaim(name)), "{name} {value}");
    }
    let longest = "s".repeat(255);
    assert!(verified(&with(id_claims(), "sub", &json!(longest))).is_ok());
}

#[test]
fn refuses_payloads_that_are_no_object_with_distinct_members() {
    let deep =
        format!("{{\"iss\":\"a\",\"aud\":\"b\",\"z\":{}1{}}}", "[".repeat(2500), "]".repeat(2500));
    for payload in [
        "",
        "null",
        "[]",
        "1",
        "\"a\"",
        "x",
        "{\"iss\":\"a\",\"iss\":\"a\",\"aud\":\"b\"}",
        "{\"iss\":\"a\",\"\\u0069ss\":\"a\",\"aud\":\"b\"}",
        "{\"iss\":\"a\",\"aud\":\"b\",\"\\u0061ud\":\"b\"}",
        "{\"iss\":\"a\",\"aud\":\"b\",\"exp\":1,\"e\\u0078p\":2}",
        "{\"iss\":\"a\",\"aud\":\"b\",\"zz\":1,\"zz\":1}",
        "{\"iss\":\"a\",\"aud\":\"b\",\"exp\":1e400}",
        &deep,
    ] {
        let text = shared_ec().sign("{\"alg\":\"ES256\",\"kid\":\"ec\"}", payload);
        let refused = refusal(&text, &key_set(&[shared_ec()]));
        assert_eq!(refused, Some(TokenError::BadPayload), "{payload:.50}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn refuses_a_token_with_any_bit_flipped(at in any::<prop::sample::Index>(), bit in 0..8_u8, ecdsa in any::<bool>()) {
        let signer = if ecdsa { shared_ec().clone() } else { rsa() };
        let text = signer.token(&id_claims());
        let parts: Vec<Vec<u8>> =
            text.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).expect("base64url")).collect();
        let mut bytes = parts.concat();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let (header, rest) = bytes.split_at(parts[0].len());
        let (payload, signature) = rest.split_at(parts[1].len());
        let flipped = format!("{}.{}.{}", b64(header), b64(payload), b64(signature));
        prop_assert!(refusal(&flipped, &key_set(&[&signer])).is_some());
    }
}
