use super::*;
use crate::problem::Severity;
use crate::time::UnixTime;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn base() -> Base {
    Base::from(Path::new("/etc/portcullis"))
}

const MINIMAL: &str = "resources: {paths: [portal/]}\nsession: {keys_file: session.keys}\n";

fn settings(text: &str) -> Settings {
    match parse(&format!("{MINIMAL}{text}"), &base()) {
        Ok(parsed) => parsed.settings,
        Err(problems) => panic!("{text}: {problems:?}"),
    }
}

fn problems(text: &str) -> Vec<String> {
    let problems = parse(text, &base()).map_or_else(|found| found, |parsed| parsed.problems);
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn fills_in_every_default() {
    let settings = settings("");
    assert_eq!(settings.resources.paths, [PathBuf::from("/etc/portcullis/portal")]);
    assert_eq!(settings.session.keys_file, Some("/etc/portcullis/session.keys".into()));
    assert_eq!(settings.session.store, StoreKind::Cookie);
    assert_eq!(settings.session.limits.lifetime, Duration::from_secs(12 * 60 * 60));
    assert_eq!(settings.session.limits.idle_timeout, Duration::from_secs(60 * 60));
    assert_eq!(settings.session.limits.refresh_before, Duration::from_secs(120));
    assert_eq!(settings.session.limits.outage_grace, Duration::from_secs(2 * 60 * 60));
    assert_eq!(settings.listen.grpc, GrpcAddress::Tcp(([127, 0, 0, 1], 9001).into()));
    assert_eq!(settings.listen.admin, ([127, 0, 0, 1], 9002).into());
    assert!(settings.listen.tls.is_none() && settings.resources.secrets_dir.is_none());
    assert_eq!(settings.cookies.prefix, "portcullis");
    assert_eq!(settings.cookies.secure, SecureCookies::Auto);
    let tokens = &settings.tokens;
    assert_eq!((tokens.clock_skew, tokens.max_bytes), (Duration::from_secs(60), 8192));
    assert!(tokens.audiences.is_empty() && tokens.bearer_id_tokens);
    assert!(!tokens.send_unverified_email && tokens.principal_claim == PrincipalClaim::Auto);
    assert_eq!(settings.identity_headers[2], ("x-user-email".to_owned(), "email".to_owned()));
    assert_eq!(settings.strip_headers.len(), 5);
    assert!(!settings.sees_all_headers);
    assert_eq!(settings.forward_authorization, None);
    assert_eq!(settings.endpoints.base, "/.auth");
    assert_eq!(settings.endpoints.callback, "/callback");
    let provider = &settings.provider;
    assert_eq!(provider.connect_timeout, Duration::from_secs(2));
    assert_eq!(provider.timeout, Duration::from_secs(5));
    assert_eq!(provider.max_id_token_lifetime, Duration::from_secs(24 * 60 * 60));
    assert!(!provider.allow_http && provider.proxy.is_none() && provider.ca_file.is_none());
    assert_eq!(provider.require_at_hash, RequireAtHash::Auto);
    assert_eq!(settings.limits.max_pending_logins, 5);
    assert_eq!(settings.limits.max_cached_tokens, 100_000);
    assert_eq!(settings.limits.max_counted_callers, 100_000);
    assert!(!settings.limits.shared && !settings.limits.headers);
    assert_eq!(settings.log.usage, UsageLog::None);
    assert!(settings.portals.is_empty() && settings.environments.is_empty());
    assert_eq!(settings.log.format, LogFormat::Json);
    assert_eq!(settings.log.level, tracing::Level::INFO);
}

/// The settings of the contract, as they stand there, but for what this version does not offer.
const WHOLE: &str = "
listen:
  grpc: unix:/run/portcullis/authz.sock
  admin: 127.0.0.1:9002
  tls: {cert_file: tls/cert.pem, key_file: /k.pem, client_ca_file: ca.pem}
resources:
  paths: [portal/, /srv/more.yaml]
  secrets_dir: secrets
  allow_cross_namespace: ['portal -> vault']
session:
  store: cookie
  keys_file: session.keys
  lifetime: 30days
  idle_timeout: 1h
  refresh_before: 2m
  outage_grace: 2h
cookies: {prefix: gate, secure: true}
tokens:
  {clock_skew: 120s, audiences: ['api://default'], bearer_id_tokens: false, max_bytes: 4096,
   principal_claim: uid, unverified_email: send}
identity_headers: {X-User: sub, x-mail: email}
strip_headers: [X-Forwarded-User, x-jwt-*]
sees_all_headers: true
forward_authorization: false
endpoints: {base: /.gate, callback: /oidc/callback}
provider:
  {connect_timeout: 1s, timeout: 3s, allow_http: true, allow_addresses: [127.0.0.0/8, '::1'],
   extra_hosts: [Keys.Example.com, 'a:1'], proxy: 'http://proxy:3128', ca_file: ca.pem,
   max_id_token_lifetime: 1h, require_at_hash: true}
limits: {max_pending_logins: 3, max_cached_tokens: 10}
portals:
  petstore-portal.default:
    {access: optional, client_authentication: none, require_verified_email: true,
     session: {lifetime: 8h}}
environments:
  dev.default: {routing: context, audiences: [a], portal: petstore-portal.default, group_claim: g}
log: {format: text, level: debug}
telemetry: {otlp_endpoint: 'http://127.0.0.1:4318'}
";

#[test]
fn reads_every_key() {
    let parsed = parse(WHOLE, &base()).expect("settings");
    assert_eq!(parsed.problems, []);
    let settings = parsed.settings;
    let socket = GrpcAddress::Unix("/run/portcullis/authz.sock".into());
    assert_eq!(settings.listen.grpc, socket);
    let tls = settings.listen.tls.expect("TLS");
    assert_eq!(tls.cert_file, Path::new("/etc/portcullis/tls/cert.pem"));
    assert_eq!(tls.key_file, Path::new("/k.pem"));
    assert_eq!(settings.resources.paths.len(), 2);
    assert_eq!(settings.resources.secrets_dir, Some("/etc/portcullis/secrets".into()));
    let pair = ("portal".to_owned(), "vault".to_owned());
    assert_eq!(settings.resources.allow_cross_namespace, [pair]);
    assert_eq!(settings.identity_headers[0], ("x-user".to_owned(), "sub".to_owned()));
    assert_eq!(settings.strip_headers, ["x-forwarded-user", "x-jwt-*"]);
    assert!(settings.sees_all_headers);
    assert_eq!(settings.tokens.principal_claim, PrincipalClaim::Named("uid".to_owned()));
    assert_eq!(settings.provider.allow_addresses.len(), 2);
    assert_eq!(settings.provider.extra_hosts, ["keys.example.com", "a:1"]);
    assert_eq!(settings.provider.require_at_hash, RequireAtHash::Always);
    let endpoint = settings.telemetry.otlp_endpoint.map(String::from);
    assert_eq!(endpoint.as_deref(), Some("http://127.0.0.1:4318/"));
    let name = crate::name::ResourceName::new("petstore-portal", "default");
    let portal = &settings.portals[&name];
    assert_eq!(portal.lifetime, Some(Duration::from_secs(8 * 60 * 60)));
    assert_eq!(portal.idle_timeout, None);
    assert_eq!(portal.access, Some(PortalAccess::Optional));
    assert_eq!(portal.client_authentication, Some(ClientAuthentication::None));
    let dev = &settings.environments[&crate::name::ResourceName::new("dev", "default")];
    assert_eq!(dev.portal, Some(name));
    assert_eq!(dev.routing, Some(Routing::Context));
    assert_eq!(parsed.places.at("environments.dev.default.portal").line, 36);
    assert_eq!(parsed.places.at("environments.prod.default").line, 0);
}

#[test]
fn a_shadow_ends_within_a_fortnight_and_one_that_is_over_is_none() {
    let now = UnixTime::parse_rfc3339("2026-11-26T12:00:00Z").expect("a time");
    let read = |until: &str| {
        let text = format!("{MINIMAL}portals: {{a.default: {{shadow_until: {until}}}}}");
        parse(&text, &Base { now, ..base() })
    };
    let name = crate::name::ResourceName::new("a", "default");
    for (until, holds, said) in [
        ("2026-12-10T12:00:00Z", true, "lets pass what it would refuse"),
        ("2026-12-10T13:00:00+01:00", true, "lets pass what it would refuse"),
        ("2026-11-26T12:00:01Z", true, "lets pass what it would refuse"),
        ("2026-11-26T12:00:00Z", false, "it is over"),
        ("2020-01-01T00:00:00Z", false, "it is over"),
    ] {
        let parsed = read(until).expect(until);
        assert_eq!(parsed.settings.portals[&name].shadow_until.is_some(), holds, "{until}");
        let told = parsed.problems.iter().filter(|problem| problem.message.contains(said));
        let told: Vec<_> = told.map(|problem| (problem.severity, &*problem.path)).collect();
        assert_eq!(told, [(Severity::Warning, "portals.a.default.shadow_until")], "{until}");
    }
    for (until, said) in [
        ("2026-12-10T12:00:01Z", "at most 14 days ahead: 2026-12-10T12:00:00Z"),
        ("2026-12-05", "expected a time (RFC 3339)"),
        ("true", "expected a string"),
    ] {
        let problems = read(until).expect_err(until);
        assert!(problems.iter().any(|problem| problem.message.contains(said)), "{problems:?}");
    }
}

#[test]
fn finds_all_problems_at_once_with_their_lines() {
    let text = "
listen: {grpc: localhost:9001, http: 1}
session: {store: disk, lifetime: 31days, idle_timeout: 0s}
tokens:
  clock_skew: 121s
  audiences: ['']
colour: blue
";
    let want = [
        "settings.yaml:2: resources: expected a value; there is none",
        "settings.yaml:2: listen.grpc: expected an address and a port such as 127.0.0.1:9001 or [::1]:9001",
        "settings.yaml:2: listen.http: unknown key; known here: admin, grpc, tls",
        "settings.yaml:3: session.store: expected one of: cookie, memory, redis",
        "settings.yaml:3: warning: session: expected session.keys_file; without it sessions end when this process ends",
        "settings.yaml:3: session.lifetime: expected at most 30days",
        "settings.yaml:3: session.idle_timeout: expected a duration of more than none",
        "settings.yaml:5: tokens.clock_skew: expected at most 2m",
        "settings.yaml:6: tokens.audiences[0]: expected a string that is not empty",
        "settings.yaml:7: colour: unknown key; known here: api_keys, cookies, documents, endpoints, environments, \
         forward_authorization, identity_headers, limits, listen, log, portals, provider, \
         resources, sees_all_headers, session, strip_headers, telemetry, tokens",
    ];
    let mut got = problems(text);
    got.sort();
    let mut want = want.map(str::to_owned);
    want.sort();
    assert_eq!(got, want);
}

#[test]
fn refuses_each_value_that_does_not_hold() {
    let cases = [
        ("listen: {grpc: 'unix:'}", "listen.grpc: expected a path behind unix:"),
        ("listen: {grpc: '127.0.0.1:9002'}", "listen: expected two addresses"),
        ("listen: {tls: {cert_file: a}}", "listen.tls.key_file: expected a value"),
        ("cookies: {prefix: 'a b'}", "cookies.prefix: expected a token"),
        ("cookies: {prefix: 'a;b'}", "cookies.prefix: expected a token"),
        ("cookies: {prefix: __host-x}", "cookies.prefix: expected a token"),
        ("cookies: {prefix: ''}", "cookies.prefix: expected a string that is not empty"),
        ("cookies: {secure: yes}", "cookies.secure: expected one of: auto, true, false"),
        ("tokens: {clock_skew: 60}", "tokens.clock_skew: expected a duration with its unit"),
        ("tokens: {clock_skew: -5s}", "tokens.clock_skew: expected a duration with its unit"),
        ("tokens: {audiences: [a, a]}", "tokens.audiences[1]: expected each audience once"),
        ("tokens: {audiences: [' a']}", "tokens.audiences[0]: expected no white space"),
        ("tokens: {audiences: a}", "tokens.audiences: expected a list, found a string"),
        ("tokens: {max_bytes: 10}", "tokens.max_bytes: expected a whole number from 512"),
        ("tokens: {unverified_email: maybe}", "tokens.unverified_email: expected one of: hide"),
        ("tokens: {unverified_emails: hide}", "tokens.unverified_emails: unknown key"),
        ("identity_headers: {authorization: sub}", "identity_headers.authorization: expected a"),
        ("identity_headers: {Cookie: sub}", "identity_headers.Cookie: expected a header name"),
        ("identity_headers: {host: sub}", "identity_headers.host: expected a header name"),
        ("identity_headers: {':path': sub}", "identity_headers[\":path\"]: expected a header"),
        ("identity_headers: {connection: sub}", "identity_headers.connection: expected a"),
        ("identity_headers: {'x y': sub}", "identity_headers[\"x y\"]: expected a header name"),
        ("identity_headers: {x-portcullis-portal: a}", "identity_headers.x-portcullis-portal: e"),
        ("identity_headers: {x-a: sub, X-A: iss}", "identity_headers.X-A: expected each header"),
        ("identity_headers: {x-a: sub, x_a: iss}", "identity_headers.x_a: expected each header"),
        ("identity_headers: {x-a: null}", "identity_headers.x-a: expected a string"),
        ("strip_headers: ['*']", "strip_headers[0]: expected a header name, or"),
        ("strip_headers: ['x-*-y']", "strip_headers[0]: expected a header name, or"),
        ("strip_headers: ['co*']", "strip_headers[0]: expected a header that the gateway"),
        ("strip_headers: [Host]", "strip_headers[0]: expected a header that the gateway"),
        ("sees_all_headers: yes", "sees_all_headers: expected true or false"),
        ("endpoints: {base: auth}", "endpoints.base: expected a path"),
        ("endpoints: {base: /}", "endpoints.base: expected a path"),
        ("endpoints: {base: /.auth/}", "endpoints.base: expected a path"),
        ("endpoints: {base: /a/../b}", "endpoints.base: expected a path"),
        ("endpoints: {base: /a%20b}", "endpoints.base: expected a path"),
        ("endpoints: {callback: '/c?x=1'}", "endpoints.callback: expected a path"),
        ("endpoints: {callback: /.auth/callback}", "endpoints: expected base and callback apart"),
        ("endpoints: {callback: /.auth}", "endpoints: expected base and callback apart"),
        ("provider: {timeout: 2m}", "provider.timeout: expected at most 1m"),
        ("provider: {allow_addresses: [ten]}", "provider.allow_addresses[0]: expected a network"),
        ("provider: {extra_hosts: ['a/b']}", "provider.extra_hosts[0]: expected a host name"),
        ("provider: {proxy: 'socks://x'}", "provider.proxy: expected a URL such as"),
        ("provider: {require_at_hash: on}", "provider.require_at_hash: expected one of: auto"),
        ("limits: {max_pending_logins: 0}", "limits.max_pending_logins: expected a whole number"),
        ("limits: {max_counted_callers: 1}", "limits.max_counted_callers: expected a whole number"),
        ("limits: {shared: true}", "limits.shared: expected session.redis beside it"),
        ("log: {usage: hour}", "log.usage: expected"),
        ("log: {format: text, usage: each}", "log: expected format: json beside usage"),
        ("portals: {petstore: {}}", "portals.petstore: expected <name>.<namespace>"),
        ("portals: {p.d: {colour: 1}}", "portals.p.d.colour: unknown key"),
        ("portals: {p.d: {access: open}}", "portals.p.d.access: expected one of: required"),
        ("portals: {p.d: {session: {lifetime: 1y}}}", "portals.p.d.session.lifetime: expected at"),
        ("environments: {e.d: {routing: host}}", "environments.e.d.routing: expected one of"),
        ("environments: {e.d: {portal: p}}", "environments.e.d.portal: expected <name>"),
        ("environments: {e.d: {audiences: ['']}}", "environments.e.d.audiences[0]: expected"),
        ("log: {level: loud}", "log.level: expected one of: error, warn, info, debug, trace"),
        ("telemetry: {otlp_endpoint: 'x:4317'}", "telemetry.otlp_endpoint: expected the base URL"),
        (
            "telemetry: {otlp_endpoint: 'http://me:pw@x'}",
            "telemetry.otlp_endpoint: expected the base",
        ),
        ("session: {}", "session: expected each key once"),
    ];
    for (text, want) in cases {
        let found = parse(&format!("{MINIMAL}{text}"), &base()).expect_err(text);
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        let want = format!("settings.yaml:3: {want}");
        assert!(found.iter().any(|found| found.starts_with(&want)), "{text}: {found:?}");
    }
}

#[test]
fn refuses_places_that_do_not_hold() {
    let cases = [
        ("{}", "settings.yaml:1: resources: expected a value; there is none"),
        ("resources: {}", "settings.yaml:1: resources.paths: expected a value; there is none"),
        ("resources: {paths: []}", "settings.yaml:1: resources.paths: expected at least one"),
        ("resources: {paths: ['']}", "settings.yaml:1: resources.paths[0]: expected a string"),
        (
            "resources: {paths: [a], kubernetes: {}}",
            "settings.yaml:1: resources.kubernetes.namespaces: expected a value; there is none",
        ),
        (
            "resources: {kubernetes: {namespaces: [a]}, paths: []}",
            "settings.yaml:1: resources.paths: ",
        ),
        (
            "resources: {paths: [a], allow_cross_namespace: [a to b]}",
            "settings.yaml:1: resources.allow_cross_namespace[0]: expected two namespaces",
        ),
        (
            "resources: {paths: [a]}\nsession: {redis: {url: 'http://127.0.0.1:6379'}}",
            "settings.yaml:2: session.redis.url: expected a URL such as redis://",
        ),
        ("", "settings.yaml: expected settings; the file is empty"),
        ("a: 1\n---\nb: 1", "settings.yaml:3: expected one document, found several"),
        ("a: [", "settings.yaml:2: expected YAML"),
        ("- a", "settings.yaml:1: expected a mapping, found a list"),
    ];
    for (text, want) in cases {
        let found = problems(text);
        assert!(found.iter().any(|found| found.starts_with(want)), "{text}: {found:?}");
    }
}

#[test]
fn needs_sealing_keys_in_a_pod() {
    let text = "resources: {paths: [a]}";
    let base = Base { in_pod: true, ..base() };
    let found = parse(text, &base).expect_err("an error");
    assert_eq!(
        found[0].to_string(),
        "settings.yaml:1: expected session.keys_file in a Kubernetes pod, and with \
         resources.kubernetes: replicas and restarts share the keys"
    );
    assert!(parse(&format!("{text}\nsession: {{store: memory}}"), &base).is_ok());
    let parsed = parse(text, &self::base()).expect("settings");
    assert_eq!(parsed.problems.len(), 1);
}

#[test]
fn a_proxy_that_does_not_hold_is_not_shown() {
    let text = format!("{MINIMAL}provider: {{proxy: 'socks5://user:hush@proxy'}}");
    assert!(!problems(&text).iter().any(|found| found.contains("hush")));
}

#[test]
fn loads_from_a_folder_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("settings.yaml");
    assert!(matches!(load(&path), Err(LoadError::Unreadable { .. })));
    std::fs::write(&path, MINIMAL).expect("a file");
    let parsed = load(&path).expect("settings");
    assert_eq!(parsed.settings.resources.paths, [folder.path().join("portal")]);
    std::fs::write(&path, "colour: blue").expect("a file");
    assert!(matches!(load(&path), Err(LoadError::Problems(found)) if found.len() == 3));
}

