//! From an authorization code to a session record: what has to reach the provider, in a task of its
//! own, so that a browser that hangs up does not lose the code.

use super::Inner;
use crate::config::{PrincipalClaim, RequireAtHash};
use crate::identity::{user_principal, wanted_claims};
use crate::policy::{Login, PortalId, Snapshot};
use crate::provider::{
    CodeGrant, KeysUnavailable, RelyingParty, TokenEndpointError, TokenResponse,
};
use crate::random;
use crate::secret::Secret;
use crate::session::{Flow, Session};
use crate::token::{Claims, IdTokenRules, Issuer, Jws, TokenError, judge_id_token, verify};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How old an ID token may be that the token endpoint gives.
pub(super) const MAX_AGE: Duration = Duration::from_secs(600);
/// Groups that Okta lists at most, in some of its ways.
const OKTA_GROUP_LIMIT: usize = 100;

/// What an exchange came to.
pub(super) type SignedIn = Result<Session, Fault>;

/// Why there is no session.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Fault {
    /// The provider refused the code.
    #[error("the provider refused the code: {0}")]
    Refused(TokenEndpointError),
    /// The answer has no ID token.
    #[error("the token response has no ID token")]
    NoIdToken,
    /// The ID token does not hold.
    #[error(transparent)]
    Token(TokenError),
    /// The claim of `tokens.principal_claim` is not there, or names no person.
    #[error("the ID token names no person by the claim of tokens.principal_claim")]
    NoPrincipal,
    /// Userinfo is about somebody else (OpenID Connect Core 1.0 §5.3.2).
    #[error("userinfo is about another subject")]
    OtherSubject,
    /// A token that counts once came again.
    #[error("the token was used before")]
    Replayed,
    /// The provider, or its keys, cannot be had; how long it asks to wait, if it does.
    #[error("the provider cannot be reached")]
    Unavailable(Option<Duration>),
    /// No randomness.
    #[error("the system gives no randomness")]
    Internal,
}

/// Exchanges the code of `flow`, which began at `portal`.
pub(super) async fn exchange(
    inner: &Inner,
    policy: &Snapshot,
    portal: PortalId,
    flow: &Flow,
    code: &Secret<String>,
) -> SignedIn {
    let portal = policy.portal(portal).ok_or(Fault::Internal)?;
    let login = portal.login.as_ref().ok_or(Fault::Internal)?;
    // A logout that comes while the provider is asked ends this session as well.
    let signed_in_at_ms = inner.parts.clock.now_ms();
    let code_verifier = Secret::new(flow.code_verifier.clone());
    let redirect_uri = &portal.redirect_uri;
    let grant = CodeGrant { code, code_verifier: &code_verifier, redirect_uri };
    let providers = &inner.parts.providers;
    let answer = providers.exchange_code(&login.issuer, &RelyingParty::from(login), &grant).await;
    let tokens = answer.map_err(|error| match error {
        TokenEndpointError::Unavailable { retry_after, .. } => Fault::Unavailable(retry_after),
        error => Fault::Refused(error),
    })?;
    let id_token = tokens.id_token.clone().ok_or(Fault::NoIdToken)?;
    let claims = verified(inner, &login.issuer, id_token.expose()).await?;
    let settings = &inner.parts.settings;
    let mut rules = IdTokenRules::new(&login.issuer, &login.client_id);
    rules.clock_skew = settings.tokens.clock_skew;
    rules.max_lifetime = settings.provider.max_id_token_lifetime;
    rules.max_age = Some(MAX_AGE);
    rules.nonce = Some(&flow.nonce);
    rules.access_token = Some(tokens.access_token.expose());
    rules.require_at_hash = settings.provider.require_at_hash != RequireAtHash::Never;
    rules.code = Some(code.expose());
    let now = inner.parts.clock.now();
    let token = judge_id_token(&claims, &rules, now).map_err(Fault::Token)?;
    let mut session = Session {
        id: random::token().map_err(|_none| Fault::Internal)?,
        generation: 1,
        portal: portal.name.to_string(),
        issuer: login.issuer.as_str().to_owned(),
        client_id: login.client_id.clone(),
        subject: token.subject.to_owned(),
        provider_session: claims.session_id.clone().unwrap_or_default(),
        signed_in_at_ms,
        scopes: granted(&login.scopes, &tokens),
        principal: principal(&settings.tokens.principal_claim, &claims)?,
        refreshed_at: now.0,
        identity_expires_at: token.expires_at.0,
        auth_time: claims.auth_time.unwrap_or_default().0,
        nonce: flow.nonce.clone(),
        refresh_token: tokens
            .refresh_token
            .filter(|_| login.is_offline())
            .map(|token| token.expose().clone())
            .unwrap_or_default(),
        id_token: id_token.expose().clone(),
        ..Session::default()
    };
    take_claims(inner, policy, login, &claims, &tokens.access_token, &mut session).await?;
    Ok(session)
}

