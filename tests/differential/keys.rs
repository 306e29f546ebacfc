//! Keys of every algorithm, and what they sign.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::token::KeySet;
use serde_json::{Value, json};
use std::sync::Arc;

/// A key with its name and algorithm.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) kid: &'static str,
    pub(crate) alg: &'static str,
    key: Key,
}

#[derive(Clone)]
enum Key {
    Rsa(Arc<RsaKeyPair>),
    Ec(Arc<EcdsaKeyPair>),
}

impl Signer {
    /// The public key.
    fn jwk(&self) -> Value {
        let Self { kid, alg, key } = self;
        match key {
            Key::Rsa(key) => {
                let modulus = b64(key.public_key().modulus().big_endian_without_leading_zero());
                json!({"kty": "RSA", "use": "sig", "kid": kid, "alg": alg, "n": modulus, "e": "AQAB"})
            }
            Key::Ec(key) => {
                let point = key.public_key().as_ref();
                let (x, y) = point[1..].split_at(point.len() / 2);
                let crv = if point.len() == 65 { "P-256" } else { "P-384" };
                json!({"kty": "EC", "use": "sig", "kid": kid, "alg": alg, "crv": crv,
                    "x": b64(x), "y": b64(y)})
            }
        }
    }

    /// Signs by `alg`, as far as the key can; by HMAC with the public key for a secret.
    pub(crate) fn sign(&self, alg: &str, signed: &[u8]) -> Vec<u8> {
        if alg.starts_with("HS") {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, self.jwk().to_string().as_bytes());
            return hmac::sign(&secret, signed).as_ref().to_vec();
        }
        match &self.key {
            Key::Rsa(key) => {
                let encoding: &'static dyn RsaEncoding = match alg {
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(encoding, &SystemRandom::new(), signed, &mut signature).expect("signs");
                signature
            }
            Key::Ec(key) => {
                key.sign(&SystemRandom::new(), signed).expect("signs").as_ref().to_vec()
            }
        }
    }
}

/// The issuer's keys, those that it should not have published, and a stranger's.
pub(crate) struct Keys {
    /// Whose tokens may hold.
    pub(crate) good: Vec<Signer>,
    /// Published, but not for this: for encryption, or under a name that two keys have.
    pub(crate) odd: Vec<Signer>,
    /// A stranger's under the names of the good ones.
    pub(crate) strange: Vec<Signer>,
    jwks: Value,
    set: KeySet,
}

impl Keys {
    pub(crate) fn new() -> Self {
        let rsa = || Key::Rsa(Arc::new(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key")));
        let p256 = || {
            Key::Ec(Arc::new(
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"),
            ))
        };
        let p384 = || {
            Key::Ec(Arc::new(
                EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("a key"),
            ))
        };
        let key = |kid, alg, key| Signer { kid, alg, key };
        let good = vec![
            key("rsa", "RS256", rsa()),
            key("ec", "ES256", p256()),
            key("ec-384", "ES384", p384()),
            key("rsa-384", "RS384", rsa()),
            key("rsa-512", "RS512", rsa()),
            key("pss", "PS256", rsa()),
            key("pss-384", "PS384", rsa()),
            key("pss-512", "PS512", rsa()),
        ];
        let odd = vec![
            key("enc", "RS256", rsa()),
            key("twin", "ES256", p256()),
            key("twin", "ES256", p256()),
            key("plain", "RS256", rsa()),
        ];
        let strange = vec![key("rsa", "RS256", rsa()), key("ec", "ES256", p256())];
        let mut published: Vec<Value> = good.iter().chain(&odd).map(Signer::jwk).collect();
        let count = good.len();
        published[count]["use"] = json!("enc");
        let plain = published[count + 3].as_object_mut().expect("an object");
        plain.remove("alg");
        published.push(json!({"kty": "oct", "kid": "oct", "alg": "HS256", "k": b64(&[7; 32])}));
        let jwks = json!({ "keys": published });
        let (set, _alarms) = KeySet::parse(jwks.to_string().as_bytes()).expect("a key set");
        Self { good, odd, strange, jwks, set }
    }

    pub(crate) const fn jwks(&self) -> &Value {
        &self.jwks
    }

    pub(crate) const fn set(&self) -> &KeySet {
        &self.set
    }
}

/// base64url without padding.
pub(crate) fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
