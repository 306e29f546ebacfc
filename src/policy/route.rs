//! Where a request leads: host, then context, then path.
//!
//! Pure: no I/O, no clock.

use super::products::Ambiguous;
use super::{Environment, EnvironmentId, Portal, PortalId, Product, Route, Site, Snapshot};
use crate::attributes::Attributes;
use crate::config::Routing;
use crate::time::UnixTime;

/// Why a request leads nowhere; the client hears `no_route` alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoRoute {
    /// No Portal and no Environment has this host.
    #[error("no Portal or Environment has this host")]
    UnknownHost,
    /// A context extension is empty, or names nothing that is in force.
    #[error("the gateway's context names something unknown, or nothing")]
    UnknownContext,
    /// A context extension names something that does not belong to the host.
    #[error("the gateway's context does not agree with the host")]
    ContextDisagrees,
    /// `routing: context`, and the gateway does not say environment and product.
    #[error("routing is by context alone, and the context lacks environment or product")]
    ContextMissing,
    /// No product of the Environment has this path.
    #[error("no product of the Environment has this path")]
    NoProduct,
    /// Two products of the Environment have this path.
    #[error("several products of the Environment have this path")]
    SeveralProducts,
    /// A server that decodes the path, and one that does not, come to different products, or to none.
    #[error("the path leads elsewhere for a server that decodes it otherwise")]
    TwoReadings,
}

impl Snapshot {
    /// The Portal with this id.
    #[must_use]
    pub fn portal(&self, id: PortalId) -> Option<&Portal> {
        self.portals.get(id.0)
    }

    /// The Environment with this id.
    #[must_use]
    pub fn environment(&self, id: EnvironmentId) -> Option<&Environment> {
        self.environments.get(id.0)
    }

    /// The Portals and their ids.
    pub fn portals(&self) -> impl Iterator<Item = (PortalId, &Portal)> {
        self.portals.iter().enumerate().map(|(index, portal)| (PortalId(index), portal))
    }

    /// Portals that stand in shadow, and until when.
    pub fn shadows(&self, now: UnixTime) -> impl Iterator<Item = (&Portal, UnixTime)> {
        let shadowed = self.portals.iter().filter(move |portal| portal.is_shadowed(now));
        shadowed.filter_map(|portal| Some((portal, portal.shadow_until?)))
    }

    /// The Environments and their ids.
    pub fn environments(&self) -> impl Iterator<Item = (EnvironmentId, &Environment)> {
        let environments = self.environments.iter().enumerate();
        environments.map(|(index, environment)| (EnvironmentId(index), environment))
    }

    /// What `host` stands for: by its own name, else by the longest wildcard above it. A star stands
    /// for names that the policy could have: for none with letters outside ASCII.
    #[must_use]
    pub fn site(&self, host: &str) -> Option<Site> {
        self.hosts.site(host)
    }

    /// Whether `host` is named in full by a Portal or Environment: only then it takes cookie logins.
    #[must_use]
    pub fn is_exact_host(&self, host: &str) -> bool {
        self.hosts.is_exact(host)
    }

    /// Ports that `spec.domains` names for `host`.
    pub fn ports(&self, host: &str) -> impl Iterator<Item = u16> {
        self.hosts.ports(host)
    }

    /// Finds where a request leads on `site`, which is what its host stands for.
    ///
    /// # Errors
    ///
    /// [`NoRoute`]: nothing, or more than one thing.
    pub fn route(&self, site: Site, attributes: &Attributes<'_>) -> Result<Route<'_>, NoRoute> {
        match site {
            Site::Portal(id) => self.route_to_portal(id, attributes),
            Site::Environment(id) => self.route_to_product(id, attributes),
        }
    }

    fn route_to_portal(
        &self,
        id: PortalId,
        attributes: &Attributes<'_>,
    ) -> Result<Route<'_>, NoRoute> {
        let portal = self.portal(id).ok_or(NoRoute::UnknownHost)?;
        if let Some(name) = context(attributes, "portal")?
            && name != portal.name.as_str()
        {
            return Err(NoRoute::ContextDisagrees);
        }
        for key in ["environment", "product"] {
            if context(attributes, key)?.is_some() {
                return Err(NoRoute::ContextDisagrees);
            }
        }
        Ok(Route::Portal(id, portal))
    }

