//! The end of a login: what the browser brings back becomes a session.

use super::call::Call;
use super::exchange::{Fault, SignedIn, Task};
use super::login::{self, NoFlow};
use super::session::{self, COMPLETED_LOGINS, Found, NotWritten, RESTARTED, seal};
use super::{answers, ending, origin};
use crate::attributes::Host;
use crate::attributes::Method;
use crate::cookie::SetCookie;
use crate::decision::{Denied, Facts, Reason, Status};
use crate::oidc::{Callback, CallbackParameters};
use crate::policy::{Grant, Login, Portal, PortalId};
use crate::session::{CompletedLogins, Flow, OpenError, Purpose, Session, State};
use crate::store::{Completion, Ended};
use crate::telemetry::{LoginFailure, LoginOutcome};
use crate::time::UnixTime;
use prost::Message;
use std::sync::Arc;
use std::time::Duration;

/// Logins within this time that make a loop.
const LOOP_TIME: Duration = Duration::from_secs(60);
/// Completed logins that make a loop, the last one included.
const LOOP_LOGINS: usize = 3;

/// Answers a callback. `forward`: whether it is the redirect URI, from which the browser may have to
/// go on to the host where the login began.
pub(super) async fn answer(call: &Call<'_>, forward: bool, facts: &mut Facts) -> Denied {
    if call.attributes.method != Method::Get {
        return answers::bad_callback(call);
    }
    let query = call.attributes.path.query().unwrap_or_default();
    let parameters = match CallbackParameters::parse(query) {
        Ok(parameters) => parameters,
        Err(fault) => return refuse(call, facts, LoginFailure::BadCallback, fault.to_string()),
    };
    let (id, portal, login, state) = match open_state(call, parameters.state()) {
        Ok(opened) => opened,
        Err(Fallen::Wrong(why)) => {
            return refuse(call, facts, LoginFailure::BadCallback, why.to_owned());
        }
        Err(Fallen::Unreadable) => return unreadable(call, facts).await,
    };
    facts.portal = Some(portal.name.clone());
    let Some(began_on) = Host::parse(&state.host) else {
        let why = "the state names no host".to_owned();
        return refuse(call, facts, LoginFailure::BadCallback, why);
    };
    if began_on.name != call.attributes.host.name {
        return pass_on(call, portal, &parameters, &began_on, forward, facts);
    }
    let flow = match login::read_flow(call, &state.flow) {
        Ok(flow) if login::is_over(call, flow.started_at) => return unreadable(call, facts).await,
        Ok(flow) => flow,
        Err(NoFlow::Unreadable) => return unreadable(call, facts).await,
        Err(NoFlow::Wrong) => {
            let why = "the browser has no such login under way".to_owned();
            return refuse(call, facts, LoginFailure::BadCallback, why);
        }
    };
    if flow.id != state.flow || flow.portal != state.portal || flow.issuer != state.issuer {
        let why = "state and browser speak of different logins".to_owned();
        return refuse(call, facts, LoginFailure::BadCallback, why);
    }
    // A code is used up by asking for it: not while what comes of it could not be kept.
    if call.inner.is_store_down() {
        facts.hint = Some("the session store cannot be reached".into());
        let metrics = &call.inner.parts.metrics;
        metrics.login_failed(Some(&portal.name), LoginFailure::StoreUnavailable);
        return answers::store_unavailable();
    }
    // From here on the flow is used up, whatever comes.
    let spent = login::clear_flow(call, &flow.id);
    let denied = conclude(call, (id, portal, login), flow, parameters, facts).await;
    if denied.reason == Reason::StoreUnavailable {
        // But for a session that is there, and cannot be kept yet: whoever loads the page again has it.
        return denied;
    }
    denied.cookies(spent)
}

/// Why a state leads nowhere.
enum Fallen {
    Wrong(&'static str),
    Unreadable,
}

type Opened<'c> = (PortalId, &'c Portal, &'c Login, State);

/// Opens the sealed state: it has to be of a Portal of this host, and of its present issuer.
fn open_state<'c>(call: &Call<'c>, text: &str) -> Result<Opened<'c>, Fallen> {
    let mut failure = Fallen::Wrong("this host has no login");
    for id in call.portals() {
        let Some(portal) = call.policy.portal(id) else { continue };
        let Some(login) = &portal.login else { continue };
        match call.key_ring.open(Purpose::State, &portal.name.to_string(), text) {
            Ok(plain) => {
                let state = State::decode(plain.as_slice());
                let state =
                    state.map_err(|_undecodable| Fallen::Wrong("the state is malformed"))?;
                if state.issuer != login.issuer.as_str() || state.portal != portal.name.to_string()
                {
                    return Err(Fallen::Wrong("the state is of another issuer"));
                }
                let over = login::is_over(call, state.started_at);
                return if over { Err(Fallen::Unreadable) } else { Ok((id, portal, login, state)) };
            }
            Err(OpenError::UnknownKey) => failure = Fallen::Unreadable,
            Err(OpenError::Malformed) => failure = Fallen::Wrong("the state is not ours"),
            Err(OpenError::Forged) => failure = Fallen::Wrong("the state's seal does not verify"),
        }
    }
    Err(failure)
}

