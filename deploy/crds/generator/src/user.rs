//! `User`: an account of the portal's own.

use crate::access_level::AccessLevel;
use crate::shared::Status;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An account of the portal's own. Portcullis lets nobody in because of a User.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "portal.gloo.solo.io",
    version = "v1beta1",
    kind = "User",
    plural = "users",
    singular = "user",
    status = "Status",
    namespaced,
    doc = "An account of Gloo Portal's own. Portcullis reads it over: nobody is let in because of a User.",
    printcolumn(name = "Username", type_ = "string", json_path = ".spec.username"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct UserSpec {
    /// The name to sign in with.
    pub username: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// Where the hash of the password is.
    pub basic_auth: Option<BasicAuth>,
    /// What this user may do, besides what the Groups grant.
    pub access_level: Option<AccessLevel>,
}

/// Where the hash of a password is.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BasicAuth {
    /// The name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub password_secret_name: String,
    /// Its namespace; none is that of the User.
    pub password_secret_namespace: Option<String>,
    /// The key in it; none is `password`.
    pub password_secret_key: Option<String>,
}
