//! Logouts that the provider sends: OpenID Connect Back-Channel Logout 1.0.

use super::call::Call;
use super::{answers, ending, exchange};
use crate::attributes::Method;
use crate::decision::{Denied, Facts, Hint, Reason, Status};
use crate::oidc::Form;
use crate::policy::Login;
use crate::store::Ended;
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
            Err(NotEnded::Fault(exchange::Fault::Unavailable(_))) => {
                return answers::keys_unavailable();
            }
            Err(NotEnded::Fault(fault)) => why = fault.to_string(),
            // The provider may try again, with the same token.
            Err(NotEnded::StoreDown) => {
                facts.hint = Some("not all replicas could be told".into());
                return answers::store_unavailable();
            }
        }
    }
    refuse(facts, why)
}

/// Why nothing, or not everything, has ended.
enum NotEnded {
    /// The token does not hold.
    Fault(exchange::Fault),
    /// Here it has; the other replicas could not be told yet.
    StoreDown,
}

impl From<exchange::Fault> for NotEnded {
    fn from(fault: exchange::Fault) -> Self {
        Self::Fault(fault)
    }
}

async fn end(call: &Call<'_>, login: &Login, token: &str) -> Result<(), NotEnded> {
    exchange::claims_issuer(call.inner, &login.issuer, token)?;
    let claims = exchange::verified_from_outside(call.inner, &login.issuer, token).await?;
    let mut rules = LogoutTokenRules::new(&login.issuer, &login.client_id);
    rules.clock_skew = call.settings().tokens.clock_skew;
    let logout = judge_logout_token(&claims, &rules, call.now).map_err(exchange::Fault::Token)?;
    let end = logout.expires_at.plus(rules.clock_skew);
    if !call.inner.replays.is_first(login.issuer.as_str(), logout.token_id, end, call.now) {
        return Err(exchange::Fault::Replayed.into());
    }
    let issuer = login.issuer.as_str();
    let of = |text: &str| (issuer.to_owned(), text.to_owned());
    let session = logout.session_id.map(|sid| {
        let (issuer, sid) = of(sid);
        Ended::ProviderSession { issuer, sid }
    });
    let person = logout.subject.map(|subject| {
        let (issuer, subject) = of(subject);
        match logout.session_id {
            // An ID token without `sid` may be of this session of the subject.
            Some(_) => Ended::SubjectWithoutSession { issuer, subject },
            None => Ended::Subject { issuer, subject },
        }
    });
    let ended: Vec<Ended> = session.into_iter().chain(person).collect();
    let told = ending::end_now(call, &ended).await;
    tracing::info!(issuer, told, "logout by the provider");
    if !told {
        call.inner.replays.forget(issuer, logout.token_id);
        return Err(NotEnded::StoreDown);
    }
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
