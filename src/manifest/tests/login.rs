//! Portals: names, address, login, Secrets.

use super::*;

#[test]
fn a_problem_of_a_portal_leaves_it_out_and_the_rest_in_force() {
    let https = "portalUrlPrefix: http://petstore.example.com:32000/";
    let issuer = "issuer: https://dev-2933640.okta.com/oauth2/default";
    let secret =
        "clientSecret: {name: petstore-portaloidc-secret, namespace: default, key: client_secret}";
    let cases = [
        (issuer, "issuer: http://dev.okta.com", "49: spec.oidcAuth.issuer: expected https; http"),
        (issuer, "issuer: https://dev.okta.com/", "49: spec.oidcAuth.issuer: expected no final"),
        (issuer, "issuer: https://dev.okta.com?a", "49: spec.oidcAuth.issuer: expected no query"),
        (issuer, "issuer: https://*.okta.com", "49: spec.oidcAuth.issuer: expected"),
        (issuer, "issuer: 12", "49: spec.oidcAuth.issuer: expected a string"),
        (issuer, "", "45: spec.oidcAuth.issuer: expected a value; there is none"),
        ("clientId: 0oaksnsdvwTd1b5wR5d6", "", "45: spec.oidcAuth.clientId: expected a value"),
        ("clientId: 0oaksnsdvwTd1b5wR5d6", "clientId: ''", "46: spec.oidcAuth.clientId: expected"),
        (secret, "", "45: spec.oidcAuth.clientSecret: expected a value; there is none"),
        (
            secret,
            "clientSecret: {name: other, key: k}",
            "47: spec.oidcAuth.clientSecret: expected the name of a known Secret; there is no \
             other.default",
        ),
        (
            secret,
            "clientSecret: {name: petstore-portaloidc-secret, key: k}",
            "47: spec.oidcAuth.clientSecret: expected a key that Secret \
             petstore-portaloidc-secret.default has a text for; k is none",
        ),
        (
            secret,
            "clientSecret: {name: a, namespace: vault, key: k}",
            "47: spec.oidcAuth.clientSecret: expected a Secret in namespace default; for vault the \
             settings need resources.allow_cross_namespace: ['default -> vault']",
        ),
        (secret, "clientSecret: hush", "47: spec.oidcAuth.clientSecret: expected a mapping"),
        (https, "", "34: spec.portalUrlPrefix: expected the Portal's own URL"),
        (https, "portalUrlPrefix: petstore", "44: spec.portalUrlPrefix: expected a URL such as"),
        (
            https,
            "portalUrlPrefix: ftp://petstore.example.com",
            "44: spec.portalUrlPrefix: expected",
        ),
        (
            https,
            "portalUrlPrefix: https://petstore.example.com/?x",
            "44: spec.portalUrlPrefix: expected no query",
        ),
        (
            https,
            "portalUrlPrefix: https://www.example.com",
            "44: spec.portalUrlPrefix: expected a host that is in spec.domains by its full name, \
             where the login returns to; www.example.com is not",
        ),
        (
            "domains: [petstore.example.com, 'petstore.example.com:32000']",
            "domains: ['*.example.com']",
            "44: spec.portalUrlPrefix: expected a host that is in spec.domains by its full name",
        ),
        (
            "domains: [petstore.example.com, 'petstore.example.com:32000']",
            "domains: []",
            "34: spec.domains: expected at least one host name",
        ),
        (
            "domains: [petstore.example.com, 'petstore.example.com:32000']",
            "domains: [petstore.example.com, 'https://x', 'a b', '*', 'a.*.b', 'x:99999']",
            "42: spec.domains[1]: expected a host name",
        ),
        (
            "publishedEnvironments: [{name: dev, namespace: default}]",
            "publishedEnvironments: [{name: prod}]",
            "43: spec.publishedEnvironments[0]: expected the name of a known Environment; there is \
             no prod.default",
        ),
        (
            "publishedEnvironments: [{name: dev, namespace: default}]",
            "publishedEnvironments: [{namespace: default}]",
            "43: spec.publishedEnvironments[0].name: expected a value; there is none",
        ),
        (
            "additionalScopes: [groups]",
            "additionalScopes: [groups email]",
            "50: spec.oidcAuth.additionalScopes[0]: expected one scope, without space or quotes",
        ),
        ("customStyling: {}", "domains: [x]", "42: spec.domains: expected each key once"),
    ];
    for (from, to, want) in cases {
        let compiled = changed(from, to);
        let found = errors(&compiled);
        let want = format!("petstore.yaml:{want}");
        assert!(found.iter().any(|found| found.starts_with(&want)), "{to}: {found:?}");
        assert!(compiled.snapshot.portals.is_empty(), "{to}");
        // The Environment is still there; nobody may enter it.
        assert_eq!(compiled.snapshot.environments.len(), 1, "{to}");
        assert!(!may_call(&compiled, "PetstoreUsers"), "{to}");
        assert!(!found.iter().any(|found| found.contains("hush")), "{found:?}");
    }
}

