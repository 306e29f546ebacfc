//! Settings and resources that must not come into force.

use crate::commands::{folder, portcullis, text};
use crate::support::{API, Ask, Gateway, PORTAL, SECRET, Setup};
use portcullis::session::KeyRing;
use serde_json::json;

/// What `command` says of this setup, and how it ends.
fn run(setup: &Setup, command: &str) -> (Option<i32>, String) {
    let folder = folder(setup);
    let run = portcullis(folder.path(), &[command, "--config", "portcullis.yaml"]);
    (run.status.code(), text(&run.stdout) + &text(&run.stderr))
}

/// Refused with the file, a line and the path of the field, by both commands.
fn refused(what: &str, setup: &Setup, path: &str) {
    for command in ["lint", "serve"] {
        let (code, said) = run(setup, command);
        assert_eq!(code, Some(1), "{command} takes {what}: {said}");
        let at = said.lines().find(|line| line.contains(&format!(": {path}")));
        let at = at.unwrap_or_else(|| panic!("{what}: {path} is not named: {said}"));
        let (file, rest) = at.split_once(':').expect("a file");
        let line = rest.split(':').next().and_then(|line| line.parse::<usize>().ok());
        assert!(file.ends_with(".yaml") && line.is_some_and(|line| line > 0), "{what}: {at}");
        assert!(!said.contains(SECRET) && !said.contains("hush"), "{what}: {said}");
    }
}

#[test]
fn p10_p14_settings_that_would_weaken_something_start_nothing() {
    let cases = [
        // P10: audiences.
        ("tokens", "{audiences: ['']}", "tokens.audiences[0]"),
        ("tokens", "{audiences: [' ']}", "tokens.audiences[0]"),
        ("tokens", "{audiences: [null]}", "tokens.audiences[0]"),
        ("tokens", "{audiences: ''}", "tokens.audiences"),
        (
            "environments",
            "{dev.default: {audiences: ['']}}",
            "environments.dev.default.audiences[0]",
        ),
        // P14: a letter too many, too few, another case, in every section.
        ("tokens", "{audience: [a]}", "tokens.audience"),
        ("tokens", "{Audiences: [a]}", "tokens.Audiences"),
        ("tokens", "{bearer_id_token: false}", "tokens.bearer_id_token"),
        ("tokens", "{clock-skew: 1s}", "tokens.clock-skew"),
        ("session", "{keys_file: session.keys, idletimeout: 1h}", "session.idletimeout"),
        ("session", "{key_file: session.keys}", "session.key_file"),
        ("cookies", "{secured: true}", "cookies.secured"),
        ("strip_header", "[x-a]", "strip_header"),
        ("identity_header", "{x-a: sub}", "identity_header"),
        ("forward_authorisation", "false", "forward_authorisation"),
        ("provider", "{allow_http: true, allow_adresses: []}", "provider.allow_adresses"),
        ("provider", "{require_at_hashes: true}", "provider.require_at_hashes"),
        ("limits", "{max_cached_token: 1}", "limits.max_cached_token"),
        ("listen", "{grcp: '127.0.0.1:1'}", "listen.grcp"),
        ("listen", "{tls: {cert_file: a, key_file: b, client_ca: c}}", "listen.tls.client_ca"),
        (
            "portals",
            "{petstore-portal.default: {acces: required}}",
            "portals.petstore-portal.default.acces",
        ),
        (
            "portals",
            "{petstore-portal.default: {require_verified_mail: true}}",
            "portals.petstore-portal.default.require_verified_mail",
        ),
        (
            "portals",
            "{petstore-portal.default: {access: Required}}",
            "portals.petstore-portal.default.access",
        ),
        ("environments", "{dev.default: {routings: context}}", "environments.dev.default.routings"),
        ("log", "{levels: debug}", "log.levels"),
        ("endpoints", "{login: /x}", "endpoints.login"),
        // Values that mean something else than they look like.
        ("forward_authorization", "'false'", "forward_authorization"),
        ("tokens", "{bearer_id_tokens: 'no'}", "tokens.bearer_id_tokens"),
        ("tokens", "{clock_skew: 3m}", "tokens.clock_skew"),
        ("session", "{keys_file: session.keys, lifetime: 31d}", "session.lifetime"),
        ("session", "{keys_file: session.keys, lifetime: 0s}", "session.lifetime"),
    ];
    for (section, value, path) in cases {
        refused(value, &Setup::default().setting(section, value), path);
    }
    assert_eq!(run(&Setup::default(), "lint").0, Some(0), "the setup without them holds");
}