/// A state or flow that nobody can read any more: an old key, or too late. The code is never used.
async fn unreadable(call: &Call<'_>, facts: &mut Facts) -> Denied {
    facts.hint = Some("the login cannot be read any more: an old sealing key, or too late".into());
    if let Found::Live(live) = session::find(call, &mut Facts::default()).await {
        let home = Denied::redirect(Reason::BadCallback, Status::Found, "/");
        return home.cookies(live.cookies);
    }
    failed(call, facts, LoginFailure::Expired);
    match call.login_portal() {
        Some((id, portal)) => {
            let mut denied = login::restart_once(call, id, portal, facts);
            denied.reason = match denied.reason {
                Reason::NoCredentials => Reason::BadCallback,
                other => other,
            };
            denied
        }
        None => answers::bad_callback(call),
    }
}

fn refuse(call: &Call<'_>, facts: &mut Facts, reason: LoginFailure, why: String) -> Denied {
    facts.hint = Some(why.into());
    failed(call, facts, reason);
    answers::bad_callback(call)
}

/// Counts a login that failed.
fn failed(call: &Call<'_>, facts: &Facts, reason: LoginFailure) {
    call.inner.parts.metrics.login_failed(facts.portal.as_ref(), reason);
}

/// Sends the browser on to the host where the login began, which has the flow cookie.
fn pass_on(
    call: &Call<'_>,
    portal: &Portal,
    parameters: &CallbackParameters,
    to: &Host,
    forward: bool,
    facts: &mut Facts,
) -> Denied {
    let known = forward && origin::may_begin_on(call.policy, portal, to);
    let url = known.then(|| origin::base_url(to, portal)).flatten();
    let Some(mut url) = url else {
        let why = "the login began on a host that is not this Portal's".to_owned();
        return refuse(call, facts, LoginFailure::BadCallback, why);
    };
    url.set_path(&format!("{}/callback", call.settings().endpoints.base));
    let url = parameters.forward_to(url);
    Denied::redirect(Reason::Endpoint, Status::Found, url.as_str())
}

/// Judges what the provider says, exchanges the code, and signs in.
async fn conclude(
    call: &Call<'_>,
    (id, portal, login): (PortalId, &Portal, &Login),
    flow: Flow,
    parameters: CallbackParameters,
    facts: &mut Facts,
) -> Denied {
    let providers = &call.inner.parts.providers;
    let Some(metadata) = providers.metadata(&login.issuer) else {
        facts.hint = Some("the provider's metadata cannot be had".into());
        failed(call, facts, LoginFailure::ProviderUnavailable);
        return answers::login_unavailable(call, None);
    };
    let code = match parameters.judge(&login.issuer, metadata.sends_iss) {
        Ok(Callback::Code(code)) => code,
        Ok(Callback::AccessDenied) => {
            facts.hint = Some("the provider says access_denied".into());
            failed(call, facts, LoginFailure::AccessDenied);
            return answers::access_denied(call);
        }
        Ok(Callback::Failed(error)) => {
            let why = format!("the provider says {error}");
            return refuse(call, facts, LoginFailure::ProviderError, why);
        }
        Err(fault) => return refuse(call, facts, LoginFailure::BadCallback, fault.to_string()),
    };
    let return_to = login::return_to(call, portal, &flow.return_to);
    // By its nonce: the id is short, and no two logins may ever be taken for one.
    let login_id = flow.nonce.clone();
    let (inner, policy) = (Arc::clone(call.inner), Arc::clone(call.policy));
    let task = Task { inner, policy, portal: id, flow, code };
    let completion = call.inner.completions.join(&login_id, |sender| {
        call.inner.spawn(async move {
            let signed_in = task.run().await;
            sender.send_replace(Some(Arc::new(signed_in)));
        });
    });
    let used_up = |facts: &mut Facts| {
        let why = "the code of this login was used already".to_owned();
        refuse(call, facts, LoginFailure::BadCallback, why)
    };
    let Some(completion) = completion else { return used_up(facts) };
    let signed_in = delivered(completion).await;
    if let Some(Ok(session)) = signed_in.as_deref()
        && session::keep(call, &Arc::new(session.clone()), portal).await.is_err()
    {
        facts.hint = Some("the session store cannot be reached".into());
        failed(call, facts, LoginFailure::StoreUnavailable);
        return answers::store_unavailable();
    }
    // A browser that hung up is not here any more: for it the result is kept.
    if !call.inner.completions.deliver(&login_id) {
        return used_up(facts);
    }
    match signed_in.as_deref() {
        Some(Ok(session)) => sign_in(call, portal, session, return_to.as_str(), facts).await,
        Some(Err(Fault::Unavailable(retry_after))) => {
            facts.hint = Some(Fault::Unavailable(None).to_string().into());
            failed(call, facts, LoginFailure::ProviderUnavailable);
            answers::login_unavailable(call, *retry_after)
        }
        Some(Err(Fault::Internal)) | None => {
            failed(call, facts, LoginFailure::Internal);
            answers::internal()
        }
        Some(Err(fault @ Fault::Refused(_))) => {
            refuse(call, facts, LoginFailure::CodeRefused, fault.to_string())
        }
        Some(Err(fault)) => refuse(call, facts, LoginFailure::InvalidToken, fault.to_string()),
    }
}

