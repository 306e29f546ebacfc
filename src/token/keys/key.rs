//! One key that verifies signatures.
//!
//! Pure: no I/O, no clock.

use crate::token::Algorithm;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, EcdsaVerificationAlgorithm, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use std::fmt;
use std::ops::RangeInclusive;

/// Bits of an RSA modulus (NIST SP 800-131A; above, a check gets slow).
const RSA_BITS: RangeInclusive<usize> = 2048..=4096;
/// The one public exponent in use, 65537.
const RSA_EXPONENT: [u8; 3] = [1, 0, 1];
/// What a public key does not have (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A public key and the one algorithm that it is for (RFC 8725 §3.1).
pub struct VerificationKey {
    algorithm: Algorithm,
    /// The public key's own bytes, to compare keys by.
    material: Vec<u8>,
    /// Read once, not at each signature.
    key: ParsedPublicKey,
}

/// What is wrong with a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyFault {
    /// `kid` is missing, no string or empty: nothing can refer to it.
    #[error("it has no kid")]
    NoName,
    /// `kty` or `alg` is missing or unknown.
    #[error("its kty or alg is missing or not known")]
    Unknown,
    /// `use` or `key_ops` says that it does not verify signatures.
    #[error("it is not for verifying signatures")]
    OtherUse,
    /// A secret or private key was published: whoever read it can sign.
    #[error("it has private members; the provider should withdraw it")]
    Private,
    /// Two keys with this `kid`: neither can be trusted to be meant.
    #[error("its kid is used more than once")]
    Ambiguous,
    /// `alg` is not for this `kty` and `crv`.
    #[error("its alg does not fit its kty and crv")]
    Mismatch,
    /// A member is missing or not base64url.
    #[error("a member is missing or malformed")]
    Malformed,
    /// An RSA key outside of 2048 to 4096 bits, with an even modulus, or with another exponent
    /// than 65537.
    #[error("its modulus or exponent is not acceptable")]
    Weak,
    /// A point that is not on the curve.
    #[error("its point is not on the curve")]
    OffCurve,
}

impl KeyFault {
    /// Whether a provider should not publish such a key; else it is only none of ours.
    #[must_use]
    pub const fn is_alarming(self) -> bool {
        match self {
            Self::NoName | Self::Unknown | Self::OtherUse => false,
            Self::Private
            | Self::Ambiguous
            | Self::Mismatch
            | Self::Malformed
            | Self::Weak
            | Self::OffCurve => true,
        }
    }
}

impl VerificationKey {
    /// Reads a JWK (RFC 7517 §4) that says its `kid` and `alg`.
    pub(super) fn parse(jwk: &Map<String, Value>) -> Result<Self, KeyFault> {
        if PRIVATE_MEMBERS.iter().any(|name| jwk.contains_key(*name)) {
            return Err(KeyFault::Private);
        }
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        if text("kid").is_none_or(str::is_empty) {
            return Err(KeyFault::NoName);
        }
        if !verifies(jwk) {
            return Err(KeyFault::OtherUse);
        }
        let algorithm = text("alg").and_then(Algorithm::parse).ok_or(KeyFault::Unknown)?;
        match text("kty") {
            Some("RSA") => Self::parse_rsa(algorithm, text("n"), text("e")),
            Some("EC") => Self::parse_ec(algorithm, text("crv"), text("x"), text("y")),
            _ => Err(KeyFault::Unknown),
        }
    }

