//! The paths that we answer ourselves.

use super::authenticate::Lacking;
use super::call::Call;
use super::login::{self, Form};
use super::session::{self, Found};
use super::{answers, callback, logout, revoke, universal_logout, userinfo};
use crate::attributes::Method;
use crate::decision::{ClientKind, Denied, Facts, Reason, Status};
use crate::oidc::Form as Parameters;
use crate::policy::{PortalId, Site};
use crate::session::Session;
use std::borrow::Cow;

/// Our endpoints. Any route of the gateway will do for them: the check answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Endpoint {
    /// The redirect URI, on hosts of a Portal.
    RedirectUri,
    /// Where a callback goes on to, on the host where the login began.
    Callback,
    /// Signs in.
    Login,
    /// Signs up.
    Signup,
    /// Signs out.
    Logout,
    /// Tells the page who is signed in.
    Userinfo,
    /// OpenID Connect Back-Channel Logout 1.0.
    BackchannelLogout,
    /// Okta Universal Logout.
    UniversalLogout,
    /// Below our base, but none of them.
    Unknown,
}

/// The endpoint that a request is for. Everything below the base path is ours, known or not.
pub(super) fn find(call: &Call<'_>) -> Option<Endpoint> {
    let endpoints = &call.settings().endpoints;
    let path = &call.attributes.path;
    if let Some(Site::Portal(id)) = call.site {
        let prefix = call.policy.portal(id).map_or("", |portal| portal.url.path());
        let rest = below(path.segments(), prefix);
        if rest.and_then(|rest| below(rest, &endpoints.callback)).is_some_and(<[_]>::is_empty) {
            return Some(Endpoint::RedirectUri);
        }
    }
    let [name] = below(path.segments(), &endpoints.base)? else { return Some(Endpoint::Unknown) };
    Some(match &**name {
        "callback" => Endpoint::Callback,
        "login" => Endpoint::Login,
        "signup" => Endpoint::Signup,
        "logout" => Endpoint::Logout,
        "userinfo" => Endpoint::Userinfo,
        "backchannel-logout" => Endpoint::BackchannelLogout,
        "global-token-revocation" => Endpoint::UniversalLogout,
        _ => Endpoint::Unknown,
    })
}

/// What is left of `segments` below `path`; `None` where they do not begin with it.
fn below<'s, 'm>(segments: &'s [Cow<'m, str>], path: &str) -> Option<&'s [Cow<'m, str>]> {
    let names = path.as_bytes().split(|byte| *byte == b'/').filter(|name| !name.is_empty());
    names.into_iter().try_fold(segments, |segments, name| {
        let (first, rest) = segments.split_first()?;
        (first.as_bytes() == name).then_some(rest)
    })
}

/// Answers as the endpoint does.
pub(super) async fn answer(call: &Call<'_>, endpoint: Endpoint, facts: &mut Facts) -> Denied {
    if call.is_preflight() {
        return answers::preflight();
    }
    match endpoint {
        Endpoint::RedirectUri => callback::answer(call, true, facts).await,
        Endpoint::Callback => callback::answer(call, false, facts).await,
        Endpoint::Login => begin(call, Form::SignIn, facts).await,
        Endpoint::Signup => begin(call, Form::SignUp, facts).await,
        Endpoint::Logout => logout::answer(call, facts).await,
        Endpoint::Userinfo => userinfo::answer(call, facts).await,
        Endpoint::BackchannelLogout => revoke::backchannel(call, facts).await,
        Endpoint::UniversalLogout => universal_logout::answer(call, facts).await,
        Endpoint::Unknown => {
            facts.hint = Some("no such endpoint".into());
            answers::no_route()
        }
    }
}

/// `login` and `signup`. The one parameter is `return_to`; nothing else of the query goes anywhere.
async fn begin(call: &Call<'_>, form: Form, facts: &mut Facts) -> Denied {
    if call.attributes.method != Method::Get {
        return answers::method_not_allowed("GET");
    }
    let Some((id, portal)) = call.login_portal() else { return answers::several_logins() };
    let exact = call.policy.is_exact_host(call.host());
    if portal.login.is_none() || !exact {
        facts.hint = Some("this host has no login".into());
        return answers::no_route();
    }
    let parameters = Parameters::parse(call.attributes.path.query().unwrap_or_default());
    let wanted = parameters.only("return_to").ok().flatten().unwrap_or("/");
    let return_to = login::return_to(call, portal, wanted);
    let mut stale = Vec::new();
    match session::find(call, facts).await {
        Found::Live(live) if form == Form::SignIn && is_good_enough(call, id, &live.session) => {
            let back = Denied::redirect(Reason::Endpoint, Status::Found, return_to.as_str());
            return back.cookies(live.cookies);
        }
        Found::Stale(cookies) => stale = cookies,
        // One login after the other would come of it.
        Found::Unavailable(Lacking::Store) => return answers::store_unavailable(),
        Found::Live(_) | Found::None | Found::Unavailable(Lacking::Provider) => {}
    }
    if !may_begin(call) {
        return answers::with_login(call, Some(id), answers::no_credentials());
    }
    let denied = login::start(call, id, portal, &return_to, form, facts);
    denied.cookies(stale)
}

/// Whether a session makes a login at Portal `id` needless: it counts for this Portal, and has the
/// verified e-mail that the Portal wants.
fn is_good_enough(call: &Call<'_>, id: PortalId, session: &Session) -> bool {
    let wants_verified = call.policy.portal(id).is_none_or(|portal| portal.require_verified_email);
    let counts = session::identity(call, session).membership.portals.contains(&id);
    counts && (session.email_verified || !wants_verified)
}

/// A page load, or a client that says nothing of itself and asked for the login by its own will; not
/// a prefetch, an iframe or a script's fetch.
fn may_begin(call: &Call<'_>) -> bool {
    let headers = &call.attributes.headers;
    let says_nothing =
        !["sec-fetch-mode", "sec-fetch-dest", "sec-fetch-site", "sec-purpose", "purpose"]
            .iter()
            .any(|name| headers.has(name));
    call.client.kind() == ClientKind::Navigation
        || (call.client.kind() == ClientKind::Other && says_nothing)
}