#[test]
fn a_portal_takes_what_settings_and_resources_say() {
    let overridden = compile_with(
        &GUIDE.replacen("staticPages: []", "allApisPublicViewable: true", 1),
        &format!(
            "{SETTINGS}portals: {{petstore-portal.default: {{client_authentication: none, \
             require_verified_email: true, session: {{idle_timeout: 5m}}}}}}\n\
             cookies: {{secure: true}}\n"
        ),
    );
    assert_eq!(errors(&overridden), [""; 0]);
    let portal = portal(&overridden).expect("a Portal");
    assert_eq!(portal.access, PortalAccess::Optional);
    assert!(portal.require_verified_email && portal.secure_cookies);
    assert_eq!(portal.session.idle_timeout.as_secs(), 300);
    assert_eq!(portal.session.lifetime.as_secs(), 12 * 60 * 60);
    let login = portal.login.as_ref().expect("a login");
    assert_eq!(login.client_secret, Secret::default());
}

#[test]
fn a_public_client_needs_no_secret() {
    let secret = "    clientSecret: {name: petstore-portaloidc-secret, namespace: default, key: client_secret}\n";
    let settings =
        format!("{SETTINGS}portals: {{petstore-portal.default: {{client_authentication: none}}}}");
    let compiled = compile_with(&GUIDE.replacen(secret, "", 1), &settings);
    assert_eq!(errors(&compiled), [""; 0]);
    assert_eq!(compiled.snapshot.portals.len(), 1);
}

#[test]
fn secure_cookies_follow_the_portals_own_url() {
    let domain = "domains: [petstore.example.com, 'petstore.example.com:32000']";
    let prefix = "portalUrlPrefix: http://petstore.example.com:32000/";
    let cases = [
        ("petstore.example.com", "http://petstore.example.com", "auto", false),
        ("petstore.example.com", "https://petstore.example.com", "auto", true),
        ("p.localhost", "http://p.localhost:10000", "auto", true),
        ("localhost", "http://localhost", "auto", true),
        ("notlocalhost", "http://notlocalhost", "auto", false),
        ("petstore.example.com", "http://petstore.example.com", "true", true),
        ("petstore.example.com", "https://petstore.example.com", "false", false),
    ];
    for (host, url, secure, want) in cases {
        let text = GUIDE.replacen(domain, &format!("domains: ['{host}']"), 1).replacen(
            prefix,
            &format!("portalUrlPrefix: {url}"),
            1,
        );
        let compiled = compile_with(&text, &format!("{SETTINGS}cookies: {{secure: {secure}}}"));
        let got = portal(&compiled).map(|portal| portal.secure_cookies);
        assert_eq!(got, Some(want), "{url} {secure}: {:?}", errors(&compiled));
    }
}

