//! Who asks: the only step of a check that waits.

use super::call::Call;
use super::origin::has_same_origin_evidence;
use super::session::{self, Found, Shown};
use super::{Presumed, answers, api_key, bearer, said};
use crate::cookie::SetCookie;
use crate::credential::{Credential, CredentialKind, classify_by, is_key};
use crate::decision::{Denied, Facts};
use crate::identity::Identity;
use crate::policy::Route;
use std::sync::Arc;

/// What came of it.
pub(super) enum Authenticated {
    /// A known caller, and cookies for the answer.
    Identity(Arc<Identity>, Vec<SetCookie>),
    /// The holder of an API key that opens what it was shown for.
    Key(Arc<Identity>),
    /// Somebody who was known, and cannot be asked about.
    Unavailable(Lacking),
    /// Nobody.
    Nobody {
        /// Clears the cookies of a session that does not hold; `None`: none came.
        stale: Option<Vec<SetCookie>>,
    },
}

/// What cannot be asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Lacking {
    /// The provider.
    Provider,
    /// The session store.
    Store,
}

impl Lacking {
    /// The answer where somebody has to be known.
    pub(super) fn answer(self, call: &Call<'_>) -> Denied {
        match self {
            Self::Provider => answers::session_unavailable(call),
            Self::Store => answers::store_unavailable(),
        }
    }
}

/// Authenticates the caller: a bearer or API key if there is one, and then by it alone; else the
/// session cookie.
pub(super) async fn authenticate(
    call: &Call<'_>,
    route: &Route<'_>,
    facts: &mut Facts,
) -> Result<Authenticated, Denied> {
    let as_said = match call.presumed {
        None => false,
        Some(Presumed::Caller(identity) | Presumed::Recorded(Some(identity))) => {
            return Ok(Authenticated::Identity(Arc::clone(identity), Vec::new()));
        }
        Some(Presumed::Recorded(None)) => return Ok(Authenticated::Nobody { stale: None }),
        Some(Presumed::AsSaid) => true,
    };
    let keys = &call.settings().api_keys;
    let met = if as_said { None } else { bearer::meet(call, route) };
    if let Some(known) = met.as_ref().and_then(|met| met.known(call)) {
        facts.credential = CredentialKind::Bearer;
        return bearer::concluded(known, facts).map(of_bearer);
    }
    match classify_by(call.attributes.headers, &keys.header) {
        Credential::Conflict => {
            facts.hint = Some("more than one credential".into());
            Err(answers::conflict())
        }
        Credential::MalformedBearer => {
            facts.credential = CredentialKind::Bearer;
            facts.hint = Some("no token behind Bearer".into());
            Err(answers::invalid_token())
        }
        Credential::ApiKey(key) => {
            api_key::authenticate(call, route, key, facts).map(Authenticated::Key)
        }
        Credential::Bearer(key) if keys.bearer && is_key(key) => {
            api_key::authenticate(call, route, key, facts).map(Authenticated::Key)
        }
        Credential::Bearer(token) => {
            facts.credential = CredentialKind::Bearer;
            let identified = if as_said {
                bearer::as_said(call, route, token)
            } else {
                bearer::identify(call, route, token, met).await
            };
            bearer::concluded(identified, facts).map(of_bearer)
        }
        Credential::Cookie if as_said => said::by_cookie(call, facts),
        Credential::Cookie => by_cookie(call, facts).await,
    }
}

const fn of_bearer(identity: Arc<Identity>) -> Authenticated {
    Authenticated::Identity(identity, Vec::new())
}

async fn by_cookie(call: &Call<'_>, facts: &mut Facts) -> Result<Authenticated, Denied> {
    let shown = Shown::read(call);
    if let Some(identity) = shown.and_then(|shown| shown.caller(call)) {
        facts.tell(&identity);
        evidence(call)?;
        return Ok(Authenticated::Identity(identity, Vec::new()));
    }
    match session::find(call, facts).await {
        Found::None => Ok(Authenticated::Nobody { stale: None }),
        Found::Stale(cookies) => Ok(Authenticated::Nobody { stale: Some(cookies) }),
        Found::Unavailable(what) => Ok(Authenticated::Unavailable(what)),
        Found::Live(live) => {
            let identity = session::identity(call, &live.session);
            if let Some(shown) = shown {
                shown.remember(call, &live, &identity);
            }
            facts.tell(&identity);
            evidence(call)?;
            Ok(Authenticated::Identity(identity, live.cookies))
        }
    }
}

/// What is unsafe, and comes by cookie, needs evidence that a page of ours has sent it.
pub(super) fn evidence(call: &Call<'_>) -> Result<(), Denied> {
    let upgrades = call.attributes.headers.has("upgrade");
    let unsafe_request = !call.attributes.method.is_safe() || upgrades;
    if unsafe_request && !has_same_origin_evidence(call) {
        return Err(answers::cross_site());
    }
    Ok(())
}
