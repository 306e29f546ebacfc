//! A signed token in its compact form, read but not yet believed.
//!
//! Pure: no I/O, no clock.

use super::strict_json::parse_object;
use super::{Algorithm, TokenError};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Longest `kid` that is looked up.
const MAX_KEY_ID: usize = 256;

/// What the header's `typ` says (RFC 7515 §4.1.9): letter case and `application/` do not matter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenType {
    /// There is none, as in all of Okta's ID and access tokens.
    Unsaid,
    /// `JWT` (RFC 7519 §5.1).
    Jwt,
    /// `at+jwt` (RFC 9068 §2.1).
    AccessToken,
    /// `logout+jwt` (OpenID Connect Back-Channel Logout 1.0 §2.4).
    LogoutToken,
    /// `global-token-revocation+jwt` (Okta's Universal Logout).
    GlobalTokenRevocation,
}

impl TokenType {
    fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        match text.strip_prefix("application/").unwrap_or(&text) {
            "jwt" => Some(Self::Jwt),
            "at+jwt" => Some(Self::AccessToken),
            "logout+jwt" => Some(Self::LogoutToken),
            "global-token-revocation+jwt" => Some(Self::GlobalTokenRevocation),
            _ => None,
        }
    }
}

/// A token in JWS Compact Serialization (RFC 7515 §7.1). Nothing that it says is verified.
#[derive(Clone)]
pub struct Jws<'a> {
    pub(super) signed: &'a str,
    /// Header, payload and signature, decoded.
    decoded: Vec<u8>,
    payload: Range<usize>,
    /// The payload's members, once somebody asks; `None`: it is no such object.
    members: OnceLock<Option<Arc<Map<String, Value>>>>,
    algorithm: Algorithm,
    kid: String,
    token_type: TokenType,
}

impl<'a> Jws<'a> {
    /// Reads `text`, of at most `max_bytes`, in the one way that there is: three parts of canonical
    /// base64url, a header with `alg`, `kid` and perhaps `typ`, and nothing else.
    ///
    /// # Errors
    ///
    /// The reasons from [`TokenError::TooLong`] to [`TokenError::BadType`].
    pub fn parse(text: &'a str, max_bytes: usize) -> Result<Self, TokenError> {
        if text.len() > max_bytes {
            return Err(TokenError::TooLong(max_bytes));
        }
        let taken = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if !text.bytes().all(taken) {
            return Err(TokenError::BadCharacter);
        }
        let (signed, signature) = match text.bytes().filter(|byte| *byte == b'.').count() {
            2 => text.rsplit_once('.').ok_or(TokenError::NotThreeParts)?,
            4 => return Err(TokenError::Encrypted),
            _ => return Err(TokenError::NotThreeParts),
        };
        let (header, payload) = signed.split_once('.').ok_or(TokenError::NotThreeParts)?;
        if header.is_empty() || signature.is_empty() {
            return Err(TokenError::BadEncoding);
        }
        let mut decoded = Vec::with_capacity(text.len());
        decode(header, &mut decoded)?;
        let header = parse_header(&decoded)?;
        let start = decoded.len();
        decode(payload, &mut decoded)?;
        let payload = start..decoded.len();
        decode(signature, &mut decoded)?;
        Ok(Self {
            signed,
            decoded,
            payload,
            members: OnceLock::new(),
            algorithm: header.algorithm,
            kid: header.kid,
            token_type: header.token_type,
        })
    }

    /// The algorithm that the token claims to be signed with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Which key the token claims to be signed with: 1 to 256 bytes of client text.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What kind of token it claims to be.
    #[must_use]
    pub const fn token_type(&self) -> TokenType {
        self.token_type
    }

    /// Who the token claims to be from: only to choose whose keys to try.
    ///
    /// # Errors
    ///
    /// [`TokenError::BadPayload`], or [`TokenError::BadClaim`] where `iss` is not a string.
    pub fn unverified_issuer(&self) -> Result<&str, TokenError> {
        match self.members().ok_or(TokenError::BadPayload)?.get("iss") {
            Some(Value::String(issuer)) => Ok(issuer),
            _ => Err(TokenError::BadClaim("iss")),
        }
    }

    /// The payload's members, read once; `None` where [`parse_object`] refuses it.
    pub(super) fn members(&self) -> Option<&Arc<Map<String, Value>>> {
        let read = || parse_object(self.decoded.get(self.payload.clone())?).map(Arc::new);
        self.members.get_or_init(read).as_ref()
    }

    /// The signature's own bytes.
    pub(super) fn signature(&self) -> &[u8] {
        self.decoded.get(self.payload.end..).unwrap_or_default()
    }
}

impl fmt::Debug for Jws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jws(secret)")
    }
}

/// Decodes a part behind what is there; padding, other alphabets and stray final bits are refused.
fn decode(part: &str, decoded: &mut Vec<u8>) -> Result<(), TokenError> {
    URL_SAFE_NO_PAD.decode_vec(part, decoded).map_err(|_undecoded| TokenError::BadEncoding)
}

struct Header {
    algorithm: Algorithm,
    kid: String,
    token_type: TokenType,
}

/// Reads the header: `alg`, `kid` and `typ` are strings, and there is no other member.
fn parse_header(bytes: &[u8]) -> Result<Header, TokenError> {
    let members = parse_object(bytes).ok_or(TokenError::BadHeader)?;
    if members.keys().any(|name| !matches!(name.as_str(), "alg" | "kid" | "typ")) {
        return Err(TokenError::UnexpectedHeader);
    }
    let algorithm = members.get("alg").and_then(Value::as_str).and_then(Algorithm::parse);
    let kid = members.get("kid").and_then(Value::as_str);
    let token_type = match members.get("typ") {
        None => Some(TokenType::Unsaid),
        Some(value) => value.as_str().and_then(TokenType::parse),
    };
    Ok(Header {
        algorithm: algorithm.ok_or(TokenError::BadAlgorithm)?,
        kid: kid
            .filter(|kid| (1..=MAX_KEY_ID).contains(&kid.len()))
            .ok_or(TokenError::BadKeyId)?
            .to_owned(),
        token_type: token_type.ok_or(TokenError::BadType)?,
    })
}

#[cfg(test)]
mod tests;
