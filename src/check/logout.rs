//! Signs out: here, on the other hosts of the same login, and at the provider.

use super::answers;
use super::call::Call;
use super::ending;
use super::login::is_over;
use super::origin::has_same_origin_evidence;
use super::session;
use crate::attributes::Method;
use crate::decision::{ClientKind, Denied, Facts, Reason, Status};
use crate::oidc::{Form, end_session_url};
use crate::policy::Portal;
use crate::provider::{RelyingParty, TokenEndpointError};
use crate::secret::Secret;
use crate::session::{Flow, Purpose, Session};
use crate::telemetry::RevocationOutcome;
use prost::Message;
use serde_json::json;
use std::sync::Arc;

/// Longest ID token that goes into a URL.
const MAX_HINT_BYTES: usize = 4096;

/// POST signs out; GET asks first, so that no image, link or prefetch can do it.
pub(super) async fn answer(call: &Call<'_>, facts: &mut Facts) -> Denied {
    match call.attributes.method {
        Method::Post => sign_out(call, facts).await,
        Method::Get => {
            if let Some(to) = continued(call) {
                return Denied::redirect(Reason::Endpoint, Status::Found, to);
            }
            let page = Denied::page(
                "Sign out?",
                "You will be signed out here, and at the sign-in service if that takes part.",
            );
            let path = format!("{}/logout", call.settings().endpoints.base);
            page.button("Sign out", path).link("Stay", "/")
        }
        Method::Head | Method::Put | Method::Patch | Method::Delete | Method::Options => {
            answers::method_not_allowed("GET, POST")
        }
    }
}

async fn sign_out(call: &Call<'_>, facts: &mut Facts) -> Denied {
    if !has_same_origin_evidence(call) {
        return answers::cross_site();
    }
    // A session whose time is over here may still live on other hosts, and at the provider.
    let Ok(found) = session::read(call).await else {
        // Without its record the session would live on, for whoever has a copy of the cookie.
        facts.hint = Some("the session store cannot be reached".into());
        return answers::store_unavailable();
    };
    let portal = match &found {
        Some((_, portal)) => Some(*portal),
        None => call.login_portal().map(|(_, portal)| portal),
    };
    let mut to = portal.map_or_else(|| "/".to_owned(), home);
    let mut here_alone = false;
    if let Some((session, portal)) = found {
        facts.tell(&session::identity(call, &session));
        // Other replicas that cannot be told now are told later: the person has signed out.
        let _told = ending::end_now(call, &ending::everywhere(&session)).await;
        take_back(call, portal, &session);
        match at_provider(call, portal, &session) {
            Some(url) => to = url,
            None => here_alone = true,
        }
        tracing::info!(issuer = session.issuer, portal = session.portal, "logout");
    }
    let denied = if call.client.kind() == ClientKind::Other {
        // A script cannot follow to another site; it sends the browser there itself. It is not shown
        // where that is: the URL has the ID token in it, which is a bearer.
        let Some(location) = sealed(call, portal, to) else { return answers::internal() };
        Denied::json(Status::Ok, json!({ "location": location }).to_string())
    } else if here_alone {
        // The start page would lead to the provider, which still knows the person, and straight back in.
        let page = Denied::page(
            "You are signed out",
            "You are signed out here. The sign-in service could not be told: it may still know you, \
             and sign you in again without asking for a password.",
        );
        page.link("Sign in", format!("{}/login", call.settings().endpoints.base))
    } else {
        Denied::redirect(Reason::Endpoint, Status::SeeOther, to)
    };
    denied.cookies(session::clear(call))
}

/// Our own URL that leads on to `to`.
fn sealed(call: &Call<'_>, portal: Option<&Portal>, to: String) -> Option<String> {
    let Some(mut url) = portal.and_then(|portal| call.base_url(portal)) else { return Some(to) };
    let hop = Flow { return_to: to, started_at: call.now.0, ..Flow::default() };
    let text = session::seal(call, Purpose::Logout, &hop.encode_to_vec())?;
    url.set_path(&format!("{}/logout", call.settings().endpoints.base));
    url.set_query(Some(&format!("continue={text}")));
    Some(url.into())
}

/// Where a URL of [`sealed`] leads, for a few minutes.
fn continued(call: &Call<'_>) -> Option<String> {
    let query = Form::parse(call.attributes.path.query()?);
    let text = query.only("continue").ok()??;
    let plain = call.key_ring.open(Purpose::Logout, call.host(), text).ok()?;
    let hop = Flow::decode(plain.as_slice()).ok()?;
    (!is_over(call, hop.started_at)).then_some(hop.return_to)
}

/// Has the provider take its refresh token back (RFC 7009), where it can: a copy of it would outlive
/// the session. Nobody waits for that, and nothing here hangs on it.
fn take_back(call: &Call<'_>, portal: &Portal, session: &Arc<Session>) {
    let Some(login) = portal.login.clone().filter(|_| session.has_refresh_token()) else { return };
    let (inner, session) = (Arc::clone(call.inner), Arc::clone(session));
    call.inner.spawn(async move {
        let refresh_token = Secret::new(session.refresh_token.clone());
        let client = RelyingParty::from(&login);
        let revoked = inner.parts.providers.revoke(&login.issuer, &client, &refresh_token).await;
        let outcome = match revoked {
            Ok(()) => RevocationOutcome::Revoked,
            Err(TokenEndpointError::NoEndpoint) => return,
            Err(error) => {
                tracing::info!(issuer = session.issuer, %error, "the refresh token was not taken back");
                RevocationOutcome::Failed
            }
        };
        inner.parts.metrics.revocation(outcome);
    });
}

/// The provider's own logout, where it has one.
fn at_provider(call: &Call<'_>, portal: &Portal, session: &Session) -> Option<String> {
    let login = portal.login.as_ref()?;
    let metadata = call.inner.parts.providers.metadata(&login.issuer)?;
    let endpoint = metadata.end_session_endpoint.as_ref()?;
    // A hint that makes the URL too long for servers is left out: the provider then asks.
    let fits = session.id_token.len() <= MAX_HINT_BYTES;
    let hint = if fits { session.id_token.as_str() } else { "" };
    let url = end_session_url(endpoint, hint, &login.client_id, &home(portal));
    Some(url.into())
}

/// The Portal's start page: what is registered as the sign-out redirect URI.
fn home(portal: &Portal) -> String {
    format!("{}/", portal.url.as_str().trim_end_matches('/'))
}
