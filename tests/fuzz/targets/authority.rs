//! The issuer of the good tokens: a key of this process, and what it signs.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// When everything happens.
pub(crate) const NOW: u64 = 1_800_000_000;
/// Our client id.
pub(crate) const CLIENT: &str = "0oaPetstore";

static KEY: LazyLock<EcdsaKeyPair> = LazyLock::new(|| {
    portcullis::token::self_test().expect("cryptography that works");
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key")
});

/// The key set that it publishes.
pub(crate) fn jwks() -> Value {
    let (x, y) = KEY.public_key().as_ref()[1..].split_at(32);
    json!({"keys": [{"kty": "EC", "use": "sig", "kid": "good", "alg": "ES256", "crv": "P-256",
        "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)}]})
}

/// A token with this payload, whatever it is.
pub(crate) fn sign(payload: &[u8]) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","kid":"good"}"#);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
    let signature = KEY.sign(&SystemRandom::new(), signed.as_bytes()).expect("signs");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}
