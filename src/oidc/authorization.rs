//! The start of a login.
//!
//! Pure: no I/O, no clock, no randomness.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

/// An authentication request with PKCE (OpenID Connect Core 1.0 §3.1.2.1, RFC 7636 §4.3).
///
/// Every parameter is named here; none comes from the browser's query.
#[derive(Debug)]
pub struct AuthorizationRequest<'a> {
    /// The provider's authorization endpoint.
    pub endpoint: &'a Url,
    /// Who we are.
    pub client_id: &'a str,
    /// Where the browser comes back to.
    pub redirect_uri: &'a str,
    /// `openid` and further ones.
    pub scopes: &'a [String],
    /// Sealed; base64url.
    pub state: &'a str,
    /// 256 random bits, base64url.
    pub nonce: &'a str,
    /// Of the code verifier, by [`code_challenge`].
    pub code_challenge: &'a str,
    /// Whether to ask for the sign-up form (Initiating User Registration 1.0 §3); only where the
    /// provider says that it has one.
    pub create: bool,
}

impl AuthorizationRequest<'_> {
    /// The URL that the browser is sent to.
    #[must_use]
    pub fn url(&self) -> Url {
        let mut url = self.endpoint.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", self.client_id)
            .append_pair("redirect_uri", self.redirect_uri)
            .append_pair("scope", &self.scopes.join(" "))
            .append_pair("state", self.state)
            .append_pair("nonce", self.nonce)
            .append_pair("code_challenge", self.code_challenge)
            .append_pair("code_challenge_method", "S256");
        if self.create {
            url.query_pairs_mut().append_pair("prompt", "create");
        }
        url
    }
}

/// SHA-256 of the verifier, base64url (RFC 7636 §4.2, method `S256`).
#[must_use]
pub fn code_challenge(code_verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, code_verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenge_is_that_of_rfc_7636_appendix_b() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(code_challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn keeps_the_query_of_the_endpoint_and_encodes_its_own() {
        let endpoint = Url::parse("https://id.example/authorize?tenant=1").expect("a URL");
        let request = AuthorizationRequest {
            endpoint: &endpoint,
            client_id: "a b&c",
            redirect_uri: "https://portal.example/callback",
            scopes: &["openid".to_owned(), "groups".to_owned()],
            state: "s",
            nonce: "n",
            code_challenge: "c",
            create: true,
        };
        assert_eq!(
            request.url().as_str(),
            "https://id.example/authorize?tenant=1&response_type=code&client_id=a+b%26c\
             &redirect_uri=https%3A%2F%2Fportal.example%2Fcallback&scope=openid+groups&state=s\
             &nonce=n&code_challenge=c&code_challenge_method=S256&prompt=create"
        );
    }
}
