//! Usage plans of an Environment.

use crate::rule::rule;
use crate::shared::{Open, Url};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How callers prove who they are, and how much they may call.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsagePlan {
    /// Shown on pages.
    pub display_name: Option<String>,
    /// Shown on pages.
    pub description: Option<String>,
    /// How callers prove who they are.
    pub auth_policy: Option<AuthPolicy>,
    /// How much they may call; none is no limit. Portcullis tells it to the gateway.
    pub rate_limit: Option<RateLimit>,
}

/// One way to prove who one is.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rule(
    "!(has(self.apiKey) && has(self.oauth))",
    "expected either apiKey or oauth, found both",
)))]
pub struct AuthPolicy {
    /// By the header `api-key`.
    pub api_key: Option<Open>,
    /// By a token.
    pub oauth: Option<Oauth>,
}

/// By a token.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Oauth {
    /// For pages that try an API out.
    pub authorization_url: Option<String>,
    /// For pages that try an API out.
    pub token_url: Option<String>,
    /// What a token must be.
    pub jwt_validation: Option<JwtValidation>,
}

/// What a token must be.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JwtValidation {
    /// Its issuer; counts in this Environment only.
    pub issuer: Url,
    /// The issuer's keys.
    pub remote_jwks: RemoteJwks,
}

/// Keys at an address.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rule(
    "self.url.matches('^[Hh][Tt][Tt][Pp][Ss]?://[^\\\\s/?#@]+(/[^\\\\s#]*)?$')",
    "expected an https or http URL without user and fragment, such as https://example.okta.com/oauth2/v1/keys",
)))]
pub struct RemoteJwks {
    /// Where they are.
    #[schemars(length(min = 1, max = 2048))]
    pub url: String,
    /// How often Gloo fetches them; Portcullis fetches them when they are due.
    pub refresh_interval: Option<String>,
}

/// So many requests in so long a time.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// So many requests.
    #[schemars(range(min = 0, max = 4294967295u32))]
    pub requests_per_unit: i64,
    /// The time.
    pub unit: Unit,
}

/// A unit of time.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub enum Unit {
    #[allow(missing_docs)]
    Second,
    #[allow(missing_docs)]
    Minute,
    #[allow(missing_docs)]
    Hour,
    #[allow(missing_docs)]
    Day,
}
