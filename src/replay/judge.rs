//! Judges a line of the decision log by another policy.

use super::Bench;
use super::line::Line;
use super::report::{Answer, Change, Place, Verdict};
use crate::attributes::{Attributes, Context, Headers, Host, Method, RequestPath, Source};
use crate::check::Presumed;
use crate::config::Routing;
use crate::credential::CredentialKind;
use crate::decision::{LazyClient, Reason};
use crate::identity::Identity;
use crate::policy::{Environment, Membership, PortalId, SharedSet, Site, Snapshot};
use std::sync::Arc;

const INCOMPLETE: &str =
    "the line lacks who asked: written by an older version, or while a policy was loaded";
const NO_PATH: &str = "the request led to no product, and the log has no paths";
const MOVED: &str =
    "the request's host belongs to something else by this policy, and the log has no paths";
const NO_KEY: &str = "the request came with an API key, and the log has no keys";
const NO_TOKEN: &str = "the request was refused for its token, and the log has no tokens";

/// What `line` would come to. `unshown` are groups that this policy names, and that nobody looked for
/// when the line was written.
pub(super) async fn judge(line: &Line, new: &Bench, unshown: &[&str]) -> Verdict {
    match answer(line, new, unshown).await {
        // Refused before and after, as far as the line shows.
        Ok((_, unless)) if !line.was_allowed() && !unless.is_empty() => {
            let groups = unless.join(", ");
            Verdict::unjudged(format!(
                "denied, unless the caller has a group that nobody looked for then: {groups}"
            ))
        }
        Ok((answer, _)) if answer.is(line.was_allowed(), &line.reason) => Verdict::Same,
        Ok((answer, unless)) => Verdict::changed(Change {
            was: Answer::recorded(&line.decision, &line.reason),
            groups: line.groups.clone().filter(|_| line.was_allowed()),
            place: Place {
                portal: line.portal.clone(),
                environment: line.environment.clone(),
                product: line.product.clone(),
            },
            new_place: None,
            unless,
            answer,
        }),
        Err(why) => Verdict::unjudged(why),
    }
}

type Answered = (Answer, Vec<String>);

async fn answer(line: &Line, new: &Bench, unshown: &[&str]) -> Result<Answered, String> {
    let reason = Reason::ALL.into_iter().find(|reason| reason.as_str() == line.reason);
    let reason = reason.ok_or_else(|| "this version does not know the reason".to_owned())?;
    if !is_policys(reason) {
        return Err(format!("not for the policy to decide: {}", reason.as_str()));
    }
    let policy = &*new.policy;
    let host = line.host.as_deref().and_then(Host::parse).ok_or(INCOMPLETE)?;
    let Some(site) = policy.site(host.name.as_str()) else {
        return Ok((
            Answer::denied(Reason::NoRoute, "no Portal or Environment has this host"),
            Vec::new(),
        ));
    };
    let environment = same_place(line, policy, site)?;
    if matches!(reason, Reason::InvalidToken | Reason::ExpiredToken) {
        return Err(NO_TOKEN.to_owned());
    }
    let caller = caller(line, reason, policy, environment)?;
    let product = by_path(line, environment);
    let mut headers = Headers::default();
    let attributes = attributes(line, reason, host, product, &mut headers).ok_or(INCOMPLETE)?;
    let (identity, gone) = match caller {
        Caller::Known(identity) => (Some(Arc::new(identity)), None),
        Caller::Nobody => (None, None),
        Caller::Gone(reason) => (None, Some(reason)),
    };
    let presumed = Presumed::Recorded(identity.clone());
    let client = LazyClient::of(attributes.method, attributes.headers);
    let checked = new.checker.check_as(&attributes, &client, &presumed).await;
    let mut answer = Answer::of(&checked);
    // Nobody came with a session that counts for nothing, or with a token: it is that which is refused.
    let refused = gone.or_else(|| Some(reason).filter(|reason| *reason == Reason::InvalidSession));
    if let Some(refused) = refused.filter(|_| checked.reason == Reason::NoCredentials) {
        answer = Answer::denied(refused, "no Portal of this policy vouches for the caller");
    }
    if product.is_some() && checked.reason == Reason::NoRoute {
        answer =
            Answer::denied(Reason::NoRoute, "the Environment does not hold the product any more");
    }
    if checked.reason != Reason::NotGranted {
        return Ok((answer, Vec::new()));
    }
    let unless = identity.map(|identity| unless(&identity, policy, site, &attributes, unshown));
    Ok((answer, unless.unwrap_or_default()))
}

/// Whether another policy could answer otherwise, by what a line says.
const fn is_policys(reason: Reason) -> bool {
    match reason {
        Reason::Granted
        | Reason::Public
        | Reason::NoCredentials
        | Reason::InvalidSession
        | Reason::InvalidToken
        | Reason::ExpiredToken
        | Reason::NotGranted
        | Reason::EmailUnverified
        | Reason::NoRoute => true,
        Reason::Endpoint
        | Reason::AmbiguousRequest
        | Reason::CrossSite
        | Reason::KeysUnavailable
        | Reason::StoreUnavailable
        | Reason::ProviderUnavailable
        | Reason::BadCallback
        | Reason::LoginLoop
        | Reason::Limit
        | Reason::Internal
        | Reason::DeadlineTooShort => false,
    }
}

