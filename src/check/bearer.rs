//! Bearer tokens: ID tokens of a Portal's provider, access tokens, tokens of a plan's own issuer.

mod judge;

use super::answers;
use super::call::Call;
use crate::credential::{CredentialKind, is_key, lone_bearer};
use crate::decision::{Denied, Facts};
use crate::identity::Identity;
use crate::policy::{Environment, PlanIssuer, PortalId, Route, SharedSet};
use crate::provider::IssuerSource;
use crate::store::{Judged, KnownToken, Signature, TokenKey};
use crate::telemetry::SignatureCheck;
use crate::time::UnixTime;
use crate::token::{Claims, Issuer, Jws, KeySet, TokenError, claims_of_verified, verify};
use std::sync::Arc;

/// What may be a bearer, by all of its text, before anything is looked at.
pub(super) struct Met<'c> {
    token: &'c str,
    key: TokenKey,
}

/// The text that may be the bearer of a request, and no API key.
pub(super) fn meet<'c>(call: &Call<'c>, route: &Route<'_>) -> Option<Met<'c>> {
    let (keys, max_bytes) = (&call.settings().api_keys, call.settings().tokens.max_bytes);
    let token = lone_bearer(call.attributes.headers, &keys.header)?;
    let may_be = token.len() <= max_bytes && !(keys.bearer && is_key(token));
    let key = may_be.then(|| key(call, route, token))??;
    Some(Met { token, key })
}

impl Met<'_> {
    /// The verdict, where this text was judged before: then it is a token, and one that says what it said.
    /// `None`: it has to be judged, if it is one.
    pub(super) fn known(&self, call: &Call<'_>) -> Option<Identified> {
        let known = call.inner.tokens.judged(self.key, call.policy.epoch, call.now)?;
        remembered(call, &known)
    }

    fn key_of(self, token: &str) -> Option<TokenKey> {
        std::ptr::eq(self.token, token).then_some(self.key)
    }
}

/// Whose a bearer is, or why it is nobody's.
pub(super) type Identified = Result<Arc<Identity>, Refused>;

/// The same for the log and for the client.
pub(super) fn concluded(
    identified: Identified,
    facts: &mut Facts,
) -> Result<Arc<Identity>, Denied> {
    identified.map_err(|refused| refuse(refused, facts))
}

/// Takes the bearer for whom the token names: signature, times and logouts are not looked at; form,
/// issuer and audience are.
pub(super) fn as_said(call: &Call<'_>, route: &Route<'_>, token: &str) -> Identified {
    let jws = Jws::parse(token, call.settings().tokens.max_bytes)?;
    let origin = origin(call, route, jws.unverified_issuer()?)?;
    let claims = claims_of_verified(&jws)?;
    Ok(judge::judge(call, route, &origin, &claims, claims.holds_from())?.identity)
}

fn refuse(refused: Refused, facts: &mut Facts) -> Denied {
    facts.hint = Some(match refused {
        Refused::Token(error) => error.into(),
        other => other.to_string().into(),
    });
    match refused {
        Refused::KeysUnavailable => answers::keys_unavailable(),
        Refused::StoreUnavailable => answers::store_unavailable(),
        Refused::Token(error) if error.is_expired() => answers::expired_token(),
        Refused::Token(_)
        | Refused::UnknownIssuer
        | Refused::NoBearerIdTokens
        | Refused::NoPrincipal
        | Refused::Revoked => answers::invalid_token(),
    }
}

/// Why a bearer is refused; the client hears less.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Refused {
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
    #[error("whether the caller signed out elsewhere is not known for now")]
    StoreUnavailable,
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

/// Authenticates the bearer of `token`, which is not known, or was met otherwise.
pub(super) async fn identify(
    call: &Call<'_>,
    route: &Route<'_>,
    token: &str,
    met: Option<Met<'_>>,
) -> Identified {
    let max_bytes = call.settings().tokens.max_bytes;
    if token.len() > max_bytes {
        return Err(TokenError::TooLong(max_bytes).into());
    }
    let key = match met.and_then(|met| met.key_of(token)) {
        Some(key) => Some(key),
        None => {
            let key = key(call, route, token);
            let met = key.map(|key| Met { token, key });
            if let Some(verdict) = met.and_then(|met| met.known(call)) {
                return verdict;
            }
            key
        }
    };
    let jws = Jws::parse(token, max_bytes)?;
    let origin = origin(call, route, jws.unverified_issuer()?)?;
    let keys = keys(call, &jws, &origin).await?;
    judge_anew(call, route, &Bearer { jws, key, origin, keys })
}

/// The key of a token on a route: where it is judged otherwise, it has another one. That is by the
/// Environment (audiences, plans, the claim with groups) and the Portal that the route names.
fn key(call: &Call<'_>, route: &Route<'_>, token: &str) -> Option<TokenKey> {
    let (environment, portal) = match route {
        Route::Portal(id, _) => (None, Some(*id)),
        Route::Product { id, portal, .. } => (Some(*id), *portal),
    };
    call.inner.tokens.key(environment, portal, token)
}

