//! What the token endpoint is sent and what it answers (RFC 6749 §2.3, §4.1.3, §5, §6).
//!
//! Pure: no I/O, no clock.

use super::answer::Answer;
use super::client::ClientError;
use crate::config::ClientAuthentication;
use crate::policy::Login;
use crate::random::NoRandomness;
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::token::SignError;
use crate::token::parse_object;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use std::time::Duration;
use url::form_urlencoded::{Serializer, byte_serialize};

/// The error codes that are passed on (RFC 6749 §5.2, RFC 6750 §3.1, RFC 7009 §2.2.1).
const CODES: [&str; 15] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_token_type",
    "invalid_scope",
    "invalid_token",
    "insufficient_scope",
    // Said at a refresh about the person, as at the authorization endpoint (OpenID Connect Core 1.0
    // §3.1.2.6).
    "access_denied",
    "login_required",
    "interaction_required",
    "consent_required",
    "account_selection_required",
    "unmet_authentication_requirements",
];

/// This service to a provider.
#[derive(Clone, Copy, Debug)]
pub struct RelyingParty<'a> {
    /// `client_id`
    pub client_id: &'a str,
    /// The client secret, or for `private_key_jwt` the private key as PEM.
    pub client_secret: &'a Secret<String>,
    /// How it is shown.
    pub authentication: ClientAuthentication,
}

impl<'a> From<&'a Login> for RelyingParty<'a> {
    fn from(login: &'a Login) -> Self {
        Self {
            client_id: &login.client_id,
            client_secret: &login.client_secret,
            authentication: login.client_authentication,
        }
    }
}

/// Why a provider did not do what it was asked. No variant holds text that it answered.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenEndpointError {
    /// It says no: one of the codes of the standards, else `other`. `invalid_grant`: the code or
    /// refresh token does not hold any more.
    #[error("the provider refuses: {error}")]
    Refused {
        /// The code.
        error: &'static str,
    },
    /// It cannot be reached, is too slow, fails (5xx) or is too busy (429). Trying again may help;
    /// not with a code.
    #[error("the provider is unavailable: {reason}")]
    Unavailable {
        /// What is the matter, for logs.
        reason: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
        /// Whether it may have done what it was asked, and only the answer was lost.
        lost: bool,
    },
    /// It answers something that is no answer.
    #[error("the provider's answer is malformed: {0}")]
    Malformed(&'static str),
    /// Its metadata name no such endpoint.
    #[error("the provider has no such endpoint")]
    NoEndpoint,
    /// Our own key does not sign.
    #[error("the client cannot prove itself")]
    Assertion(#[from] SignError),
    /// No assertion can be named.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl TokenEndpointError {
    /// Whether the provider, not we or the grant, is at fault for now.
    #[must_use]
    pub const fn is_outage(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    pub(super) fn from_client(error: &ClientError) -> Self {
        let lost = error.may_have_counted();
        Self::Unavailable { reason: error.to_string(), retry_after: None, lost }
    }

    /// The same without having asked.
    pub(super) fn unasked(reason: &str, retry_after: Option<Duration>) -> Self {
        Self::Unavailable { reason: reason.to_owned(), retry_after, lost: false }
    }
}

/// What a token endpoint answers where all is well (RFC 6749 §5.1, OpenID Connect Core 1.0 §3.1.3.3).
#[derive(Clone, Debug)]
pub struct TokenResponse {
    /// `id_token`; a refresh may leave it out.
    pub id_token: Option<Secret<String>>,
    /// `access_token`
    pub access_token: Secret<String>,
    /// `refresh_token`; a refresh that leaves it out means the old one stays.
    pub refresh_token: Option<Secret<String>>,
    /// `expires_in`: of the access token.
    pub expires_in: Option<Duration>,
    /// `scope`: what was granted; `None`: what was asked for (RFC 6749 §5.1).
    pub scopes: Option<Vec<String>>,
}

impl TokenResponse {
    /// Reads an answer whose status is 200.
    pub(super) fn parse(body: &[u8]) -> Result<Self, TokenEndpointError> {
        let malformed = TokenEndpointError::Malformed;
        let members = parse_object(body).ok_or_else(|| malformed("no JSON object"))?;
        let kind = members.get("token_type").and_then(Value::as_str).unwrap_or_default();
        if !kind.eq_ignore_ascii_case("bearer") {
            return Err(malformed("token_type"));
        }
        let secret = |name: &'static str| match members.get(name) {
            None => Ok(None),
            // An empty ID token is one that does not hold, and ends what it was to go on with.
            Some(Value::String(text)) if !text.is_empty() || name == "id_token" => {
                Ok(Some(Secret::new(text.clone())))
            }
            Some(_) => Err(malformed(name)),
        };
        let expires_in = match members.get("expires_in") {
            None => None,
            Some(value) => Some(value.as_u64().ok_or_else(|| malformed("expires_in"))?),
        };
        Ok(Self {
            id_token: secret("id_token")?,
            access_token: secret("access_token")?.ok_or_else(|| malformed("access_token"))?,
            refresh_token: secret("refresh_token")?,
            expires_in: expires_in.map(Duration::from_secs),
            scopes: members.get("scope").and_then(Value::as_str).map(|scope| {
                scope.split_ascii_whitespace().map(str::to_owned).collect::<Vec<String>>()
            }),
        })
    }
}

/// A form, and the `Authorization` header beside it.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) authorization: Option<Secret<String>>,
    pub(super) form: Secret<String>,
}

