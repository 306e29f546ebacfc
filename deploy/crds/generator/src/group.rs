//! `Group`: who may do what.

use crate::access_level::AccessLevel;
use crate::rule::rule;
use crate::shared::Status;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A group of users: who is in it, and what it grants.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "portal.gloo.solo.io",
    version = "v1beta1",
    kind = "Group",
    plural = "groups",
    singular = "group",
    status = "Status",
    namespaced,
    doc = "A group of users: who is in it, by the groups that the provider names, and what it grants.",
    printcolumn(
        name = "Groups",
        type_ = "string",
        json_path = ".spec.oidcGroup.groupNames",
        description = "the provider's groups that put a user into it"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct GroupSpec {
    /// Shown on pages.
    pub display_name: Option<String>,
    /// Shown on pages.
    pub description: Option<String>,
    /// What its members may do.
    pub access_level: Option<AccessLevel>,
    /// Who is in it, by the groups in the ID token.
    pub oidc_group: Option<OidcGroup>,
    /// Whose API keys it counts for, by labels of User resources. Nobody signs in by this.
    pub user_selector: Option<UserSelector>,
}

/// Users by their labels.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserSelector {
    /// All of these; none selects nobody.
    pub match_labels: Option<BTreeMap<String, String>>,
    /// By namespace; `*` is all, none is that of the Group.
    #[schemars(length(max = 1000))]
    pub namespaces: Option<Vec<String>>,
}

/// Members by the groups in the ID token.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rule(
    "has(self.groupName) || (has(self.groupNames) && self.groupNames.size() > 0)",
    "expected groupNames, at least one: without any, nobody is in this Group",
)))]
pub struct OidcGroup {
    /// The provider's groups; a user in one of them is in this Group. Compared byte for byte.
    #[schemars(length(max = 1000), inner(length(min = 1, max = 1024)))]
    pub group_names: Option<Vec<String>>,
    /// One more of them, as older versions have it.
    #[schemars(length(min = 1, max = 1024))]
    pub group_name: Option<String>,
}
