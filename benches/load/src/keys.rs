//! The provider's keys: RSA of 2,048 bits and P-256.

use crate::failure::Outcome;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The name of the RSA key.
const RSA_KID: &str = "load-rsa-4vJ2k9wQmZ0pXyT7bN3cRd8sLhUfAeGi";
/// The name of the P-256 key.
const EC_KID: &str = "load-ec";

/// Both keys.
#[derive(Debug)]
pub struct Keys {
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
}

/// How a token is signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signature {
    /// RSASSA-PKCS1-v1_5 with SHA-256, as Okta signs.
    Rs256,
    /// ECDSA on P-256.
    Es256,
}

impl Keys {
    /// Fresh ones.
    ///
    /// # Errors
    ///
    /// The library's.
    pub fn generate() -> Outcome<Self> {
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048)?;
        Ok(Self { rsa, ec: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)? })
    }

    /// As [`Self::export`] wrote them.
    ///
    /// # Errors
    ///
    /// The library's.
    pub fn import(text: &str) -> Outcome<Self> {
        let (rsa, ec) = text.split_once(' ').ok_or("two keys are expected")?;
        let rsa = RsaKeyPair::from_pkcs8(&URL_SAFE_NO_PAD.decode(rsa)?)?;
        let ec = URL_SAFE_NO_PAD.decode(ec)?;
        Ok(Self { rsa, ec: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &ec)? })
    }

    /// One line of text.
    ///
    /// # Errors
    ///
    /// The library's.
    pub fn export(&self) -> Outcome<String> {
        let rsa = AsDer::<Pkcs8V1Der<'_>>::as_der(&self.rsa)?;
        Ok(format!("{} {}", base64url(rsa.as_ref()), base64url(self.ec.to_pkcs8v1()?.as_ref())))
    }

    /// The key set that the provider publishes.
    #[must_use]
    pub fn jwks(&self) -> Value {
        let n = base64url(self.rsa.public_key().modulus().big_endian_without_leading_zero());
        let point = self.ec.public_key().as_ref();
        let (x, y) = point[1..].split_at(point.len() / 2);
        json!({"keys": [
            {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": RSA_KID, "n": n, "e": "AQAB"},
            {"kty": "EC", "use": "sig", "alg": "ES256", "kid": EC_KID, "crv": "P-256",
                "x": base64url(x), "y": base64url(y)},
        ]})
    }

    /// A signed token (RFC 7515 §7.1).
    ///
    /// # Errors
    ///
    /// The library's.
    pub fn sign(&self, how: Signature, claims: &Value) -> Outcome<String> {
        let header = match how {
            Signature::Rs256 => json!({"kid": RSA_KID, "alg": "RS256"}),
            Signature::Es256 => json!({"kid": EC_KID, "alg": "ES256"}),
        };
        let [header, claims] = [header, claims.clone()].map(|part| part.to_string());
        let signed = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()));
        let random = SystemRandom::new();
        let signature = match how {
            Signature::Rs256 => {
                let mut signature = vec![0; self.rsa.public_modulus_len()];
                self.rsa.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature)?;
                signature
            }
            Signature::Es256 => self.ec.sign(&random, signed.as_bytes())?.as_ref().to_vec(),
        };
        Ok(format!("{signed}.{}", base64url(&signature)))
    }
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