impl Message {
    /// Writes `fields`, and the client's proof in the way that is set; `assertion` is made where
    /// that way needs one.
    pub(super) fn new(
        client: &RelyingParty<'_>,
        fields: &[(&str, &str)],
        assertion: impl FnOnce() -> Result<Secret<String>, TokenEndpointError>,
    ) -> Result<Self, TokenEndpointError> {
        let mut form = Serializer::new(String::new());
        form.extend_pairs(fields);
        let mut authorization = None;
        match client.authentication {
            ClientAuthentication::Basic => authorization = Some(basic(client)),
            ClientAuthentication::Post => {
                form.append_pair("client_id", client.client_id);
                form.append_pair("client_secret", client.client_secret.expose());
            }
            ClientAuthentication::PrivateKeyJwt => {
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                form.append_pair("client_id", client.client_id);
                form.append_pair("client_assertion_type", kind);
                form.append_pair("client_assertion", assertion()?.expose());
            }
            ClientAuthentication::None => {
                form.append_pair("client_id", client.client_id);
            }
        }
        Ok(Self { authorization, form: Secret::new(form.finish()) })
    }
}

/// Id and secret are form-encoded, then joined, then base64 (RFC 6749 §2.3.1).
fn basic(client: &RelyingParty<'_>) -> Secret<String> {
    let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(client.client_id), encode(client.client_secret.expose()));
    Secret::new(format!("Basic {}", STANDARD.encode(pair)))
}

/// Sorts an answer that is not 200.
pub(super) fn refusal(answer: &Answer, now: UnixTime) -> TokenEndpointError {
    match answer.status {
        400..=403 => {
            let members = parse_object(&answer.body);
            let said = members.as_ref().and_then(|all| all.get("error")).and_then(Value::as_str);
            let error = CODES.into_iter().find(|code| Some(*code) == said);
            TokenEndpointError::Refused { error: error.unwrap_or("other") }
        }
        408 | 429 | 500..=599 => {
            let retry_after = answer.wait(now);
            TokenEndpointError::Unavailable {
                reason: format!("status {}", answer.status),
                retry_after,
                lost: retry_after.is_none() && answer.status != 429,
            }
        }
        _ => TokenEndpointError::Malformed("status"),
    }
}

/// Reads what the userinfo endpoint answers (OpenID Connect Core 1.0 §5.3.2); a JWT is not taken.
pub(super) fn parse_userinfo(answer: &Answer) -> Result<Map<String, Value>, TokenEndpointError> {
    if !answer.is_json {
        return Err(TokenEndpointError::Malformed("content-type"));
    }
    parse_object(&answer.body).ok_or(TokenEndpointError::Malformed("no JSON object"))
}

#[cfg(test)]
mod tests;
