//! What a test may turn at the provider.

use super::token::Signer;
use axum::response::Response;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Makes an ID token of the claims that would be right. It may ask nothing of the provider.
pub(crate) type Forge = Arc<dyn Fn(Value) -> String + Send + Sync>;

/// Makes a whole answer.
pub(crate) type Raw = Arc<dyn Fn() -> Response + Send + Sync>;

/// What the provider does: all is well unless a test turns something.
pub(crate) struct Knobs {
    /// Claims about the person who signs in.
    pub(crate) person: Value,
    /// Changes to the discovery document; `null` takes a member away.
    pub(crate) discovery: Value,
    /// Changes to ID tokens of a login.
    pub(crate) id_token: Value,
    /// Changes to ID tokens of a refresh.
    pub(crate) refreshed: Value,
    /// Makes the ID tokens of a login instead.
    pub(crate) forge_login: Option<Forge>,
    /// Makes the ID tokens of a refresh instead.
    pub(crate) forge_refreshed: Option<Forge>,
    /// Changes to token responses.
    pub(crate) response: Value,
    /// Changes to userinfo.
    pub(crate) userinfo: Value,
    /// Status of everything that is fetched: discovery and keys.
    pub(crate) fetch_status: u16,
    /// Status and error code of the token endpoint, where it fails.
    pub(crate) token_error: Option<(u16, &'static str)>,
    /// Header fields beside that.
    pub(crate) token_error_headers: Vec<(&'static str, String)>,
    /// Refresh tokens rotate: an old one is good for so many seconds after its first use, and then
    /// costs its family.
    pub(crate) rotation: Option<u64>,
    /// Scopes that a refresh may ask for at most.
    pub(crate) max_scopes: Option<&'static str>,
    /// What these paths answer instead, by path.
    pub(crate) raw: HashMap<String, Raw>,
    /// How long an ID token lives, in seconds.
    pub(crate) lifetime: u64,
    /// Each answer of the token endpoint needs a permit.
    pub(crate) gate: Option<Arc<Semaphore>>,
    /// Signs.
    pub(crate) signer: Signer,
    /// Keys that are published.
    pub(crate) published: Vec<Signer>,
    /// Keys that are published beside them, as JWKs of any kind.
    pub(crate) published_beside: Vec<Value>,
}

impl Default for Knobs {
    fn default() -> Self {
        let signer = Signer::new("key-1");
        Self {
            person: json!({"sub": "00u1", "email": "ann@example.com", "email_verified": true,
                "groups": ["PetstoreUsers", "Everyone"], "sid": "session-1"}),
            discovery: json!({}),
            id_token: json!({}),
            refreshed: json!({}),
            forge_login: None,
            forge_refreshed: None,
            response: json!({}),
            userinfo: json!({}),
            fetch_status: 200,
            token_error: None,
            token_error_headers: Vec::new(),
            rotation: None,
            max_scopes: None,
            raw: HashMap::new(),
            lifetime: 3600,
            gate: None,
            published: vec![signer.clone()],
            signer,
            published_beside: Vec::new(),
        }
    }
}