#[test]
fn no_collector_is_the_default() {
    for text in ["", "telemetry: {}", "telemetry: {otlp_endpoint: null}"] {
        let parsed = parse(&format!("{MINIMAL}{text}"), &base()).expect("settings");
        assert_eq!(parsed.settings.telemetry.otlp_endpoint, None, "{text}");
    }
}

fn places(kubernetes: &str) -> Result<Parsed, String> {
    let text = format!("resources: {{kubernetes: {kubernetes}}}\nsession: {{keys_file: keys}}\n");
    let said = |found: Vec<crate::problem::Problem>| {
        found.iter().map(|problem| format!("{problem}\n")).collect::<String>()
    };
    parse(&text, &base()).map_err(said)
}

#[test]
fn kubernetes_stands_in_for_paths() {
    let parsed = places("{namespaces: [portal, other, portal]}").expect("settings");
    assert!(parsed.settings.resources.paths.is_empty() && parsed.problems.is_empty());
    let kubernetes = parsed.settings.resources.kubernetes.expect("a section");
    assert_eq!(kubernetes.namespaces, ["portal", "other"]);
    assert_eq!((kubernetes.secrets, kubernetes.kubeconfig), (WatchedSecrets::All, None));
    let parsed =
        places("{namespaces: ['*'], secret_selector: a=b, kubeconfig: k}").expect("settings");
    assert!(
        parsed.problems[0].to_string().contains("anywhere in the cluster"),
        "{:?}",
        parsed.problems
    );
    let kubernetes = parsed.settings.resources.kubernetes.expect("a section");
    assert!(kubernetes.namespaces.is_empty());
    assert_eq!(kubernetes.secrets, WatchedSecrets::Selected("a=b".to_owned()));
    assert_eq!(kubernetes.kubeconfig, Some("/etc/portcullis/k".into()));
    let named = places("{namespaces: [a], secret_names: [s.a]}").expect("settings");
    let name = crate::name::ResourceName::new("s", "a");
    let secrets = named.settings.resources.kubernetes.map(|kubernetes| kubernetes.secrets);
    assert_eq!(secrets, Some(WatchedSecrets::Named(vec![name])));
}