/// The verdict on a token that this policy has judged before: what depends on the time, on the keys in
/// force and on logouts is asked again. `None`: it has to be judged anew.
fn remembered(call: &Call<'_>, known: &KnownToken) -> Option<Identified> {
    let judged = known.judged_by(call.policy.epoch)?;
    let Some(keys) = call.inner.parts.providers.known_keys(&judged.source, call.now) else {
        return Some(Err(Refused::KeysUnavailable));
    };
    let clock_skew = call.settings().tokens.clock_skew;
    // A clock that was set back: which of the times it is, the judge says.
    if !known.is_by(&keys) || judged.holds_from > call.now.plus(clock_skew) {
        return None;
    }
    call.inner.parts.metrics.bearer_signature(SignatureCheck::Remembered);
    if call.now >= judged.expires_at.plus(clock_skew) {
        return Some(Err(TokenError::Expired(judged.expires_at).into()));
    }
    Some(admit(call, judged))
}

/// The caller of a token that holds, unless the provider, or the caller, ended what it is of.
fn admit(call: &Call<'_>, judged: &Judged) -> Identified {
    if call.inner.revocations.is_marked(&judged.marks) {
        return Err(Refused::Revoked);
    }
    if call.inner.bus.is_some() && is_in_the_dark(call, &judged.identity) {
        return Err(Refused::StoreUnavailable);
    }
    if judged.groups_maybe_truncated {
        call.inner.parts.metrics.groups_maybe_truncated();
    }
    Ok(Arc::clone(&judged.identity))
}

/// Whether the caller of an ID token may have signed out elsewhere, where a Portal that vouches for it says
/// that nobody passes then.
fn is_in_the_dark(call: &Call<'_>, identity: &Identity) -> bool {
    let mut portals = identity.membership.portals.iter();
    identity.credential == CredentialKind::IdToken
        && portals.any(|id| {
            let portal = call.policy.portal(*id);
            portal.is_some_and(|portal| call.inner.is_in_the_dark(portal.session.store_down))
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

fn environment<'r>(route: &Route<'r>) -> Option<&'r Environment> {
    match route {
        Route::Portal(..) => None,
        Route::Product { environment, .. } => Some(environment),
    }
}

/// The keys in force; where the token's is not among them, they are asked for.
async fn keys(call: &Call<'_>, jws: &Jws<'_>, origin: &Origin<'_>) -> Result<Arc<KeySet>, Refused> {
    let unavailable = |_unavailable| Refused::KeysUnavailable;
    let providers = &call.inner.parts.providers;
    let keys = providers.known_keys(&origin.source, call.now).ok_or(Refused::KeysUnavailable)?;
    if keys.find(jws.kid()).is_some() {
        return Ok(keys);
    }
    call.patience().await;
    // Boxed, for it is rare: what a check is made of has room for the rest alone.
    let asked = Box::pin(providers.keys_for_kid(&origin.source, jws.kid()));
    call.in_time(asked).await.ok_or(Refused::KeysUnavailable)?.map_err(unavailable)
}

/// A token that is not known, or not yet by this policy.
struct Bearer<'t> {
    jws: Jws<'t>,
    key: Option<TokenKey>,
    origin: Origin<'t>,
    /// The keys in force of its issuer.
    keys: Arc<KeySet>,
}

/// Verifies the token, if nobody has so far, judges what it says, and remembers both.
fn judge_anew(call: &Call<'_>, route: &Route<'_>, bearer: &Bearer<'_>) -> Identified {
    let (tokens, now) = (&call.inner.tokens, call.now);
    let Bearer { key, origin, keys, .. } = bearer;
    let known = || key.and_then(|key| tokens.signature(key, keys, now));
    let mut signature = known();
    // Who comes while another one verifies the same token waits for that, and asks again.
    let _turn = match signature {
        Some(_) => None,
        None => {
            let turn = key.and_then(|key| tokens.turn(key));
            signature = known();
            turn
        }
    };
    let (claims, verified_at) = read(call, bearer, signature)?;
    let judged = judge::judge(call, route, origin, &claims, now);
    let admitted = match &judged {
        Ok(judged) => admit(call, judged),
        Err(refused) => Err(*refused),
    };
    if let Some(key) = *key {
        tokens.remember(key, keys, verified_at, judged.ok());
    }
    admitted
}

/// The claims of a token whose signature holds, and when that was found.
fn read(
    call: &Call<'_>,
    bearer: &Bearer<'_>,
    signature: Option<Signature>,
) -> Result<(Claims, UnixTime), Refused> {
    let count = |outcome| call.inner.parts.metrics.bearer_signature(outcome);
    let Bearer { jws, key, keys, .. } = bearer;
    match signature {
        Some(Signature::Holds(verified_at)) => {
            count(SignatureCheck::Remembered);
            Ok((claims_of_verified(jws)?, verified_at))
        }
        Some(Signature::Refused(error)) => {
            count(SignatureCheck::Refused);
            Err(error.into())
        }
        None => match verify(jws, keys) {
            Ok(claims) => {
                count(SignatureCheck::Verified);
                Ok((claims, call.now))
            }
            Err(error) => {
                count(SignatureCheck::Refused);
                if let Some(key) = *key {
                    call.inner.tokens.refuse(key, keys, error, call.now);
                }
                Err(error.into())
            }
        },
    }
}