/// The Environment of a line's product; `None`: the request was for a Portal's pages, and is.
fn same_place<'s>(
    line: &Line,
    policy: &'s Snapshot,
    site: Site,
) -> Result<Option<&'s Environment>, String> {
    if line.reason == Reason::NoRoute.as_str() {
        return Err(NO_PATH.to_owned());
    }
    match (site, line.environment.as_deref()) {
        (Site::Portal(_), None) => Ok(None),
        (Site::Environment(id), Some(name)) => {
            let environment = policy.environment(id).ok_or(MOVED)?;
            let same = environment.name.as_str() == name;
            if same { Ok(Some(environment)) } else { Err(MOVED.to_owned()) }
        }
        (Site::Portal(_), Some(_)) | (Site::Environment(_), None) => Err(MOVED.to_owned()),
    }
}

/// The product that the path led to, and not the gateway's word, where it may do so still.
fn by_path<'l>(line: &'l Line, environment: Option<&Environment>) -> Option<&'l str> {
    let auto = environment.is_some_and(|environment| environment.routing == Routing::Auto);
    line.product.as_deref().filter(|_| auto && line.context_product.is_none())
}

/// A request that leads where the line's led: `product`, if any, is named in place of the path.
fn attributes<'h, 'l: 'h>(
    line: &'l Line,
    reason: Reason,
    host: Host,
    product: Option<&'l str>,
    headers: &'h mut Headers<'l>,
) -> Option<Attributes<'h>> {
    let method = line.method.as_deref().and_then(Method::parse).unwrap_or(Method::Get);
    if method == Method::Options && reason == Reason::NoCredentials {
        // What comes so, and without credentials, is a preflight.
        headers.add("origin", "null");
        headers.add("access-control-request-method", "GET");
    }
    let mut context = Context::default();
    let named = [
        ("portal", &line.context_portal),
        ("environment", &line.context_environment),
        ("product", &line.context_product),
        ("access", &line.context_access),
    ];
    for (key, value) in named {
        if let Some(value) = value {
            context.add(key, value.as_str());
        }
    }
    if let Some(product) = product {
        context.add("product", product);
    }
    let path = RequestPath::parse("/")?;
    Some(Attributes { host, method, path, headers, context, body: &[], source: Source::default() })
}

enum Caller {
    Known(Identity),
    /// Nobody was known, and nobody had to be.
    Nobody,
    /// The credential is one of a login that this policy does not have.
    Gone(Reason),
}

fn caller(
    line: &Line,
    reason: Reason,
    policy: &Snapshot,
    environment: Option<&Environment>,
) -> Result<Caller, String> {
    if !matches!(reason, Reason::Granted | Reason::NotGranted | Reason::EmailUnverified) {
        return Ok(Caller::Nobody);
    }
    if line.credential.as_deref() == Some(CredentialKind::ApiKey.as_str()) {
        return Err(NO_KEY.to_owned());
    }
    let portals = line.login_portals.as_deref().filter(|_| line.has_caller_groups());
    let (Some(issuer), Some(portals)) = (line.issuer.as_deref(), portals) else {
        return Err(INCOMPLETE.to_owned());
    };
    let logins = portals.split(',').filter_map(|name| policy.portal_named(name)?.1.login.as_ref());
    let login = logins.into_iter().find(|login| login.issuer.as_str() == issuer);
    let kinds = [CredentialKind::Session, CredentialKind::IdToken, CredentialKind::AccessToken];
    let kind = kinds.into_iter().find(|kind| Some(kind.as_str()) == line.credential.as_deref());
    let kind = kind.ok_or(INCOMPLETE)?;
    let portals: Option<SharedSet<PortalId>> = match (kind, login) {
        (CredentialKind::AccessToken, _) => access_token(policy, environment, issuer),
        (_, Some(login)) => {
            let portals = policy.portals_of(&login.issuer, &login.client_id);
            Some(policy.reading(portals, &login.group_claim))
        }
        (_, None) => None,
    };
    let Some(portals) = portals else {
        let session = kind == CredentialKind::Session;
        let reason = if session { Reason::InvalidSession } else { Reason::InvalidToken };
        return Ok(Caller::Gone(reason));
    };
    let groups = policy.all_groups(line.caller_groups());
    Ok(Caller::Known(Identity {
        issuer: issuer.into(),
        subject: "(recorded)".into(),
        email_verified: line.email_verified.unwrap_or_default(),
        groups_claimed: !groups.is_empty(),
        membership: Arc::new(Membership { portals, groups }),
        credential: kind,
        ..Identity::default()
    }))
}

/// Portals that vouch for an access token of `issuer`; `None`: nobody knows the issuer.
fn access_token(
    policy: &Snapshot,
    environment: Option<&Environment>,
    issuer: &str,
) -> Option<SharedSet<PortalId>> {
    if let Some(login) = policy.login_issuer(issuer) {
        if environment.is_some_and(|environment| environment.group_claim.is_some()) {
            return Some(login.portals.clone());
        }
        let first = login.portals.iter().find_map(|id| policy.portal(*id)?.login.as_ref());
        return first.map(|first| policy.reading(&login.portals, &first.group_claim));
    }
    let mut plans = environment?.plan_issuers.iter();
    let plan = plans.find(|plan| plan.issuer.as_str() == issuer)?;
    Some(plan.portal.into_iter().collect())
}

/// Those of `unshown` with any of which the caller would be let in.
fn unless(
    caller: &Identity,
    policy: &Snapshot,
    site: Site,
    attributes: &Attributes<'_>,
    unshown: &[&str],
) -> Vec<String> {
    let Ok(route) = policy.route(site, attributes) else { return Vec::new() };
    let portals = caller.membership.portals.clone();
    let wider = Membership { portals, groups: policy.all_groups(unshown) };
    let grant = policy.authorize(&wider, &route);
    grant.map(|grant| grant.groups(&wider).map(str::to_owned).collect()).unwrap_or_default()
}
