//! Logouts that the provider sends: OpenID Connect Back-Channel Logout 1.0.

use super::call::Call;
use super::{answers, exchange};
use crate::attributes::Method;
use crate::decision::{Denied, Facts, Hint, Reason, Status};
use crate::oidc::Form;
use crate::policy::Login;
use crate::token::{LogoutTokenRules, judge_logout_token};

/// Answers `POST` with a `logout_token`: 200 and the sessions are over, or 400.
pub(super) async fn backchannel(call: &Call<'_>, facts: &mut Facts) -> Denied {
    if call.attributes.method != Method::Post {
        return answers::method_not_allowed("POST");
    }
    let body = String::from_utf8_lossy(call.attributes.body);
    let form = Form::parse(&body);
    let Ok(Some(token)) = form.only("logout_token") else {
        return refuse(
            facts,
            "expected one logout_token in the body; does the gateway send bodies here?",
        );
    };
    let logins = call.portals().filter_map(|id| call.policy.portal(id)?.login.as_ref());
    let mut why = "this host has no login".to_owned();
    for login in logins {
        match end(call, login, token).await {
            Ok(()) => return Denied::empty(Reason::Endpoint, Status::Ok),
            Err(exchange::Fault::Unavailable(_)) => return answers::keys_unavailable(),
            Err(fault) => why = fault.to_string(),
        }
    }
    refuse(facts, why)
}

async fn end(call: &Call<'_>, login: &Login, token: &str) -> Result<(), exchange::Fault> {
    exchange::claims_issuer(call.inner, &login.issuer, token)?;
    let claims = exchange::verified_from_outside(call.inner, &login.issuer, token).await?;
    let mut rules = LogoutTokenRules::new(&login.issuer, &login.client_id);
    rules.clock_skew = call.settings().tokens.clock_skew;
    let logout = judge_logout_token(&claims, &rules, call.now).map_err(exchange::Fault::Token)?;
    let end = logout.expires_at.plus(rules.clock_skew);
    if !call.inner.replays.is_first(login.issuer.as_str(), logout.token_id, end, call.now) {
        return Err(exchange::Fault::Replayed);
    }
    let issuer = login.issuer.as_str();
    let revocations = &call.inner.revocations;
    if let Some(sid) = logout.session_id {
        revocations.revoke_provider_session(issuer, sid, call.now_ms);
    }
    match (logout.session_id, logout.subject) {
        // An ID token without `sid` may be of this session of the subject.
        (Some(_), Some(subject)) => {
            revocations.revoke_subject_without_session(issuer, subject, call.now_ms);
        }
        (None, Some(subject)) => revocations.revoke_subject(issuer, subject, call.now_ms),
        (_, None) => {}
    }
    tracing::info!(issuer, "logout by the provider");
    Ok(())
}

fn refuse(facts: &mut Facts, why: impl Into<Hint>) -> Denied {
    facts.hint = Some(why.into());
    Denied::refuse(
        Reason::Endpoint,
        Status::BadRequest,
        "Logout token refused",
        "The logout token does not hold.",
    )
}
