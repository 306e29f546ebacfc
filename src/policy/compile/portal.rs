//! Judges a Portal: its names, its address, its login.
//!
//! Pure: no I/O, no clock.

use super::held::{Held, HeldPortal};
use super::{Findings, Input, Judged, domains, missing};
use crate::attributes::HostName;
use crate::config::{
    ClientAuthentication, PortalAccess, PortalOverride, SecureCookies, SessionLimits, Settings,
};
use crate::document::{At, Located};
use crate::name::{Kind, ResourceId, ResourceName};
use crate::policy::resource::{OidcAuth, Portal, SecretReference};
use crate::policy::snapshot::Login;
use crate::secret::Secret;
use crate::token::Issuer;
use url::Url;

pub(super) fn judge(portal: &Portal, input: &Input<'_>, held: &Held) -> Judged<HeldPortal> {
    let mut found = Findings::new(&portal.origin);
    let over = input.settings.portals.get(portal.origin.name()).cloned().unwrap_or_default();
    let domains = domains::judge(&portal.domains, &mut found);
    for reference in &portal.published {
        references(reference, Kind::Environment, input, &mut found);
    }
    let url = address(portal, &domains, &mut found);
    let login = portal.oidc.as_ref().and_then(|oidc| login(oidc, &over, input, held, &mut found));
    if portal.oidc.is_none() {
        found.warn(&portal.origin.at(), "no spec.oidcAuth: nobody can log in here");
    }
    let public = if portal.public { PortalAccess::Optional } else { PortalAccess::Required };
    let version = url.map(|(url, text)| HeldPortal {
        origin: portal.origin.clone(),
        domains,
        redirect_uri: format!("{text}{}", input.settings.endpoints.callback),
        secure_cookies: secure(&url, input.settings.cookies.secure),
        url,
        url_at: portal.url_prefix.as_ref().map_or_else(|| portal.origin.at(), |url| url.at.clone()),
        login,
        login_at: portal.oidc.as_ref().map_or_else(|| portal.origin.at(), |oidc| oidc.at.clone()),
        access: over.access.unwrap_or(public),
        require_verified_email: over.require_verified_email.unwrap_or(false),
        shadow_until: over.shadow_until,
        session: session(input.settings, &over),
        published: portal.published.clone(),
    });
    (version, found.problems)
}

/// A reference to a resource of which there is no document leads nowhere.
pub(super) fn references(
    reference: &Located<ResourceName>,
    kind: Kind,
    input: &Input<'_>,
    found: &mut Findings<'_>,
) {
    let id = ResourceId { kind, name: reference.value.clone() };
    if !input.resources.declared.contains(&id) {
        let message = format!("expected the name of a known {kind}; there is no {}", id.name);
        found.error(&reference.at, message);
    }
}

/// The Portal's own address, parsed and as written without final slashes.
fn address(
    portal: &Portal,
    domains: &domains::Domains,
    found: &mut Findings<'_>,
) -> Option<(Url, String)> {
    let Some(prefix) = &portal.url_prefix else {
        let text = portal.domains.iter().find(|domain| !domain.value.starts_with('*'));
        let text = text.map(|domain| format!("https://{}", domain.value));
        if portal.oidc.is_some() || text.is_none() {
            let at = missing(&portal.origin.at(), "spec.portalUrlPrefix");
            found.error(&at, "expected the Portal's own URL, such as https://portal.example.com");
            return None;
        }
        return text.and_then(|text| Some((Url::parse(&text).ok()?, text)));
    };
    let text = prefix.value.trim_end_matches('/').to_owned();
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let host = url.as_ref().and_then(Url::host_str).and_then(HostName::parse);
    let (Some(url), Some(host)) = (url, host) else {
        found.error(&prefix.at, "expected a URL such as https://portal.example.com");
        return None;
    };
    let bare = url.query().is_none() && url.fragment().is_none() && !text.contains('@');
    if !bare {
        found.error(&prefix.at, "expected no query, fragment or user information");
    }
    if !portal.domains.is_empty() && !domains.names(&host) {
        let message = format!(
            "expected a host that is in spec.domains by its full name, where the login returns to; \
             {host} is not"
        );
        found.error(&prefix.at, message);
    }
    Some((url, text))
}

