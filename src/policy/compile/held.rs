//! Resources that hold: judged one by one, references to Secrets followed.
//!
//! Pure: no I/O, no clock.

use super::docs::HeldDoc;
use super::domains::Domains;
use crate::config::{PortalAccess, Routing, SessionLimits};
use crate::document::{At, Located};
use crate::name::ResourceName;
use crate::policy::Selector;
use crate::policy::resource::{
    ApiKey, ApiProduct, ApiSelector, ConfigMapData, Origin, ProductSelector, SecretData, UsagePlan,
    User,
};
use crate::policy::snapshot::Login;
use crate::time::UnixTime;
use crate::token::Issuer;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use url::Url;

/// Every resource in the version that is in force.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// Portals by name.
    pub portals: BTreeMap<ResourceName, Arc<HeldPortal>>,
    /// Environments by name.
    pub environments: BTreeMap<ResourceName, Arc<HeldEnvironment>>,
    /// Groups by name.
    pub groups: BTreeMap<ResourceName, Arc<HeldGroup>>,
    /// Products by name.
    pub products: BTreeMap<ResourceName, Arc<ApiProduct>>,
    /// APIDocs by name.
    pub docs: BTreeMap<ResourceName, Arc<HeldDoc>>,
    /// ConfigMaps by name.
    pub config_maps: BTreeMap<ResourceName, Arc<ConfigMapData>>,
    /// Secrets by name.
    pub secrets: BTreeMap<ResourceName, Arc<SecretData>>,
    /// API keys by the names of their Secrets, those too that another one has as well.
    pub api_keys: BTreeMap<ResourceName, Arc<ApiKey>>,
    /// Users by name.
    pub users: BTreeMap<ResourceName, Arc<User>>,
    /// Host names of Portals and Environments that do not hold and never did.
    pub left_out: Domains,
    /// Environments that a Portal publishes that does not hold and never did.
    pub published_by_left_out: BTreeSet<ResourceName>,
    /// Whether there is a Portal that cannot be read and never could: it may publish any.
    pub has_unread_portal: bool,
}

/// A Portal that holds.
#[derive(Clone, Debug)]
pub struct HeldPortal {
    /// Its document.
    pub origin: Origin,
    /// Its host names.
    pub domains: Domains,
    /// Its own address.
    pub url: Url,
    /// Where its address stands.
    pub url_at: At,
    /// What the provider has registered.
    pub redirect_uri: String,
    /// Its login.
    pub login: Option<Login>,
    /// Where its login stands.
    pub login_at: At,
    /// Whether its pages need a login.
    pub access: PortalAccess,
    /// Whether the e-mail has to be verified.
    pub require_verified_email: bool,
    /// Until when it stands in shadow.
    pub shadow_until: Option<UnixTime>,
    /// How long its sessions hold.
    pub session: SessionLimits,
    /// Whether cookies are `Secure`.
    pub secure_cookies: bool,
    /// Environments that it names.
    pub published: Vec<Located<ResourceName>>,
}

/// An Environment that holds.
#[derive(Clone, Debug)]
pub struct HeldEnvironment {
    /// Its document.
    pub origin: Origin,
    /// `metadata.labels`
    pub labels: BTreeMap<String, String>,
    /// Its host names.
    pub domains: Domains,
    /// `basePath`, placeholders in it.
    pub base_path: Option<Located<String>>,
    /// Which products it takes.
    pub products: Vec<ProductSelector>,
    /// Its usage plans.
    pub plans: BTreeMap<String, UsagePlan>,
    /// Issuers of its plans, by plan.
    pub plan_issuers: Vec<(String, Issuer, Url)>,
    /// How the product of a request is found.
    pub routing: Routing,
    /// Audiences of access tokens: its own and the general ones.
    pub audiences: BTreeSet<String>,
    /// The Portal that vouches for the tokens of a plan's issuer.
    pub portal: Option<ResourceName>,
    /// Where access tokens carry groups.
    pub group_claim: Option<String>,
}

/// A Group that holds.
#[derive(Clone, Debug)]
pub struct HeldGroup {
    /// Its document.
    pub origin: Origin,
    /// Names in the claim.
    pub claim_values: Vec<Located<String>>,
    /// Portals that it names.
    pub portals: Vec<Located<ResourceName>>,
    /// What it grants.
    pub apis: Vec<ApiSelector>,
    /// The Users that belong to it.
    pub users: Option<Selector>,
}
