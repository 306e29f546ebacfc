use super::*;
use crate::token::fixtures::{b64, id_claims, rsa};
use proptest::prelude::*;

fn token() -> String {
    rsa().token(&id_claims())
}

/// A token with this header, its signature that of the header.
fn with_header(header: &str) -> String {
    rsa().sign(header, "{\"iss\":\"a\"}")
}

fn refusal(text: &str) -> Option<TokenError> {
    Jws::parse(text, 8192).err()
}

#[test]
fn reads_a_token() {
    let text = token();
    let jws = Jws::parse(&text, 8192).expect("a token");
    assert_eq!((jws.kid(), jws.algorithm()), ("rsa", Algorithm::Rs256));
    assert_eq!(jws.token_type(), TokenType::Unsaid);
    assert_eq!(jws.unverified_issuer().as_deref(), Ok(crate::token::fixtures::ISSUER));
    assert_eq!(format!("{jws:?}"), "Jws(secret)");
}

#[test]
fn refuses_what_is_no_compact_jws() {
    let good = token();
    let parts: Vec<&str> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let join = |parts: &[&str]| parts.join(".");
    let cases = [
        (String::new(), TokenError::NotThreeParts),
        (header.to_owned(), TokenError::NotThreeParts),
        (join(&[header, payload]), TokenError::NotThreeParts),
        (join(&[header, payload, signature, signature]), TokenError::NotThreeParts),
        (join(&[header, "", signature, signature, signature]), TokenError::Encrypted),
        (join(&["a", "b", "c", "d", "e", "f"]), TokenError::NotThreeParts),
        (".".to_owned(), TokenError::NotThreeParts),
        ("..".to_owned(), TokenError::BadEncoding),
        ("...".to_owned(), TokenError::NotThreeParts),
        (format!(".{good}"), TokenError::NotThreeParts),
        (format!("{good}."), TokenError::NotThreeParts),
        (join(&[header, payload, ""]), TokenError::BadEncoding),
        (join(&["", payload, signature]), TokenError::BadEncoding),
        (join(&[header, "A", signature]), TokenError::BadEncoding),
        (join(&[&format!("{header}="), payload, signature]), TokenError::BadCharacter),
        (join(&[header, &format!("{payload}="), signature]), TokenError::BadCharacter),
        (format!("{good}="), TokenError::BadCharacter),
        (format!("{good}=="), TokenError::BadCharacter),
        (good.replace(['-', '_'], "+"), TokenError::BadCharacter),
        (good.replace(['-', '_'], "/"), TokenError::BadCharacter),
        (format!(" {good}"), TokenError::BadCharacter),
        (format!("{good} "), TokenError::BadCharacter),
        (format!("{good}\n"), TokenError::BadCharacter),
        (good.replacen('.', ". ", 1), TokenError::BadCharacter),
        (good.replacen('.', ".\t", 1), TokenError::BadCharacter),
        (good.replacen('.', "\r.", 1), TokenError::BadCharacter),
        (format!("{good}\0"), TokenError::BadCharacter),
        (format!("{good}\u{7f}"), TokenError::BadCharacter),
        (format!("{good}\u{e9}"), TokenError::BadCharacter),
        (format!("{good}\u{200b}"), TokenError::BadCharacter),
        (good.replacen('.', "\u{ff0e}", 1), TokenError::BadCharacter),
        (format!("{good},{good}"), TokenError::BadCharacter),
        (format!("Bearer {good}"), TokenError::BadCharacter),
    ];
    for (text, want) in cases {
        assert_eq!(refusal(&text), Some(want), "{text:?}");
    }
}

