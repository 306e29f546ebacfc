//! `APIProduct`: APIs that belong together.

use crate::shared::{ObjectRef, Open, Status};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// APIs that belong together, in versions.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "portal.gloo.solo.io",
    version = "v1beta1",
    kind = "APIProduct",
    plural = "apiproducts",
    singular = "apiproduct",
    status = "Status",
    namespaced,
    doc = "APIs that belong together, in versions: what Groups grant and Environments hold.",
    printcolumn(name = "Versions", type_ = "string", json_path = ".spec.versions[*].name"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct ApiProductSpec {
    /// Title, description and picture for pages.
    pub display_info: Option<Open>,
    /// Plans that every Environment with this product defines.
    #[schemars(length(max = 64))]
    pub usage_plans: Option<Vec<String>>,
    /// Its versions.
    #[schemars(length(max = 1000))]
    pub versions: Option<Vec<Version>>,
}

/// A version of a product.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// Its name, such as `v1`.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Tags that Environments select by, each with `{}` behind it.
    pub tags: Option<BTreeMap<String, Open>>,
    /// The APIs in it.
    pub apis: Option<Vec<Api>>,
    /// Title and description for pages.
    pub display_info: Option<Open>,
    /// Where its requests go: of the gateway.
    pub gateway_config: Option<Open>,
    /// Where its requests go, as the first version had it.
    pub default_route: Option<Open>,
}

/// An API of a version.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Api {
    /// The APIDoc that describes it.
    pub api_doc: Option<ObjectRef>,
    /// Which of its operations; without it all.
    pub open_api: Option<Operations>,
    /// Which of its methods.
    pub grpc: Option<Open>,
    /// Where its requests go: of the gateway.
    pub gateway_config: Option<Open>,
    /// Whether operations that are not listed belong to it too.
    pub include_unlisted_operations: Option<bool>,
}

/// A choice of the operations of an OpenAPI document.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Operations {
    /// Those that belong to the product.
    #[schemars(length(max = 1000))]
    pub operations: Option<Vec<OperationChoice>>,
}

/// One operation of a document.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationChoice {
    /// Its `operationId`.
    #[schemars(length(min = 1, max = 1024))]
    pub id: String,
    /// Where its requests go: of the gateway.
    pub gateway_config: Option<Open>,
}