/// What of `asked` was granted: a refresh may ask for no more than that (RFC 6749 §6). An answer that
/// does not count `openid` among it speaks of something else.
pub(super) fn granted(asked: &[String], tokens: &TokenResponse) -> Vec<String> {
    let said = tokens.scopes.iter().find(|scopes| scopes.iter().any(|scope| scope == "openid"));
    let holds = |scope: &&String| said.is_none_or(|said| said.contains(*scope));
    asked.iter().filter(holds).cloned().collect()
}

/// The value of the claim that the settings name as principal; empty where it is the subject.
pub(super) fn principal(claim: &PrincipalClaim, claims: &Claims) -> Result<String, Fault> {
    let (name, is_subject) = match claim {
        PrincipalClaim::Auto => ("sub", true),
        PrincipalClaim::Named(name) => (name.as_str(), false),
    };
    let principal = user_principal(claims, name).ok_or(Fault::NoPrincipal)?;
    Ok(if is_subject { String::new() } else { principal.to_owned() })
}

/// The claims of a token that the token endpoint itself gave us, once its signature was verified.
///
/// Its key may be newer than what we have. Bearers can use up the throttled fetch for unknown keys;
/// nobody outside can have us ask the token endpoint, so here the keys are fetched without throttle. A
/// key that is then still unknown is none of the issuer's: a fault of the token, as at a bearer.
pub(super) async fn verified(inner: &Inner, issuer: &Issuer, token: &str) -> Result<Claims, Fault> {
    let jws = parse(inner, token)?;
    let providers = &inner.parts.providers;
    let mut keys = providers.keys_for_kid(issuer, jws.kid()).await.map_err(unavailable)?;
    if keys.find(jws.kid()).is_none() {
        // Not for ever: whoever waits for this session waits for this.
        let longest = inner.parts.settings.provider.timeout.saturating_mul(2);
        let fetched = timeout(longest, providers.refresh_keys(issuer)).await;
        fetched.map_err(|_elapsed| Fault::Unavailable(None))?.map_err(unavailable)?;
        keys = providers.keys(issuer).map_err(unavailable)?;
    }
    verify(&jws, &keys).map_err(Fault::Token)
}

/// The same for a token that somebody sent us: the fetch for unknown keys is throttled.
pub(super) async fn verified_from_outside(
    inner: &Inner,
    issuer: &Issuer,
    token: &str,
) -> Result<Claims, Fault> {
    let jws = parse(inner, token)?;
    let keys = inner.parts.providers.keys_for_kid(issuer, jws.kid()).await.map_err(unavailable)?;
    verify(&jws, &keys).map_err(Fault::Token)
}

/// Whether `token` says that it is of `issuer`, so that no other provider is asked for its keys.
pub(super) fn claims_issuer(inner: &Inner, issuer: &Issuer, token: &str) -> Result<(), Fault> {
    let jws = parse(inner, token)?;
    let claimed = jws.unverified_issuer().map_err(Fault::Token)?;
    if claimed == issuer.as_str() { Ok(()) } else { Err(Fault::Token(TokenError::WrongIssuer)) }
}

fn parse<'t>(inner: &Inner, token: &'t str) -> Result<Jws<'t>, Fault> {
    Jws::parse(token, inner.parts.settings.tokens.max_bytes).map_err(Fault::Token)
}

fn unavailable(_unavailable: KeysUnavailable) -> Fault {
    Fault::Unavailable(None)
}

