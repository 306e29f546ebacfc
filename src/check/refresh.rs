//! Refreshes a session at the provider: once, in a task of its own that outlives the check.

use super::Inner;
use super::call::Call;
use super::exchange::{self, Fault};
use super::session;
use super::{ending, lease};
use crate::policy::{Login, PortalId, Snapshot};
use crate::provider::{RelyingParty, TokenEndpointError, TokenResponse};
use crate::random;
use crate::replicas::Read;
use crate::secret::Secret;
use crate::session::Session;
use crate::store::{Refresh, Turn};
use crate::telemetry::RefreshOutcome;
use crate::time::UnixTime;
use crate::token::{IdTokenRules, PreviousIdToken, judge_id_token};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// How long a check waits for the provider at most.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// The same where the provider failed a moment ago, and the old identity is good for its grace: an
/// outage must not make every page slow.
const WAIT_IN_OUTAGE: Duration = Duration::from_millis(200);

/// How long tokens hold whose answer does not say.
const NO_EXPIRY: Duration = Duration::from_secs(3600);

/// Refusals that are about this session. Others, such as `invalid_client`, are about our own
/// settings, and no reason to sign everybody out.
const ENDING: [&str; 8] = [
    "invalid_grant",
    "invalid_scope",
    "access_denied",
    "login_required",
    "interaction_required",
    "consent_required",
    "account_selection_required",
    "unmet_authentication_requirements",
];

type Outcome = watch::Receiver<Option<Refresh>>;

/// Has `session` refreshed, without waiting.
pub(super) fn beside(call: &Call<'_>, portal: PortalId, session: &Arc<Session>) {
    let _running = begin(call, portal, session);
}

/// Has `session` refreshed, and waits for it: at most [`LONGEST_WAIT`], and not past the gateway's
/// deadline. Whoever else waits for the same session gets the same outcome. `grace`: the old identity
/// is good enough if that fails.
pub(super) async fn wait(
    call: &Call<'_>,
    portal: PortalId,
    session: &Arc<Session>,
    grace: bool,
) -> Refresh {
    let issuer = call.policy.portal(portal).and_then(|portal| portal.login.as_ref());
    let failing = issuer.is_some_and(|login| call.inner.parts.providers.is_failing(&login.issuer));
    let mut outcome = match begin(call, portal, session) {
        Begun::Newer(newer) if newer.identity_expires_at > session.identity_expires_at => {
            return Refresh::Refreshed(newer);
        }
        Begun::Newer(kept) => return Refresh::Unavailable(Some(kept)),
        Begun::BackingOff(failed) => return failed,
        Begun::Running(outcome) => outcome,
    };
    let longest = if grace && failing { WAIT_IN_OUTAGE } else { LONGEST_WAIT };
    let latest = Instant::now() + longest;
    let until = call.time_to_answer().map_or(latest, |until| until.min(latest));
    let ended = timeout_at(until, outcome.wait_for(Option::is_some)).await;
    match ended {
        Ok(Ok(refresh)) => refresh.clone().unwrap_or(Refresh::Unavailable(None)),
        // Too slow, or the task died: the provider is as good as out of reach.
        Ok(Err(_)) | Err(_) => Refresh::Unavailable(None),
    }
}

enum Begun {
    Newer(Arc<Session>),
    BackingOff(Refresh),
    Running(Outcome),
}

fn begin(call: &Call<'_>, portal: PortalId, session: &Arc<Session>) -> Begun {
    let (outcome, sender) = match call.inner.refreshes.turn(session, call.now) {
        Turn::Newer(newer) => return Begun::Newer(newer),
        Turn::BackingOff(failed) => return Begun::BackingOff(failed),
        Turn::Running(outcome, sender) => (outcome, sender),
    };
    if let Some(sender) = sender {
        let (inner, policy) = (Arc::clone(call.inner), Arc::clone(call.policy));
        let session = Arc::clone(session);
        call.inner.spawn(async move {
            let ask = || refresh(&inner, &policy, portal, &session);
            let asked = match &inner.shared {
                Some(shared) => {
                    let (inner, policy, session) = (&inner, &policy, &session);
                    lease::Work { inner, shared, policy, portal, session }.run(ask).await
                }
                None => ask().await,
            };
            let refresh = match asked {
                Refresh::Ended => Refresh::Ended,
                // Whatever the provider gave is for nobody any more.
                _ if session::is_revoked(&inner, &session) => Refresh::Overtaken,
                refresh => refresh,
            };
            conclude(&inner, &session, &refresh).await;
            let jitter = random::bytes::<1>().map_or(0, |[byte]| byte);
            let now = inner.parts.clock.now();
            inner.refreshes.finish(&session.id, &sender, refresh, jitter, now);
        });
    }
    Begun::Running(outcome)
}

/// Lets everybody know what became of it.
async fn conclude(inner: &Inner, session: &Session, refresh: &Refresh) {
    let outcome = match refresh {
        Refresh::Refreshed(newer) => {
            inner.sessions.put(Arc::clone(newer));
            RefreshOutcome::Refreshed
        }
        Refresh::Ended => {
            let now_ms = inner.parts.clock.now_ms();
            let _told = ending::end(inner, &lease::ended(session), now_ms, None).await;
            RefreshOutcome::Ended
        }
        Refresh::Overtaken => RefreshOutcome::Ended,
        Refresh::Unavailable(kept) => {
            if let Some(kept) = kept {
                inner.sessions.put(Arc::clone(kept));
            }
            RefreshOutcome::Unavailable
        }
        Refresh::Useless => RefreshOutcome::Unavailable,
    };
    inner.parts.metrics.refresh(outcome);
    tracing::info!(outcome = ?outcome, issuer = session.issuer, "refresh");
}

