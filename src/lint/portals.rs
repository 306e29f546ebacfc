//! Portals that nobody can enter, http, scopes.
//!
//! Pure: no I/O, no clock.

use super::{Policy, field, notice, same_site, warning};
use crate::config::{PortalAccess, StoreKind};
use crate::policy::{HeldPortal, Login, Portal, PortalId};
use crate::problem::Problem;

pub(super) fn lint(policy: &Policy<'_>, found: &mut Vec<Problem>) {
    for (id, portal) in policy.snapshot.portals() {
        let Some(held) = policy.held.portals.get(&portal.name) else { continue };
        entrance(policy, id, portal, held, found);
        scheme(portal, held, found);
        scopes(policy, portal, held, found);
        sites(policy, portal, held, found);
        for wildcard in &held.domains.wildcards {
            let message = "a wildcard domain takes bearer tokens, and no logins";
            found.push(notice(&held.origin, &wildcard.at, message));
        }
    }
}

fn entrance(
    policy: &Policy<'_>,
    id: PortalId,
    portal: &Portal,
    held: &HeldPortal,
    found: &mut Vec<Problem>,
) {
    let mut groups = policy.snapshot.groups.iter();
    let named = groups.any(|group| group.portals.contains(&id) && !group.claim_values.is_empty());
    if portal.access == PortalAccess::Required && (!named || portal.login.is_none()) {
        let message = "nobody can enter: expected a login, and a Group that names this Portal in \
                       spec.accessLevel.portals";
        found.push(warning(&held.origin, &held.origin.at(), message));
    }
    if portal.environments.is_empty() {
        let at = field(&held.origin, "spec.publishedEnvironments");
        found.push(warning(&held.origin, &at, "publishes no Environment that is in force"));
    }
}

fn scheme(portal: &Portal, held: &HeldPortal, found: &mut Vec<Problem>) {
    let local = portal.hosts.iter().all(crate::attributes::HostName::is_localhost);
    if portal.url.scheme() == "http" && !local {
        let message = "expected https: over http everybody on the way reads the session cookie";
        found.push(warning(&held.origin, &held.url_at, message));
    }
    let issuer = portal.login.as_ref().map(|login| login.issuer.as_str());
    if issuer.is_some_and(|issuer| issuer.starts_with("http:")) {
        let message =
            "expected an https issuer: over http anybody on the way can sign in as anybody";
        found.push(warning(&held.origin, &held.login_at, message));
    }
}

fn scopes(policy: &Policy<'_>, portal: &Portal, held: &HeldPortal, found: &mut Vec<Problem>) {
    let Some(login) = &portal.login else { return };
    let asks = |scope: &str| login.scopes.iter().any(|found| found == scope);
    if !asks("groups") {
        let message = "does not ask for the scope `groups`: some providers then send no groups \
                       claim (spec.oidcAuth.additionalScopes)";
        found.push(notice(&held.origin, &held.login_at, message));
    }
    let sends_email = policy.settings.identity_headers.iter().any(|(_, claim)| claim == "email");
    if !asks("email") && (sends_email || portal.require_verified_email) {
        let message = "does not ask for the scope `email`: some providers then send no e-mail \
                       (spec.oidcAuth.additionalScopes)";
        found.push(notice(&held.origin, &held.login_at, message));
    }
    refresh_tokens(policy, login, held, found);
}

/// In a cluster there are replicas, or there will be; whether a provider rotates its refresh tokens, or a
/// second process runs elsewhere, nobody says here.
fn refresh_tokens(policy: &Policy<'_>, login: &Login, held: &HeldPortal, found: &mut Vec<Problem>) {
    let session = &policy.settings.session;
    if !login.is_offline() || session.store != StoreKind::Cookie {
        return;
    }
    if policy.settings.resources.kubernetes.is_some() && session.redis.is_none() {
        let message = "asks for refresh tokens and keeps them in cookies, and replicas have no bus: a \
                       provider that rotates them may end sessions, and no replica hears of another's \
                       logouts (session.store redis, or session.redis.url)";
        found.push(warning(&held.origin, &held.login_at, message));
        return;
    }
    let message = "asks for refresh tokens and keeps them in cookies: with several replicas, a provider \
                   that rotates them may end sessions";
    found.push(notice(&held.origin, &held.login_at, message));
}

/// A page of the Portal calls its APIs with a cookie only where browsers see one site.
fn sites(policy: &Policy<'_>, portal: &Portal, held: &HeldPortal, found: &mut Vec<Problem>) {
    let own = portal.url.host_str().unwrap_or_default();
    let published = portal.environments.iter();
    for environment in published.filter_map(|id| policy.snapshot.environment(*id)) {
        for host in &environment.hosts {
            if !same_site::is_same_site(own, host.as_str()) {
                let message = format!(
                    "{host} of Environment {} is not of one site with {own}: browsers send no \
                     session cookie from the Portal's pages there",
                    environment.name
                );
                found.push(warning(&held.origin, &held.url_at, message));
            }
        }
    }
}
