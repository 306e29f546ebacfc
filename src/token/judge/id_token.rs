//! ID tokens (OpenID Connect Core 1.0 §2, §3.1.3.7).
//!
//! Pure: no I/O, no clock. The numbers at the checks are those of §3.1.3.7; 14 to 16 are §3.1.3.8,
//! §2 and §12.2.

use super::{CLOCK_SKEW, judge_absent, judge_audience, judge_issuer, judge_lifetime};
use crate::secret;
use crate::time::UnixTime;
use crate::token::{Algorithm, Claims, Issuer, TokenError, TokenType};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::Duration;

/// What an ID token must satisfy.
#[derive(Clone, Debug)]
pub struct IdTokenRules<'a> {
    /// Who it must be from.
    pub issuer: &'a Issuer,
    /// Who it must be for.
    pub client_id: &'a str,
    /// How much clocks may differ.
    pub clock_skew: Duration,
    /// Most that `exp` may lie behind `iat`.
    pub max_lifetime: Duration,
    /// How long ago a token that comes straight from the token endpoint may have been issued;
    /// `None` for one that a client shows.
    pub max_age: Option<Duration>,
    /// The nonce of the login that this token answers; `None` where there was no such login.
    pub nonce: Option<&'a str>,
    /// The `max_age` that the login asked for (OpenID Connect Core 1.0 §3.1.2.1).
    pub max_auth_age: Option<Duration>,
    /// The access token that came along.
    pub access_token: Option<&'a str>,
    /// Whether `at_hash` must be there when an access token came along.
    pub require_at_hash: bool,
    /// The authorization code that was exchanged for it.
    pub code: Option<&'a str>,
    /// The token that a refresh replaces.
    pub previous: Option<PreviousIdToken<'a>>,
}

impl<'a> IdTokenRules<'a> {
    /// The rules for a token that a client shows; a login or a refresh fills in what it knows.
    #[must_use]
    pub const fn new(issuer: &'a Issuer, client_id: &'a str) -> Self {
        Self {
            issuer,
            client_id,
            clock_skew: CLOCK_SKEW,
            max_lifetime: Duration::from_secs(24 * 60 * 60),
            max_age: None,
            nonce: None,
            max_auth_age: None,
            access_token: None,
            require_at_hash: true,
            code: None,
            previous: None,
        }
    }
}

/// What is kept of the ID token of a login, to compare a refreshed one with.
#[derive(Clone, Copy, Debug)]
pub struct PreviousIdToken<'a> {
    /// Its `sub`.
    pub subject: &'a str,
    /// Its `auth_time`; `None`: it had none.
    pub auth_time: Option<UnixTime>,
    /// Its `nonce`; `None`: not kept, so a nonce in the refreshed token is not compared.
    pub nonce: Option<&'a str>,
}

/// An ID token that holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IdToken<'a> {
    /// The person at this issuer: visible ASCII.
    pub subject: &'a str,
    /// When it ends, clock skew not included.
    pub expires_at: UnixTime,
    /// When it was issued.
    pub issued_at: UnixTime,
}