/// Writes into `session` what the caller's claims say: e-mail, groups, and what goes upstream. Where
/// the ID token has no groups claim, userinfo is asked (OpenID Connect Core 1.0 §5.3).
///
/// # Errors
///
/// [`Fault::OtherSubject`]; [`Fault::Unavailable`] where userinfo was needed and cannot be had, since
/// nobody knows then which groups there are.
pub(super) async fn take_claims(
    inner: &Inner,
    policy: &Snapshot,
    login: &Login,
    claims: &Claims,
    access_token: &Secret<String>,
    session: &mut Session,
) -> Result<(), Fault> {
    session.email = claims.email.clone().unwrap_or_default();
    session.email_verified = claims.email_verified;
    let wanted = wanted_claims(claims, &inner.parts.settings.identity_headers);
    session.claims = wanted.into_iter().collect();
    let groups = claims.groups(&login.group_claim);
    let mut groups = groups.map(|all| all.into_iter().map(str::to_owned).collect());
    if groups.is_none()
        && let Some(userinfo) = userinfo(inner, login, access_token, session).await?
    {
        groups = userinfo.get(&login.group_claim).map(texts);
        take_email(&userinfo, session);
    }
    take_groups(inner, policy, login, groups, session);
    Ok(())
}

/// Writes into `session` the groups that userinfo has, where a refresh brought no ID token. What it
/// does not say stays as it was.
///
/// # Errors
///
/// As [`take_claims`].
pub(super) async fn take_userinfo(
    inner: &Inner,
    policy: &Snapshot,
    login: &Login,
    access_token: &Secret<String>,
    session: &mut Session,
) -> Result<(), Fault> {
    let userinfo = userinfo(inner, login, access_token, session).await?;
    if let Some(groups) = userinfo.and_then(|userinfo| userinfo.get(&login.group_claim).map(texts))
    {
        take_groups(inner, policy, login, Some(groups), session);
    }
    Ok(())
}

/// What the userinfo endpoint says of this caller; `None` where there is none, or it refuses.
async fn userinfo(
    inner: &Inner,
    login: &Login,
    access_token: &Secret<String>,
    session: &Session,
) -> Result<Option<Map<String, Value>>, Fault> {
    match inner.parts.providers.userinfo(&login.issuer, access_token).await {
        Ok(userinfo) => {
            let subject = userinfo.get("sub").and_then(Value::as_str);
            if subject == Some(&session.subject) {
                Ok(Some(userinfo))
            } else {
                Err(Fault::OtherSubject)
            }
        }
        Err(TokenEndpointError::Unavailable { retry_after, .. }) => {
            Err(Fault::Unavailable(retry_after))
        }
        Err(error) => {
            tracing::info!(issuer = session.issuer, %error, "no userinfo");
            Ok(None)
        }
    }
}

fn take_groups(
    inner: &Inner,
    policy: &Snapshot,
    login: &Login,
    groups: Option<Vec<String>>,
    session: &mut Session,
) {
    if groups.as_ref().is_some_and(|groups| groups.len() == OKTA_GROUP_LIMIT) {
        inner.parts.metrics.groups_maybe_truncated();
    }
    session.groups_claimed = groups.is_some();
    if !session.groups_claimed {
        tracing::info!(
            issuer = session.issuer,
            claim = login.group_claim,
            "neither ID token nor userinfo has the groups claim: does the provider send it, and do \
             additionalScopes ask for it?"
        );
    }
    session.groups = policy.known_groups(groups.unwrap_or_default()).to_vec();
}

/// An e-mail that the ID token does not have.
fn take_email(userinfo: &Map<String, Value>, session: &mut Session) {
    let email = userinfo.get("email").and_then(Value::as_str);
    if let Some(email) = email.filter(|_| session.email.is_empty()) {
        email.clone_into(&mut session.email);
        session.email_verified = userinfo.get("email_verified") == Some(&Value::Bool(true));
    }
}

/// A string is one group, an array of strings many; anything else is none.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(group) => vec![group.clone()],
        Value::Array(groups) => {
            let all: Option<Vec<_>> =
                groups.iter().map(|group| group.as_str().map(str::to_owned)).collect();
            all.unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

/// A spawned exchange needs its parts for itself.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) inner: Arc<Inner>,
    pub(super) policy: Arc<Snapshot>,
    pub(super) portal: PortalId,
    pub(super) flow: Flow,
    pub(super) code: Secret<String>,
}

impl Task {
    /// Runs the exchange to its end.
    pub(super) async fn run(self) -> SignedIn {
        exchange(&self.inner, &self.policy, self.portal, &self.flow, &self.code).await
    }
}
