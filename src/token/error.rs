//! Why a token is refused.
//!
//! Pure: no I/O, no clock.

use crate::time::UnixTime;

/// Why a token is refused, in the order of the checks. No variant holds anything that the token says,
/// but for times.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenError {
    /// Longer than the settings allow.
    #[error("the token is longer than {0} bytes")]
    TooLong(usize),
    /// Something else than letters, digits, `-`, `_` and dots.
    #[error("the token holds a character that base64url does not have")]
    BadCharacter,
    /// Five parts: a JWE (RFC 7516 §7.1).
    #[error("the token is encrypted; have the provider send signed tokens only")]
    Encrypted,
    /// Neither three nor five parts (RFC 7515 §7.1).
    #[error("the token does not have three parts")]
    NotThreeParts,
    /// A part that decodes to nothing, or that another text decodes to as well (RFC 4648 §3.5).
    #[error("a part of the token is not canonical base64url")]
    BadEncoding,
    /// The header is no JSON object, or names a member twice (RFC 7515 §4).
    #[error("the header is no JSON object with distinct members")]
    BadHeader,
    /// A header member besides `alg`, `kid` and `typ`: `crit`, `b64`, `jku`, `jwk`, `x5c`, …
    #[error("the header has a member besides alg, kid and typ")]
    UnexpectedHeader,
    /// `alg` is missing, no string, or not taken: `none`, `HS256`, …
    #[error("alg is not an algorithm that is taken")]
    BadAlgorithm,
    /// `kid` is missing, no string, empty or longer than 256 bytes.
    #[error("kid is not a text of 1 to 256 bytes")]
    BadKeyId,
    /// `typ` names a kind of token that is unknown here.
    #[error("typ is not known")]
    BadType,
    /// The issuer has no such key, although its keys are known.
    #[error("the issuer has no key with this kid")]
    UnknownKey,
    /// `alg` is not the algorithm that the key is for (RFC 8725 §3.1).
    #[error("alg is not the algorithm of the key")]
    OtherAlgorithm,
    /// The signature is not of this key over these bytes.
    #[error("the signature does not verify")]
    BadSignature,
    /// The payload is no JSON object, names a member twice or is nested too deep.
    #[error("the payload is no JSON object with distinct members")]
    BadPayload,
    /// A claim that is missing, or has a wrong type or range.
    #[error("claim {0} is missing or malformed")]
    BadClaim(&'static str),
    /// Another issuer (OpenID Connect Core 1.0 §3.1.3.7 item 2).
    #[error("iss is another issuer")]
    WrongIssuer,
    /// Not for us, or for others as well.
    #[error("aud is not exactly the expected audience")]
    WrongAudience,
    /// `azp` is another client.
    #[error("azp is another client")]
    WrongAuthorizedParty,
    /// Another kind of token: the claim or header named here makes or breaks the kind.
    #[error("another kind of token is expected, by its {0}")]
    WrongKind(&'static str),
    /// Bound to a key that a plain bearer does not show (RFC 7800 §3.1, RFC 9449 §6).
    #[error("the token is bound to a key (cnf)")]
    BoundToKey,
    /// `exp` is over.
    #[error("the token expired at {0}")]
    Expired(UnixTime),
    /// `nbf` is still to come.
    #[error("the token is not valid before {0}")]
    NotYetValid(UnixTime),
    /// `iat` is still to come.
    #[error("the token was issued at {0}, which is in the future")]
    IssuedInFuture(UnixTime),
    /// `exp` less `iat` is more than allowed.
    #[error("the token lives longer than allowed")]
    LivesTooLong,
    /// `iat` is longer ago than a fresh token's can be.
    #[error("the token was issued at {0}, which is too long ago")]
    TooOld(UnixTime),
    /// `nonce` is missing or not the one that was sent.
    #[error("nonce is not the one that was sent")]
    WrongNonce,
    /// `auth_time` is missing or longer ago than was asked for.
    #[error("the person signed in too long ago")]
    SignedInTooLongAgo,
    /// `at_hash` is not there.
    #[error("at_hash is missing")]
    MissingAccessTokenHash,
    /// `at_hash` is that of another access token (OpenID Connect Core 1.0 §3.1.3.8).
    #[error("at_hash is not that of the access token")]
    WrongAccessTokenHash,
    /// `c_hash` is that of another code (OpenID Connect Core 1.0 §3.3.2.10).
    #[error("c_hash is not that of the code")]
    WrongCodeHash,
    /// A refresh answered for somebody else (OpenID Connect Core 1.0 §12.2).
    #[error("the refreshed token is for another subject")]
    OtherSubject,
    /// A refresh answered for another sign-in (OpenID Connect Core 1.0 §12.2).
    #[error("the refreshed token is for another sign-in")]
    OtherSignIn,
    /// Neither a user's nor a service's token: no `uid`, and `sub` is not the client.
    #[error("the token names neither a user nor a service")]
    NoPrincipal,
}

impl TokenError {
    /// Whether the token was fine once, so that a fresh one may help.
    #[must_use]
    pub const fn is_expired(&self) -> bool {
        matches!(self, Self::Expired(_))
    }

    /// A fixed word for logs and metrics.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "too_long",
            Self::BadCharacter => "bad_character",
            Self::Encrypted => "encrypted_token",
            Self::NotThreeParts => "not_three_parts",
            Self::BadEncoding => "bad_encoding",
            Self::BadHeader => "bad_header",
            Self::UnexpectedHeader => "unexpected_header",
            Self::BadAlgorithm => "bad_algorithm",
            Self::BadKeyId => "bad_key_id",
            Self::BadType => "bad_type",
            Self::UnknownKey => "unknown_key",
            Self::OtherAlgorithm => "other_algorithm",
            Self::BadSignature => "bad_signature",
            Self::BadPayload => "bad_payload",
            Self::BadClaim(_) => "bad_claim",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::WrongAuthorizedParty => "wrong_authorized_party",
            Self::WrongKind(_) => "wrong_kind",
            Self::BoundToKey => "bound_to_key",
            Self::Expired(_) => "expired",
            Self::NotYetValid(_) => "not_yet_valid",
            Self::IssuedInFuture(_) => "issued_in_future",
            Self::LivesTooLong => "lives_too_long",
            Self::TooOld(_) => "too_old",
            Self::WrongNonce => "wrong_nonce",
            Self::SignedInTooLongAgo => "signed_in_too_long_ago",
            Self::MissingAccessTokenHash => "missing_at_hash",
            Self::WrongAccessTokenHash => "wrong_at_hash",
            Self::WrongCodeHash => "wrong_c_hash",
            Self::OtherSubject => "other_subject",
            Self::OtherSignIn => "other_sign_in",
            Self::NoPrincipal => "no_principal",
        }
    }
}