#[test]
fn an_audience_is_never_a_client_id() {
    for settings in [
        "tokens: {audiences: [0oaksnsdvwTd1b5wR5d6]}",
        "environments: {dev.default: {audiences: [0oaksnsdvwTd1b5wR5d6]}}",
    ] {
        let compiled = compile_with(GUIDE, &format!("{SETTINGS}{settings}"));
        assert_eq!(
            errors(&compiled),
            [
                "petstore.yaml:46: spec.oidcAuth.clientId: expected a client id that is no audience of \
             access tokens in the settings"
            ]
        );
        assert!(compiled.snapshot.portals.is_empty());
    }
}

#[test]
fn the_second_resource_on_a_host_name_is_left_out() {
    let second = |domain: &str| {
        format!(
            "{GUIDE}---\napiVersion: portal.gloo.solo.io/v1beta1\nkind: Environment\n\
             metadata: {{name: a-first-by-name}}\nspec: {{domains: ['{domain}']}}\n"
        )
    };
    let cases = [
        ("api.example.com", Some("Environment dev.default (petstore.yaml:18)")),
        ("api.example.com:8443", Some("Environment dev.default (petstore.yaml:18)")),
        ("API.Example.com.", Some("Environment dev.default (petstore.yaml:18)")),
        ("petstore.example.com", Some("Portal petstore-portal.default (petstore.yaml:34)")),
        ("*.example.com", None),
        ("api2.example.com", None),
    ];
    for (domain, other) in cases {
        let compiled = compile(&second(domain));
        let count = if other.is_some() { 1 } else { 2 };
        assert_eq!(compiled.snapshot.environments.len(), count, "{domain}");
        let dev = environment(&compiled).map(|environment| environment.name.to_string());
        if let Some(other) = other {
            let errors = errors(&compiled);
            assert_eq!(errors.len(), 1, "{errors:?}");
            assert!(errors[0].starts_with("petstore.yaml:66: spec.domains[0]: expected a host"));
            assert!(errors[0].ends_with(other), "{errors:?}");
            assert_eq!(dev.as_deref(), Some("dev.default"));
        }
    }
}

#[test]
fn secrets_keep_to_their_namespace_unless_settings_allow() {
    let text = GUIDE
        .replacen(
            "{name: petstore-portaloidc-secret, namespace: default}",
            "{name: petstore-portaloidc-secret, namespace: vault}",
            1,
        )
        .replacen(
            "{name: petstore-portaloidc-secret, namespace: default, key",
            "{name: petstore-portaloidc-secret, namespace: vault, key",
            1,
        );
    assert!(portal(&compile(&text)).is_none());
    for (pair, holds) in
        [("default -> vault", true), ("vault -> default", false), ("x -> vault", false)]
    {
        let settings = format!(
            "resources: {{paths: [a], allow_cross_namespace: ['{pair}']}}\nsession: {{store: memory}}"
        );
        assert_eq!(portal(&compile_with(&text, &settings)).is_some(), holds, "{pair}");
    }
}

#[test]
fn secret_values_are_decoded_trimmed_and_never_shown() {
    let data = "data: {client_secret: aHVzaC1odXNoCg==}";
    let cases = [
        ("stringData: {client_secret: \"hush-hush \\t\\r\\n\"}", Some("hush-hush")),
        ("stringData: {client_secret: ' hush'}", Some(" hush")),
        ("data: {client_secret: b25l}\nstringData: {client_secret: two}", Some("two")),
        ("data: {client_secret: 'aHVzaC1\n    odXNoCg=='}", Some("hush-hush")),
        ("stringData: {client_secret: \"\\n\"}", None),
        ("data: {client_secret: hush!}", None),
        ("data: {client_secret: /w==}", None),
        ("data: {client_secret: 5}", None),
        ("data: [hush]", None),
    ];
    for (to, want) in cases {
        let compiled = changed(data, to);
        let login = portal(&compiled).and_then(|portal| portal.login.as_ref());
        let got = login.map(|login| login.client_secret.expose().as_str());
        assert_eq!(got, want, "{to}: {:?}", errors(&compiled));
        assert!(!format!("{compiled:?}").contains("hush"), "{to}");
    }
}