fn login(
    oidc: &OidcAuth,
    over: &PortalOverride,
    input: &Input<'_>,
    held: &Held,
    found: &mut Findings<'_>,
) -> Option<Login> {
    let settings = input.settings;
    let client_authentication = over.client_authentication.unwrap_or(ClientAuthentication::Basic);
    let issuer = required(oidc.issuer.as_ref(), &oidc.at, "issuer", found);
    let issuer =
        issuer.and_then(|issuer| self::issuer(issuer, settings.provider.allow_http, found));
    let client_id = required(oidc.client_id.as_ref(), &oidc.at, "clientId", found);
    if let Some(client_id) = client_id {
        apart(client_id, settings, found);
    }
    let client_secret = match (client_authentication, &oidc.client_secret) {
        (ClientAuthentication::None, _) => Some(Secret::default()),
        (_, Some(reference)) => secret(reference, settings, held, found),
        (_, None) => {
            required::<SecretReference>(None, &oidc.at, "clientSecret", found);
            None
        }
    };
    if oidc.group_claim.is_none() {
        let at = missing(&oidc.at, "groupClaimKey");
        found.warn(&at, "expected the name of the ID token's claim with groups; taking `groups`");
    }
    let scopes = scopes(&oidc.additional_scopes, found);
    Some(Login {
        issuer: issuer?,
        client_id: client_id?.value.clone(),
        client_secret: client_secret?,
        client_authentication,
        group_claim: oidc.group_claim.clone().unwrap_or_else(|| "groups".to_owned()),
        scopes,
    })
}

fn required<'a, T>(
    value: Option<&'a Located<T>>,
    at: &At,
    key: &str,
    found: &mut Findings<'_>,
) -> Option<&'a Located<T>> {
    if value.is_none() {
        found.error(&missing(at, key), "expected a value; there is none");
    }
    value
}

/// An issuer, or a problem at its place.
pub(super) fn issuer(
    issuer: &Located<String>,
    allow_http: bool,
    found: &mut Findings<'_>,
) -> Option<Issuer> {
    match Issuer::parse(&issuer.value, allow_http) {
        Ok(issuer) => Some(issuer),
        Err(error) => {
            found.error(&issuer.at, error.to_string());
            None
        }
    }
}

/// A token for an audience that is a client id could be an ID token: nothing tells them apart.
fn apart(client_id: &Located<String>, settings: &Settings, found: &mut Findings<'_>) {
    let own = settings.environments.values().flat_map(|environment| &environment.audiences);
    if settings.tokens.audiences.iter().chain(own).any(|audience| *audience == client_id.value) {
        let message = "expected a client id that is no audience of access tokens in the settings";
        found.error(&client_id.at, message);
    }
}

/// The value that a reference leads to, which is never shown.
fn secret(
    reference: &Located<SecretReference>,
    settings: &Settings,
    held: &Held,
    found: &mut Findings<'_>,
) -> Option<Secret<String>> {
    let SecretReference { name, key } = &reference.value;
    let own = found.origin.name().namespace();
    let crosses = |(from, to): &(String, String)| from == own && *to == name.namespace();
    let allowed = &settings.resources.allow_cross_namespace;
    if name.namespace() != own && !allowed.iter().any(crosses) {
        let message = format!(
            "expected a Secret in namespace {own}; for {} the settings need \
             resources.allow_cross_namespace: ['{own} -> {}']",
            name.namespace(),
            name.namespace()
        );
        found.error(&reference.at, message);
        return None;
    }
    let Some(secret) = held.secrets.get(name) else {
        let message = format!("expected the name of a known Secret; there is no {name}");
        found.error(&reference.at, message);
        return None;
    };
    let value = secret.values.get(key).filter(|value| !value.expose().is_empty());
    if value.is_none() {
        let message = format!("expected a key that Secret {name} has a text for; {key} is none");
        found.error(&reference.at, message);
    }
    value.cloned()
}

/// `openid` and the others, each once (RFC 6749 §3.3 says what a scope is made of).
fn scopes(additional: &[Located<String>], found: &mut Findings<'_>) -> Vec<String> {
    let mut scopes = vec!["openid".to_owned()];
    for scope in additional {
        let fits = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if !scope.value.bytes().all(fits) {
            found.error(&scope.at, "expected one scope, without space or quotes");
        } else if !scopes.contains(&scope.value) {
            scopes.push(scope.value.clone());
        }
    }
    scopes
}

fn session(settings: &Settings, over: &PortalOverride) -> SessionLimits {
    let general = settings.session.limits;
    SessionLimits {
        lifetime: over.lifetime.unwrap_or(general.lifetime),
        idle_timeout: over.idle_timeout.unwrap_or(general.idle_timeout),
        refresh_before: over.refresh_before.unwrap_or(general.refresh_before),
        outage_grace: over.outage_grace.unwrap_or(general.outage_grace),
        store_down: over.store_down.unwrap_or(general.store_down),
    }
}

fn secure(url: &Url, secure: SecureCookies) -> bool {
    let local = url.host_str().and_then(HostName::parse).is_some_and(|host| host.is_localhost());
    match secure {
        SecureCookies::Auto => url.scheme() != "http" || local,
        SecureCookies::Always => true,
        SecureCookies::Never => false,
    }
}
