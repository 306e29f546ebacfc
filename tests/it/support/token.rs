//! Keys of a provider, and what they sign.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};

/// A key pair with a name, and the algorithm that it signs with.
#[derive(Clone)]
pub(crate) struct Signer {
    kid: String,
    alg: &'static str,
    key: Key,
}

#[derive(Clone)]
enum Key {
    Ec(Arc<EcdsaKeyPair>),
    Rsa(Arc<RsaKeyPair>),
}

impl Signer {
    /// A fresh key for ES256.
    pub(crate) fn new(kid: &str) -> Self {
        Self::ec(kid, "ES256")
    }

    /// A fresh key for ES256 or ES384.
    pub(crate) fn ec(kid: &str, alg: &'static str) -> Self {
        let curve = match alg {
            "ES384" => &ECDSA_P384_SHA384_FIXED_SIGNING,
            _ => &ECDSA_P256_SHA256_FIXED_SIGNING,
        };
        let key = EcdsaKeyPair::generate(curve).expect("a key");
        Self { kid: kid.to_owned(), alg, key: Key::Ec(Arc::new(key)) }
    }

    /// The RSA key of this process, under any name and for any of its algorithms: making one is slow.
    pub(crate) fn rsa(kid: &str, alg: &'static str) -> Self {
        static KEY: OnceLock<Arc<RsaKeyPair>> = OnceLock::new();
        let make = || Arc::new(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"));
        Self { kid: kid.to_owned(), alg, key: Key::Rsa(Arc::clone(KEY.get_or_init(make))) }
    }

    /// The same key under another name.
    pub(crate) fn named(&self, kid: &str) -> Self {
        Self { kid: kid.to_owned(), ..self.clone() }
    }

    /// The public key.
    pub(crate) fn jwk(&self) -> Value {
        let own = json!({"use": "sig", "kid": self.kid, "alg": self.alg});
        let public = match &self.key {
            Key::Ec(key) => {
                let point = key.public_key().as_ref();
                let (x, y) = point[1..].split_at(point.len() / 2);
                let crv = if point.len() == 65 { "P-256" } else { "P-384" };
                json!({"kty": "EC", "crv": crv, "x": b64(x), "y": b64(y)})
            }
            Key::Rsa(_) => json!({"kty": "RSA", "n": b64(&self.modulus()), "e": "AQAB"}),
        };
        with(own, &public)
    }

    /// A signed token.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_as(&self.header(), claims)
    }

    /// The header of its tokens.
    pub(crate) fn header(&self) -> Value {
        json!({"alg": self.alg, "kid": self.kid})
    }

    /// The same with a header of the test's own.
    pub(crate) fn sign_as(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// The same, each part as the test writes it.
    pub(crate) fn sign_text(&self, header: &str, claims: &str) -> String {
        self.sign_bytes(header.as_bytes(), claims.as_bytes())
    }

    /// The same with parts that need not be text.
    pub(crate) fn sign_bytes(&self, header: &[u8], payload: &[u8]) -> String {
        let signed = format!("{}.{}", b64(header), b64(payload));
        let signature = b64(&self.signature(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// The signature alone.
    pub(crate) fn signature(&self, signed: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.key {
            Key::Ec(key) => key.sign(&random, signed).expect("signs").as_ref().to_vec(),
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(padding(self.alg), &random, signed, &mut signature).expect("signs");
                signature
            }
        }
    }

    /// The public key as programs keep it: modulus or point, PKCS#1 (of RSA), SPKI, and both as PEM.
    pub(crate) fn public_forms(&self) -> Vec<(&'static str, Vec<u8>)> {
        let (own, spki) = match &self.key {
            Key::Ec(key) => (key.public_key().as_ref().to_vec(), spki(key.public_key())),
            Key::Rsa(key) => (key.public_key().as_ref().to_vec(), spki(key.public_key())),
        };
        let mut forms = match &self.key {
            Key::Ec(_) => vec![("point", own.clone()), ("x and y", own[1..].to_vec())],
            Key::Rsa(_) => {
                let pem = pem("RSA PUBLIC KEY", &own);
                vec![("modulus", self.modulus()), ("PKCS#1", own), ("PKCS#1 PEM", pem)]
            }
        };
        forms.extend([("SPKI", spki.clone()), ("SPKI PEM", pem("PUBLIC KEY", &spki))]);
        forms
    }

    fn modulus(&self) -> Vec<u8> {
        match &self.key {
            Key::Ec(_) => Vec::new(),
            Key::Rsa(key) => key.public_key().modulus().big_endian_without_leading_zero().to_vec(),
        }
    }
}

fn padding(alg: &str) -> &'static dyn RsaEncoding {
    match alg {
        "RS256" => &RSA_PKCS1_SHA256,
        "RS384" => &RSA_PKCS1_SHA384,
        "RS512" => &RSA_PKCS1_SHA512,
        "PS256" => &RSA_PSS_SHA256,
        "PS384" => &RSA_PSS_SHA384,
        "PS512" => &RSA_PSS_SHA512,
        other => panic!("{other} is no algorithm of RSA"),
    }
}

fn spki(key: &impl AsDer<PublicKeyX509Der<'static>>) -> Vec<u8> {
    key.as_der().expect("DER").as_ref().to_vec()
}

fn pem(what: &str, der: &[u8]) -> Vec<u8> {
    let text = STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned());
    let lines = lines.collect::<Vec<_>>().join("\n");
    format!("-----BEGIN {what}-----\n{lines}\n-----END {what}-----\n").into_bytes()
}

/// Signs with a shared key, by HS256, HS384 or HS512.
pub(crate) fn sign_hmac(alg: &str, key: &[u8], kid: &str, claims: &Value) -> String {
    let hash = match alg {
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    let header = json!({"alg": alg, "kid": kid}).to_string();
    let signed = format!("{}.{}", b64(header.as_bytes()), b64(claims.to_string().as_bytes()));
    let tag = hmac::sign(&hmac::Key::new(hash, key), signed.as_bytes());
    format!("{signed}.{}", b64(tag.as_ref()))
}

/// base64url without padding.
pub(crate) fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of a part of a token.
pub(crate) fn unb64(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).expect("base64url")
}

/// base64url of the SHA-256.
pub(crate) fn sha256(text: &str) -> String {
    b64(digest(&SHA256, text.as_bytes()).as_ref())
}

/// `at_hash` of an access token (OpenID Connect Core 1.0 §3.1.3.6), for ES256, RS256 and PS256.
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
