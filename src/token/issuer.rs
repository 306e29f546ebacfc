//! Who signs tokens.
//!
//! Pure: no I/O, no clock.

use std::fmt;
use std::sync::Arc;
use url::Url;

/// An issuer identifier, compared byte for byte (OpenID Connect Core 1.0 §3.1.3.7 item 2).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Issuer(Arc<str>);

/// What is wrong with an issuer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IssuerError {
    /// It does not parse, or has no host.
    #[error("expected a URL such as https://example.okta.com/oauth2/default")]
    NotAUrl,
    /// `http`, and settings do not allow it.
    #[error("expected https; http needs provider.allow_http in the settings")]
    NotHttps,
    /// Query, fragment or user information (OpenID Connect Discovery 1.0 §3).
    #[error("expected no query, fragment or user information")]
    Decorated,
    /// The final slash is part of the identifier, and providers that say one thing mean another.
    #[error("expected no final slash")]
    FinalSlash,
    /// The text is not what a URL parser makes of it: upper case, default port, dots, wildcards.
    #[error("expected the canonical form: lower case, no default port, no dots, no wildcard")]
    NotCanonical,
}

impl Issuer {
    /// The text, shared.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// Takes `text` as an issuer identifier.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] says what to change.
    pub fn parse(text: &str, allow_http: bool) -> Result<Self, IssuerError> {
        let url = Url::parse(text).map_err(|_unparsed| IssuerError::NotAUrl)?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err(IssuerError::NotAUrl);
        }
        match url.scheme() {
            "https" => {}
            "http" if allow_http => {}
            _ => return Err(IssuerError::NotHttps),
        }
        let bare = url.query().is_none() && url.fragment().is_none();
        if !bare || !url.username().is_empty() || url.password().is_some() || text.contains('@') {
            return Err(IssuerError::Decorated);
        }
        if text.ends_with('/') {
            return Err(IssuerError::FinalSlash);
        }
        if url.as_str().trim_end_matches('/') != text || text.contains('*') {
            return Err(IssuerError::NotCanonical);
        }
        Ok(Self(text.into()))
    }

    /// The identifier as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
