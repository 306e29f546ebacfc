//! The policy in force: immutable, replaced as a whole.
//!
//! Pure: no I/O, no clock.

use super::api_keys::ApiKeys;
use super::caller_groups::{CallerGroups, Places};
use super::grants::Grants;
use super::hosts::Hosts;
use super::logins::Logins;
use super::products::{Product, Products};
use super::{ResourceName, SharedSet, Texts, plans};
use crate::attributes::HostName;
use crate::config::{ClientAuthentication, LONGEST_SHADOW, PortalAccess, Routing, SessionLimits};
use crate::openapi::Operation;
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::token::Issuer;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use url::Url;

/// Index of a Portal in [`Snapshot::portals`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PortalId(pub usize);

/// Index of an Environment in [`Snapshot::environments`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EnvironmentId(pub usize);

/// Everything that a check is judged by. It is made of [`Parts`], and nobody changes it.
#[derive(Debug)]
pub struct Snapshot {
    /// Another one for each snapshot of this process, never 0: for what is remembered by a snapshot.
    pub epoch: u64,
    /// Portals that hold.
    pub portals: Vec<Portal>,
    /// Environments that hold.
    pub environments: Vec<Environment>,
    /// Groups that hold.
    pub groups: Vec<Group>,
    /// API keys in force.
    pub api_keys: ApiKeys,
    pub(super) hosts: Hosts,
    pub(super) grants: Grants,
    pub(super) logins: Logins,
}

/// What a snapshot is made of.
#[derive(Debug, Default)]
pub struct Parts {
    /// Portals that hold, in the order of their ids.
    pub portals: Vec<Portal>,
    /// Environments that hold, in the order of their ids.
    pub environments: Vec<Environment>,
    /// Groups that hold. Of several that grant the same, the first counts.
    pub groups: Vec<Group>,
    /// What host names stand for.
    pub hosts: Hosts,
}

impl From<Parts> for Snapshot {
    fn from(parts: Parts) -> Self {
        let Parts { portals, mut environments, groups, hosts } = parts;
        let mut numbers: Texts<usize> = Texts::default();
        for environment in &mut environments {
            let mut products = std::mem::take(&mut environment.products);
            products.number(|name| {
                let next = numbers.len();
                *numbers.entry(name.as_str().into()).or_insert(next)
            });
            products.plan(|product| {
                plans::of_product(environment, &product.name, &product.usage_plans)
            });
            environment.products = products;
        }
        let grants = Grants::new(&groups, |name| numbers.get(name.as_str()).copied());
        let logins = Logins::new(&portals);
        let (epoch, api_keys) = (next_epoch(), ApiKeys::default());
        Self { epoch, portals, environments, groups, api_keys, hosts, grants, logins }
    }
}

impl Default for Snapshot {
    fn default() -> Self {
        Parts::default().into()
    }
}

/// Numbers snapshots; one that is wrapped around is ages away.
fn next_epoch() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed).saturating_add(1)
}

/// What a host name stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Site {
    /// A Portal's pages.
    Portal(PortalId),
    /// An Environment's APIs.
    Environment(EnvironmentId),
}

/// A Portal that holds.
#[derive(Debug)]
pub struct Portal {
    /// Its name.
    pub name: ResourceName,
    /// `spec.domains`, exact ones, lower case, without port.
    pub hosts: BTreeSet<HostName>,
    /// `spec.portalUrlPrefix` without final slashes: `https://portal.example.com`.
    pub url: Url,
    /// [`Self::url`] and the callback endpoint: what the provider has registered.
    pub redirect_uri: String,
    /// The login; `None` where the Portal has no `oidcAuth`.
    pub login: Option<Login>,
    /// Whether its pages need a login.
    pub access: PortalAccess,
    /// Whether a caller whose e-mail is not verified is refused.
    pub require_verified_email: bool,
    /// Until when it stands in shadow (`portals.*.shadow_until`); see [`Self::is_shadowed`].
    pub shadow_until: Option<UnixTime>,
    /// How long its sessions hold.
    pub session: SessionLimits,
    /// Whether its cookies, and those of its Environments, are `Secure` and `__Host-`.
    pub secure_cookies: bool,
    /// Environments that it publishes, and that hold.
    pub environments: SharedSet<EnvironmentId>,
}

impl Portal {
    /// Whether what it would refuse passes for now. A clock that was set back far makes no shadow longer
    /// than one may be.
    #[must_use]
    pub fn is_shadowed(&self, now: UnixTime) -> bool {
        self.shadow_until.is_some_and(|until| now < until && until.since(now) <= LONGEST_SHADOW)
    }
}

/// `spec.oidcAuth` of a Portal.
#[derive(Clone, Debug)]
pub struct Login {
    /// `issuer`
    pub issuer: Issuer,
    /// `clientId`
    pub client_id: String,
    /// The value that `clientSecret` refers to, without trailing white space.
    pub client_secret: Secret<String>,
    /// How the secret is shown to the provider.
    pub client_authentication: ClientAuthentication,
    /// `groupClaimKey`: the ID token's claim with the caller's groups.
    pub group_claim: String,
    /// `openid` and `additionalScopes`, each once, in order.
    pub scopes: Vec<String>,
}

impl Login {
    /// Whether refresh tokens are asked for.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.scopes.iter().any(|scope| scope == "offline_access")
    }
}

