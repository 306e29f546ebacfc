//! Where a request leads: host, then context, then path.
//!
//! Pure: no I/O, no clock.

use super::products::{Missed, Reached, Rest};
use super::{Environment, EnvironmentId, Portal, PortalId, Route, Site, Snapshot};
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
    /// The products that are there list their operations, and this method and path is none.
    #[error("no product of the Environment lists this method and path")]
    NotListed,
    /// Two products of the Environment have this path.
    #[error("several products of the Environment have this path")]
    SeveralProducts,
    /// A server that decodes the path, and one that does not, come to different products, or to none.
    #[error("the path leads elsewhere for a server that decodes it otherwise")]
    TwoReadings,
}

impl Snapshot {
    /// Has every product take whatever path it is named for: for those who do not know the path.
    pub fn forget_operations(&mut self) {
        self.environments
            .iter_mut()
            .for_each(|environment| environment.products.forget_operations());
    }

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
        let reached = match (context(attributes, "product")?, environment.routing) {
            (Some(_), Routing::Context) if !named => return Err(NoRoute::ContextMissing),
            (Some(name), _) => product_named(environment, name, attributes)?,
            (None, Routing::Context) => return Err(NoRoute::ContextMissing),
            (None, Routing::Auto) => product_at(environment, attributes)?,
        };
        let Reached { product, operation } = reached;
        let operation = operation.map(|operation| &**operation);
        Ok(Route::Product { id, environment, product, portal, operation })
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
                    Some(name) if environment.products.named(name).is_empty() => {
                        Err(NoRoute::ContextDisagrees)
                    }
                    Some(_) | None => Ok(()),
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

/// The product that the gateway names. Where it has what it lists alone, every server has to find the path
/// listed.
fn product_named<'s>(
    environment: &'s Environment,
    name: &str,
    attributes: &Attributes<'_>,
) -> Result<Reached<'s>, NoRoute> {
    let named = environment.products.named(name);
    if named.is_empty() {
        return Err(NoRoute::ContextDisagrees);
    }
    let (path, method) = (&attributes.path, attributes.method);
    let found = environment.products.of(name, method, path.segments())?;
    let is_plain = !path.has_escapes();
    if is_plain || named.iter().all(|product| product.rest != Rest::Refused) {
        return Ok(found);
    }
    let undecoded = environment.products.of(name, method, &path.segments_as_written());
    let ended = path.segments_to_escaped_end();
    let ended = ended.map(|shorter| environment.products.of(name, method, &shorter));
    one_reading(found, undecoded, ended)
}

/// The product that a path leads to, however a server reads it: one that decodes nothing, or that
/// decodes an escaped `?` or `#` and ends the path there, must come to the same operation.
fn product_at<'s>(
    environment: &'s Environment,
    attributes: &Attributes<'_>,
) -> Result<Reached<'s>, NoRoute> {
    let (path, method) = (&attributes.path, attributes.method);
    let found = environment.products.at(method, path.segments())?;
    if !path.has_escapes() {
        return Ok(found);
    }
    let undecoded = environment.products.at(method, &path.segments_as_written());
    let ended = path.segments_to_escaped_end();
    let ended = ended.map(|shorter| environment.products.at(method, &shorter));
    one_reading(found, undecoded, ended)
}

/// `found`, where the other readings come to the same.
fn one_reading<'s>(
    found: Reached<'s>,
    undecoded: Result<Reached<'_>, Missed>,
    ended: Option<Result<Reached<'_>, Missed>>,
) -> Result<Reached<'s>, NoRoute> {
    let same = |other: Result<Reached<'_>, Missed>| other.is_ok_and(|other| found.is_same(&other));
    if same(undecoded) && ended.is_none_or(same) { Ok(found) } else { Err(NoRoute::TwoReadings) }
}

impl From<Missed> for NoRoute {
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::Several => Self::SeveralProducts,
            Missed::NotListed => Self::NotListed,
            Missed::Nobody => Self::NoProduct,
        }
    }
}

#[cfg(test)]
mod tests;
