//! The policy in force: immutable, replaced as a whole.
//!
//! Pure: no I/O, no clock.

use super::ResourceName;
use crate::attributes::HostName;
use crate::config::{ClientAuthentication, PortalAccess, Routing, SessionLimits};
use crate::secret::Secret;
use crate::token::Issuer;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use url::Url;

/// Index of a Portal in [`Snapshot::portals`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PortalId(pub usize);

/// Index of an Environment in [`Snapshot::environments`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EnvironmentId(pub usize);

/// Everything that a check is judged by.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Portals that hold.
    pub portals: Vec<Portal>,
    /// Environments that hold.
    pub environments: Vec<Environment>,
    /// Groups that hold.
    pub groups: Vec<Group>,
    /// Exact host names. `None`: of a resource that is left out, and so of no other one either.
    pub(super) hosts: HashMap<String, Option<Site>>,
    /// `*.example.com`, kept as `example.com`; the longest that matches wins.
    pub(super) wildcards: HashMap<String, Option<Site>>,
    /// Ports that `spec.domains` names, by host name. Hosts match whatever their port; these say
    /// where a browser may be sent.
    pub(super) ports: HashMap<String, BTreeSet<u16>>,
    /// For each name in a claim, the Groups that it puts a caller into.
    pub(super) groups_by_claim: HashMap<String, Vec<usize>>,
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
    /// How long its sessions hold.
    pub session: SessionLimits,
    /// Whether its cookies, and those of its Environments, are `Secure` and `__Host-`.
    pub secure_cookies: bool,
    /// Environments that it publishes, and that hold.
    pub environments: BTreeSet<EnvironmentId>,
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
    /// Its products, each once for every base path that it has here.
    pub products: Vec<Product>,
    /// Base paths of products that it does not hold for a fault of theirs: nobody's, and so not those
    /// of a product with a shorter one either.
    pub left_out: BTreeSet<Vec<String>>,
    /// Portals that publish it.
    pub portals: BTreeSet<PortalId>,
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
}

/// Usage plan `authPolicy.oauth.jwtValidation`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlanIssuer {
    /// Name of the plan.
    pub plan: String,
    /// `issuer`
    pub issuer: Issuer,
    /// `remoteJwks.url`
    pub jwks_url: Url,
    /// The Portal that vouches for its groups (`environments.<name>.portal`).
    pub portal: Option<PortalId>,
}

/// An `APIProduct` in an Environment, below one base path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Product {
    /// Its name.
    pub name: ResourceName,
    /// Path segments that its requests begin with; none: every path.
    pub base_path: Vec<String>,
    /// Names of its usage plans here, defined by the Environment.
    pub usage_plans: Vec<String>,
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
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RateLimit {
    /// `requestsPerUnit`
    pub requests_per_unit: u64,
    /// `unit`: `SECOND`, `MINUTE`, `HOUR` or `DAY`.
    pub unit: String,
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
    pub applies_to: BTreeSet<PortalId>,
    /// Portals that it lets its members into: those that it names.
    pub portals: BTreeSet<PortalId>,
    /// What it grants: product names by Environment.
    pub products: BTreeMap<EnvironmentId, BTreeSet<ResourceName>>,
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
    },
}

/// Who asks, as far as policy needs to know.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Membership {
    /// Portals that vouch for the caller: those whose login, or whose provider, says who it is.
    pub portals: BTreeSet<PortalId>,
    /// Values of the groups claim.
    pub groups: Vec<String>,
}

/// Why a request may pass.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Grant {
    /// Claim values that led to a Group which grants it, each once.
    pub groups: Vec<String>,
    /// The Portal through which it is granted.
    pub portal: Option<PortalId>,
}
