//! Resources as written: typed, not yet judged against each other.
//!
//! Pure: no I/O, no clock.

use super::Selector;
use super::snapshot::{PlanAuth, RateLimit};
use crate::api_key::KeyDigest;
use crate::document::{At, Located};
use crate::name::{ResourceId, ResourceName};
use crate::problem::{Problem, Severity};
use crate::secret::Secret;
use crate::time::UnixTime;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Which document a resource was read from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    /// Kind and name.
    pub id: ResourceId,
    /// The file, for messages.
    pub file: Arc<str>,
    /// Where its document begins, from 1.
    pub line: usize,
}

impl Origin {
    /// A problem of this resource.
    #[must_use]
    pub fn problem(&self, severity: Severity, at: &At, message: impl Into<String>) -> Problem {
        Problem {
            file: Arc::clone(&self.file),
            line: at.line,
            path: at.path.clone(),
            severity,
            message: message.into(),
            resource: Some(self.id.clone()),
        }
    }

    /// The whole document, as a place.
    #[must_use]
    pub const fn at(&self) -> At {
        At { line: self.line, path: String::new() }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &ResourceName {
        &self.id.name
    }
}

/// A resource of which there is a document, whether it could be read or not.
#[derive(Clone, Debug)]
pub struct Slot<T> {
    /// Its name.
    pub name: ResourceName,
    /// Its place in the order of reading, over all kinds.
    pub order: usize,
    /// What it says; `None` where that has an error.
    pub current: Option<T>,
}

/// Everything that was read.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    /// `Portal`
    pub portals: Vec<Slot<Portal>>,
    /// `Group`
    pub groups: Vec<Slot<Group>>,
    /// `APIProduct`
    pub products: Vec<Slot<ApiProduct>>,
    /// `Environment`
    pub environments: Vec<Slot<Environment>>,
    /// `APIDoc`
    pub docs: Vec<Slot<ApiDoc>>,
    /// `Secret`
    pub secrets: Vec<Slot<SecretData>>,
    /// `Secret` of type `extauth.solo.io/apikey`
    pub api_keys: Vec<Slot<ApiKey>>,
    /// `User`
    pub users: Vec<Slot<User>>,
    /// Whether there may be Users that nobody has heard of: their list could never be had.
    pub users_unknown: bool,
    /// `ConfigMap`
    pub config_maps: Vec<Slot<ConfigMapData>>,
    /// Every resource of which there is a document: a reference to one leads somewhere.
    pub declared: BTreeSet<ResourceId>,
}

/// A Portal as written.
#[derive(Clone, Debug)]
pub struct Portal {
    /// Its document.
    pub origin: Origin,
    /// `spec.domains`
    pub domains: Vec<Located<String>>,
    /// `spec.portalUrlPrefix`, or `spec.oidcAuth.callbackUrlPrefix` of v1alpha1.
    pub url_prefix: Option<Located<String>>,
    /// `spec.publishedEnvironments`
    pub published: Vec<Located<ResourceName>>,
    /// `spec.allApisPublicViewable`
    pub public: bool,
    /// `spec.oidcAuth`
    pub oidc: Option<OidcAuth>,
}

/// `spec.oidcAuth` as written.
#[derive(Clone, Debug)]
pub struct OidcAuth {
    /// Where it stands.
    pub at: At,
    /// `issuer`
    pub issuer: Option<Located<String>>,
    /// `clientId`
    pub client_id: Option<Located<String>>,
    /// `clientSecret`
    pub client_secret: Option<Located<SecretReference>>,
    /// `groupClaimKey`
    pub group_claim: Option<String>,
    /// `additionalScopes`
    pub additional_scopes: Vec<Located<String>>,
}

/// One key of a Secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SecretReference {
    /// The Secret.
    pub name: ResourceName,
    /// The key in its data.
    pub key: String,
}

/// A Group as written.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its document.
    pub origin: Origin,
    /// `spec.oidcGroup.groupNames`, and the deprecated `groupName`.
    pub claim_values: Vec<Located<String>>,
    /// `spec.accessLevel.portals`
    pub portals: Vec<Located<ResourceName>>,
    /// `spec.accessLevel.apis`, or `apiProducts` of v1alpha1.
    pub apis: Vec<ApiSelector>,
    /// `spec.userSelector`: the Users that belong to it, by their labels.
    pub users: Option<Selector>,
}

/// A User as written.
#[derive(Clone, Debug)]
pub struct User {
    /// Its document.
    pub origin: Origin,
    /// `metadata.labels`
    pub labels: BTreeMap<String, String>,
    /// `spec.username`
    pub username: Arc<str>,
    /// `spec.accessLevel.portals`
    pub portals: Vec<Located<ResourceName>>,
    /// `spec.accessLevel.apis`, or `apiProducts` of v1alpha1.
    pub apis: Vec<ApiSelector>,
    /// Whether all of it could be read: the rest grants nothing.
    pub is_whole: bool,
}

