//! The start of a login.

use super::answers;
use super::call::Call;
use super::origin;
use super::session::{RESTARTED, seal};
use super::shadow;
use crate::base64url;
use crate::cookie::SetCookie;
use crate::decision::{ClientKind, Denied, Facts, Reason, Status};
use crate::oidc::{AuthorizationRequest, ReturnTo, code_challenge};
use crate::policy::{Portal, PortalId, Route};
use crate::random;
use crate::session::{Flow, Purpose, State};
use crate::telemetry::{LoginFailure, LoginOutcome};
use crate::time::UnixTime;
use prost::Message;
use std::time::Duration;

/// How long a login may take.
pub(super) const LOGIN_TIME: Duration = Duration::from_secs(600);
/// Suffix of flow cookies; the flow's id follows.
const FLOW: &str = "l-";
/// Flow cookies that one answer clears.
const MOST_CLEARED: usize = 50;
/// Flow cookies that are opened to see which of them are over. A browser has a few; what has more was made
/// up, and must not cost us more than it costs to send.
const MOST_OPENED: usize = 100;
/// Random bytes of a flow's id.
const FLOW_ID_BYTES: usize = 6;

/// Answers a request that needs a login and has none: a page load is sent to the provider, everybody
/// else hears 401. `stale` clears cookies that did not hold.
pub(super) fn refuse_or_start(
    call: &Call<'_>,
    route: &Route<'_>,
    stale: Option<Vec<SetCookie>>,
    facts: &mut Facts,
) -> Denied {
    let portal = portal_of(call, route);
    let exact = call.policy.is_exact_host(call.host());
    let login = portal.filter(|(_, portal)| portal.login.is_some() && exact);
    let mut denied = match (call.client.kind(), login) {
        (ClientKind::Navigation, Some((id, portal))) if may_start(call) => {
            start(call, id, portal, &here(call, portal), Form::SignIn, facts)
        }
        (ClientKind::Navigation | ClientKind::Document, None) if call.portals().count() > 1 => {
            answers::several_logins()
        }
        _ if stale.is_none() => {
            answers::with_login(call, login.map(|(id, _)| id), answers::no_credentials())
        }
        _ => answers::with_login(call, login.map(|(id, _)| id), answers::invalid_session()),
    };
    if stale.is_some() && denied.reason == Reason::NoCredentials {
        denied.reason = Reason::InvalidSession;
    }
    denied.cookies(stale.unwrap_or_default())
}

/// Nobody who passes in shadow is sent anywhere, nor whoever was answered long since.
fn may_start(call: &Call<'_>) -> bool {
    !call.is_recorded() && !shadow::is_on(call)
}

fn portal_of<'c>(call: &Call<'c>, route: &Route<'c>) -> Option<(PortalId, &'c Portal)> {
    match route {
        Route::Portal(id, portal) => Some((*id, *portal)),
        Route::Product { portal, .. } => {
            let id = (*portal)?;
            call.policy.portal(id).map(|portal| (id, portal))
        }
    }
}

/// The page asked for.
fn here(call: &Call<'_>, portal: &Portal) -> ReturnTo {
    return_to(call, portal, call.attributes.path.as_str())
}

/// `text` if it is a good place to go after a login at `portal`, else the start page.
pub(super) fn return_to(call: &Call<'_>, portal: &Portal, text: &str) -> ReturnTo {
    let endpoints = &call.settings().endpoints;
    let is_path = text.starts_with('/');
    // On an Environment's own hosts the redirect URI's path is the upstream's.
    let upstreams = call.environment().is_some() && is_path;
    let callback = (!upstreams)
        .then(|| [without_final_slashes(portal.url.path()), &endpoints.callback].concat());
    let own = [Some(endpoints.base.as_str()), callback.as_deref()];
    let own: Vec<&str> = own.into_iter().flatten().collect();
    if is_path && origin::has_plain_name(&call.attributes.host) {
        return ReturnTo::path(text, &own);
    }
    let Some(base) = call.base_url(portal) else { return ReturnTo::start() };
    ReturnTo::parse(text, &base, &origin::return_origins(call, portal), &own)
}

fn without_final_slashes(mut path: &str) -> &str {
    while let Some(shorter) = path.strip_suffix('/') {
        path = shorter;
    }
    path
}

/// Which form of the provider to ask for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    /// Its login page.
    SignIn,
    /// Its sign-up, where it says that it can be asked for.
    SignUp,
}

/// Sends the browser to the provider, with a flow cookie that binds what comes back to it.
pub(super) fn start(
    call: &Call<'_>,
    id: PortalId,
    portal: &Portal,
    return_to: &ReturnTo,
    form: Form,
    facts: &mut Facts,
) -> Denied {
    let Some(login) = &portal.login else { return answers::no_route() };
    let failed = |reason| call.inner.parts.metrics.login_failed(Some(&portal.name), reason);
    if call.inner.is_store_down() {
        facts.hint = Some("the session store cannot be reached".into());
        failed(LoginFailure::StoreUnavailable);
        return answers::store_unavailable();
    }
    let providers = &call.inner.parts.providers;
    let metadata = providers.metadata(&login.issuer).filter(|_| !providers.is_down(&login.issuer));
    let Some(metadata) = metadata else {
        facts.hint = Some("the provider cannot be reached".into());
        failed(LoginFailure::ProviderUnavailable);
        providers.look(&login.issuer);
        return answers::provider_unavailable(call);
    };
    if !metadata.supports_s256 {
        facts.hint = Some("the provider does not announce PKCE with S256".into());
        failed(LoginFailure::ProviderUnfit);
        return answers::provider_unfit(call);
    }
    let Some(begun) = begin(call, portal, login.issuer.as_str(), return_to) else {
        failed(LoginFailure::Internal);
        return answers::internal();
    };
    let request = AuthorizationRequest {
        endpoint: &metadata.authorization_endpoint,
        client: call.policy.authorization_query(id),
        state: &begun.state,
        nonce: &begun.nonce,
        code_challenge: &begun.code_challenge,
        create: form == Form::SignUp && metadata.supports_prompt_create,
    };
    call.inner.parts.metrics.login(&portal.name, LoginOutcome::Started);
    tracing::debug!(portal = %portal.name, id = id.0, "login started");
    let redirect = Denied::redirect(Reason::NoCredentials, Status::Found, request.url());
    redirect.cookies(begun.cleared).cookies([begun.flow])
}

