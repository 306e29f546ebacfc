//! A discovery document: whatever is taken is the issuer's, and keeps to its host.

use portcullis::provider::{EndpointRules, ProviderMetadata};
use portcullis::token::Issuer;
use serde_json::Value;
use url::Url;

pub(crate) fn run(document: &[u8]) {
    let hosts = ["login.example.com".to_owned()];
    for (issuer, allow_http) in
        [("https://example.okta.com/oauth2/default", false), ("http://127.0.0.1:8080", true)]
    {
        let own = Issuer::parse(issuer, allow_http).expect("an issuer");
        let rules = EndpointRules { allow_http, extra_hosts: hosts.to_vec() };
        let Ok(metadata) = ProviderMetadata::parse(document, &own, &rules) else { continue };
        let said: Value = serde_json::from_slice(document).expect("JSON");
        assert_eq!(said["issuer"], issuer);
        let required =
            [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
        let optional = [
            &metadata.userinfo_endpoint,
            &metadata.end_session_endpoint,
            &metadata.revocation_endpoint,
        ];
        let base = Url::parse(issuer).expect("a URL");
        for url in required.into_iter().chain(optional.into_iter().flatten()) {
            assert!(url.scheme() == "https" || allow_http && url.scheme() == "http", "{url}");
            let host = url.host_str();
            assert!(host == base.host_str() || host == Some("login.example.com"), "{url}");
            assert!(url.port().is_none() || url.port() == base.port(), "{url}");
            assert!(url.username().is_empty() && url.password().is_none(), "{url}");
            assert_eq!(url.fragment(), None, "{url}");
        }
        let same = ProviderMetadata::parse(said.to_string().as_bytes(), &own, &rules);
        assert_eq!(same, Ok(metadata), "written again it says something else");
    }
}