/// An Environment that holds.
#[derive(Debug)]
pub struct Environment {
    /// Its name.
    pub name: ResourceName,
    /// `spec.domains`, exact ones, lower case, without port. Only these take cookie logins.
    pub hosts: BTreeSet<HostName>,
    /// Its products, each once for every base path that it has here, and the base paths of those that it
    /// does not hold for a fault of theirs.
    pub products: Products,
    /// Portals that publish it.
    pub portals: SharedSet<PortalId>,
    /// How the product of a request is found.
    pub routing: Routing,
    /// Audiences of access tokens that are for this Environment: its own and the general ones.
    pub audiences: BTreeSet<String>,
    /// Usage plans that it defines, by name (`spec.parameters.usagePlans`).
    pub plans: BTreeMap<String, UsagePlan>,
    /// Issuers that a usage plan's `oauth.jwtValidation` names, valid here only.
    pub plan_issuers: Vec<PlanIssuer>,
    /// Where access tokens carry groups, if not where the Portal says.
    pub group_claim: Option<String>,
    /// Whether a Portal publishes it, or may, that is left out for a problem: then what the others say of
    /// it is not all.
    pub is_published_by_left_out: bool,
}

/// Usage plan `authPolicy.oauth.jwtValidation`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlanIssuer {
    /// Name of the plan.
    pub plan: Arc<str>,
    /// `issuer`
    pub issuer: Issuer,
    /// `remoteJwks.url`
    pub jwks_url: Url,
    /// The Portal that vouches for its groups (`environments.<name>.portal`).
    pub portal: Option<PortalId>,
}

/// A usage plan as an Environment defines it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UsagePlan {
    /// Which credential it takes.
    pub auth: PlanAuth,
    /// How much it allows; `None`: without limit.
    pub rate_limit: Option<RateLimit>,
}

/// Which credential a plan takes (`authPolicy`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PlanAuth {
    /// `apiKey`
    ApiKey,
    /// `oauth`
    OAuth,
    /// The plan says none.
    Unsaid,
}

/// Requests that a plan allows (`rateLimit`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RateLimit {
    /// `requestsPerUnit`; the resources have no more than [`u32::MAX`].
    pub requests_per_unit: u64,
    /// `unit`
    pub unit: LimitUnit,
}

/// How long the windows of a limit are. They are aligned: each begins at a whole number of units since
/// 1970.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum LimitUnit {
    /// `SECOND`
    Second,
    /// `MINUTE`
    Minute,
    /// `HOUR`
    Hour,
    /// `DAY`
    Day,
}

impl LimitUnit {
    /// Every unit, with what the resources call it.
    pub const ALL: [(&str, Self); 4] = [
        ("SECOND", Self::Second),
        ("MINUTE", Self::Minute),
        ("HOUR", Self::Hour),
        ("DAY", Self::Day),
    ];

    /// As it is written in resources and metadata.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "SECOND",
            Self::Minute => "MINUTE",
            Self::Hour => "HOUR",
            Self::Day => "DAY",
        }
    }

    /// How long it is.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 24 * 3600,
        }
    }
}

/// A Group that holds.
#[derive(Debug)]
pub struct Group {
    /// Its name.
    pub name: ResourceName,
    /// `oidcGroup.groupNames`
    pub claim_values: BTreeSet<String>,
    /// Portals whose callers it applies to: those of `accessLevel.portals`, or all where it names
    /// none and all share one issuer.
    pub applies_to: SharedSet<PortalId>,
    /// Portals that it lets its members into: those that it names.
    pub portals: SharedSet<PortalId>,
    /// What it grants.
    pub grants: Vec<Granted>,
}

impl Group {
    /// Whether it grants `product` in `environment`.
    #[must_use]
    pub fn grants(&self, environment: EnvironmentId, product: &ResourceName) -> bool {
        let grants = |granted: &Granted| {
            granted.environments.contains(&environment) && granted.products.contains(product)
        };
        self.grants.iter().any(grants)
    }
}

/// These products in these Environments. Groups that select the same share the sets.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Granted {
    /// Which products.
    pub products: SharedSet<ResourceName>,
    /// Where.
    pub environments: SharedSet<EnvironmentId>,
    /// By which usage plans; `None`: by any.
    pub plans: Option<SharedSet<Box<str>>>,
}

/// Where a request leads.
#[derive(Clone, Copy, Debug)]
pub enum Route<'s> {
    /// To a Portal's pages.
    Portal(PortalId, &'s Portal),
    /// To a product of an Environment.
    Product {
        /// Which Environment.
        id: EnvironmentId,
        /// The same.
        environment: &'s Environment,
        /// Which product.
        product: &'s Product,
        /// The Portal that the gateway's context names, or the only one that publishes it.
        portal: Option<PortalId>,
        /// The operation that the product lists; `None` where the path is the product's without that.
        operation: Option<&'s Operation>,
    },
}

/// Who asks, as far as policy needs to know.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Membership {
    /// Portals that vouch for the caller: those whose login, or whose provider, says who it is.
    pub portals: SharedSet<PortalId>,
    /// Values of the groups claim.
    pub groups: CallerGroups,
}

/// Why a request may pass.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Grant {
    /// The places of those of the caller's groups that led to a Group which grants it.
    pub(super) places: Places,
    /// The Portal through which it is granted.
    pub portal: Option<PortalId>,
}

impl Grant {
    /// Granted through `portal`, for the groups at these places of the caller's, in their order.
    pub fn new(portal: Option<PortalId>, places: impl IntoIterator<Item = usize>) -> Self {
        let mut grant = Self { portal, ..Self::default() };
        places.into_iter().for_each(|place| grant.places.insert(place));
        grant
    }

    /// The values of `caller`'s groups claim that led to a Group which grants it, each once. `caller` is
    /// whom it was given to.
    pub fn groups<'c>(&self, caller: &'c Membership) -> impl Iterator<Item = &'c str> {
        let groups = caller.groups.iter().enumerate();
        groups.filter(|(place, _)| self.places.contains(*place)).map(|(_, value)| value)
    }
}
