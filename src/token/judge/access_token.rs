//! Access tokens that a client shows as a bearer (RFC 6750, RFC 9068, Okta's own form).
//!
//! Pure: no I/O, no clock.

use super::{CLOCK_SKEW, judge_absent, judge_issuer, judge_lifetime};
use crate::time::UnixTime;
use crate::token::{Claims, Issuer, TokenError, TokenType};
use std::collections::BTreeSet;
use std::time::Duration;

/// Longest life that Okta gives to an access token.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// How the issuer writes access tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AccessTokenForm {
    /// With `cid` and the array `scp`, as Okta does.
    Okta,
    /// As Okta does, or with `client_id` and the string `scope` (RFC 9068 §2.2); `scope` may be
    /// missing where `typ` is `at+jwt`.
    Any,
}

/// What an access token must satisfy.
#[derive(Clone, Debug)]
pub struct AccessTokenRules<'a> {
    /// Who it must be from.
    pub issuer: &'a Issuer,
    /// Who it may be for: the APIs.
    pub audiences: &'a BTreeSet<String>,
    /// Who it must not be for: tokens for these are ID tokens.
    pub client_ids: &'a BTreeSet<String>,
    /// How the issuer writes it.
    pub form: AccessTokenForm,
    /// How much clocks may differ.
    pub clock_skew: Duration,
    /// Most that `exp` may lie behind `iat`.
    pub max_lifetime: Duration,
}

impl<'a> AccessTokenRules<'a> {
    /// The rules for Okta's form and its longest life.
    #[must_use]
    pub const fn new(
        issuer: &'a Issuer,
        audiences: &'a BTreeSet<String>,
        client_ids: &'a BTreeSet<String>,
    ) -> Self {
        Self {
            issuer,
            audiences,
            client_ids,
            form: AccessTokenForm::Okta,
            clock_skew: CLOCK_SKEW,
            max_lifetime: MAX_LIFETIME,
        }
    }
}

/// Who acts. A service whose client id equals a user's id is still not that user (RFC 9700 §4.15).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Principal<'a> {
    /// A person: `uid` in Okta's form, else `sub`.
    User(&'a str),
    /// A client on its own behalf: `sub` is its client id, and there is no `uid`.
    Service(&'a str),
}

impl<'a> Principal<'a> {
    /// The id, without saying whose.
    #[must_use]
    pub const fn id(self) -> &'a str {
        match self {
            Self::User(id) | Self::Service(id) => id,
        }
    }
}

/// An access token that holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AccessToken<'a> {
    /// Who acts.
    pub principal: Principal<'a>,
    /// `sub`: of Okta a login name, which may change hands.
    pub subject: &'a str,
    /// The client that it was issued to.
    pub client_id: &'a str,
    /// What it allows; may be empty.
    pub scopes: &'a [String],
    /// When it ends, clock skew not included.
    pub expires_at: UnixTime,
    /// When it was issued.
    pub issued_at: UnixTime,
}

/// Judges an access token.
///
/// # Errors
///
/// The reasons from [`TokenError::BadClaim`] on.
pub fn judge_access_token<'a>(
    claims: &'a Claims,
    rules: &AccessTokenRules<'_>,
    now: UnixTime,
) -> Result<AccessToken<'a>, TokenError> {
    // 4: the issuer.
    judge_issuer(claims, rules.issuer)?;
    // 2: `typ`, where there is one.
    match claims.token_type {
        TokenType::Unsaid | TokenType::Jwt | TokenType::AccessToken => {}
        TokenType::LogoutToken | TokenType::GlobalTokenRevocation => {
            return Err(TokenError::WrongKind("typ"));
        }
    }
    // The kind: what ID and logout tokens have.
    judge_absent(claims, &["nonce", "at_hash", "c_hash", "events"])?;
    // 8: a bound token without its proof would be a downgrade.
    if claims.is_bound {
        return Err(TokenError::BoundToKey);
    }
    // 4: one audience, an API of ours and no client.
    let ours = |audience: &String| {
        rules.audiences.contains(audience) && !rules.client_ids.contains(audience)
    };
    if claims.audience.len() != 1 || !claims.audience.iter().all(ours) {
        return Err(TokenError::WrongAudience);
    }
    // 5: the times.
    let lifetime = judge_lifetime(claims, rules.clock_skew, rules.max_lifetime, now)?;
    // 6: the client and what it may do.
    let (client_id, scopes) = client_and_scopes(claims, rules.form)?;
    // 7: who acts.
    let subject = claims.subject.as_deref().ok_or(TokenError::BadClaim("sub"))?;
    let principal = match claims.cid.as_ref().map(|_okta| claims.uid.as_deref()) {
        Some(Some("")) => return Err(TokenError::BadClaim("uid")),
        Some(Some(uid)) => Principal::User(uid),
        Some(None) | None if subject == client_id => Principal::Service(client_id),
        Some(None) => return Err(TokenError::NoPrincipal),
        // Of other providers `uid` says what they like, such as a number in their directory.
        None => Principal::User(subject),
    };
    Ok(AccessToken {
        principal,
        subject,
        client_id,
        scopes,
        expires_at: lifetime.expires_at,
        issued_at: lifetime.issued_at,
    })
}

fn client_and_scopes(
    claims: &Claims,
    form: AccessTokenForm,
) -> Result<(&str, &[String]), TokenError> {
    if let (Some(client_id), Some(scopes)) = (claims.cid.as_deref(), claims.scp.as_deref()) {
        return Ok((client_id, scopes));
    }
    let Some(client_id) = claims.client_id.as_deref().filter(|_| form == AccessTokenForm::Any)
    else {
        return Err(TokenError::WrongKind(if claims.cid.is_none() { "cid" } else { "scp" }));
    };
    match claims.scope.as_deref() {
        Some(scopes) => Ok((client_id, scopes)),
        None if claims.token_type == TokenType::AccessToken => Ok((client_id, &[])),
        None => Err(TokenError::WrongKind("scope")),
    }
}