#[test]
fn kubernetes_has_its_namespaces_named_and_keys_that_replicas_share() {
    for (kubernetes, want) in [
        ("{}", "resources.kubernetes.namespaces: expected a value"),
        ("{namespaces: []}", "expected at least one namespace"),
        ("{namespaces: [a, '*']}", "or '*' alone"),
        ("{namespaces: [A.b]}", "expected names of namespaces"),
        ("{namespaces: [a], secret_names: [s.b]}", "in a namespace that is listed"),
        ("{namespaces: [a], secret_names: [s]}", "secret_names[0]: expected <name>.<namespace>"),
        ("{namespaces: [a], secret_names: [s.a], secret_selector: b}", "not both"),
        (
            "{namespaces: [a], secret_selector: ''}",
            "secret_selector: expected a string that is not empty",
        ),
        ("{namespaces: [a], surprise: 1}", "unknown key"),
    ] {
        let said = places(kubernetes).expect_err(kubernetes);
        assert!(said.contains(want), "{kubernetes}: {said}");
    }
    let without =
        parse("resources: {kubernetes: {namespaces: [a]}}", &base()).expect_err("no keys");
    assert!(without[0].to_string().contains("expected session.keys_file"), "{without:?}");
}

#[test]
fn reads_where_redis_is() {
    let redis = |text: &str| {
        let text =
            format!("resources: {{paths: [a]}}\nsession: {{keys_file: k, redis: {{{text}}}}}");
        let parsed = parse(&text, &base()).map_err(|found| found[0].to_string())?;
        Ok::<_, String>(parsed.settings.session.redis.expect("a Redis"))
    };
    let tcp = |host: &str, port| RedisNode::Tcp(host.to_owned(), port);
    let plain = redis("url: 'redis://127.0.0.1'").expect("holds");
    assert_eq!(plain, RedisSettings::default());
    let whole = redis("url: 'rediss://ann:p%40ss@[::1]:7000/3', ca_file: ca.pem").expect("holds");
    assert!(whole.tls && whole.ca_file == Some("/etc/portcullis/ca.pem".into()));
    assert_eq!((whole.nodes[0].clone(), whole.db), (tcp("::1", 7000), 3));
    assert_eq!(whole.credentials.username.as_deref(), Some("ann"));
    let password = whole.credentials.password.as_ref().map(|password| password.expose().as_str());
    assert_eq!(password, Some("p@ss"));
    assert!(!format!("{whole:?}").contains("p@ss"));
    let socket = redis("url: 'unix:run/redis.sock'").expect("holds");
    assert_eq!(socket.nodes, [RedisNode::Unix("/etc/portcullis/run/redis.sock".into())]);
    let sentinels =
        redis("mode: sentinel, master: m, url: 'rediss://a', nodes: [b, 'c:7']").expect("holds");
    assert_eq!(sentinels.mode, RedisMode::Sentinel("m".to_owned()));
    assert_eq!(sentinels.nodes, [tcp("a", 26379), tcp("b", 26379), tcp("c", 7)]);
    let cluster = redis("mode: cluster, nodes: ['a:1'], cache_time: 0s").expect("holds");
    assert_eq!((cluster.mode, cluster.cache_time), (RedisMode::Cluster, Duration::ZERO));
    let refused = [
        ("url: 'http://a'", "url: expected a URL such as redis://"),
        ("url: 'redis://u:geheim@a/x'", "url: expected a URL such as redis://"),
        ("url: 'redis://a?x=1'", "url: expected a URL such as redis://"),
        ("url: 'unix:'", "url: expected a path"),
        ("db: 1", "expected url: without it"),
        ("url: 'redis://a', nodes: [b]", "nodes: expected no nodes"),
        ("url: 'redis://a', mode: sentinel", "expected master"),
        ("url: 'redis://a', master: m", "master: expected no master"),
        ("url: 'redis://a', username: ann", "expected password_file beside username"),
        ("url: 'redis://u:geheim@a', password_file: p", "expected one password"),
        ("url: 'redis://a', ca_file: c", "expected a url with rediss://"),
        ("url: 'redis://a/1', mode: cluster", "expected db 0"),
        ("url: 'redis://a', key_prefix: '{a}'", "key_prefix: expected letters"),
        ("url: 'unix:/a', mode: cluster", "expected host names"),
        ("mode: cluster, nodes: ['u:geheim@a']", "nodes[0]: expected a host"),
        ("url: 'redis://a', command_timeout: 11s", "command_timeout: expected at most 10s"),
        ("url: 'redis://a', cache_time: 2m", "cache_time: expected at most 1m"),
        ("url: 'redis://a', colour: blue", "colour: unknown key"),
    ];
    for (text, want) in refused {
        let text =
            format!("resources: {{paths: [a]}}\nsession: {{keys_file: k, redis: {{{text}}}}}");
        let found = problems(&text);
        let hit = format!("settings.yaml:2: session.redis.{want}");
        let whole = format!("settings.yaml:2: session.redis: {want}");
        assert!(
            found.iter().any(|found| found.starts_with(&hit) || found.starts_with(&whole)),
            "{text}: {found:?}"
        );
        assert!(!found.iter().any(|found| found.contains("geheim")), "{found:?}");
    }
    let found = problems("resources: {paths: [a]}\nsession: {redis: {url: 'redis://a'}}");
    assert!(found.iter().any(|found| found.contains("expected session.keys_file with")));
    assert!(
        found.iter().any(|found| found.contains("warning: session.redis: expected a url with"))
    );
}