async fn refresh(inner: &Inner, policy: &Snapshot, portal: PortalId, session: &Session) -> Refresh {
    let Some(login) = policy.portal(portal).and_then(|portal| portal.login.as_ref()) else {
        return Refresh::Unavailable(None);
    };
    let tokens = match ask(inner, login, session).await {
        Ok(tokens) => tokens,
        Err(TokenEndpointError::Refused { error }) if ENDING.contains(&error) => {
            tracing::info!(issuer = session.issuer, error, "the provider refused the refresh");
            return Refresh::Ended;
        }
        Err(error) => {
            tracing::warn!(issuer = session.issuer, %error, "refresh failed");
            let outage = error.is_outage();
            return if outage { Refresh::Unavailable(None) } else { Refresh::Useless };
        }
    };
    let mut kept = session.clone();
    kept.generation = session.generation.saturating_add(1);
    kept.scopes = exchange::granted(&session.scopes, &tokens);
    if let Some(refresh_token) = &tokens.refresh_token {
        kept.refresh_token.clone_from(refresh_token.expose());
    }
    match take(inner, policy, login, &tokens, &kept).await {
        Ok(newer) => Refresh::Refreshed(Arc::new(newer)),
        // The provider has rotated the refresh token: whatever failed after that, it is kept.
        Err(Fault::Unavailable(_) | Fault::Internal) => Refresh::Unavailable(Some(Arc::new(kept))),
        Err(fault) => {
            tracing::warn!(issuer = session.issuer, %fault, "the refreshed tokens do not hold");
            Refresh::Ended
        }
    }
}

/// Asks the token endpoint, and once more where the answer was lost, perhaps after a rotation: within
/// the provider's grace period the old refresh token is good for one more try. Not where another replica
/// has refreshed meanwhile: without such a grace, an old token would end what that one was given.
async fn ask(
    inner: &Inner,
    login: &Login,
    session: &Session,
) -> Result<TokenResponse, TokenEndpointError> {
    let client = RelyingParty::from(login);
    let refresh_token = Secret::new(session.refresh_token.clone());
    let again =
        || inner.parts.providers.refresh(&login.issuer, &client, &refresh_token, &session.scopes);
    let first = again().await;
    let lost = matches!(first, Err(TokenEndpointError::Unavailable { lost: true, .. }));
    if !lost || is_overtaken(inner, session).await { first } else { again().await }
}

/// Whether another replica has refreshed the session, or ended it, as far as Redis can be asked.
async fn is_overtaken(inner: &Inner, session: &Session) -> bool {
    let Some(shared) = &inner.shared else { return false };
    let key_ring = Arc::clone(&inner.parts.key_ring.borrow());
    let now_ms = inner.parts.clock.now_ms();
    match shared.read(&key_ring, &session.id, now_ms, None).await {
        Ok(Read::Session(found)) => found.generation > session.generation,
        Ok(Read::Gone) => true,
        Ok(Read::Unreadable) | Err(_) => false,
    }
}

/// The record with what the new tokens say.
async fn take(
    inner: &Inner,
    policy: &Snapshot,
    login: &Login,
    tokens: &TokenResponse,
    kept: &Session,
) -> Result<Session, Fault> {
    // The provider may have taken its time: what is judged is the present.
    let now = inner.parts.clock.now();
    let mut newer = kept.clone();
    newer.refreshed_at = now.0;
    let Some(id_token) = &tokens.id_token else {
        // What was known stays, for as long as the provider's tokens hold; userinfo may know better.
        let longest = inner.parts.settings.provider.max_id_token_lifetime;
        let span = tokens.expires_in.unwrap_or(NO_EXPIRY).min(longest);
        newer.identity_expires_at = now.plus(span).0;
        exchange::take_userinfo(inner, policy, login, &tokens.access_token, &mut newer).await?;
        return Ok(newer);
    };
    let mut rules = IdTokenRules::new(&login.issuer, &login.client_id);
    rules.clock_skew = inner.parts.settings.tokens.clock_skew;
    rules.max_lifetime = inner.parts.settings.provider.max_id_token_lifetime;
    // A refresh gives a new token (OpenID Connect Core 1.0 §12.2), not an old one once more.
    rules.max_age = Some(exchange::MAX_AGE);
    rules.access_token = Some(tokens.access_token.expose());
    rules.require_at_hash = false;
    rules.previous = Some(PreviousIdToken {
        subject: &kept.subject,
        auth_time: (kept.auth_time > 0).then_some(UnixTime(kept.auth_time)),
        nonce: Some(&kept.nonce),
    });
    let claims = exchange::verified(inner, &login.issuer, id_token.expose()).await?;
    let token = judge_id_token(&claims, &rules, now).map_err(Fault::Token)?;
    newer.identity_expires_at = token.expires_at.0;
    newer.id_token.clone_from(id_token.expose());
    newer.principal = exchange::principal(&inner.parts.settings.tokens.principal_claim, &claims)?;
    exchange::take_claims(inner, policy, login, &claims, &tokens.access_token, &mut newer).await?;
    Ok(newer)
}
