//! Refreshes a session at the provider: once, in a task of its own that outlives the check.

use super::Inner;
use super::call::Call;
use super::exchange;
use crate::policy::{PortalId, Snapshot};
use crate::provider::{RelyingParty, TokenEndpointError};
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

type Outcome = watch::Receiver<Option<Refresh>>;

/// Has `session` refreshed, without waiting.
pub(super) fn beside(call: &Call<'_>, portal: PortalId, session: &Arc<Session>) {
    let _running = begin(call, portal, session);
}

/// Has `session` refreshed, and waits for it: at most [`LONGEST_WAIT`], and not past the gateway's
/// deadline. Whoever else waits for the same session gets the same outcome.
pub(super) async fn wait(call: &Call<'_>, portal: PortalId, session: &Arc<Session>) -> Refresh {
    let mut outcome = match begin(call, portal, session) {
        Begun::Newer(newer) => return Refresh::Refreshed(newer),
        Begun::BackingOff => return Refresh::Unavailable,
        Begun::Running(outcome) => outcome,
    };
    let latest = Instant::now() + LONGEST_WAIT;
    let until = call.deadline.map_or(latest, |deadline| deadline.min(latest));
    let ended = timeout_at(until, outcome.wait_for(Option::is_some)).await;
    match ended {
        Ok(Ok(refresh)) => refresh.clone().unwrap_or(Refresh::Unavailable),
        // Too slow, or the task died: the provider is as good as out of reach.
        Ok(Err(_)) | Err(_) => Refresh::Unavailable,
    }
}

enum Begun {
    Newer(Arc<Session>),
    BackingOff,
    Running(Outcome),
}

fn begin(call: &Call<'_>, portal: PortalId, session: &Arc<Session>) -> Begun {
    let (outcome, sender) = match call.inner.refreshes.turn(session, call.now) {
        Turn::Newer(newer) => return Begun::Newer(newer),
        Turn::BackingOff => return Begun::BackingOff,
        Turn::Running(outcome, sender) => (outcome, sender),
    };
    if let Some(sender) = sender {
        let (inner, policy) = (Arc::clone(call.inner), Arc::clone(call.policy));
        let (session, now) = (Arc::clone(session), call.now);
        tokio::spawn(async move {
            let refresh = refresh(&inner, &policy, portal, &session, now).await;
            conclude(&inner, &session, &refresh);
            inner.refreshes.finish(&session.id, &sender, refresh, now);
        });
    }
    Begun::Running(outcome)
}

/// Lets everybody know what became of it.
fn conclude(inner: &Inner, session: &Session, refresh: &Refresh) {
    let outcome = match refresh {
        Refresh::Refreshed(newer) => {
            inner.sessions.put(Arc::clone(newer));
            RefreshOutcome::Refreshed
        }
        Refresh::Ended => {
            inner.sessions.remove(&session.id);
            inner.revocations.revoke_session(&session.id, inner.parts.clock.now_ms());
            RefreshOutcome::Ended
        }
        Refresh::Unavailable => RefreshOutcome::Unavailable,
    };
    inner.parts.metrics.refresh(outcome);
    tracing::info!(outcome = ?outcome, issuer = session.issuer, "refresh");
}

async fn refresh(
    inner: &Inner,
    policy: &Snapshot,
    portal: PortalId,
    session: &Session,
    now: UnixTime,
) -> Refresh {
    let Some(login) = policy.portal(portal).and_then(|portal| portal.login.as_ref()) else {
        return Refresh::Unavailable;
    };
    let client = RelyingParty::from(login);
    let refresh_token = Secret::new(session.refresh_token.clone());
    let again =
        || inner.parts.providers.refresh(&login.issuer, &client, &refresh_token, &login.scopes);
    let mut answer = again().await;
    if matches!(answer, Err(TokenEndpointError::Unavailable { retry_after: None, .. })) {
        // The answer may have been lost after a rotation: within the provider's grace period the
        // old refresh token is good for one more try.
        answer = again().await;
    }
    let tokens = match answer {
        Ok(tokens) => tokens,
        Err(TokenEndpointError::Refused { error: "invalid_grant" }) => return Refresh::Ended,
        Err(error) => {
            tracing::warn!(issuer = session.issuer, %error, "refresh failed");
            return Refresh::Unavailable;
        }
    };
    let mut newer = session.clone();
    newer.generation = session.generation.saturating_add(1);
    newer.refreshed_at = now.0;
    if let Some(refresh_token) = tokens.refresh_token {
        newer.refresh_token = refresh_token.expose().clone();
    }
    let Some(id_token) = tokens.id_token else {
        // No new claims: what was known stays, for as long as the provider's tokens hold.
        let span = tokens.expires_in.unwrap_or(Duration::from_secs(3600));
        newer.identity_expires_at = now.plus(span).0;
        return Refresh::Refreshed(Arc::new(newer));
    };
    let mut rules = IdTokenRules::new(&login.issuer, &login.client_id);
    rules.clock_skew = inner.parts.settings.tokens.clock_skew;
    rules.max_lifetime = inner.parts.settings.provider.max_id_token_lifetime;
    rules.access_token = Some(tokens.access_token.expose());
    rules.require_at_hash = false;
    rules.previous = Some(PreviousIdToken {
        subject: &session.subject,
        auth_time: (session.auth_time > 0).then_some(UnixTime(session.auth_time)),
        nonce: Some(&session.nonce),
    });
    let claims = match exchange::verified(inner, &login.issuer, id_token.expose()).await {
        Ok(claims) => claims,
        Err(exchange::Fault::Unavailable) => return Refresh::Unavailable,
        Err(_) => return Refresh::Ended,
    };
    let Ok(token) = judge_id_token(&claims, &rules, now) else { return Refresh::Ended };
    newer.identity_expires_at = token.expires_at.0;
    newer.id_token = id_token.expose().clone();
    exchange::take_claims(inner, policy, login, &claims, &tokens.access_token, &mut newer).await;
    Refresh::Refreshed(Arc::new(newer))
}