#[test]
fn the_header_of_keys_carries_nothing_else() {
    let problems = |settings: &str| {
        let text =
            format!("resources: {{paths: [portal]}}\nsession: {{store: memory}}\n{settings}\n");
        let base = Base::from(Path::new("/"));
        parse(&text, &base).map_or_else(|problems| problems.len(), |_parsed| 0)
    };
    let cases = [
        ("api_keys: {header: X-Pet-Key, bearer: true, max_failures: 5, forwarded_for: 2}", 0),
        ("api_keys: {header: authorization}", 1),
        ("api_keys: {header: cookie}", 1),
        ("api_keys: {header: x-portcullis-key}", 1),
        ("api_keys: {header: 'a b'}", 1),
        ("api_keys: {max_failures: 0}", 1),
        ("api_keys: {forwarded_for: 11}", 1),
        ("api_keys: {headers: x}", 1),
        ("identity_headers: {api-key: sub}", 1),
        ("identity_headers: {api_key: sub}", 1),
        ("api_keys: {header: x-user-id}", 1),
        ("api_keys: {header: x-user-id}\nidentity_headers: {x-user-id: sub}", 1),
        ("strip_headers: [api-key]", 1),
        ("strip_headers: ['api-*']", 1),
        ("api_keys: {header: x-key}\nstrip_headers: [api-key]", 0),
        ("api_keys: {header: x-jwt-key}\nstrip_headers: ['x-jwt-*']", 1),
    ];
    for (settings, want) in cases {
        assert_eq!(problems(settings), want, "{settings}");
    }
}