    fn route_to_product(
        &self,
        id: EnvironmentId,
        attributes: &Attributes<'_>,
    ) -> Result<Route<'_>, NoRoute> {
        let environment = self.environment(id).ok_or(NoRoute::UnknownHost)?;
        let portal = self.context_of(environment, attributes)?;
        let named = attributes.context.contains_key("environment");
        let product = match (context(attributes, "product")?, environment.routing) {
            (Some(_), Routing::Context) if !named => return Err(NoRoute::ContextMissing),
            (Some(name), _) => product_named(environment, name, attributes)?,
            (None, Routing::Context) => return Err(NoRoute::ContextMissing),
            (None, Routing::Auto) => product_at(environment, attributes)?,
        };
        Ok(Route::Product { id, environment, product, portal })
    }

    /// Whether the gateway's context agrees with `site`, for what is no product's: our endpoints.
    ///
    /// # Errors
    ///
    /// [`NoRoute`]: it names something unknown, or something of another host.
    pub fn agrees(&self, site: Site, attributes: &Attributes<'_>) -> Result<(), NoRoute> {
        match site {
            Site::Portal(id) => self.route_to_portal(id, attributes).map(|_route| ()),
            Site::Environment(id) => {
                let environment = self.environment(id).ok_or(NoRoute::UnknownHost)?;
                self.context_of(environment, attributes)?;
                match context(attributes, "product")? {
                    Some(name) => product_named(environment, name, attributes).map(|_product| ()),
                    None => Ok(()),
                }
            }
        }
    }

    /// The Portal of [`Self::portal_of`], where the context names this Environment or none.
    fn context_of(
        &self,
        environment: &Environment,
        attributes: &Attributes<'_>,
    ) -> Result<Option<PortalId>, NoRoute> {
        match context(attributes, "environment")? {
            Some(name) if name != environment.name.as_str() => Err(NoRoute::ContextDisagrees),
            Some(_) | None => self.portal_of(environment, attributes),
        }
    }

    /// The Portal that the context names, which has to publish the Environment; else the only one
    /// that does.
    fn portal_of(
        &self,
        environment: &Environment,
        attributes: &Attributes<'_>,
    ) -> Result<Option<PortalId>, NoRoute> {
        let Some(name) = context(attributes, "portal")? else {
            let mut portals = environment.portals.iter().copied();
            return Ok(portals.next().filter(|_| portals.next().is_none()));
        };
        let (id, _) = self.portal_named(name).ok_or(NoRoute::UnknownContext)?;
        let publishes = environment.portals.contains(&id);
        if publishes { Ok(Some(id)) } else { Err(NoRoute::ContextDisagrees) }
    }
}

/// The resource that a context extension names, as `<name>.<namespace>`; one that is there and empty
/// names nothing known.
fn context<'a>(attributes: &'a Attributes<'_>, key: &str) -> Result<Option<&'a str>, NoRoute> {
    let Some(text) = attributes.context.get(key) else { return Ok(None) };
    let names = |(name, namespace): (&str, &str)| !name.is_empty() && !namespace.is_empty();
    if text.rsplit_once('.').is_some_and(names) {
        Ok(Some(text))
    } else {
        Err(NoRoute::UnknownContext)
    }
}

/// The product that the gateway names: with the base path that fits best, if any does.
fn product_named<'s>(
    environment: &'s Environment,
    name: &str,
    attributes: &Attributes<'_>,
) -> Result<&'s Product, NoRoute> {
    let products = environment.products.named(name);
    let best = products.max_by_key(|product| product.fits(attributes.path.segments()));
    best.ok_or(NoRoute::ContextDisagrees)
}

/// The product that a path leads to, however a server reads it: one that decodes nothing, or that
/// decodes an escaped `?` or `#` and ends the path there, must come to the same product.
fn product_at<'s>(
    environment: &'s Environment,
    attributes: &Attributes<'_>,
) -> Result<&'s Product, NoRoute> {
    let path = &attributes.path;
    let product = product_below(environment, path.segments())?;
    if !path.path().contains('%') {
        return Ok(product);
    }
    let shorter = path.segments_to_escaped_end();
    let same = |found: Result<&Product, NoRoute>| found.is_ok_and(|own| own.name == product.name);
    let undecoded = same(product_below(environment, path.segments_as_written()));
    let ended = shorter.is_none_or(|shorter| same(product_below(environment, shorter)));
    if undecoded && ended { Ok(product) } else { Err(NoRoute::TwoReadings) }
}

/// The product below whose base path the segments are: the longest base path wins, and two products
/// that share it are told apart by nothing. Where that is the path of one that is left out, there is none.
fn product_below<S: AsRef<str>>(
    environment: &Environment,
    segments: impl IntoIterator<Item = S>,
) -> Result<&Product, NoRoute> {
    let found = environment.products.at(segments).map_err(|Ambiguous| NoRoute::SeveralProducts)?;
    found.ok_or(NoRoute::NoProduct)
}

#[cfg(test)]
mod tests;
