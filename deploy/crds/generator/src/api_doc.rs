//! `APIDoc`: the description of an API.

use crate::shared::{DataSource, Open, Status};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The description of an API.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "portal.gloo.solo.io",
    version = "v1beta1",
    kind = "APIDoc",
    plural = "apidocs",
    singular = "apidoc",
    status = "Status",
    namespaced,
    doc = "The description of an API: its operations, by OpenAPI or by gRPC reflection.",
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct ApiDocSpec {
    /// An OpenAPI document.
    pub open_api: Option<OpenApi>,
    /// A gRPC server that describes itself, or its descriptors.
    pub grpc: Option<Open>,
}

/// An OpenAPI document.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenApi {
    /// Where it is.
    pub content: Option<DataSource>,
}
