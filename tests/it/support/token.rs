//! Keys of a provider, and what they sign.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::sync::Arc;

/// A key pair with a name, for ES256.
#[derive(Clone)]
pub(crate) struct Signer {
    kid: String,
    key: Arc<EcdsaKeyPair>,
}

impl Signer {
    /// A fresh key.
    pub(crate) fn new(kid: &str) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        Self { kid: kid.to_owned(), key: Arc::new(key) }
    }

    /// The public key.
    pub(crate) fn jwk(&self) -> Value {
        let point = self.key.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        json!({"kty": "EC", "use": "sig", "kid": self.kid, "alg": "ES256", "crv": "P-256",
            "x": b64(x), "y": b64(y)})
    }

    /// A signed token.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_as(&self.header(), claims)
    }

    /// The header of its tokens.
    pub(crate) fn header(&self) -> Value {
        json!({"alg": "ES256", "kid": self.kid})
    }

    /// The same with a header of the test's own.
    pub(crate) fn sign_as(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// The same, each part as the test writes it.
    pub(crate) fn sign_text(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", b64(header.as_bytes()), b64(claims.as_bytes()));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).expect("signs");
        format!("{signed}.{}", b64(signature.as_ref()))
    }
}

/// base64url without padding.
pub(crate) fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// base64url of the SHA-256.
pub(crate) fn sha256(text: &str) -> String {
    b64(digest(&SHA256, text.as_bytes()).as_ref())
}

/// `at_hash` of an access token (OpenID Connect Core 1.0 §3.1.3.6), for ES256.
pub(crate) fn half_hash(text: &str) -> String {
    b64(&digest(&SHA256, text.as_bytes()).as_ref()[..16])
}

/// `claims` with the members of `changes`; `null` takes one away.
pub(crate) fn with(mut claims: Value, changes: &Value) -> Value {
    let members = claims.as_object_mut().expect("an object");
    for (name, value) in changes.as_object().expect("an object") {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    claims
}
