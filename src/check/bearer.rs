//! Bearer tokens: ID tokens of a Portal's provider, access tokens, tokens of a plan's own issuer.

use super::answers;
use super::call::Call;
use crate::config::PrincipalClaim;
use crate::credential::CredentialKind;
use crate::decision::{Denied, Facts};
use crate::identity::{
    Identity, client_principal, is_user_principal, user_principal, wanted_claims,
};
use crate::policy::{Environment, Membership, PlanIssuer, PortalId, Route, SharedSet};
use crate::provider::IssuerSource;
use crate::store::{Subject, VerifiedToken};
use crate::telemetry::SignatureCheck;
use crate::token::{
    AccessTokenForm, AccessTokenRules, Claims, IdTokenRules, Issuer, Jws, Principal, TokenError,
    judge_access_token, judge_id_token, verify,
};
use std::sync::Arc;

/// Authenticates the bearer of `token`.
pub(super) async fn authenticate(
    call: &Call<'_>,
    route: &Route<'_>,
    token: &str,
    facts: &mut Facts,
) -> Result<Arc<Identity>, Denied> {
    identify(call, route, token).await.map_err(|refused| {
        facts.hint = Some(match refused {
            Refused::Token(error) => error.into(),
            other => other.to_string().into(),
        });
        match refused {
            Refused::KeysUnavailable => answers::keys_unavailable(),
            Refused::Token(error) if error.is_expired() => answers::expired_token(),
            Refused::Token(_)
            | Refused::UnknownIssuer
            | Refused::NoBearerIdTokens
            | Refused::NoPrincipal
            | Refused::Revoked => answers::invalid_token(),
        }
    })
}

/// Why a bearer is refused; the client hears less.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("no Portal, and no plan of this Environment, has the token's issuer")]
    UnknownIssuer,
    #[error("the issuer's keys are unavailable")]
    KeysUnavailable,
    #[error("ID tokens are not taken as bearers (tokens.bearer_id_tokens)")]
    NoBearerIdTokens,
    #[error("the token names no principal, or not by the claim of tokens.principal_claim")]
    NoPrincipal,
    #[error("the caller signed out")]
    Revoked,
}

/// Where the token comes from, by the issuer that it claims; the claim is believed once verified.
struct Origin<'c> {
    issuer: Issuer,
    /// Where its keys are found.
    source: IssuerSource,
    /// Portals with this issuer.
    portals: SharedSet<PortalId>,
    /// The plan of this Environment with this issuer.
    plan: Option<&'c PlanIssuer>,
}

async fn identify(
    call: &Call<'_>,
    route: &Route<'_>,
    token: &str,
) -> Result<Arc<Identity>, Refused> {
    let jws = Jws::parse(token, call.settings().tokens.max_bytes)?;
    let origin = origin(call, route, &jws.unverified_issuer()?)?;
    let claims = verified(call, &jws, token, &origin).await?;
    let judged = judge(call, route, &origin, &claims)?;
    if is_revoked(call, &origin, &claims, &judged) {
        return Err(Refused::Revoked);
    }
    Ok(Arc::new(identity(call, route, &origin, &claims, judged)))
}

/// Whether the provider, or the caller, ended what the token is of.
fn is_revoked(call: &Call<'_>, origin: &Origin<'_>, claims: &Claims, judged: &Judged<'_>) -> bool {
    call.inner.revocations.is_revoked(Subject {
        session: None,
        issuer: origin.issuer.as_str(),
        provider_session: claims.session_id.as_deref(),
        subject: &judged.provider_id,
        began_ms: claims.issued_at.unwrap_or_default().0.saturating_mul(1000),
    })
}