#[test]
fn b14_refuses_what_is_too_long_before_it_looks_at_it() {
    let text = "!".repeat(8193);
    assert_eq!(refusal(&text), Some(TokenError::TooLong(8192)));
    assert_eq!(refusal(&"!".repeat(8192)), Some(TokenError::BadCharacter));
    // The other checks come in the order of their cost: characters, dots, and only then is anything
    // decoded, the header first.
    for (text, want) in [
        ("!.!", TokenError::BadCharacter),
        ("A.A.A.A", TokenError::NotThreeParts),
        ("A.A.A.A.A", TokenError::Encrypted),
        ("A.e30.AA", TokenError::BadEncoding),
        ("e30x.A.A", TokenError::BadHeader),
        ("e30.A.A", TokenError::BadAlgorithm),
    ] {
        assert_eq!(refusal(text), Some(want), "{text}");
        let long = format!("{text}{}", "A".repeat(8192));
        assert_eq!(refusal(&long), Some(TokenError::TooLong(8192)), "{text}");
    }
}

#[test]
fn refuses_a_text_that_decodes_like_another() {
    // Eleven characters of which the last carries two unused bits.
    let all_but_one = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.e30.AAAAAAAAAA";
    assert_eq!(refusal(&format!("{all_but_one}A")), None);
    for last in ["B", "C", "D"] {
        let twin = format!("{all_but_one}{last}");
        assert_eq!(refusal(&twin), Some(TokenError::BadEncoding), "{last}");
    }
}

#[test]
fn refuses_every_header_but_alg_kid_and_typ() {
    let mut cases = Vec::new();
    for alg in [
        "\"none\"",
        "\"None\"",
        "\"NONE\"",
        "\"nOnE\"",
        "\"none \"",
        "\"\\u006eone\"",
        "\"\"",
        "null",
        "256",
        "true",
        "[\"RS256\"]",
        "{\"a\":\"RS256\"}",
        "\"HS256\"",
        "\"HS384\"",
        "\"HS512\"",
        "\"EdDSA\"",
        "\"ES512\"",
        "\"ES256K\"",
        "\"RS1\"",
        "\"rs256\"",
        "\"RS256 \"",
        "\"RSA-OAEP\"",
        "\"dir\"",
    ] {
        cases.push((format!("{{\"alg\":{alg},\"kid\":\"a\"}}"), TokenError::BadAlgorithm));
    }
    cases.push(("{\"kid\":\"a\"}".to_owned(), TokenError::BadAlgorithm));
    for kid in ["\"\"", "null", "5", "[\"a\"]", "{}"] {
        cases.push((format!("{{\"alg\":\"RS256\",\"kid\":{kid}}}"), TokenError::BadKeyId));
    }
    for length in [257, 4000] {
        let kid = "k".repeat(length);
        cases.push((format!("{{\"alg\":\"RS256\",\"kid\":\"{kid}\"}}"), TokenError::BadKeyId));
    }
    cases.push(("{\"alg\":\"RS256\"}".to_owned(), TokenError::BadKeyId));
    for typ in
        ["\"\"", "null", "1", "\"JWS\"", "\"dpop+jwt\"", "\"JOSE\"", "[\"JWT\"]", "\"at jwt\""]
    {
        cases.push((
            format!("{{\"alg\":\"RS256\",\"kid\":\"a\",\"typ\":{typ}}}"),
            TokenError::BadType,
        ));
    }
    for other in [
        "\"crit\":[]",
        "\"crit\":\"b64\"",
        "\"crit\":null",
        "\"crit\":[\"exp\"]",
        "\"crit\":[\"alg\"]",
        "\"b64\":false,\"crit\":[\"b64\"]",
        "\"b64\":true",
        "\"jku\":\"https://evil.example/keys\"",
        "\"jku\":\"http://169.254.169.254/\"",
        "\"x5u\":\"https://evil.example/\"",
        "\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}",
        "\"x5c\":[\"MIIB\"]",
        "\"x5t\":\"AA\"",
        "\"x5t#S256\":\"AA\"",
        "\"enc\":\"A128GCM\"",
        "\"zip\":\"DEF\"",
        "\"cty\":\"JWT\"",
        "\"epk\":{}",
        "\"p2c\":1000000",
        "\"Alg\":\"RS256\"",
        "\"zz\":1",
    ] {
        cases.push((
            format!("{{\"alg\":\"RS256\",\"kid\":\"a\",{other}}}"),
            TokenError::UnexpectedHeader,
        ));
    }
    for header in [
        "{\"alg\":\"RS256\",\"alg\":\"RS256\",\"kid\":\"a\"}",
        "{\"alg\":\"RS256\",\"\\u0061lg\":\"none\",\"kid\":\"a\"}",
        "{\"alg\":\"RS256\",\"kid\":\"a\",\"kid\":\"b\"}",
        "{\"alg\":\"RS256\",\"kid\":\"a\",\"k\\u0069d\":\"a\"}",
        "{\"alg\":\"RS256\",\"kid\":\"a\",\"zz\":1,\"zz\":1}",
        "[\"RS256\",\"a\"]",
        "\"RS256\"",
        "1",
        "null",
        "{\"alg\":\"RS256\",\"kid\":\"a\"} x",
        "{\"alg\":\"RS256\",\"kid\":\"a\",}",
        "{\"alg\":\"RS256\",/*c*/\"kid\":\"a\"}",
        "{\"alg\":NaN,\"kid\":\"a\"}",
        "\u{feff}{\"alg\":\"RS256\",\"kid\":\"a\"}",
    ] {
        cases.push((header.to_owned(), TokenError::BadHeader));
    }
    cases.push(("[".repeat(3000), TokenError::BadHeader));
    for (header, want) in cases {
        assert_eq!(refusal(&with_header(&header)), Some(want), "{header}");
    }
    let utf_16: Vec<u8> =
        "{\"alg\":\"RS256\",\"kid\":\"a\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let text = format!("{}.{}.{}", b64(&utf_16), b64(b"{}"), b64(b"s"));
    assert_eq!(refusal(&text), Some(TokenError::BadHeader));
}