#[test]
fn each_store_has_its_redis_and_what_becomes_of_it_without() {
    let session = |text: &str| {
        let text = format!("resources: {{paths: [a]}}\nsession: {{keys_file: k, {text}}}");
        parse(&text, &base()).map(|parsed| parsed.settings.session).expect(&text)
    };
    let redis = session("store: redis");
    assert_eq!((redis.store, redis.limits.store_down), (StoreKind::Redis, StoreDown::Refuse));
    assert_eq!(redis.redis, Some(RedisSettings::default()));
    let redis = session("store: redis, redis: {db: 2, cache_time: 5s}").redis.expect("a Redis");
    assert_eq!((redis.db, redis.cache_time), (2, Duration::from_secs(5)));
    assert_eq!(redis.nodes, RedisSettings::default().nodes);
    let cookie = session("store: cookie");
    assert_eq!((cookie.redis, cookie.limits.store_down), (None, StoreDown::Local));
    assert!(session("store: memory, redis: {url: 'redis://127.0.0.1'}").redis.is_some());
    assert_eq!(session("store_down: refuse").limits.store_down, StoreDown::Refuse);
    let text = "portals: {a.b: {session: {store_down: local}}}";
    let portals = settings(text).portals;
    assert_eq!(portals.values().next().and_then(|one| one.store_down), Some(StoreDown::Local));
    let found = problems("resources: {paths: [a]}\nsession: {store_down: open}");
    let want = "settings.yaml:2: session.store_down: expected one of: refuse, local";
    assert!(found.iter().any(|found| found.starts_with(want)), "{found:?}");
}
