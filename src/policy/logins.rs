//! Portals by name, and by the login that they have.
//!
//! Pure: no I/O, no clock.

use super::snapshot::{Portal, PortalId};
use super::{SharedSet, Snapshot, Texts};
use crate::token::Issuer;
use std::collections::{BTreeMap, BTreeSet};
use url::form_urlencoded::Serializer;

/// What Portals and their logins are found by.
#[derive(Debug, Default)]
pub(super) struct Logins {
    by_name: Texts<PortalId>,
    by_issuer: Texts<LoginIssuer>,
    client_ids: BTreeSet<String>,
    /// [`authorization_query`] of each Portal, in the order of their ids.
    queries: Vec<String>,
    nobody: SharedSet<PortalId>,
}

/// An issuer at which Portals have their login.
#[derive(Debug)]
pub struct LoginIssuer {
    /// The issuer.
    pub issuer: Issuer,
    /// Portals whose login is there.
    pub portals: SharedSet<PortalId>,
    /// The same by their client id.
    clients: Texts<SharedSet<PortalId>>,
}

impl LoginIssuer {
    /// Portals whose login is this client.
    #[must_use]
    pub fn portals_of(&self, client_id: &str) -> Option<&SharedSet<PortalId>> {
        self.clients.get(client_id)
    }
}

impl Logins {
    pub(super) fn new(portals: &[Portal]) -> Self {
        let mut logins = Self::default();
        let mut found: BTreeMap<&Issuer, BTreeMap<&str, Vec<PortalId>>> = BTreeMap::new();
        for (portal, id) in portals.iter().zip((0..).map(PortalId)) {
            logins.by_name.insert(portal.name.as_str().into(), id);
            let query = portal.login.as_ref().map(|login| {
                authorization_query(&login.client_id, &portal.redirect_uri, &login.scopes)
            });
            logins.queries.push(query.unwrap_or_default());
            let Some(login) = &portal.login else { continue };
            let clients = found.entry(&login.issuer).or_default();
            clients.entry(&login.client_id).or_default().push(id);
        }
        for (issuer, clients) in found {
            let known = clients.keys().map(|client_id| (*client_id).to_owned());
            logins.client_ids.extend(known);
            let portals = clients.values().flatten().copied().collect();
            let clients =
                clients.into_iter().map(|(id, portals)| (id.into(), portals.into_iter().collect()));
            let clients = clients.collect();
            let issuer = issuer.clone();
            let text = issuer.as_str().into();
            logins.by_issuer.insert(text, LoginIssuer { issuer, portals, clients });
        }
        logins
    }
}

/// What every authentication request of a login begins with (OpenID Connect Core 1.0 §3.1.2.1), as a
/// query has it.
#[must_use]
pub fn authorization_query(client_id: &str, redirect_uri: &str, scopes: &[String]) -> String {
    Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair("client_id", client_id)
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("scope", &scopes.join(" "))
        .finish()
}

impl Snapshot {
    /// [`authorization_query`] of a Portal with a login, made once for all of them.
    #[must_use]
    pub fn authorization_query(&self, portal: PortalId) -> &str {
        self.logins.queries.get(portal.0).map_or("", String::as_str)
    }

    /// The Portal of this name, written `<name>.<namespace>`.
    #[must_use]
    pub fn portal_named(&self, name: &str) -> Option<(PortalId, &Portal)> {
        let id = *self.logins.by_name.get(name)?;
        Some((id, self.portal(id)?))
    }

    /// The issuer of this name, where it is one of a login.
    #[must_use]
    pub fn login_issuer(&self, issuer: &str) -> Option<&LoginIssuer> {
        self.logins.by_issuer.get(issuer)
    }

    /// Portals whose login is this client of this issuer.
    #[must_use]
    pub fn portals_of(&self, issuer: &Issuer, client_id: &str) -> &SharedSet<PortalId> {
        let issuer = self.login_issuer(issuer.as_str());
        issuer.and_then(|issuer| issuer.portals_of(client_id)).unwrap_or(&self.logins.nobody)
    }

    /// Portals whose login is at this issuer.
    #[must_use]
    pub fn portals_with_issuer(&self, issuer: &Issuer) -> &SharedSet<PortalId> {
        let issuer = self.login_issuer(issuer.as_str());
        issuer.map_or(&self.logins.nobody, |issuer| &issuer.portals)
    }

    /// Those of `portals` that read groups from `claim`: a value of that claim means nothing to the
    /// others.
    #[must_use]
    pub fn reading(&self, portals: &SharedSet<PortalId>, claim: &str) -> SharedSet<PortalId> {
        let reads = |id: &&PortalId| {
            let login = self.portal(**id).and_then(|portal| portal.login.as_ref());
            login.is_some_and(|login| login.group_claim == claim)
        };
        if portals.iter().all(|id| reads(&id)) {
            return portals.clone();
        }
        portals.iter().filter(reads).copied().collect()
    }

    /// Client ids of all logins.
    #[must_use]
    pub const fn client_ids(&self) -> &BTreeSet<String> {
        &self.logins.client_ids
    }
}
