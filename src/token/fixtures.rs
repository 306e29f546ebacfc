//! Keys and tokens for tests: valid unless a test changes something.

use super::{Algorithm, Claims, Issuer, Jws, KeySet, TokenError, verify};
use crate::time::UnixTime;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};

/// The issuer of the tokens here.
pub(crate) const ISSUER: &str = "https://dev-1.okta.com/oauth2/default";
/// The client that ID tokens are for.
pub(crate) const CLIENT: &str = "0oaclient";
/// When everything happens.
pub(crate) const NOW: UnixTime = UnixTime(1_800_000_000);

pub(crate) fn issuer() -> Issuer {
    Issuer::parse(ISSUER, false).expect("an issuer")
}

/// A key pair with a name and the algorithm that its JWK says.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    key: Key,
}

#[derive(Clone)]
enum Key {
    Rsa(Arc<RsaKeyPair>),
    Ec(Arc<EcdsaKeyPair>),
}

/// The same RSA key each time: making one is slow.
pub(crate) fn rsa() -> Signer {
    static KEY: OnceLock<Arc<RsaKeyPair>> = OnceLock::new();
    let key = KEY.get_or_init(|| Arc::new(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key")));
    Signer { kid: "rsa".to_owned(), algorithm: Algorithm::Rs256, key: Key::Rsa(key.clone()) }
}

/// A fresh key on the algorithm's curve.
pub(crate) fn ec(kid: &str, algorithm: Algorithm) -> Signer {
    let curve = match algorithm {
        Algorithm::Es384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        _ => &ECDSA_P256_SHA256_FIXED_SIGNING,
    };
    let key = Arc::new(EcdsaKeyPair::generate(curve).expect("a key"));
    Signer { kid: kid.to_owned(), algorithm, key: Key::Ec(key) }
}

impl Signer {
    pub(crate) fn with(&self, kid: &str, algorithm: Algorithm) -> Self {
        Self { kid: kid.to_owned(), algorithm, key: self.key.clone() }
    }

    /// The public key.
    pub(crate) fn jwk(&self) -> Value {
        let (kid, alg) = (&self.kid, self.algorithm.as_str());
        match &self.key {
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

    /// The private key as PKCS#8.
    pub(crate) fn pem(&self) -> String {
        let der = match &self.key {
            Key::Rsa(key) => {
                AsDer::<Pkcs8V1Der<'_>>::as_der(&**key).expect("der").as_ref().to_vec()
            }
            Key::Ec(key) => key.to_pkcs8v1().expect("der").as_ref().to_vec(),
        };
        let text = STANDARD.encode(der);
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).expect("text"))
            .collect();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
    }

    /// Signs any header over any payload, with the hash and padding of `algorithm`.
    pub(crate) fn sign_as(&self, algorithm: Algorithm, header: &str, payload: &str) -> String {
        self.sign_bytes_as(algorithm, header.as_bytes(), payload.as_bytes())
    }

    /// Signs what need not be text.
    pub(crate) fn sign_bytes(&self, header: &[u8], payload: &[u8]) -> String {
        self.sign_bytes_as(self.algorithm, header, payload)
    }

    fn sign_bytes_as(&self, algorithm: Algorithm, header: &[u8], payload: &[u8]) -> String {
        let signed = format!("{}.{}", b64(header), b64(payload));
        let signature = match &self.key {
            Key::Rsa(key) => {
                let encoding: &'static dyn aws_lc_rs::signature::RsaEncoding = match algorithm {
                    Algorithm::Rs384 => &RSA_PKCS1_SHA384,
                    Algorithm::Rs512 => &RSA_PKCS1_SHA512,
                    Algorithm::Ps256 => &RSA_PSS_SHA256,
                    Algorithm::Ps384 => &RSA_PSS_SHA384,
                    Algorithm::Ps512 => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(encoding, &SystemRandom::new(), signed.as_bytes(), &mut signature)
                    .expect("a signature");
                signature
            }
            Key::Ec(key) => key
                .sign(&SystemRandom::new(), signed.as_bytes())
                .expect("a signature")
                .as_ref()
                .to_vec(),
        };
        format!("{signed}.{}", b64(&signature))
    }

    /// Signs any header over any payload.
    pub(crate) fn sign(&self, header: &str, payload: &str) -> String {
        self.sign_as(self.algorithm, header, payload)
    }

    /// A token as Okta writes it.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm.as_str(), "kid": self.kid});
        self.sign(&header.to_string(), &claims.to_string())
    }
}

pub(crate) fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn unb64(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

/// The text of a key set.
pub(crate) fn jwks(keys: &[Value]) -> String {
    json!({"keys": keys}).to_string()
}

/// A key set of these signers.
pub(crate) fn key_set(signers: &[&Signer]) -> KeySet {
    let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
    KeySet::parse(jwks(&keys).as_bytes()).expect("a key set").0
}

/// An ID token's claims.
pub(crate) fn id_claims() -> Value {
    json!({"iss": ISSUER, "aud": CLIENT, "sub": "00u1", "iat": NOW.0, "exp": NOW.0 + 3600,
        "auth_time": NOW.0 - 10, "nonce": "n-1", "jti": "ID.1", "ver": 1, "amr": ["pwd"]})
}

/// An access token's claims.
pub(crate) fn access_claims() -> Value {
    json!({"iss": ISSUER, "aud": "api://default", "sub": "joe@example.com", "uid": "00u1",
        "cid": CLIENT, "scp": ["openid", "pets"], "iat": NOW.0, "exp": NOW.0 + 3600,
        "jti": "AT.1", "ver": 1})
}

/// `claims` with one member set, or taken away where `value` is the text `absent`.
pub(crate) fn with(mut claims: Value, name: &str, value: &Value) -> Value {
    let members = claims.as_object_mut().expect("an object");
    if value == "absent" {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value.clone());
    }
    claims
}

/// Signs, reads and verifies `claims`.
pub(crate) fn verified(claims: &Value) -> Result<Claims, TokenError> {
    verified_as("", claims)
}

/// The same with a `typ`.
pub(crate) fn verified_as(token_type: &str, claims: &Value) -> Result<Claims, TokenError> {
    let signer = shared_ec();
    let mut header = json!({"alg": "ES256", "kid": signer.kid});
    if !token_type.is_empty() {
        header["typ"] = token_type.into();
    }
    let text = signer.sign(&header.to_string(), &claims.to_string());
    verify(&Jws::parse(&text, 8192)?, &key_set(&[signer]))
}

/// The same EC key each time.
pub(crate) fn shared_ec() -> &'static Signer {
    static KEY: OnceLock<Signer> = OnceLock::new();
    KEY.get_or_init(|| ec("ec", Algorithm::Es256))
}
