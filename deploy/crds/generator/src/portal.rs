//! `Portal`: the pages, and the login.

use crate::rule::{rule, rules};
use crate::shared::{DataSource, Host, KeyRef, ObjectRef, Open, Status, Url};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A portal for the users of APIs: its hosts, its login, and the Environments that it publishes.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "portal.gloo.solo.io",
    version = "v1beta1",
    kind = "Portal",
    plural = "portals",
    singular = "portal",
    status = "Status",
    namespaced,
    doc = "A portal: its hosts, its login at an OpenID provider, and the Environments whose APIs its users may call.",
    printcolumn(
        name = "URL",
        type_ = "string",
        json_path = ".spec.portalUrlPrefix",
        description = "its own URL"
    ),
    printcolumn(
        name = "Issuer",
        type_ = "string",
        json_path = ".spec.oidcAuth.issuer",
        description = "who signs its users in"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    (
        "!has(self.oidcAuth) || has(self.portalUrlPrefix) || has(self.oidcAuth.callbackUrlPrefix)",
        "expected portalUrlPrefix, the Portal's own URL: the redirect URI of the login is made from it",
    ),
    (
        // Within what the API server lets a rule cost for a thousand domains.
        "!has(self.portalUrlPrefix) || self.domains.exists(domain, \
         self.portalUrlPrefix.lowerAscii().find('//[^:/]*[^:/.]') == '//' + domain.lowerAscii().find('^[^:]*[^:.]'))",
        "expected the host of portalUrlPrefix to be among domains by its full name: the login returns to it",
    ),
])))]
pub struct PortalSpec {
    /// Shown on its pages.
    pub display_name: Option<String>,
    /// Shown on its pages.
    pub description: Option<String>,
    /// Its hosts, such as `portal.example.com`; Portcullis matches them with and without port. A
    /// host belongs to one Portal or Environment.
    #[schemars(length(min = 1, max = 1000))]
    pub domains: Vec<Host>,
    /// Its own URL. The redirect URI of the login is this, `/callback` behind it; its host is among
    /// `domains`.
    pub portal_url_prefix: Option<Url>,
    /// The Environments whose APIs its users may call.
    pub published_environments: Option<Vec<ObjectRef>>,
    /// Whether visitors may see the pages without signing in.
    pub all_apis_public_viewable: Option<bool>,
    /// The login.
    pub oidc_auth: Option<OidcAuth>,
    /// A picture for its pages.
    pub primary_logo: Option<DataSource>,
    /// A picture for its pages.
    pub favicon: Option<DataSource>,
    /// A picture for its pages.
    pub banner: Option<DataSource>,
    /// Colours and style sheets of its pages.
    pub custom_styling: Option<Open>,
    /// Pages of its own.
    pub static_pages: Option<Vec<Page>>,
    /// Pages of its own that are told who looks at them.
    pub dynamic_pages: Option<Vec<Page>>,
    /// The certificate of its hosts.
    pub tls: Option<Open>,
}

/// The login at an OpenID provider.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcAuth {
    /// The issuer, character by character as the provider writes it, such as
    /// `https://example.okta.com/oauth2/default`.
    pub issuer: Url,
    /// The client id that the provider gave to this Portal.
    #[schemars(length(min = 1, max = 1024))]
    pub client_id: String,
    /// The key of a Secret with the client secret. A public client has none.
    pub client_secret: Option<KeyRef>,
    /// The claim of the ID token with the user's groups: an array of strings, or one string.
    #[schemars(length(min = 1, max = 256))]
    pub group_claim_key: Option<String>,
    /// Scopes besides `openid`.
    #[schemars(length(max = 64))]
    pub additional_scopes: Option<Vec<Scope>>,
    /// The Portal's own URL as the first version had it; `portalUrlPrefix` goes before.
    pub callback_url_prefix: Option<Url>,
}

/// A scope (RFC 6749 §3.3).
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
#[schemars(extend("x-kubernetes-validations" = rule(
    r#"self.matches('^[!#-\\[\\]-~]+$')"#,
    "expected one scope, without spaces and quotes",
)))]
pub struct Scope(#[schemars(length(min = 1, max = 256))] String);

/// A page of a portal.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// Its name.
    pub name: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// Its path below the portal.
    pub path: Option<String>,
    /// The text of the link that leads to it.
    pub navigation_link_name: Option<String>,
    /// Whether the home page shows it.
    pub display_on_homepage: Option<bool>,
    /// What it shows.
    pub content: Option<DataSource>,
}
