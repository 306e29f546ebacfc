//! Tells a page who is signed in.

use super::answers;
use super::call::Call;
use super::origin::has_same_origin_evidence;
use super::session::{self, Found};
use crate::attributes::Method;
use crate::decision::{ClientKind, Denied, Facts, Status};
use serde_json::json;

/// The session as JSON; 401 without one. It says no more than the person it is about may know.
pub(super) async fn answer(call: &Call<'_>, facts: &mut Facts) -> Denied {
    if call.attributes.method != Method::Get {
        return answers::method_not_allowed("GET");
    }
    // No page of another site could read the answer; it need not be made for one either.
    let by_a_page = call.client.kind() != ClientKind::Navigation
        && call.attributes.headers.has("sec-fetch-site");
    if by_a_page && !has_same_origin_evidence(call) {
        return answers::cross_site();
    }
    let live = match session::find(call, facts).await {
        Found::None => return answers::no_credentials(),
        Found::Stale(cookies) => return answers::invalid_session().cookies(cookies),
        Found::Unavailable(what) => return what.answer(call),
        Found::Live(live) => live,
    };
    let identity = session::identity(call, &live.session);
    facts.tell(&identity);
    let products = call.policy.products_for(&identity.membership);
    let products: Vec<_> = products
        .into_iter()
        .map(|(product, environment)| {
            json!({"name": product.to_string(), "environment": environment.to_string()})
        })
        .collect();
    let body = json!({
        "sub": identity.subject,
        "iss": &*identity.issuer,
        "email": identity.email,
        "email_verified": identity.email_verified,
        "groups": identity.membership.groups.to_vec(),
        "portal": live.session.portal,
        "products": products,
        "expires_at": live.session.identity_expires_at,
    });
    Denied::json(Status::Ok, body.to_string()).cookies(live.cookies)
}