fn origin<'c>(call: &Call<'c>, route: &Route<'c>, issuer: &str) -> Result<Origin<'c>, Refused> {
    let plan = environment(route).and_then(|environment| {
        environment.plan_issuers.iter().find(|plan| plan.issuer.as_str() == issuer)
    });
    let login = call.policy.login_issuer(issuer).map(|login| &login.issuer);
    // The provider of a Portal is found by its metadata, even where a plan names it as well.
    let issuer = login.or_else(|| plan.map(|plan| &plan.issuer));
    let issuer = issuer.ok_or(Refused::UnknownIssuer)?.clone();
    let jwks_url = plan.filter(|_| login.is_none()).map(|plan| plan.jwks_url.clone());
    let portals = call.policy.portals_with_issuer(&issuer).clone();
    Ok(Origin { source: IssuerSource { issuer: issuer.clone(), jwks_url }, issuer, portals, plan })
}

/// The claims, once the signature was verified by the keys in force.
async fn verified(
    call: &Call<'_>,
    jws: &Jws<'_>,
    token: &str,
    origin: &Origin<'_>,
) -> Result<Arc<Claims>, Refused> {
    let unavailable = |_unavailable| Refused::KeysUnavailable;
    let providers = &call.inner.parts.providers;
    let mut keys = providers.keys(&origin.source).map_err(unavailable)?;
    if keys.find(jws.kid()).is_none() {
        // Boxed, for it is rare: what a check is made of has room for the rest alone.
        let asked = Box::pin(providers.keys_for_kid(&origin.source, jws.kid()));
        keys = call.in_time(asked).await.ok_or(Refused::KeysUnavailable)?.map_err(unavailable)?;
    }
    let (tokens, metrics) = (&call.inner.tokens, &call.inner.parts.metrics);
    let keys_from = origin.source.jwks_url.as_ref().map_or("", |url| url.as_str());
    let key = tokens.key(origin.issuer.as_str(), keys_from, token);
    if let Some(claims) = tokens.get(&key, &keys) {
        metrics.bearer_signature(SignatureCheck::Remembered);
        return Ok(claims);
    }
    let verified = verify(jws, &keys);
    metrics.bearer_signature(match verified {
        Ok(_) => SignatureCheck::Verified,
        Err(_) => SignatureCheck::Refused,
    });
    let claims = Arc::new(verified?);
    tokens.insert(key, VerifiedToken { claims: Arc::clone(&claims), keys });
    Ok(claims)
}

/// Tells the kinds apart by the audience (a client id of this issuer: an ID token), and judges the
/// token as what it is.
fn judge<'c>(
    call: &Call<'_>,
    route: &Route<'c>,
    origin: &Origin<'_>,
    claims: &Claims,
) -> Result<Judged<'c>, Refused> {
    let logins = origin.portals.iter().filter_map(|id| call.policy.portal(*id)?.login.as_ref());
    let client = logins.clone().find(|login| claims.audience.contains(&login.client_id));
    match client {
        Some(login) => as_id_token(call, origin, claims, &login.client_id),
        None => as_access_token(call, route, origin, claims),
    }
}

/// A token that holds.
struct Judged<'j> {
    credential: CredentialKind,
    /// Portals that may vouch for the caller.
    portals: SharedSet<PortalId>,
    /// Who acts, as the provider's logouts name them: `sub` of an ID token, `uid` of Okta's access
    /// tokens, whose `sub` is a login name.
    provider_id: String,
    /// The principal.
    subject: String,
    /// The claim with the groups, where it is not the Portal's to say.
    group_claim: Option<&'j str>,
}

fn as_id_token(
    call: &Call<'_>,
    origin: &Origin<'_>,
    claims: &Claims,
    client_id: &str,
) -> Result<Judged<'static>, Refused> {
    let settings = call.settings();
    if !settings.tokens.bearer_id_tokens {
        return Err(Refused::NoBearerIdTokens);
    }
    let mut rules = IdTokenRules::new(&origin.issuer, client_id);
    rules.clock_skew = settings.tokens.clock_skew;
    rules.max_lifetime = settings.provider.max_id_token_lifetime;
    let token = judge_id_token(claims, &rules, call.now)?;
    let portals = call.policy.portals_of(&origin.issuer, client_id).clone();
    let provider_id = token.subject.to_owned();
    let subject = principal(call, claims, &provider_id)?;
    let credential = CredentialKind::IdToken;
    Ok(Judged { credential, portals, provider_id, subject, group_claim: None })
}