    fn parse_rsa(
        algorithm: Algorithm,
        modulus: Option<&str>,
        exponent: Option<&str>,
    ) -> Result<Self, KeyFault> {
        let parameters: &'static RsaParameters = match algorithm {
            Algorithm::Es256 | Algorithm::Es384 => return Err(KeyFault::Mismatch),
            Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Algorithm::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
            Algorithm::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
            Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
            Algorithm::Ps384 => &RSA_PSS_2048_8192_SHA384,
            Algorithm::Ps512 => &RSA_PSS_2048_8192_SHA512,
        };
        let (modulus, exponent) = (decode_number(modulus)?, decode_number(exponent)?);
        let odd = modulus.last().is_some_and(|byte| byte & 1 == 1);
        if !odd || !RSA_BITS.contains(&bits(&modulus)) || exponent != RSA_EXPONENT {
            return Err(KeyFault::Weak);
        }
        let key = ParsedPublicKey::new(parameters, rsa_public_key(&modulus, &exponent));
        let key = key.map_err(|_rejected| KeyFault::Weak)?;
        Ok(Self { algorithm, material: modulus, key })
    }

    fn parse_ec(
        algorithm: Algorithm,
        curve: Option<&str>,
        x: Option<&str>,
        y: Option<&str>,
    ) -> Result<Self, KeyFault> {
        let (on, coordinate): (&'static EcdsaVerificationAlgorithm, usize) =
            match (algorithm, curve) {
                (Algorithm::Es256, Some("P-256")) => (&ECDSA_P256_SHA256_FIXED, 32),
                (Algorithm::Es384, Some("P-384")) => (&ECDSA_P384_SHA384_FIXED, 48),
                _ => return Err(KeyFault::Mismatch),
            };
        let (x, y) = (decode(x)?, decode(y)?);
        if x.len() != coordinate || y.len() != coordinate {
            return Err(KeyFault::Malformed);
        }
        // An uncompressed point (SEC 1 §2.3.3).
        let point = [&[4], x.as_slice(), y.as_slice()].concat();
        let key = ParsedPublicKey::new(on, &point).map_err(|_rejected| KeyFault::OffCurve)?;
        Ok(Self { algorithm, key, material: point })
    }

    /// The one algorithm that it is for.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether `signature` is this key's over `signed`, by its one algorithm.
    pub(in crate::token) fn has_signed(&self, signed: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(signed, signature).is_ok()
    }
}

impl PartialEq for VerificationKey {
    fn eq(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && self.material == other.material
    }
}

impl Eq for VerificationKey {}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerificationKey({})", self.algorithm.as_str())
    }
}

/// Whether `use` and `key_ops`, where they are there, allow to verify signatures (RFC 7517 §4.2, §4.3).
fn verifies(jwk: &Map<String, Value>) -> bool {
    let for_signatures = jwk.get("use").is_none_or(|value| value.as_str() == Some("sig"));
    let may_verify = jwk.get("key_ops").is_none_or(|value| {
        let operations = value.as_array();
        operations.is_some_and(|all| all.iter().any(|one| one.as_str() == Some("verify")))
    });
    for_signatures && may_verify
}

fn decode(text: Option<&str>) -> Result<Vec<u8>, KeyFault> {
    let text = text.ok_or(KeyFault::Malformed)?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_undecoded| KeyFault::Malformed)
}

/// Decodes an unsigned number, most significant byte first; zeros in front are dropped.
fn decode_number(text: Option<&str>) -> Result<Vec<u8>, KeyFault> {
    Ok(decode(text)?.into_iter().skip_while(|byte| *byte == 0).collect())
}

/// How many bits a number without zeros in front has.
fn bits(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |byte| byte.leading_zeros());
    number.len().saturating_mul(8).saturating_sub(usize::try_from(unused).unwrap_or(0))
}

/// An RSA public key in DER (RFC 8017 §A.1.1), of numbers without zeros in front.
fn rsa_public_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    const INTEGER: u8 = 0x02;
    const SEQUENCE: u8 = 0x30;
    let number = |bytes: &[u8]| {
        // A first bit that is set would make it a negative one.
        let sign: &[u8] = if bytes.first().is_some_and(|byte| *byte >= 0x80) { &[0] } else { &[] };
        der(INTEGER, &[sign, bytes].concat())
    };
    der(SEQUENCE, &[number(modulus), number(exponent)].concat())
}

/// An element of DER: tag, length, content.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut element = vec![tag];
    match length.as_slice() {
        [] => element.push(0),
        [short] if *short < 0x80 => element.push(*short),
        long => {
            // How many bytes the length has: at most eight.
            element.push(u8::try_from(long.len()).map_or(0x80, |bytes| 0x80 | bytes));
            element.extend_from_slice(long);
        }
    }
    element.extend_from_slice(content);
    element
}