#[tokio::test]
async fn p10_without_an_audience_no_access_token_counts() {
    let gateway = Gateway::new().await;
    for audience in ["", "api://default", "0oaPetstore2", API] {
        let token = gateway.provider.access_token(audience, &json!({}));
        let answer = gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token)).await;
        answer.refused(401, "invalid_token");
    }
    // Nor is a client id an audience of access tokens: that Portal is left out, and says why.
    for setting in [
        ("tokens", "{audiences: [0oaPetstore]}"),
        ("environments", "{dev.default: {audiences: [api, 0oaPetstore]}}"),
    ] {
        let setup = Setup::default().setting(setting.0, setting.1);
        let gateway = Gateway::with(setup).await;
        let problem = gateway.problems.iter().find(|problem| problem.is_error());
        let problem = problem.expect("a problem").to_string();
        assert!(problem.contains("spec.oidcAuth.clientId"), "{problem}");
        gateway.ask(Ask::get(PORTAL).navigate()).await.refused(403, "no_route");
        let token = gateway.provider.id_token(&json!({}));
        let answer = gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token)).await;
        answer.refused(401, "invalid_token");
    }
}

#[tokio::test]
async fn p11_an_issuer_is_one_https_url_in_its_one_spelling() {
    let spelled = [
        "http://issuer.example",
        "https://issuer.example/",
        "https://issuer.example/oauth2/",
        "https://issuer.example?x=1",
        "https://issuer.example/oauth2?",
        "https://issuer.example#x",
        "https://issuer.example/oauth2#",
        "https://*.example",
        "https://issuer.*/oauth2",
        "https://user@issuer.example",
        "https://user:pass@issuer.example",
        "https://issuer.example:443",
        "https://ISSUER.example",
        "HTTPS://issuer.example",
        "https://issuer.example/a/../b",
        "https://issuer.example/a/%2e%2e/b",
        "https://issuer.example\\\\oauth2",
        " https://issuer.example",
        "https://issuer.example ",
        "https:issuer.example",
        "https:///oauth2",
        "//issuer.example",
        "issuer.example",
        "ftp://issuer.example",
        "file:///etc/passwd",
        "data:,x",
        "javascript:alert(1)",
        "https://b\u{fc}cher.example",
        "",
        "{tenantid}",
        "https://login.example/{tenantid}/v2.0",
    ];
    let strict = || Setup::default().setting("provider", "{allow_addresses: [127.0.0.0/8]}");
    for issuer in spelled {
        let setup = strict().edit("issuer: '{ISSUER}'", &format!("issuer: \"{issuer}\""));
        let gateway = Gateway::with(setup).await;
        let named = |problem: &&portcullis::problem::Problem| {
            problem.is_error() && problem.path == "spec.oidcAuth.issuer" && problem.line > 0
        };
        let problem = gateway.problems.iter().find(named);
        assert!(problem.is_some(), "{issuer:?}: {:?}", gateway.problems);
        gateway.ask(Ask::get(PORTAL).navigate()).await.refused(403, "no_route");
        assert!(gateway.providers.report().is_empty(), "{issuer:?} was looked for");
    }
    // http where the settings say so, and only then: the tests' own provider.
    let gateway = Gateway::new().await;
    assert!(gateway.problems.iter().all(|problem| !problem.is_error()), "{:?}", gateway.problems);
}

#[test]
fn p12_sealing_keys_that_anybody_could_have_start_nothing() {
    use base64::Engine;
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let good = base64(&(1..33).collect::<Vec<u8>>());
    let keys = [
        String::new(),
        "# a comment alone\n\n".to_owned(),
        base64(&[7; 16]),
        base64(&(0..16).collect::<Vec<u8>>()),
        base64(&(0..31).collect::<Vec<u8>>()),
        base64(&(0..33).collect::<Vec<u8>>()),
        base64(&(0..64).collect::<Vec<u8>>()),
        base64(&[0; 32]),
        base64(&[0xff; 32]),
        base64(&[b'a'; 32]),
        // The one that stands in the documentation.
        "cG9ydGN1bGxpcy1leGFtcGxlLWtleS1ub3QtdXNlISE=".to_owned(),
        "cG9ydGN1bGxpcy1leGFtcGxlLWtleS1ub3QtdXNlISE".to_owned(),
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef".to_owned(),
        "correct horse battery staple".to_owned(),
        format!("{good}\n{good}"),
        // A good one does not help another.
        format!("{good}\n{}", base64(&[0; 32])),
        format!("{}\n{good}", base64(&[7; 16])),
        format!("{good} {good}"),
    ];
    for key in keys {
        // A key that is taken would start the service, which does not end.
        assert!(KeyRing::parse(&key).is_err(), "{key:?}");
        let folder = folder(&Setup::default());
        std::fs::write(folder.path().join("session.keys"), &key).expect("written");
        let run = portcullis(folder.path(), &["serve", "--config", "portcullis.yaml"]);
        assert_eq!(run.status.code(), Some(1), "{key:?}");
        let said = text(&run.stderr) + &text(&run.stdout);
        assert!(said.contains("session.keys_file") && said.contains("session.keys:"), "{said}");
        for line in key.lines().filter(|line| line.len() > 4 && !line.starts_with('#')) {
            assert!(!said.contains(line), "the key is printed: {said}");
        }
    }
}
