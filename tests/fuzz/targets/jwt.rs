//! A bearer's text: whatever verifies was signed by us, and reads in one way only.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::token::{Jws, KeySet, verify};
use serde_json::Value;
use std::sync::LazyLock;

/// Nobody has the private keys any more: the only tokens that are good are these.
const TOKENS: &str = include_str!("../../../src/token/self_test/tokens.txt");
static KEYS: LazyLock<KeySet> = LazyLock::new(|| {
    portcullis::token::self_test().expect("cryptography that works");
    let keys = include_bytes!("../../../src/token/self_test/keys.json");
    KeySet::parse(keys).expect("keys").0
});

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(jws) = Jws::parse(text, 8192) else { return };
    assert!(text.len() <= 8192);
    let parts: Vec<&str> = text.split('.').collect();
    assert_eq!(parts.len(), 3);
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64url");
    for part in &parts {
        assert_eq!(URL_SAFE_NO_PAD.encode(decoded(part)), *part, "a second spelling");
    }
    let header: Value = serde_json::from_slice(&decoded(parts[0])).expect("JSON");
    let header = header.as_object().expect("an object");
    assert!(header.keys().all(|name| ["alg", "kid", "typ"].contains(&name.as_str())));
    assert_eq!(header["alg"], jws.algorithm().as_str());
    assert_eq!(header["kid"], jws.kid());
    if let Ok(issuer) = jws.unverified_issuer() {
        let payload: Value = serde_json::from_slice(&decoded(parts[1])).expect("JSON");
        assert_eq!(payload["iss"], issuer);
    }
    if verify(&jws, &KEYS).is_ok() {
        let signed = |token: &str| token.rsplit_once('.').map(|(signed, _)| signed.to_owned());
        let ours = TOKENS.lines().any(|token| signed(token) == signed(text));
        assert!(ours, "accepted, and not signed by us: {text}");
    }
}