/// A login that has begun.
struct Begun {
    state: String,
    nonce: String,
    code_challenge: String,
    /// Clears those of logins that are over.
    cleared: Vec<SetCookie>,
    /// Holds what binds this login to the browser.
    flow: SetCookie,
}

/// Draws the secrets of a login and seals them: into a cookie of this host, and into `state` for the
/// host of the redirect URI. `None`: no randomness.
fn begin(call: &Call<'_>, portal: &Portal, issuer: &str, return_to: &ReturnTo) -> Option<Begun> {
    let code_verifier = random::token().ok()?;
    let code_challenge = code_challenge(&code_verifier);
    let nonce = random::token().ok()?;
    let id = base64url::encode(random::bytes::<FLOW_ID_BYTES>().ok()?);
    let state = State {
        flow: id.clone(),
        portal: portal.name.as_str().to_owned(),
        issuer: issuer.to_owned(),
        host: call.attributes.host.to_text(),
        started_at: call.now.0,
    };
    let name = portal.name.as_str();
    let key_ring = &call.key_ring;
    let state =
        key_ring.seal(Purpose::State, name, &state.encode_to_vec(), random::bytes().ok()?)?;
    let flow = Flow {
        id,
        portal: name.to_owned(),
        issuer: issuer.to_owned(),
        nonce,
        code_verifier,
        return_to: return_to.as_str().to_owned(),
        started_at: call.now.0,
    };
    let sealed = seal(call, Purpose::Flow, &flow.encode_to_vec())?;
    let suffix = [FLOW, &flow.id].concat();
    Some(Begun {
        state,
        nonce: flow.nonce,
        code_challenge,
        cleared: make_room(call),
        flow: call.names.set(&suffix, &sealed, LOGIN_TIME),
    })
}

/// Clears flow cookies that are over or unreadable, and the oldest, so that one more is not too many.
/// Some at a time: an answer has room for so many fields, and what is left goes with the next.
fn make_room(call: &Call<'_>) -> Vec<SetCookie> {
    let most = call.settings().limits.max_pending_logins.saturating_sub(1);
    let (mut pending, mut cleared) = (Vec::new(), Vec::new());
    let suffixes = call.cookies.names().filter_map(|name| call.names.suffix(name));
    let flows = suffixes.filter_map(|suffix| Some((suffix, suffix.strip_prefix(FLOW)?)));
    for (suffix, id) in flows.take(MOST_OPENED) {
        match read_flow(call, id) {
            Ok(flow) if !is_over(call, flow.started_at) => pending.push((flow.started_at, suffix)),
            Ok(_) | Err(_) => cleared.push(suffix),
        }
    }
    pending.sort_unstable();
    pending.dedup();
    let too_many = pending.len().saturating_sub(most);
    cleared.extend(pending.into_iter().take(too_many).map(|(_, suffix)| suffix));
    cleared.sort_unstable();
    cleared.dedup();
    cleared.into_iter().take(MOST_CLEARED).map(|suffix| call.names.clear(suffix)).collect()
}

/// Whether a login that started then is over.
pub(super) fn is_over(call: &Call<'_>, started_at: u64) -> bool {
    call.now >= UnixTime(started_at).plus(LOGIN_TIME)
}

/// Why there is no flow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NoFlow {
    /// No cookie, or one that is not ours.
    Wrong,
    /// Sealed with a key that is not here any more.
    Unreadable,
}

/// The flow `id` of this browser on this host.
pub(super) fn read_flow(call: &Call<'_>, id: &str) -> Result<Flow, NoFlow> {
    let text = call.cookies.own(call.names, &[FLOW, id].concat()).ok_or(NoFlow::Wrong)?;
    let plain =
        call.key_ring.open(Purpose::Flow, call.host(), text).map_err(|error| match error {
            crate::session::OpenError::UnknownKey => NoFlow::Unreadable,
            crate::session::OpenError::Malformed | crate::session::OpenError::Forged => {
                NoFlow::Wrong
            }
        })?;
    Flow::decode(plain.as_slice()).map_err(|_undecodable| NoFlow::Wrong)
}

/// Clears the cookie of flow `id`, if the request has it.
pub(super) fn clear_flow(call: &Call<'_>, id: &str) -> Option<SetCookie> {
    let suffix = format!("{FLOW}{id}");
    let is_it = |own| call.names.suffix(own) == Some(suffix.as_str());
    call.cookies.names().any(is_it).then(|| call.names.clear(&suffix))
}

/// Begins a login anew because what came back of the last one cannot be read: once by itself, then
/// the browser has to be asked.
pub(super) fn restart_once(
    call: &Call<'_>,
    id: PortalId,
    portal: &Portal,
    facts: &mut Facts,
) -> Denied {
    if call.cookies.own(call.names, RESTARTED).is_some() || !call.client.kind().reads_pages() {
        return answers::bad_callback(call);
    }
    let denied = start(call, id, portal, &ReturnTo::start(), Form::SignIn, facts);
    denied.cookies([call.names.set(RESTARTED, "1", LOGIN_TIME)])
}
