//! `Environment`: the hosts of APIs, and which products are there.

use crate::access_level::LabelRule;
use crate::rule::{rule, rules};
use crate::shared::{Host, Open, Status};
use crate::usage_plan::UsagePlan;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The hosts of APIs, and which products are there.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "portal.gloo.solo.io",
    version = "v1beta1",
    kind = "Environment",
    plural = "environments",
    singular = "environment",
    status = "Status",
    namespaced,
    doc = "The hosts of APIs, which products are there, and the plans by which they are used.",
    printcolumn(name = "Domains", type_ = "string", json_path = ".spec.domains"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "!has(self.apiProducts) || self.apiProducts.all(product, !has(product.usagePlans) || product.usagePlans.all(plan, \
     has(self.parameters) && has(self.parameters.usagePlans) && plan in self.parameters.usagePlans))",
    "expected every plan in apiProducts[].usagePlans to be one of parameters.usagePlans",
)])))]
pub struct EnvironmentSpec {
    /// Its hosts, such as `api.example.com` or `*.api.example.com`. A host belongs to one Portal or
    /// Environment.
    #[schemars(length(min = 1, max = 1000))]
    pub domains: Vec<Host>,
    /// What stands before the paths of its products; `{%version%}` and `{%label:name%}` are filled
    /// in.
    pub base_path: Option<BasePath>,
    /// Name and description for pages.
    pub display_info: Option<Open>,
    /// Which products are here; what one of these selects is.
    #[schemars(length(max = 1000))]
    pub api_products: Option<Vec<ProductSelector>>,
    /// Plans and routes that products refer to.
    pub parameters: Option<Parameters>,
    /// Certificates and options of the gateway.
    pub gateway_config: Option<Open>,
}

/// Chooses products, and says how they are here; all that is given must hold.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProductSelector {
    /// By name.
    #[schemars(length(max = 1000))]
    pub names: Option<Vec<String>>,
    /// By namespace; `*` is all, none is that of the Environment.
    #[schemars(length(max = 1000))]
    pub namespaces: Option<Vec<String>>,
    /// By label.
    #[schemars(length(max = 64))]
    pub labels: Option<Vec<LabelRule>>,
    /// Which of their versions.
    pub versions: Option<VersionSelector>,
    /// What stands before their paths, behind that of the Environment.
    pub base_path: Option<BasePath>,
    /// By which plans they are used here.
    #[schemars(length(max = 64))]
    pub usage_plans: Option<Vec<String>>,
}

/// Chooses versions.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VersionSelector {
    /// By name.
    pub names: Option<Vec<String>>,
    /// By tag.
    pub tags: Option<Vec<String>>,
}

/// The beginning of a path; an empty one is none.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
#[schemars(extend("x-kubernetes-validations" = rule(
    "self == '' || self.startsWith('/')",
    "expected a path that begins with /",
)))]
pub struct BasePath(#[schemars(length(max = 1024))] String);

/// Plans and routes that products refer to.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Parameters {
    /// Plans by name.
    #[schemars(extend("maxProperties" = 1000))]
    pub usage_plans: Option<BTreeMap<String, UsagePlan>>,
    /// Routes by name: of the gateway.
    pub routes: Option<BTreeMap<String, Open>>,
}
