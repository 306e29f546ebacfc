//! `portcullis replay`: recorded checks, judged by a changed policy.

use crate::commands::{portcullis, text};
use crate::policy::two_products;
use crate::support::{API, Ask, Browser, Gateway, Log, NOW, PORTAL, Setup};
use envoy_types::pb::envoy::service::auth::v3::CheckRequest;
use portcullis::config::LogFormat;
use prost::Message;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const CHECKS: usize = 10_000;
const AUDIENCE: &str = "api://default";

/// What is to come into force.
fn new() -> Setup {
    two_products().setting("tokens", &format!("{{audiences: ['{AUDIENCE}']}}"))
}

fn group(name: &str, product: &str, claim: &str) -> String {
    format!(
        "apiVersion: portal.gloo.solo.io/v1beta1
kind: Group
metadata: {{name: {name}, namespace: default}}
spec:
  accessLevel:
    apis:
    - products: {{names: [{product}], namespaces: [default]}}
      environments: {{names: [dev], namespaces: [default]}}
    portals: [{{name: petstore-portal, namespace: default}}]
  oidcGroup: {{groupNames: ['{claim}']}}
"
    )
}

/// What was in force: petstore-users, and a second Group for the second product.
fn old() -> Setup {
    new().add(&group("bank-users", "bank-product", "Bank, Users"))
}

/// Writes the settings of a policy into a folder of their own below `folder`.
fn write(folder: &Path, name: &str, setup: &Setup, issuer: &str) -> String {
    let own = folder.join(name);
    std::fs::create_dir_all(&own).expect("a folder");
    setup.write(&own, issuer);
    format!("{name}/portcullis.yaml")
}

fn replay(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let run = portcullis(folder, &[&["replay"], arguments].concat());
    (run.status.code(), text(&run.stdout), text(&run.stderr))
}

/// Requests of all kinds: who asks for what.
async fn kinds(gateway: &Gateway) -> Vec<Ask> {
    let browser = Browser::signed_in(gateway, &format!("{PORTAL}/")).await;
    let places = [
        format!("{API}/pets/1"),
        format!("{API}/bank/1?token=hush"),
        format!("{PORTAL}/home"),
        format!("{API}/elsewhere"),
        "http://unknown.localhost/".to_owned(),
        format!("{API}/pets/../bank"),
        format!("{PORTAL}/.auth/userinfo"),
    ];
    let mut kinds = Vec::new();
    for place in &places {
        let ask = || Ask::get(place);
        for groups in [
            json!(["PetstoreUsers"]),
            json!(["Bank, Users"]),
            json!(["Everyone", "Bank, Users", "PetstoreUsers"]),
            json!(["Others"]),
            json!([]),
        ] {
            let token = gateway.provider.id_token(&json!({"groups": groups}));
            kinds.push(ask().bearer(&token));
            let token = gateway.provider.access_token(AUDIENCE, &json!({"groups": groups}));
            kinds.push(ask().bearer(&token));
        }
        kinds.extend([ask(), ask().navigate(), browser.dress(ask()), ask().bearer("a.b.c")]);
    }
    kinds
}

