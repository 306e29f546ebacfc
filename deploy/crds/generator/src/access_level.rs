//! `accessLevel` of Groups and Users, and the selectors in it.

use crate::rule::rule;
use crate::shared::ObjectRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is granted.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessLevel {
    /// The Portals that may be entered, and the only ones through which this applies. None named:
    /// it applies through every Portal, as long as all share one issuer.
    #[schemars(length(max = 1000))]
    pub portals: Option<Vec<ObjectRef>>,
    /// Products in Environments; what one of them selects is granted.
    #[schemars(length(max = 1000))]
    pub apis: Option<Vec<ApiSelector>>,
}

/// These products in these Environments.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiSelector {
    /// Which APIProducts. Required, since `{}` is everything.
    pub products: ResourceSelector,
    /// In which Environments. Required, since `{}` is everything.
    pub environments: ResourceSelector,
    /// Which usage plans may be used there; `*` is all.
    #[schemars(length(max = 64))]
    pub usage_plans: Option<Vec<String>>,
}

/// Chooses resources; all that is given must hold.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceSelector {
    /// By name.
    #[schemars(length(max = 1000))]
    pub names: Option<Vec<String>>,
    /// By namespace; `*` is all, none is that of the resource with the selector.
    #[schemars(length(max = 1000))]
    pub namespaces: Option<Vec<String>>,
    /// By label.
    #[schemars(length(max = 64))]
    pub labels: Option<Vec<LabelRule>>,
}

/// What a label must be.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rule(
    "self.operator in ['Exists', 'DoesNotExist'] ? !has(self.values) || self.values.size() == 0 : has(self.values) && \
     (self.operator in ['In', 'NotIn'] ? self.values.size() > 0 : self.values.size() == 1)",
    "expected no values for Exists and DoesNotExist, one for Equals, DoubleEquals and NotEquals, some for In and NotIn",
)))]
pub struct LabelRule {
    /// The label.
    #[schemars(length(min = 1, max = 317))]
    pub key: String,
    /// How it is compared.
    pub operator: Operator,
    /// What it is compared with.
    #[schemars(length(max = 64))]
    pub values: Option<Vec<String>>,
}

/// How a label is compared.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
pub enum Operator {
    // No text of their own: each would become a schema of its own.
    #[allow(missing_docs)]
    Equals,
    #[allow(missing_docs)]
    DoubleEquals,
    #[allow(missing_docs)]
    In,
    #[allow(missing_docs)]
    NotEquals,
    #[allow(missing_docs)]
    NotIn,
    #[allow(missing_docs)]
    Exists,
    #[allow(missing_docs)]
    DoesNotExist,
}