async fn delivered(mut completion: Completion<SignedIn>) -> Option<Arc<SignedIn>> {
    completion.wait_for(Option::is_some).await.ok()?.clone()
}

/// Gives the browser its session, which is kept already, and ends the one that it had.
async fn sign_in(
    call: &Call<'_>,
    portal: &Portal,
    session: &Session,
    return_to: &str,
    facts: &mut Facts,
) -> Denied {
    let completed = completed_logins(call);
    if completed.len() >= LOOP_LOGINS {
        facts.hint = Some("third completed login within a minute without a session".into());
        failed(call, facts, LoginFailure::LoginLoop);
        let cleared = call.names.clear(COMPLETED_LOGINS);
        return answers::login_loop(call).cookies([cleared]);
    }
    if let Ok(Some((before, _))) = session::read(call).await {
        let _told = ending::end_now(call, &[Ended::Session(before.id.clone())]).await;
    }
    let mut cookies = match session::write(call, session, portal) {
        Ok(cookies) => cookies,
        Err(NotWritten::TooLarge) => {
            facts.hint = Some("the session does not fit into 8 KiB of cookies".into());
            failed(call, facts, LoginFailure::TooLarge);
            return answers::too_large(call);
        }
        Err(NotWritten::NotSealed) => {
            failed(call, facts, LoginFailure::Internal);
            return answers::internal();
        }
    };
    session::remember(call, session);
    cookies.extend(session::write_last_use(call, session, portal));
    cookies.extend(count(call, completed));
    if call.cookies.get(&call.names.name(RESTARTED)).is_some() {
        cookies.push(call.names.clear(RESTARTED));
    }
    let identity = session::identity(call, session);
    facts.tell(&identity);
    facts.grant = Grant::new(None, 0..identity.membership.groups.len());
    call.inner.parts.metrics.login(&portal.name, LoginOutcome::Completed);
    let redirect = Denied::redirect(Reason::Endpoint, Status::Found, return_to);
    redirect.cookies(cookies)
}

/// Logins completed on this host within [`LOOP_TIME`], this one included.
fn completed_logins(call: &Call<'_>) -> Vec<u64> {
    let text = call.cookies.get(&call.names.name(COMPLETED_LOGINS));
    let plain = text.and_then(|text| call.key_ring.open(Purpose::Logins, call.host(), text).ok());
    let before = plain.and_then(|plain| CompletedLogins::decode(plain.as_slice()).ok());
    let recent = |at: &u64| call.now < UnixTime(*at).plus(LOOP_TIME);
    let before = before.unwrap_or_default().at.into_iter().filter(recent);
    before.chain([call.now.0]).collect()
}

fn count(call: &Call<'_>, completed: Vec<u64>) -> Option<SetCookie> {
    let plain = CompletedLogins { at: completed }.encode_to_vec();
    let text = seal(call, Purpose::Logins, &plain)?;
    Some(call.names.set(COMPLETED_LOGINS, &text, LOOP_TIME))
}
