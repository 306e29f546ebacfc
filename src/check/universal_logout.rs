//! Okta Universal Logout (Global Token Revocation): the provider ends a user's sessions.

use super::call::Call;
use super::{answers, ending, exchange};
use crate::attributes::Method;
use crate::credential::{Credential, classify_by};
use crate::decision::{Denied, Facts, Reason, Status};
use crate::policy::{Login, Portal};
use crate::store::{Ended, Owner};
use crate::token::{GlobalRevocationRules, judge_global_revocation_token, parse_object};
use serde_json::{Map, Value};

/// Answers `POST` with a JWT of the provider and a subject: 204 once the subject's sessions are over;
/// 401 for a token that does not hold, 400 for a body that says nothing clear, 404 and 422 where the
/// subject is not known, or not one.
pub(super) async fn answer(call: &Call<'_>, facts: &mut Facts) -> Denied {
    if call.attributes.method != Method::Post {
        return answers::method_not_allowed("POST");
    }
    let Credential::Bearer(token) =
        classify_by(call.attributes.headers, &call.settings().api_keys.header)
    else {
        facts.hint = Some("expected one bearer token".into());
        return answers::invalid_token();
    };
    let portals = call.portals().filter_map(|id| call.policy.portal(id));
    let mut why = "this host has no login".to_owned();
    for portal in portals {
        let Some(login) = &portal.login else { continue };
        match authorize(call, portal, login, token).await {
            Ok(token_id) => return end(call, login, &token_id, facts).await,
            Err(exchange::Fault::Unavailable(_)) => return answers::keys_unavailable(),
            Err(fault) => why = fault.to_string(),
        }
    }
    facts.hint = Some(why.into());
    answers::invalid_token()
}

async fn authorize(
    call: &Call<'_>,
    portal: &Portal,
    login: &Login,
    token: &str,
) -> Result<String, exchange::Fault> {
    let mut endpoint = call.base_url(portal).ok_or(exchange::Fault::Internal)?;
    let base = &call.settings().endpoints.base;
    endpoint.set_path(&format!("{base}/global-token-revocation"));
    exchange::claims_issuer(call.inner, &login.issuer, token)?;
    let claims = exchange::verified_from_outside(call.inner, &login.issuer, token).await?;
    let mut rules = GlobalRevocationRules::new(&login.issuer, &login.client_id, endpoint.as_str());
    rules.clock_skew = call.settings().tokens.clock_skew;
    let judged = judge_global_revocation_token(&claims, &rules, call.now);
    let revocation = judged.map_err(exchange::Fault::Token)?;
    let end = revocation.expires_at.plus(rules.clock_skew);
    let (issuer, id) = (login.issuer.as_str(), revocation.token_id);
    let first = call.inner.replays.is_first(issuer, id, end, call.now);
    if first { Ok(id.to_owned()) } else { Err(exchange::Fault::Replayed) }
}

/// Ends the sessions of the subject that the body names. A sealed cookie tells us of its user only
/// when it comes, so `iss_sub` takes effect for a subject that was not seen yet as well.
async fn end(call: &Call<'_>, login: &Login, token_id: &str, facts: &mut Facts) -> Denied {
    let issuer = login.issuer.as_str();
    let mut ended = None;
    let status = match subject(call.attributes.body) {
        Some(Named::Subject { issuer: own, subject }) if own == issuer => {
            let known = call.inner.users.knows(issuer, &subject);
            ended = Some(subject);
            if known { Status::NoContent } else { Status::NotFound }
        }
        Some(Named::Subject { .. }) => Status::NotFound,
        Some(Named::Email(email)) => match call.inner.users.owner(issuer, &email) {
            Owner::Subject(subject) => {
                ended = Some(subject);
                Status::NoContent
            }
            Owner::Nobody => Status::NotFound,
            Owner::Several => Status::Unprocessable,
        },
        None => Status::BadRequest,
    };
    let ended = ended.map(|subject| Ended::Subject { issuer: issuer.to_owned(), subject });
    if let Some(ended) = ended
        && !ending::end_now(call, &[ended]).await
    {
        // The provider may try again, with the same token.
        call.inner.replays.forget(issuer, token_id);
        facts.hint = Some("not all replicas could be told".into());
        return answers::store_unavailable();
    }
    tracing::info!(issuer, status = status.code(), "universal logout");
    if status == Status::NoContent {
        return Denied::empty(Reason::Endpoint, status);
    }
    facts.hint = Some("universal logout: no user that it could end".into());
    let detail = "The body names no user of this issuer whose sessions could be ended.";
    Denied::refuse(Reason::Endpoint, status, "Nobody was signed out", detail)
}

/// Whom a body names.
#[derive(Debug, Eq, PartialEq)]
enum Named {
    Subject { issuer: String, subject: String },
    Email(String),
}

/// Reads `sub_id` (RFC 9493 §3.2.2 and §3.2.3): an object with one of two formats, and with no member
/// that the format does not have (§3).
fn subject(body: &[u8]) -> Option<Named> {
    let body = parse_object(body)?;
    let Value::Object(id) = body.get("sub_id")? else { return None };
    let text = |id: &Map<String, Value>, name: &str| {
        id.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    match (text(id, "format")?.as_str(), id.len()) {
        ("iss_sub", 3) => {
            Some(Named::Subject { issuer: text(id, "iss")?, subject: text(id, "sub")? })
        }
        ("email", 2) => Some(Named::Email(text(id, "email")?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_subject_in_one_of_two_formats() {
        let email = Named::Email("a@example.com".to_owned());
        let by_subject = Named::Subject { issuer: "i".to_owned(), subject: "s".to_owned() };
        let cases: [(&str, Option<Named>); 8] = [
            (r#"{"sub_id":{"format":"email","email":"a@example.com"}}"#, Some(email)),
            (r#"{"sub_id":{"format":"iss_sub","iss":"i","sub":"s"}}"#, Some(by_subject)),
            (r#"{"sub_id":{"format":"phone","phone":"1"}}"#, None),
            (r#"{"sub_id":{"format":"email"}}"#, None),
            (r#"{"sub_id":{"format":"iss_sub","iss":"i"}}"#, None),
            (
                r#"{"sub_id":{"format":"email","email":"a"},"sub_id":{"format":"email","email":"b"}}"#,
                None,
            ),
            (r#"{"sub_id":"a@example.com"}"#, None),
            ("", None),
        ];
        for (body, want) in cases {
            assert_eq!(subject(body.as_bytes()), want, "{body}");
        }
    }
}