/// An API key as written: a Secret of type `extauth.solo.io/apikey`. The key itself is not kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiKey {
    /// Its document.
    pub origin: Origin,
    /// What stands for the key.
    pub digest: KeyDigest,
    /// What it is for. Keys for the same share it.
    pub terms: Arc<KeyTerms>,
    /// `username`: whose it is.
    pub username: Option<Arc<str>>,
    /// `expires`: from then on it counts no more.
    pub expires: Option<UnixTime>,
}

/// What an API key is for.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct KeyTerms {
    /// `environment`
    pub environment: ResourceName,
    /// `product`
    pub product: ResourceName,
    /// `plan`
    pub plan: String,
}

/// One entry of `accessLevel.apis`: these products in these Environments.
#[derive(Clone, Debug)]
pub struct ApiSelector {
    /// Where it stands.
    pub at: At,
    /// `products`
    pub products: Selector,
    /// `environments`
    pub environments: Selector,
    /// `usagePlans`: which plans the members may use; `*`, or none at all: any.
    pub usage_plans: Vec<String>,
}

/// An `APIProduct` as written.
#[derive(Clone, Debug)]
pub struct ApiProduct {
    /// Its document.
    pub origin: Origin,
    /// `metadata.labels`
    pub labels: BTreeMap<String, String>,
    /// `spec.usagePlans`
    pub usage_plans: Vec<Located<String>>,
    /// `spec.versions`
    pub versions: Vec<Version>,
}

/// One of `spec.versions`.
#[derive(Clone, Debug)]
pub struct Version {
    /// `name`
    pub name: String,
    /// `tags`
    pub tags: BTreeSet<String>,
    /// `apis`
    pub apis: Vec<Api>,
}

/// One of a version's `apis`.
#[derive(Clone, Debug)]
pub struct Api {
    /// `apiDoc`
    pub doc: Option<Located<ResourceName>>,
    /// `openApi.operations[].id`; none: all operations of the document.
    pub operations: Vec<Located<String>>,
    /// `includeUnlistedOperations`
    pub include_unlisted: bool,
}

/// An `APIDoc` as written.
#[derive(Clone, Debug)]
pub struct ApiDoc {
    /// Its document.
    pub origin: Origin,
    /// Where the description is; `None` where it names none that is read here.
    pub content: Option<Located<DocContent>>,
}

/// `spec.openApi.content`
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DocContent {
    /// `inlineString` or `inlineBytes`
    Inline(Arc<str>),
    /// `configMap`
    ConfigMap(ConfigMapReference),
    /// `fetchUrl`
    Fetch(String),
}

/// One key of a ConfigMap.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigMapReference {
    /// The ConfigMap.
    pub name: ResourceName,
    /// The key in its data.
    pub key: String,
}

/// A ConfigMap.
#[derive(Clone, Debug)]
pub struct ConfigMapData {
    /// The file that it was read from, for messages.
    pub file: Arc<str>,
    /// By key; `None` for a value that can be no API document, and was not kept.
    pub values: BTreeMap<String, Option<Arc<str>>>,
}

/// An Environment as written.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Its document.
    pub origin: Origin,
    /// `metadata.labels`
    pub labels: BTreeMap<String, String>,
    /// `spec.domains`
    pub domains: Vec<Located<String>>,
    /// `spec.basePath`
    pub base_path: Option<Located<String>>,
    /// `spec.apiProducts`
    pub products: Vec<ProductSelector>,
    /// `spec.parameters.usagePlans`
    pub plans: BTreeMap<String, UsagePlan>,
}

/// One entry of `spec.apiProducts`.
#[derive(Clone, Debug)]
pub struct ProductSelector {
    /// Where it stands.
    pub at: At,
    /// `names`, `namespaces`, `labels`
    pub products: Selector,
    /// `versions.names`
    pub version_names: BTreeSet<String>,
    /// `versions.tags`
    pub version_tags: BTreeSet<String>,
    /// `basePath`: stands in for the Environment's.
    pub base_path: Option<Located<String>>,
    /// `usagePlans`
    pub usage_plans: Vec<Located<String>>,
}

impl ProductSelector {
    /// Whether it takes this version: by its name, or by one of its tags; any where it names none.
    #[must_use]
    pub fn takes(&self, version: &Version) -> bool {
        let any = self.version_names.is_empty() && self.version_tags.is_empty();
        any || self.version_names.contains(&version.name)
            || !self.version_tags.is_disjoint(&version.tags)
    }
}

/// One of `spec.parameters.usagePlans`.
#[derive(Clone, Debug)]
pub struct UsagePlan {
    /// Where it stands.
    pub at: At,
    /// `authPolicy`
    pub auth: PlanAuth,
    /// `rateLimit`
    pub rate_limit: Option<RateLimit>,
    /// `authPolicy.oauth.jwtValidation`
    pub jwt: Option<JwtValidation>,
}

/// `jwtValidation` of a plan.
#[derive(Clone, Debug)]
pub struct JwtValidation {
    /// `issuer`
    pub issuer: Located<String>,
    /// `remoteJwks.url`
    pub jwks_url: Located<String>,
}

/// A Secret: its values without trailing white space; those that are no text are left out.
#[derive(Clone, Debug)]
pub struct SecretData {
    /// The file that it was read from, for messages.
    pub file: Arc<str>,
    /// By key.
    pub values: BTreeMap<String, Secret<String>>,
}
