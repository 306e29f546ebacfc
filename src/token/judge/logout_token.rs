//! Logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6).
//!
//! Pure: no I/O, no clock.

use super::{CLOCK_SKEW, judge_absent, judge_audience, judge_issuer, judge_lifetime};
use crate::time::UnixTime;
use crate::token::{Claims, Issuer, TokenError, TokenType};
use serde_json::Value;
use std::time::Duration;

/// The member of `events` that makes a token a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What a logout token must satisfy.
#[derive(Clone, Debug)]
pub struct LogoutTokenRules<'a> {
    /// Who it must be from.
    pub issuer: &'a Issuer,
    /// Who it must be for.
    pub client_id: &'a str,
    /// How much clocks may differ.
    pub clock_skew: Duration,
    /// Most that `exp` may lie behind `iat`: so long a `jti` must be remembered.
    pub max_lifetime: Duration,
}

impl<'a> LogoutTokenRules<'a> {
    /// The rules for a token of at most 10 minutes.
    #[must_use]
    pub const fn new(issuer: &'a Issuer, client_id: &'a str) -> Self {
        let max_lifetime = Duration::from_secs(10 * 60);
        Self { issuer, client_id, clock_skew: CLOCK_SKEW, max_lifetime }
    }
}

/// A logout token that holds. At least one of subject and session id is there; whether its id was
/// seen before is for who remembers ids.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LogoutToken<'a> {
    /// Whose sessions end; with a session id, only that one.
    pub subject: Option<&'a str>,
    /// Which session ends.
    pub session_id: Option<&'a str>,
    /// `jti`: counts once.
    pub token_id: &'a str,
    /// When it ends, clock skew not included.
    pub expires_at: UnixTime,
}

/// How long ago a logout token may have been issued.
const MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// Judges a logout token.
///
/// # Errors
///
/// The reasons from [`TokenError::BadClaim`] on.
pub fn judge_logout_token<'a>(
    claims: &'a Claims,
    rules: &LogoutTokenRules<'_>,
    now: UnixTime,
) -> Result<LogoutToken<'a>, TokenError> {
    judge_issuer(claims, rules.issuer)?;
    if !matches!(claims.token_type, TokenType::Unsaid | TokenType::LogoutToken) {
        return Err(TokenError::WrongKind("typ"));
    }
    // A nonce makes it an ID token (§2.4), the others an access token.
    judge_absent(claims, &["nonce", "at_hash", "c_hash", "scp", "scope", "cid", "cnf"])?;
    let events = claims.events();
    let event = events.as_ref().and_then(|events| events.get(EVENT));
    if !event.is_some_and(Value::is_object) {
        return Err(TokenError::WrongKind("events"));
    }
    judge_audience(claims, rules.client_id)?;
    let lifetime = judge_lifetime(claims, rules.clock_skew, rules.max_lifetime, now)?;
    // A provider sends it at once; what comes much later was kept by somebody.
    if now > lifetime.issued_at.plus(MAX_AGE) {
        return Err(TokenError::TooOld(lifetime.issued_at));
    }
    let token_id = claims.token_id.as_deref().filter(|id| !id.is_empty());
    let subject = claims.subject.as_deref();
    let session_id = claims.session_id.as_deref().filter(|id| !id.is_empty());
    if subject.is_none() && session_id.is_none() {
        return Err(TokenError::BadClaim("sub"));
    }
    Ok(LogoutToken {
        subject,
        session_id,
        token_id: token_id.ok_or(TokenError::BadClaim("jti"))?,
        expires_at: lifetime.expires_at,
    })
}
