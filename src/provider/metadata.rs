//! What a provider says of itself (OpenID Connect Discovery 1.0 §3).
//!
//! Pure: no I/O, no clock.

use crate::token::Issuer;
use crate::token::parse_object;
use serde_json::{Map, Value};
use url::Url;

/// A provider's metadata that holds: it is the issuer's, and every endpoint is the issuer's host
/// or one that settings name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProviderMetadata {
    /// `authorization_endpoint`; may have a query.
    pub authorization_endpoint: Url,
    /// `token_endpoint`
    pub token_endpoint: Url,
    /// `jwks_uri`
    pub jwks_uri: Url,
    /// `userinfo_endpoint`
    pub userinfo_endpoint: Option<Url>,
    /// `end_session_endpoint` (OpenID Connect RP-Initiated Logout 1.0 §2.1)
    pub end_session_endpoint: Option<Url>,
    /// `revocation_endpoint` (RFC 8414 §2)
    pub revocation_endpoint: Option<Url>,
    /// `code_challenge_methods_supported` names `S256`.
    pub supports_s256: bool,
    /// `authorization_response_iss_parameter_supported`: then `iss` must come back (RFC 9207 §2.4).
    pub sends_iss: bool,
    /// `prompt_values_supported` names `create`.
    pub supports_prompt_create: bool,
}

/// Why metadata is not taken. No variant holds text of the document.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MetadataError {
    /// No JSON object, or members named twice.
    #[error("the discovery document is no JSON object with distinct members")]
    NotAnObject,
    /// `issuer` is not the one that was asked for, byte for byte (§4.3).
    #[error(
        "the discovery document is of another issuer; compare `issuer` in it with the settings"
    )]
    OtherIssuer,
    /// A member is missing or of a wrong type.
    #[error("{0} is missing or malformed in the discovery document")]
    Missing(&'static str),
    /// An endpoint is not https, and settings do not allow http.
    #[error("{0} is not https")]
    NotHttps(&'static str),
    /// An endpoint has user information or a fragment.
    #[error("{0} has user information or a fragment")]
    Decorated(&'static str),
    /// An endpoint is on a host that is not the issuer's and that settings do not name.
    #[error(
        "{0} is on another host than the issuer; if that is meant, add it to provider.extra_hosts"
    )]
    OtherHost(&'static str),
    /// An endpoint is on an unexpected port.
    #[error("{0} is on another port than the issuer")]
    OtherPort(&'static str),
}

/// What settings say of endpoints.
#[derive(Clone, Debug)]
pub struct EndpointRules {
    /// Whether endpoints may be http.
    pub allow_http: bool,
    /// `host`, or `host:port` for a port that is neither the scheme's nor the issuer's.
    pub extra_hosts: Vec<String>,
}

impl EndpointRules {
    /// Whether an endpoint may be where it is.
    fn judge(&self, name: &'static str, url: &Url, issuer: &Url) -> Result<(), MetadataError> {
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http => {}
            _ => return Err(MetadataError::NotHttps(name)),
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(MetadataError::Decorated(name));
        }
        let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default());
        let with_port = port.map(|port| format!("{host}:{port}")).unwrap_or_default();
        if self.extra_hosts.iter().any(|extra| extra.eq_ignore_ascii_case(&with_port)) {
            return Ok(());
        }
        let extra = self.extra_hosts.iter().any(|extra| extra.eq_ignore_ascii_case(host));
        if url.host() != issuer.host() && !extra {
            return Err(MetadataError::OtherHost(name));
        }
        let usual = url.port().is_none() || port == issuer.port_or_known_default();
        if usual { Ok(()) } else { Err(MetadataError::OtherPort(name)) }
    }
}

impl ProviderMetadata {
    /// Where the metadata of `issuer` is (§4).
    pub(super) fn location(issuer: &Issuer) -> Option<Url> {
        Url::parse(&format!("{issuer}/.well-known/openid-configuration")).ok()
    }

    /// Reads the metadata of `issuer`.
    ///
    /// # Errors
    ///
    /// [`MetadataError`].
    pub fn parse(
        bytes: &[u8],
        issuer: &Issuer,
        rules: &EndpointRules,
    ) -> Result<Self, MetadataError> {
        let members = parse_object(bytes).ok_or(MetadataError::NotAnObject)?;
        if members.get("issuer").and_then(Value::as_str) != Some(issuer.as_str()) {
            return Err(MetadataError::OtherIssuer);
        }
        let base =
            Url::parse(issuer.as_str()).map_err(|_unread| MetadataError::Missing("issuer"))?;
        let endpoint = |name: &'static str| -> Result<Option<Url>, MetadataError> {
            let Some(value) = members.get(name) else { return Ok(None) };
            let text = value.as_str().ok_or(MetadataError::Missing(name))?;
            let url = Url::parse(text).map_err(|_unread| MetadataError::Missing(name))?;
            rules.judge(name, &url, &base)?;
            Ok(Some(url))
        };
        let required = |name| endpoint(name)?.ok_or(MetadataError::Missing(name));
        Ok(Self {
            authorization_endpoint: required("authorization_endpoint")?,
            token_endpoint: required("token_endpoint")?,
            jwks_uri: required("jwks_uri")?,
            userinfo_endpoint: endpoint("userinfo_endpoint")?,
            end_session_endpoint: endpoint("end_session_endpoint")?,
            revocation_endpoint: endpoint("revocation_endpoint")?,
            supports_s256: names(&members, "code_challenge_methods_supported", "S256"),
            sends_iss: flag(&members, "authorization_response_iss_parameter_supported"),
            supports_prompt_create: names(&members, "prompt_values_supported", "create"),
        })
    }
}

fn flag(members: &Map<String, Value>, name: &str) -> bool {
    members.get(name) == Some(&Value::Bool(true))
}

/// Whether the array `list` has `item`.
fn names(members: &Map<String, Value>, list: &str, item: &str) -> bool {
    let items = members.get(list).and_then(Value::as_array);
    items.is_some_and(|items| items.iter().any(|own| own == item))
}

#[cfg(test)]
mod tests;