/// Judges an ID token.
///
/// # Errors
///
/// The reasons from [`TokenError::BadClaim`] on.
pub fn judge_id_token<'a>(
    claims: &'a Claims,
    rules: &IdTokenRules<'_>,
    now: UnixTime,
) -> Result<IdToken<'a>, TokenError> {
    // 1 (encryption) and 6 to 8 (signature, alg) are behind us: `Jws::parse` and `verify`.
    // 2: the issuer.
    judge_issuer(claims, rules.issuer)?;
    // The kind: what access and logout tokens have, and no `typ` of theirs.
    if !matches!(claims.token_type, TokenType::Unsaid | TokenType::Jwt) {
        return Err(TokenError::WrongKind("typ"));
    }
    judge_absent(claims, &["scp", "scope", "cid", "events"])?;
    if claims.is_bound {
        return Err(TokenError::BoundToKey);
    }
    // 3: our client id and no other audience, so that 4 (several audiences) cannot occur.
    judge_audience(claims, rules.client_id)?;
    // 5: the authorized party.
    if claims.authorized_party.as_deref().is_some_and(|party| party != rules.client_id) {
        return Err(TokenError::WrongAuthorizedParty);
    }
    // 9 and 10: the times.
    let lifetime = judge_lifetime(claims, rules.clock_skew, rules.max_lifetime, now)?;
    if let Some(max_age) = rules.max_age
        && now > lifetime.issued_at.plus(max_age).plus(rules.clock_skew)
    {
        return Err(TokenError::TooOld(lifetime.issued_at));
    }
    judge_login(claims, rules, now)?;
    judge_hashes(claims, rules)?;
    // 15: the subject.
    let subject = claims.subject.as_deref().ok_or(TokenError::BadClaim("sub"))?;
    if let Some(previous) = &rules.previous {
        judge_refresh(claims, previous)?;
    }
    Ok(IdToken { subject, expires_at: lifetime.expires_at, issued_at: lifetime.issued_at })
}

/// 11 and 13: it answers this login. (12, `acr`, is for who asked for one.)
fn judge_login(claims: &Claims, rules: &IdTokenRules<'_>, now: UnixTime) -> Result<(), TokenError> {
    if let Some(sent) = rules.nonce {
        let nonce = claims.nonce.as_deref().unwrap_or_default();
        if sent.is_empty() || !secret::equal(nonce.as_bytes(), sent.as_bytes()) {
            return Err(TokenError::WrongNonce);
        }
    }
    if let Some(max_age) = rules.max_auth_age {
        let auth_time = claims.auth_time.ok_or(TokenError::SignedInTooLongAgo)?;
        if now > auth_time.plus(max_age).plus(rules.clock_skew) {
            return Err(TokenError::SignedInTooLongAgo);
        }
    }
    Ok(())
}

/// 14: it came with this access token and this code.
fn judge_hashes(claims: &Claims, rules: &IdTokenRules<'_>) -> Result<(), TokenError> {
    if let Some(access_token) = rules.access_token {
        match claims.access_token_hash.as_deref() {
            Some(hash) if is_half_hash(hash, claims.algorithm, access_token) => {}
            Some(_) => return Err(TokenError::WrongAccessTokenHash),
            None if rules.require_at_hash => return Err(TokenError::MissingAccessTokenHash),
            None => {}
        }
    }
    if let (Some(code), Some(hash)) = (rules.code, claims.code_hash.as_deref())
        && !is_half_hash(hash, claims.algorithm, code)
    {
        return Err(TokenError::WrongCodeHash);
    }
    Ok(())
}

/// Whether `hash` is the left half of the hash of `value`, in base64url (§3.1.3.6).
fn is_half_hash(hash: &str, algorithm: Algorithm, value: &str) -> bool {
    let digest = algorithm.hash(value.as_bytes());
    let (half, _rest) = digest.as_ref().split_at(digest.as_ref().len() / 2);
    secret::equal(hash.as_bytes(), URL_SAFE_NO_PAD.encode(half).as_bytes())
}

/// 16: it continues the login that the refresh token is from.
fn judge_refresh(claims: &Claims, previous: &PreviousIdToken<'_>) -> Result<(), TokenError> {
    if claims.subject.as_deref() != Some(previous.subject) {
        return Err(TokenError::OtherSubject);
    }
    let differs = |new: Option<UnixTime>| new.is_some() && new != previous.auth_time;
    if previous.auth_time.is_some() && differs(claims.auth_time) {
        return Err(TokenError::OtherSignIn);
    }
    match (claims.nonce.as_deref(), previous.nonce) {
        (Some(new), Some(old)) if !secret::equal(new.as_bytes(), old.as_bytes()) => {
            Err(TokenError::WrongNonce)
        }
        _ => Ok(()),
    }
}
