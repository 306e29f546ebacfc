//! Whether a token that is its issuer's is also for us, now, and of the kind that is asked for.
//!
//! Pure: no I/O, no clock. The kinds exclude each other (RFC 8725 §3.12), since Okta's tokens do
//! not say which they are: what makes one kind breaks every other.

mod access_token;
mod global_revocation;
mod id_token;
mod logout_token;

pub use access_token::{
    AccessToken, AccessTokenForm, AccessTokenRules, Principal, judge_access_token,
};
pub use global_revocation::{
    GlobalRevocation, GlobalRevocationRules, judge_global_revocation_token,
};
pub use id_token::{IdToken, IdTokenRules, PreviousIdToken, judge_id_token};
pub use logout_token::{LogoutToken, LogoutTokenRules, judge_logout_token};

use super::{Claims, Issuer, TokenError};
use crate::time::UnixTime;
use std::time::Duration;

/// How much clocks may differ, where settings do not say.
pub const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// When a token holds: `exp` and `iat` are there, `nbf` counts if it is there.
struct Lifetime {
    expires_at: UnixTime,
    issued_at: UnixTime,
}

/// Judges `exp`, `nbf` and `iat` (RFC 7519 §4.1.4 to §4.1.6), and how long the token lives in all.
fn judge_lifetime(
    claims: &Claims,
    clock_skew: Duration,
    max_lifetime: Duration,
    now: UnixTime,
) -> Result<Lifetime, TokenError> {
    let expires_at = claims.expires_at.ok_or(TokenError::BadClaim("exp"))?;
    let issued_at = claims.issued_at.ok_or(TokenError::BadClaim("iat"))?;
    if now >= expires_at.plus(clock_skew) {
        return Err(TokenError::Expired(expires_at));
    }
    let is_to_come = |time: &UnixTime| *time > now.plus(clock_skew);
    if let Some(not_before) = claims.not_before_rounded_up().filter(is_to_come) {
        return Err(TokenError::NotYetValid(not_before));
    }
    if let Some(issued_at) = claims.issued_at_rounded_up().filter(is_to_come) {
        return Err(TokenError::IssuedInFuture(issued_at));
    }
    if expires_at > issued_at.plus(max_lifetime).plus(clock_skew) {
        return Err(TokenError::LivesTooLong);
    }
    Ok(Lifetime { expires_at, issued_at })
}

/// `iss` is this issuer, byte for byte.
fn judge_issuer(claims: &Claims, issuer: &Issuer) -> Result<(), TokenError> {
    if claims.issuer == issuer.as_str() { Ok(()) } else { Err(TokenError::WrongIssuer) }
}

/// `aud` is this audience alone.
fn judge_audience(claims: &Claims, audience: &str) -> Result<(), TokenError> {
    if claims.audience == [audience] { Ok(()) } else { Err(TokenError::WrongAudience) }
}

/// None of these claims is there: each belongs to another kind of token.
fn judge_absent(claims: &Claims, names: &[&'static str]) -> Result<(), TokenError> {
    match names.iter().find(|name| claims.has(name)) {
        None => Ok(()),
        Some(name) => Err(TokenError::WrongKind(name)),
    }
}

#[cfg(test)]
mod tests;
