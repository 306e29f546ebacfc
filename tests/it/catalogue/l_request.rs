//! Host, path, method, route policy: group L.

mod equal_forms;
mod headers;
mod hosts;
mod paths;
mod policy;
mod reload;

use crate::support::{API, Ask, Gateway};
use serde_json::json;

/// What a member of the guide's group asks at this path of the API hosts: allowed at `/pets`, known
/// and refused at `/bank`.
fn member(gateway: &Gateway, path: &str) -> Ask {
    let token = gateway.provider.id_token(&json!({}));
    Ask::get(API).path(path).bearer(&token)
}