#[test]
fn knows_the_types() {
    let cases = [
        ("JWT", TokenType::Jwt),
        ("jwt", TokenType::Jwt),
        ("at+jwt", TokenType::AccessToken),
        ("application/at+jwt", TokenType::AccessToken),
        ("logout+jwt", TokenType::LogoutToken),
        ("global-token-revocation+jwt", TokenType::GlobalTokenRevocation),
    ];
    for (typ, want) in cases {
        let text = with_header(&format!("{{\"alg\":\"RS256\",\"kid\":\"a\",\"typ\":\"{typ}\"}}"));
        assert_eq!(Jws::parse(&text, 8192).map(|jws| jws.token_type()).ok(), Some(want), "{typ}");
    }
}

#[test]
fn names_no_issuer_where_there_is_not_one() {
    for payload in [
        "{}",
        "{\"iss\":null}",
        "{\"iss\":1}",
        "{\"iss\":[\"a\"]}",
        "{\"iss\":{}}",
        "[]",
        "null",
        "1",
        "x",
        "{\"iss\":\"a\",\"iss\":\"b\"}",
        "{\"iss\":\"a\",\"\\u0069ss\":\"b\"}",
        "{\"iss\":\"a\",\"z\":1,\"z\":2}",
    ] {
        let text = rsa().sign("{\"alg\":\"RS256\",\"kid\":\"rsa\"}", payload);
        let jws = Jws::parse(&text, 8192).expect("a token");
        assert!(jws.unverified_issuer().is_err(), "{payload}");
    }
}

proptest! {
    #[test]
    fn never_panics(text in "[A-Za-z0-9_=. -]{0,64}", bytes in any::<Vec<u8>>()) {
        let _read = Jws::parse(&text, 64).map(|jws| jws.unverified_issuer().map(str::to_owned));
        let _read = Jws::parse(&format!("{}.{}.AA", b64(&bytes), b64(&bytes)), 4096).is_ok();
    }
}
