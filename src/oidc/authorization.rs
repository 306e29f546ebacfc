//! The start of a login.
//!
//! Pure: no I/O, no clock, no randomness.

use crate::base64url;
use aws_lc_rs::digest::{SHA256, digest};
use url::Url;

/// An authentication request with PKCE (OpenID Connect Core 1.0 §3.1.2.1, RFC 7636 §4.3).
///
/// Every parameter is named here; none comes from the browser's query.
#[derive(Debug)]
pub struct AuthorizationRequest<'a> {
    /// The provider's authorization endpoint.
    pub endpoint: &'a Url,
    /// The parameters that every login of the Portal has, encoded: who we are, where the browser comes
    /// back to, and the scopes ([`crate::policy::Snapshot::authorization_query`]).
    pub client: &'a str,
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
    pub fn url(&self) -> String {
        let endpoint = self.endpoint.as_str();
        let (endpoint, fragment) = match self.endpoint.fragment() {
            Some(_) => endpoint.split_once('#').unwrap_or((endpoint, "")),
            None => (endpoint, ""),
        };
        let separator = match self.endpoint.query() {
            None => "?",
            Some("") => "",
            Some(_) => "&",
        };
        // What is base64url is not encoded any further.
        let pieces = [
            endpoint,
            separator,
            self.client,
            "&state=",
            self.state,
            "&nonce=",
            self.nonce,
            "&code_challenge=",
            self.code_challenge,
            "&code_challenge_method=S256",
            if self.create { "&prompt=create" } else { "" },
            if self.endpoint.fragment().is_some() { "#" } else { "" },
            fragment,
        ];
        pieces.concat()
    }
}

/// SHA-256 of the verifier, base64url (RFC 7636 §4.2, method `S256`).
#[must_use]
pub fn code_challenge(code_verifier: &str) -> String {
    base64url::encode(digest(&SHA256, code_verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::authorization_query;
    use proptest::prelude::*;

    #[test]
    fn challenge_is_that_of_rfc_7636_appendix_b() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(code_challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn keeps_the_query_of_the_endpoint_and_encodes_its_own() {
        let endpoint = Url::parse("https://id.example/authorize?tenant=1").expect("a URL");
        let scopes = ["openid".to_owned(), "groups".to_owned()];
        let client = authorization_query("a b&c", "https://portal.example/callback", &scopes);
        let request = AuthorizationRequest {
            endpoint: &endpoint,
            client: &client,
            state: "s",
            nonce: "n",
            code_challenge: "c",
            create: true,
        };
        assert_eq!(
            request.url(),
            "https://id.example/authorize?tenant=1&response_type=code&client_id=a+b%26c\
             &redirect_uri=https%3A%2F%2Fportal.example%2Fcallback&scope=openid+groups&state=s\
             &nonce=n&code_challenge=c&code_challenge_method=S256&prompt=create"
        );
    }

    proptest! {
        #[test]
        fn is_what_the_url_standard_makes_of_the_parameters(
            endpoint in "https://id\\.example(:8443)?/[a-z/]{0,9}(\\?[a-z=&?]{0,9})?(#[a-z#?]{0,5})?",
            client_id in "\\PC{0,20}",
            redirect_uri in "https://[a-z]{1,9}/[ -~]{0,9}",
            scopes in prop::collection::vec("[ -~]{1,9}", 0..4),
            [state, nonce, code_challenge] in ["[A-Za-z0-9_-]{0,300}", "[A-Za-z0-9_-]{0,43}", "[A-Za-z0-9_-]{0,43}"],
            create: bool,
        ) {
            let endpoint = Url::parse(&endpoint).expect("a URL");
            let mut want = endpoint.clone();
            want.query_pairs_mut()
                .append_pair("response_type", "code")
                .append_pair("client_id", &client_id)
                .append_pair("redirect_uri", &redirect_uri)
                .append_pair("scope", &scopes.join(" "))
                .append_pair("state", &state)
                .append_pair("nonce", &nonce)
                .append_pair("code_challenge", &code_challenge)
                .append_pair("code_challenge_method", "S256");
            if create {
                want.query_pairs_mut().append_pair("prompt", "create");
            }
            let request = AuthorizationRequest {
                endpoint: &endpoint,
                client: &authorization_query(&client_id, &redirect_uri, &scopes),
                state: &state,
                nonce: &nonce,
                code_challenge: &code_challenge,
                create,
            };
            prop_assert_eq!(request.url(), want.as_str());
        }
    }
}
