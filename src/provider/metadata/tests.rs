use super::*;
use serde_json::json;

const ISSUER: &str = "https://dev-1.okta.com/oauth2/default";

fn document() -> Value {
    let at = |path: &str| json!(format!("{ISSUER}/v1/{path}"));
    json!({"issuer": ISSUER, "authorization_endpoint": at("authorize"), "token_endpoint": at("token"),
        "jwks_uri": at("keys"), "userinfo_endpoint": at("userinfo"),
        "end_session_endpoint": at("logout"), "revocation_endpoint": at("revoke"),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "prompt_values_supported": ["none", "create"],
        "authorization_response_iss_parameter_supported": true})
}

fn parse_with(
    allow_http: bool,
    extra_hosts: &[&str],
    issuer: &str,
    document: &Value,
) -> Result<ProviderMetadata, MetadataError> {
    let issuer = Issuer::parse(issuer, true).expect("an issuer");
    let extra_hosts = extra_hosts.iter().map(|host| (*host).to_owned()).collect();
    let rules = EndpointRules { allow_http, extra_hosts };
    ProviderMetadata::parse(document.to_string().as_bytes(), &issuer, &rules)
}

fn changed(name: &str, value: &Value) -> Value {
    let mut document = document();
    document[name] = value.clone();
    document
}

#[test]
fn reads_a_document() {
    let metadata = parse_with(false, &[], ISSUER, &document()).expect("metadata");
    assert_eq!(metadata.jwks_uri.as_str(), "https://dev-1.okta.com/oauth2/default/v1/keys");
    assert!(metadata.supports_s256 && metadata.sends_iss && metadata.supports_prompt_create);
    let mut least = document();
    for name in [
        "userinfo_endpoint",
        "end_session_endpoint",
        "revocation_endpoint",
        "code_challenge_methods_supported",
        "authorization_response_iss_parameter_supported",
    ] {
        least.as_object_mut().expect("an object").remove(name);
    }
    let metadata = parse_with(false, &[], ISSUER, &least).expect("metadata");
    assert!(!metadata.supports_s256 && !metadata.sends_iss);
    assert_eq!(metadata.userinfo_endpoint, None);
}

#[test]
fn f08_refuses_another_issuers_document() {
    for other in [
        json!(format!("{ISSUER}/")),
        json!("https://DEV-1.okta.com/oauth2/default"),
        json!("https://dev-2.okta.com/oauth2/default"),
        json!("https://dev-1.okta.com:443/oauth2/default"),
        json!("https://dev-1.okta.com:8443/oauth2/default"),
        json!("http://dev-1.okta.com/oauth2/default"),
        json!("https://dev-1.okta.com/oauth2/other"),
        json!("https://dev-1.okta.com"),
        json!([ISSUER]),
        json!(null),
    ] {
        let refused = parse_with(true, &[], ISSUER, &changed("issuer", &other));
        assert_eq!(refused.err(), Some(MetadataError::OtherIssuer), "{other}");
    }
    let issuer = Issuer::parse(ISSUER, false).expect("an issuer");
    let rules = EndpointRules { allow_http: false, extra_hosts: Vec::new() };
    for text in ["", "[]", "null", "<html>", "{\"issuer\":\"a\",\"issuer\":\"b\"}"] {
        let refused = ProviderMetadata::parse(text.as_bytes(), &issuer, &rules);
        assert_eq!(refused.err(), Some(MetadataError::NotAnObject), "{text}");
    }
}

#[test]
fn f07_f09_refuses_endpoints_that_are_elsewhere() {
    let endpoints = [
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "userinfo_endpoint",
        "end_session_endpoint",
        "revocation_endpoint",
    ];
    for name in endpoints {
        let cases = [
            ("https://evil.example/x", MetadataError::OtherHost(name)),
            ("https://dev-1.okta.com.evil.example/x", MetadataError::OtherHost(name)),
            ("https://okta.com/x", MetadataError::OtherHost(name)),
            ("https://localhost/x", MetadataError::OtherHost(name)),
            ("https://127.0.0.1/x", MetadataError::OtherHost(name)),
            ("https://[::1]/x", MetadataError::OtherHost(name)),
            ("https://169.254.169.254/x", MetadataError::OtherHost(name)),
            ("http://dev-1.okta.com/x", MetadataError::NotHttps(name)),
            ("ftp://dev-1.okta.com/x", MetadataError::NotHttps(name)),
            ("file:///etc/passwd", MetadataError::NotHttps(name)),
            ("https://a@dev-1.okta.com/x", MetadataError::Decorated(name)),
            ("https://a:b@dev-1.okta.com/x", MetadataError::Decorated(name)),
            ("https://dev-1.okta.com/x#y", MetadataError::Decorated(name)),
            ("https://dev-1.okta.com:22/x", MetadataError::OtherPort(name)),
            ("https://dev-1.okta.com:8443/x", MetadataError::OtherPort(name)),
            ("/v1/x", MetadataError::Missing(name)),
            ("", MetadataError::Missing(name)),
        ];
        for (url, want) in cases {
            let refused = parse_with(false, &[], ISSUER, &changed(name, &json!(url)));
            assert_eq!(refused.err(), Some(want), "{name} {url}");
        }
        let refused = parse_with(false, &[], ISSUER, &changed(name, &json!(5)));
        assert_eq!(refused.err(), Some(MetadataError::Missing(name)));
    }
    for name in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        let mut document = document();
        document.as_object_mut().expect("an object").remove(name);
        let refused = parse_with(false, &[], ISSUER, &document);
        assert_eq!(refused.err(), Some(MetadataError::Missing(name)));
    }
}

#[test]
fn f07_f09_takes_what_settings_allow() {
    let keys_at = |url: &str| changed("jwks_uri", &json!(url));
    let cases = [
        (false, "login.example.com", "https://login.example.com/keys", true),
        (false, "LOGIN.example.com", "https://login.example.com/keys", true),
        (false, "example.com", "https://login.example.com/keys", false),
        (false, "login.example.com", "https://login.example.com:8443/keys", false),
        (false, "login.example.com:8443", "https://login.example.com:8443/keys", true),
        (false, "login.example.com:8443", "https://login.example.com/keys", false),
        (false, "login.example.com", "http://login.example.com/keys", false),
        (true, "login.example.com", "http://login.example.com/keys", true),
        (true, "127.0.0.1", "http://127.0.0.1/keys", true),
    ];
    for (allow_http, extra, url, want) in cases {
        let taken = parse_with(allow_http, &[extra], ISSUER, &keys_at(url)).is_ok();
        assert_eq!(taken, want, "{extra} {url}");
    }
    let local = "http://op.localhost:8080";
    let mut document = document();
    document["issuer"] = json!(local);
    for name in [
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "userinfo_endpoint",
        "end_session_endpoint",
        "revocation_endpoint",
    ] {
        document[name] = json!(format!("{local}/{name}"));
    }
    assert!(parse_with(true, &[], local, &document).is_ok());
    document["jwks_uri"] = json!("http://op.localhost:9090/keys");
    assert_eq!(
        parse_with(true, &[], local, &document).err(),
        Some(MetadataError::OtherPort("jwks_uri"))
    );
}
