//! The token that authorizes Okta's Universal Logout (draft-parecki-oauth-global-token-revocation).
//!
//! Pure: no I/O, no clock.

use super::{CLOCK_SKEW, judge_absent, judge_audience, judge_issuer, judge_lifetime};
use crate::time::UnixTime;
use crate::token::{Claims, Issuer, TokenError, TokenType};
use std::time::Duration;

/// What the token must satisfy.
#[derive(Clone, Debug)]
pub struct GlobalRevocationRules<'a> {
    /// Who it must be from: the issuer of the ID tokens.
    pub issuer: &'a Issuer,
    /// What its `sub` must be.
    pub client_id: &'a str,
    /// What its `aud` must be: the URL that is called, without query.
    pub endpoint: &'a str,
    /// How much clocks may differ.
    pub clock_skew: Duration,
    /// Most that `exp` may lie behind `iat`.
    pub max_lifetime: Duration,
}

impl<'a> GlobalRevocationRules<'a> {
    /// The rules for a token of at most 10 minutes; Okta's end after 5.
    #[must_use]
    pub const fn new(issuer: &'a Issuer, client_id: &'a str, endpoint: &'a str) -> Self {
        let max_lifetime = Duration::from_secs(10 * 60);
        Self { issuer, client_id, endpoint, clock_skew: CLOCK_SKEW, max_lifetime }
    }
}

/// A token that authorizes a revocation; whose is in the request's body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GlobalRevocation<'a> {
    /// `jti`: counts once.
    pub token_id: &'a str,
    /// When it ends, clock skew not included.
    pub expires_at: UnixTime,
}

/// Judges the bearer token of a Universal Logout request.
///
/// # Errors
///
/// The reasons from [`TokenError::BadClaim`] on.
pub fn judge_global_revocation_token<'a>(
    claims: &'a Claims,
    rules: &GlobalRevocationRules<'_>,
    now: UnixTime,
) -> Result<GlobalRevocation<'a>, TokenError> {
    judge_issuer(claims, rules.issuer)?;
    if claims.token_type != TokenType::GlobalTokenRevocation {
        return Err(TokenError::WrongKind("typ"));
    }
    judge_absent(claims, &["nonce", "at_hash", "c_hash", "scp", "scope", "cid", "events", "cnf"])?;
    judge_audience(claims, rules.endpoint)?;
    if claims.subject.as_deref() != Some(rules.client_id) {
        return Err(TokenError::BadClaim("sub"));
    }
    claims.not_before.ok_or(TokenError::BadClaim("nbf"))?;
    let lifetime = judge_lifetime(claims, rules.clock_skew, rules.max_lifetime, now)?;
    let token_id = claims.token_id.as_deref().filter(|id| !id.is_empty());
    Ok(GlobalRevocation {
        token_id: token_id.ok_or(TokenError::BadClaim("jti"))?,
        expires_at: lifetime.expires_at,
    })
}