#[tokio::test]
async fn ten_thousand_checks_without_one_group_list_exactly_the_answers_that_change() {
    let gateway = Gateway::with(old()).await;
    let kinds = kinds(&gateway).await;
    let log = Log::start(LogFormat::Json, tracing::Level::DEBUG);
    let mut was = Vec::new();
    for number in 0..CHECKS {
        let kind = number % kinds.len();
        let ask = kinds[kind].clone().header("x-request-id", &format!("req-{number}"));
        let answer = gateway.ask(ask).await;
        was.push((answer.allowed, answer.reason().to_owned()));
    }
    let recorded = log.text();
    assert!(!recorded.contains("hush") && !recorded.contains("ann@example.com"), "a secret");
    // The answers that change are those that a service with the new policy gives otherwise.
    let new = new();
    let issuer = gateway.provider.issuer.clone();
    let gateway = gateway.restarted(new.clone()).await;
    let mut is = Vec::new();
    for kind in &kinds {
        let answer = gateway.ask(kind.clone()).await;
        is.push((answer.allowed, answer.reason().to_owned()));
    }
    let changed = |number: &usize| was[*number] != is[number % kinds.len()];
    let changed: BTreeSet<String> =
        (0..CHECKS).filter(changed).map(|number| format!("req-{number}")).collect();
    assert!(changed.len() > 500 && changed.len() < CHECKS / 5, "{}", changed.len());

    let folder = tempfile::tempdir().expect("a folder");
    let (before, after) = (
        write(folder.path(), "before", &old(), &issuer),
        write(folder.path(), "after", &new, &issuer),
    );
    std::fs::write(folder.path().join("log"), &recorded).expect("written");
    let (code, said, _) = replay(folder.path(), &["--config", &after, "--each", "log"]);
    assert_eq!(code, Some(1), "{said}");
    let listed: Vec<&str> =
        said.lines().filter_map(|line| Some(line.split_once(": allow")?.0)).collect();
    assert_eq!(listed.len(), changed.len(), "{said}");
    assert_eq!(listed.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), changed);

    let started = tokio::time::Instant::now();
    let (code, said, _) = replay(folder.path(), &["--config", &after, "log"]);
    let took = started.elapsed();
    assert_eq!(code, Some(1));
    println!("{CHECKS} checks in {took:?}\n{said}");
    assert!(took.as_secs() < 20, "{took:?}");
    let told: Vec<&str> = said.lines().filter(|line| line.contains(" -> ")).collect();
    let count = |line: &&str| line.split(' ').next().and_then(|count| count.parse::<usize>().ok());
    let counts: usize = told.iter().filter_map(count).sum();
    assert_eq!((told.len(), counts), (3, changed.len()), "{said}");
    for part in [
        "allow (granted) -> deny (not_granted): product bank-product.default in dev.default, portal \
         petstore-portal.default, groups Bank, Users; no Group names any of the caller's groups; such \
         as req-",
        "allow (granted) -> deny (not_granted): portal petstore-portal.default, groups Bank, Users; ",
        "none of the caller's Groups grants this",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let last = said.lines().last().expect("a summary");
    assert!(last.starts_with(&format!("{CHECKS} recorded checks: ")), "{last}");
    assert!(last.contains(&format!(" {} otherwise, in 3 ways", changed.len())), "{last}");

    // By the policy that was in force nothing changes, and nothing is said to be unknown but why.
    let (code, said, _) = replay(folder.path(), &["--config", &before, "log"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.lines().last().expect("a summary").contains(" 0 otherwise, in 0 ways"), "{said}");
    // Nor does it matter whether that is given.
    let (code, said, _) = replay(folder.path(), &["--config", &after, "--old", &before, "log"]);
    assert_eq!(code, Some(1));
    assert_eq!(said.lines().filter(|line| line.contains(" -> ")).collect::<Vec<_>>(), told);
}

/// The log of `asks` at a service with `setup`, and the issuer.
async fn record(
    setup: Setup,
    asks: &[(&str, Ask, Value)],
    level: tracing::Level,
) -> (String, String) {
    let log = Log::start(LogFormat::Json, level);
    let gateway = Gateway::with(setup).await;
    for (id, ask, claims) in asks {
        let mut ask = ask.clone();
        if !claims.is_null() {
            ask = ask.bearer(&gateway.provider.id_token(claims));
        }
        gateway.ask(ask.header("x-request-id", id)).await;
    }
    (log.text(), gateway.provider.issuer.clone())
}

/// What becomes of a log by another policy.
fn judged(recorded: &str, issuer: &str, new: &Setup, more: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let config = write(folder.path(), "new", new, issuer);
    std::fs::write(folder.path().join("log"), recorded).expect("written");
    let (code, said, error) =
        replay(folder.path(), &[&["--config", &config], more, &["log"]].concat());
    (code, format!("{said}{error}"))
}

#[tokio::test]
async fn each_kind_of_change_is_seen_in_the_log() {
    let users = json!({"groups": ["PetstoreUsers"]});
    let asks = [
        ("pets", Ask::get(&format!("{API}/pets")), users.clone()),
        ("unverified", Ask::get(PORTAL), json!({"email_verified": false})),
        ("page", Ask::get(PORTAL), users.clone()),
        ("visitor", Ask::get(PORTAL).navigate(), Value::Null),
        (
            "preflight",
            Ask::get(PORTAL)
                .method("OPTIONS")
                .header("origin", "http://x.example")
                .header("access-control-request-method", "GET"),
            Value::Null,
        ),
        ("public", Ask::get(&format!("{API}/pets")).context("access", "public"), Value::Null),
        ("refused", Ask::get(&format!("{API}/bank")), users.clone()),
    ];
    let (log, issuer) = record(two_products(), &asks, tracing::Level::DEBUG).await;
    let same = judged(&log, &issuer, &two_products(), &[]);
    assert_eq!(same.0, Some(0), "{}", same.1);
    assert!(same.1.contains("7 recorded checks: 7 as before"), "{}", same.1);
    let portal = |text: &str| {
        two_products().setting("portals", &format!("{{petstore-portal.default: {{{text}}}}}"))
    };
    let by_context = two_products().setting("environments", "{dev.default: {routing: context}}");
    let login = "  oidcAuth:\n    clientId: 0oaPetstore";
    let published =
        format!("  publishedEnvironments: [{{name: dev, namespace: default}}]\n{login}");
    let unpublished = two_products().edit(&published, login);
    let other_product = two_products().edit("names: [petstore-product]", "names: [bank-product]");
    let no_product = two_products().edit("app: petstore}}", "app: other}}");
    let own = "domains: [api.petstore.localhost, 'api.petstore.localhost:10000']";
    let other_host = two_products().edit(own, "domains: [other.example]");
    let other_issuer = two_products().edit("'{ISSUER}'", "'http://127.0.0.1:9/other'");
    let cases: Vec<(Setup, &[(&str, &str)])> = vec![
        (
            portal("require_verified_email: true"),
            &[("unverified", "allow (granted) -> deny (email_unverified)")],
        ),
        (portal("access: optional"), &[("visitor", "redirect (no_credentials) -> allow (public)")]),
        (portal(&format!("shadow_until: '{}'", soon())), &[]),
        (
            by_context,
            &[
                ("pets", "allow (granted) -> deny (no_route)"),
                ("public", "allow (public) -> deny (no_route)"),
                ("refused", "deny (not_granted) -> deny (no_route)"),
            ],
        ),
        (unpublished, &[("pets", "allow (granted) -> deny (not_granted)")]),
        (
            other_product,
            &[
                ("pets", "allow (granted) -> deny (not_granted)"),
                ("refused", "deny (not_granted) -> allow (granted)"),
            ],
        ),
        (
            no_product,
            &[
                ("pets", "allow (granted) -> deny (no_route)"),
                ("public", "allow (public) -> deny (no_route)"),
            ],
        ),
        (
            other_host,
            &[
                ("pets", "allow (granted) -> deny (no_route)"),
                ("public", "allow (public) -> deny (no_route)"),
                ("refused", "deny (not_granted) -> deny (no_route)"),
            ],
        ),
        (
            other_issuer,
            &[
                ("pets", "allow (granted) -> deny (invalid_token)"),
                ("unverified", "allow (granted) -> deny (invalid_token)"),
                ("page", "allow (granted) -> deny (invalid_token)"),
                ("refused", "deny (not_granted) -> deny (invalid_token)"),
            ],
        ),
    ];
    for (setup, want) in cases {
        let (code, said) = judged(&log, &issuer, &setup, &["--each"]);
        assert_eq!(code, Some(i32::from(!want.is_empty())), "{said}");
        let changes = said.lines().filter_map(|line| line.split_once(": "));
        let changes = changes.filter(|(_, change)| change.contains(" -> "));
        let changes: BTreeMap<&str, &str> = changes.collect();
        assert_eq!(changes.len(), want.len(), "{said}");
        for (id, change) in want {
            assert!(changes[id].starts_with(change), "{id}: {change}\n{said}");
        }
    }
}

#[tokio::test]
async fn what_the_log_cannot_show_is_said() {
    let asks = [
        ("denied", Ask::get(&format!("{API}/bank")), json!({"groups": ["PetstoreUsers"]})),
        ("nowhere", Ask::get(&format!("{API}/elsewhere")), json!({})),
        ("token", Ask::get(&format!("{API}/pets")).bearer("a.b.c"), Value::Null),
        ("dots", Ask::get(&format!("{API}/a/../b")), Value::Null),
        ("allowed", Ask::get(&format!("{API}/pets")), json!({"groups": ["PetstoreUsers"]})),
    ];
    let (log, issuer) = record(two_products(), &asks, tracing::Level::INFO).await;
    // A Group that is new names a group that nobody was asked about.
    let (code, said) = judged(&log, &issuer, &old(), &[]);
    assert_eq!(code, Some(0), "{said}");
    for part in [
        "cannot be judged: 1 x denied, unless the caller has a group that nobody looked for then: Bank, \
         Users; such as denied",
        "cannot be judged: 1 x the request led to no product, and the log has no paths; such as nowhere",
        "cannot be judged: 1 x the request was refused for its token, and the log has no tokens; such as \
         token",
        "cannot be judged: 1 x not for the policy to decide: ambiguous_request; such as dots",
        "note: no line of an allowed check: ",
        "note: lines of the log: ",
        "4 recorded checks: 0 as before, 0 otherwise, in 0 ways, 4 not judged",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    // A renamed group: whoever is in both loses nothing.
    let (log, issuer) = record(two_products(), &asks, tracing::Level::DEBUG).await;
    let renamed = two_products().edit("groupNames: [PetstoreUsers]", "groupNames: [Petstore]");
    let (code, said) = judged(&log, &issuer, &renamed, &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("unless the caller has a group that nobody looked for then: Petstore;"),
        "{said}"
    );
    assert!(!said.contains("note: no line of an allowed"), "{said}");
    // A host that belongs to something else, and one of lines that an older version wrote.
    let moved = two_products().edit("metadata: {name: dev, ", "metadata: {name: moved, ");
    let (_, said) = judged(&log, &issuer, &moved.edit("{name: dev,", "{name: moved,"), &[]);
    assert!(
        said.contains("x the request's host belongs to something else by this policy"),
        "{said}"
    );
    let older = log.replace("\"caller_groups\"", "\"other\"");
    let (_, said) = judged(&older, &issuer, &two_products(), &[]);
    assert!(said.contains("2 x the line lacks who asked: written by an older version"), "{said}");
    // No check at all.
    for nothing in ["", "no JSON\n", "{\"message\":\"reload\"}\n"] {
        let (code, said) = judged(nothing, &issuer, &two_products(), &[]);
        assert_eq!(code, Some(1));
        assert!(said.starts_with("portcullis: no recorded check was found"), "{said}");
    }
}

#[tokio::test]
async fn what_passed_in_shadow_alone_counts_as_refused() {
    let until = portcullis::time::UnixTime(NOW + 1000).to_rfc3339();
    let portals = format!("{{petstore-portal.default: {{shadow_until: '{until}'}}}}");
    let shadow = two_products().setting("portals", &portals);
    let asks = [("bank", Ask::get(&format!("{API}/bank")), json!({"groups": ["PetstoreUsers"]}))];
    let (log, issuer) = record(shadow, &asks, tracing::Level::INFO).await;
    assert!(log.contains("\"decision\":\"allow\",\"shadow\":\"deny\""), "{log}");
    let (code, said) = judged(&log, &issuer, &two_products(), &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 recorded checks: 1 as before"), "{said}");
    let open = two_products()
        .edit("names: [petstore-product], namespaces: [default]", "names: [bank-product]");
    let (code, said) = judged(&log, &issuer, &open, &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("1 x deny (not_granted) -> allow (granted)"), "{said}");
}

/// In a day, by the clock that a command reads.
pub(crate) fn soon() -> String {
    portcullis::clock::Clock::system().now().plus(Duration::from_secs(24 * 3600)).to_rfc3339()
}

fn delimited(messages: &[CheckRequest]) -> Vec<u8> {
    messages.iter().flat_map(Message::encode_length_delimited_to_vec).collect()
}

#[tokio::test]
async fn recorded_messages_are_judged_by_both_policies_and_nobody_is_asked() {
    let gateway = Gateway::with(old()).await;
    let mut browser = Browser::signed_in(&gateway, &format!("{PORTAL}/")).await;
    browser.visit(&gateway, &format!("{API}/pets")).await.1.granted();
    let token = |changes: Value| gateway.provider.id_token(&changes);
    let bank = || Ask::get(&format!("{API}/bank")).header("x-request-id", "bank");
    // Whether it holds any more is not asked.
    let long_ago = json!({"groups": ["Bank, Users"], "iat": 1_000_000_000, "exp": 1_000_000_600});
    let own = browser.dress(Ask::get(&format!("{API}/pets")).header("x-request-id", "session"));
    let page = browser.dress(Ask::get(PORTAL).header("x-request-id", "page"));
    let folder = tempfile::tempdir().expect("a folder");
    let messages = folder.path().join("messages");
    std::fs::create_dir(&messages).expect("a folder");
    let several = [
        bank().bearer(&token(long_ago)).message(),
        bank().header("x-request-id", "others").bearer(&token(json!({"groups": []}))).message(),
        Ask::get(&format!("{API}/pets")).navigate().message(),
        page.message(),
        own.message(),
    ];
    std::fs::write(messages.join("several.bin"), delimited(&several)).expect("written");
    let endpoint = Ask::get(&format!("{PORTAL}/.auth/login")).navigate().message();
    std::fs::write(messages.join("one.bin"), endpoint.encode_to_vec()).expect("written");
    std::fs::write(messages.join("note.txt"), "not one").expect("written");
    let provider = Arc::clone(&gateway.provider);
    let calls = || {
        provider.calls("/token", "refresh_token") + provider.calls("/token", "authorization_code")
    };
    let asked = calls();
    let before = write(folder.path(), "before", &old(), &provider.issuer);
    let after = write(folder.path(), "after", &two_products(), &provider.issuer);
    let arguments = ["--config", &after, "--old", &before, "messages"];
    let (code, said, error) = replay(folder.path(), &arguments);
    assert_eq!(code, Some(1), "{said}{error}");
    for part in [
        "1 x allow (granted) -> deny (not_granted): product bank-product.default in dev.default, portal \
         petstore-portal.default, groups Bank, Users; the caller's token names no groups; such as bank\n",
        "cannot be judged: 1 x not for the policy to decide: endpoint; such as req-1\n",
        "note: messages: the caller is whom the token or session names, taken as said; ",
        "6 recorded checks: 4 as before, 1 otherwise, in 1 way, 1 not judged\n",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert_eq!(calls(), asked);
    // Sealed under a key that nobody here has.
    let sealed = write(folder.path(), "sealed", &two_products().keys(&[9]), &provider.issuer);
    let (_, said, _) = replay(folder.path(), &["--config", &sealed, "--old", &before, "messages"]);
    assert!(said.contains("cannot be judged: 2 x its session cannot be opened"), "{said}");
    // The login of the session is another's.
    let other = two_products().edit("clientId: 0oaPetstore", "clientId: 0oaOther");
    let other = write(folder.path(), "other", &other, &provider.issuer);
    let arguments = ["--config", &other, "--old", &before, "messages", "--each"];
    let (_, said, _) = replay(folder.path(), &arguments);
    assert!(said.contains("session: allow (granted) -> deny (invalid_session)"), "{said}");
    assert!(said.contains("bank: allow (granted) -> deny (invalid_token)"), "{said}");
}

#[tokio::test]
async fn the_messages_that_a_gateway_has_sent_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let config =
        write(folder.path(), "one", &Setup::default(), "http://127.0.0.1:9/oauth2/default");
    let inputs = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/inputs");
    let (code, said, error) =
        replay(folder.path(), &["--config", &config, "--old", &config, inputs]);
    assert_eq!(code, Some(0), "{said}{error}");
    let last = said.lines().last().expect("a summary");
    let count: usize =
        last.split(' ').next().and_then(|count| count.parse().ok()).expect("a count");
    assert!(count > 10 && last.contains(" 0 otherwise"), "{said}");
}

#[test]
fn bad_usage_and_what_cannot_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let config =
        write(folder.path(), "one", &Setup::default(), "http://127.0.0.1:9/oauth2/default");
    std::fs::write(folder.path().join("one.bin"), Ask::get(API).message().encode_to_vec())
        .expect("written");
    std::fs::write(folder.path().join("bad.bin"), "no message").expect("written");
    let cases: [(&[&str], i32, &str); 6] = [
        (&["--config", &config], 64, "FILE"),
        (&["log"], 64, "--config"),
        (&["--config", &config, "one.bin"], 64, "--old: recorded messages have no answers"),
        (&["--config", &config, "missing"], 1, "portcullis: missing: "),
        (&["--config", &config, "--old", "missing.yaml", "one.bin"], 1, "missing.yaml"),
        (&["--config", &config, "bad.bin"], 1, "portcullis: bad.bin: expected CheckRequests"),
    ];
    for (arguments, want, part) in cases {
        let (code, said, error) = replay(folder.path(), arguments);
        assert_eq!((code, said.as_str()), (Some(want), ""), "{arguments:?}: {error}");
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
}
