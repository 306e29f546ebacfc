//! A signed token in its compact form, read but not yet believed.
//!
//! Pure: no I/O, no clock.

use super::strict_json::{Item, Members};
use super::{Algorithm, TokenError};
use crate::base64url;
use memchr::memchr_iter;
use std::fmt;
use std::sync::Arc;

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
    /// The payload's members; `None`: it is no object that can be read in one way only.
    members: Option<Arc<Members>>,
    /// Decoded.
    signature: Vec<u8>,
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
        // What reads has three parts of base64url, and so nothing that base64url does not have. Where
        // it has, that is said before anything else.
        Self::read(text)
            .map_err(|error| if is_taken(text) { error } else { TokenError::BadCharacter })
    }

    fn read(text: &'a str) -> Result<Self, TokenError> {
        let mut dots = memchr_iter(b'.', text.as_bytes());
        let (Some(first), Some(second)) = (dots.next(), dots.next()) else {
            return Err(TokenError::NotThreeParts);
        };
        match dots.count() {
            0 => {}
            2 => return Err(TokenError::Encrypted),
            _ => return Err(TokenError::NotThreeParts),
        }
        let part = |from: usize, to: usize| text.get(from..to).ok_or(TokenError::NotThreeParts);
        let signed = part(0, second)?;
        let header = part(0, first)?;
        let payload = part(first.saturating_add(1), second)?;
        let signature = part(second.saturating_add(1), text.len())?;
        if header.is_empty() || signature.is_empty() {
            return Err(TokenError::BadEncoding);
        }
        let header = parse_header(decode(header)?)?;
        let payload = decode(payload)?;
        let signature = decode(signature)?;
        Ok(Self {
            signed,
            members: Members::parse(payload).map(Arc::new),
            signature,
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
        let issuer = self.members().ok_or(TokenError::BadPayload)?.get("iss");
        issuer.and_then(Item::as_str).ok_or(TokenError::BadClaim("iss"))
    }

    /// The payload's members; `None` where [`Members::parse`] refuses it.
    pub(super) const fn members(&self) -> Option<&Arc<Members>> {
        self.members.as_ref()
    }

    /// The signature's own bytes.
    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
    }
}

impl fmt::Debug for Jws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jws(secret)")
    }
}

/// Whether all of it is of base64url, or a dot.
fn is_taken(text: &str) -> bool {
    let taken = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    text.bytes().all(taken)
}

/// Decodes a part; padding, other alphabets and stray final bits are refused.
fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    base64url::decode(part).map_err(|_undecoded| TokenError::BadEncoding)
}

struct Header {
    algorithm: Algorithm,
    kid: String,
    token_type: TokenType,
}

/// Reads the header: `alg`, `kid` and `typ` are strings, and there is no other member.
fn parse_header(bytes: Vec<u8>) -> Result<Header, TokenError> {
    let members = Members::parse(bytes).ok_or(TokenError::BadHeader)?;
    let (mut algorithm, mut kid, mut token_type) = (None, None, Some(TokenType::Unsaid));
    for (name, value) in members.iter() {
        match name {
            "alg" => algorithm = value.as_str().and_then(Algorithm::parse),
            "kid" => kid = value.as_str(),
            "typ" => token_type = value.as_str().and_then(TokenType::parse),
            _ => return Err(TokenError::UnexpectedHeader),
        }
    }
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