fn as_access_token<'c>(
    call: &Call<'_>,
    route: &Route<'c>,
    origin: &Origin<'_>,
    claims: &Claims,
) -> Result<Judged<'c>, Refused> {
    let environment = environment(route);
    let audiences = environment.map_or_else(
        || call.settings().tokens.audiences.iter().cloned().collect(),
        |environment| environment.audiences.clone(),
    );
    let mut rules = AccessTokenRules::new(&origin.issuer, &audiences, call.policy.client_ids());
    rules.clock_skew = call.settings().tokens.clock_skew;
    if origin.portals.is_empty() {
        rules.form = AccessTokenForm::Any;
    }
    let token = judge_access_token(claims, &rules, call.now)?;
    let (provider_id, subject) = match token.principal {
        Principal::User(id) => (id.to_owned(), principal(call, claims, id)?),
        // A client's id may equal a user's: they are still two principals (RFC 9700 §4.15).
        Principal::Service(id) => (client_principal(id), client_principal(id)),
    };
    let portals = match origin.plan {
        Some(plan) if origin.portals.is_empty() => plan.portal.into_iter().collect(),
        _ => origin.portals.clone(),
    };
    let group_claim = environment.and_then(|environment| environment.group_claim.as_deref());
    let credential = CredentialKind::AccessToken;
    Ok(Judged { credential, portals, provider_id, subject, group_claim })
}

/// The claim that the settings name, else what the kind of token says.
fn principal(call: &Call<'_>, claims: &Claims, auto: &str) -> Result<String, Refused> {
    match &call.settings().tokens.principal_claim {
        PrincipalClaim::Auto => Some(auto).filter(|principal| is_user_principal(principal)),
        PrincipalClaim::Named(name) => user_principal(claims, name),
    }
    .map(str::to_owned)
    .ok_or(Refused::NoPrincipal)
}

fn identity(
    call: &Call<'_>,
    route: &Route<'_>,
    origin: &Origin<'_>,
    claims: &Claims,
    judged: Judged<'_>,
) -> Identity {
    let Judged { credential, portals, subject, group_claim, .. } = judged;
    // The Portal that the route names says first where its groups are.
    let named = match route {
        Route::Portal(id, _) => Some(*id),
        Route::Product { portal, .. } => *portal,
    };
    let named = named.filter(|id| portals.contains(id));
    let mut candidates = named.into_iter().chain(portals.iter().copied());
    let login = candidates.find_map(|id| call.policy.portal(id)?.login.as_ref());
    let of_login = || login.map(|login| login.group_claim.as_str());
    let claim = group_claim.or_else(of_login).unwrap_or("groups");
    let portals = match group_claim {
        Some(_) => portals,
        None if login.is_some() => call.policy.reading(&portals, claim),
        None => portals,
    };
    let groups = claims.groups(claim);
    if groups.as_ref().is_some_and(|groups| groups.len() == 100) {
        call.inner.parts.metrics.groups_maybe_truncated();
    }
    let settings = call.settings();
    Identity {
        issuer: origin.issuer.as_str().to_owned(),
        subject,
        email: claims.email.clone(),
        email_verified: claims.email_verified,
        send_unverified_email: settings.tokens.send_unverified_email,
        groups_claimed: groups.is_some(),
        membership: Membership {
            portals,
            groups: call.policy.known_groups(groups.unwrap_or_default()),
        },
        credential,
        usage_plan: origin.plan.map(|plan| plan.plan.clone()),
        claims: wanted_claims(claims, &settings.identity_headers),
    }
}

fn environment<'r>(route: &Route<'r>) -> Option<&'r Environment> {
    match route {
        Route::Portal(..) => None,
        Route::Product { environment, .. } => Some(environment),
    }
}
