//! Claims: group D. ID tokens in the three ways in which they come, and access tokens as bearers.

mod audience;
mod email;
mod groups;
mod issuer;
mod login;
mod subject;
mod text;
mod times;

use crate::support::ways::case;
use crate::support::{API, Ask, Setup, Ways};
use serde_json::{Value, json};

/// What access tokens are for.
const AUDIENCE: &str = "api://default";

/// A service to which ID tokens come in three ways, and access tokens as bearers.
struct Kinds {
    ways: Ways,
}

impl Kinds {
    async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    async fn with(setup: Setup) -> Self {
        let tokens = format!("{{audiences: ['{AUDIENCE}']}}");
        Self { ways: Ways::with(setup.setting("tokens", &tokens)).await }
    }

    /// A token of either kind whose claim `name` is `raw` is refused in each way; see [`claim`].
    async fn refused(&self, name: &'static str, raw: &'static str) {
        self.refused_as("invalid_token", name, raw).await;
    }

    async fn refused_as(&self, reason: &str, name: &'static str, raw: &'static str) {
        self.refused_id_token(reason, name, raw).await;
        self.refused_access_token(reason, name, raw).await;
    }

    async fn refused_id_token(&self, reason: &str, name: &'static str, raw: &'static str) {
        let (signer, what) = (self.ways.gateway.provider.signer(), format!("{name}: {raw}"));
        let forge = move |claims: Value| {
            signer.sign_text(&signer.header().to_string(), &claim(&claims, name, raw))
        };
        self.ways.refused_as(reason, &what, forge).await;
    }

    async fn refused_access_token(&self, reason: &str, name: &str, raw: &str) {
        case("access token refused", &format!("{name}: {raw}"));
        let token = self.access_token(name, raw);
        let ask = Ask::get(&format!("{API}/pets")).bearer(&token);
        let fetched = self.ways.gateway.provider.calls("/keys", "");
        self.ways.gateway.ask(ask).await.refused(401, reason);
        assert_eq!(self.ways.gateway.provider.calls("/keys", ""), fetched, "asked for keys");
    }

    /// A token of either kind whose claim `name` is `raw` is good in each way.
    async fn taken(&self, name: &'static str, raw: &'static str) {
        self.taken_id_token(name, raw).await;
        self.taken_access_token(name, raw).await;
    }

    async fn taken_id_token(&self, name: &'static str, raw: &'static str) {
        let (signer, what) = (self.ways.gateway.provider.signer(), format!("{name}: {raw}"));
        let forge = move |claims: Value| {
            signer.sign_text(&signer.header().to_string(), &claim(&claims, name, raw))
        };
        self.ways.taken(&what, forge).await;
    }

    async fn taken_access_token(&self, name: &str, raw: &str) {
        case("access token taken", &format!("{name}: {raw}"));
        let token = self.access_token(name, raw);
        let answer = self.ways.gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token)).await;
        answer.granted();
    }

    fn access_token(&self, name: &str, raw: &str) -> String {
        let provider = &self.ways.gateway.provider;
        let claims = claim(&provider.access_claims(AUDIENCE, &json!({})), name, raw);
        provider.signer().sign_text(&provider.signer().header().to_string(), &claims)
    }
}

/// The text of `claims` with `name` as the text `raw`; `-` alone: the claim is not there. `$` stands
/// for the right value: of a string without its quotes; of a time with seconds added (`$+61`, `$-60.5`:
/// half a second later than `$-60`).
fn claim(claims: &Value, name: &str, raw: &str) -> String {
    let mut members = claims.as_object().expect("an object").clone();
    let right = members.remove(name).unwrap_or_default();
    let rest = Value::Object(members).to_string();
    if raw == "-" {
        return rest;
    }
    let value = match (right.as_str(), right.as_u64(), raw.strip_prefix('$')) {
        (Some(text), _, _) => raw.replace('$', text),
        (None, Some(time), Some(by)) => {
            let (by, part) = by.split_at(by.find('.').unwrap_or(by.len()));
            let by = if by.is_empty() { 0 } else { by.parse().expect("seconds") };
            format!("{}{part}", time.saturating_add_signed(by))
        }
        _ => raw.to_owned(),
    };
    format!("{},\"{name}\":{value}}}", rest.strip_suffix('}').expect("an object"))
}

#[tokio::test]
async fn d00_what_the_group_starts_from_is_taken() {
    Kinds::new().await.taken("iss", "\"$\"").await;
}
