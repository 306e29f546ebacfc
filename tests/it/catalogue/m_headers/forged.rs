//! Headers that a client sends in our name.

use crate::support::{API, Answer, Ask, Browser, Gateway, PORTAL, Setup};
use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
use serde_json::json;
use std::collections::BTreeSet;

/// Every name that we write.
const OURS: [&str; 8] = [
    "x-user-id",
    "x-user-issuer",
    "x-user-email",
    "x-user-groups",
    "x-portcullis-portal",
    "x-portcullis-environment",
    "x-portcullis-product",
    "x-portcullis-groups-omitted",
];
/// The same where settings say so.
const OF_SETTINGS: [&str; 3] = ["x-who", "x_team.name", "x-mail"];
/// Names that never pass from a client, by the default list and by Envoy's own custom.
const STRIPPED: [&str; 13] = [
    "x-forwarded-user",
    "x-remote-user",
    "x-auth-request-user",
    "x-auth-request-email",
    "x-auth-request-preferred-username",
    "x-auth-request-",
    "x-jwt-assertion",
    "x-jwt-payload",
    "x-jwt-",
    "x-goog-authenticated-user-email",
    "x-goog-authenticated-user-id",
    "x-envoy-auth-failure-mode-allowed",
    "x-portcullis-whatever",
];
/// Names that only look alike.
const OTHERS: [&str; 8] = [
    "x-user-idx",
    "x-user",
    "x-user-name",
    "my-x-user-id",
    "x-forwarded-users",
    "x-jwtless",
    "x-portcullis",
    "x-forwarded-for",
];
const FORGED: &str = "mallory";

/// A name in the spellings that servers fold into one.
fn spellings(name: &str) -> Vec<String> {
    let title = |part: &str| {
        part.get(..1).unwrap_or_default().to_uppercase() + part.get(1..).unwrap_or_default()
    };
    let titled = name.split('-').map(title).collect::<Vec<_>>().join("-");
    vec![
        name.to_owned(),
        name.to_uppercase(),
        titled,
        name.replace('-', "_"),
        name.to_uppercase().replace('-', "_"),
        name.replacen('-', "_", 1),
        name.rsplitn(2, '-').collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("_"),
        name.replace('-', "."),
        name.replacen('-', ".", 1),
        name.replace('-', "~"),
        name.replacen('-', "+", 1),
    ]
}

/// Who is asked, and how: without `sees_all_headers`, with it, and with it behind a gateway that shows some
/// headers only. Whether the last of the three is so can be told by the pseudo headers.
struct Case {
    what: &'static str,
    gateway: Gateway,
    pseudo: bool,
    /// Whether only what came is removed.
    exact: bool,
}

impl Case {
    async fn all(setup: &Setup) -> [Self; 3] {
        let on = || setup.clone().setting("sees_all_headers", "true");
        let (off, on, filtered) = (setup.clone(), on(), on());
        let of = async |what, setup, pseudo, exact| Self {
            what,
            gateway: Gateway::with(setup).await,
            pseudo,
            exact,
        };
        [
            of("as ever", off, true, false).await,
            of("seeing all", on, true, true).await,
            of("said to see all", filtered, false, false).await,
        ]
    }

    async fn ask(&self, ask: Ask) -> Answer {
        let ask = if self.pseudo { ask.pseudo() } else { ask };
        let message = ask.clone().message();
        let answer = self.gateway.ask(ask).await;
        if self.exact {
            let http = message.attributes.and_then(|all| all.request?.http).expect("a request");
            let mut came: BTreeSet<String> =
                http.headers.keys().map(|name| name.to_lowercase()).collect();
            if answer.allowed && answer.reason() == "public" {
                // Nobody becomes somebody by a field that the gateway hides after all.
                came.extend(OURS.into_iter().chain(OF_SETTINGS).map(str::to_owned));
            }
            assert!(answer.removed.is_subset(&came), "{}: {answer:?}", self.what);
        }
        answer
    }
}

/// Everything at once.
fn forge(ask: Ask) -> Ask {
    let names = OURS.iter().chain(&STRIPPED).flat_map(|name| spellings(name));
    let others = OTHERS.iter().map(|name| (*name).to_owned());
    names.chain(others).fold(ask, |ask, name| ask.header(&name, FORGED))
}

/// Whatever of it reaches the upstream is ours, and what is nobody's business passes.
fn judge(answer: &Answer, what: &str) {
    assert!(answer.allowed, "{what}: {answer:?}");
    for name in OURS.iter().chain(&STRIPPED).flat_map(|name| spellings(name)) {
        let name = name.to_lowercase();
        let ours = answer.set.get(&name).is_some_and(|value| value != FORGED);
        assert!(ours || answer.removed.contains(&name), "{what}: {name} passes as forged");
    }
    for name in OTHERS {
        assert!(!answer.removed.contains(name) && !answer.set.contains_key(name), "{what}: {name}");
    }
}

#[tokio::test]
async fn m01_m03_m12_a_forged_identity_never_passes_beside_a_real_one() {
    for case in Case::all(&Setup::default()).await {
        beside_a_real_one(&case).await;
    }
}

async fn beside_a_real_one(case: &Case) {
    let gateway = &case.gateway;
    let browser = Browser::signed_in(gateway, &format!("{API}/pets")).await;
    let pets = || forge(Ask::get(&format!("{API}/pets")));
    let token = gateway.provider.id_token(&json!({}));
    for (what, ask) in [("session", browser.dress(pets())), ("bearer", pets().bearer(&token))] {
        let what = &format!("{}: {what}", case.what);
        let answer = case.ask(ask).await;
        judge(&answer, what);
        answer.granted();
        let want = [
            ("x-user-id", "00u1"),
            ("x-user-issuer", gateway.provider.issuer.as_str()),
            ("x-user-email", "ann@example.com"),
            ("x-user-groups", "PetstoreUsers"),
            ("x-portcullis-portal", "petstore-portal.default"),
            ("x-portcullis-environment", "dev.default"),
            ("x-portcullis-product", "petstore-product.default"),
        ];
        let set: Vec<_> = answer.set.iter().filter(|(name, _)| *name != "cookie").collect();
        assert_eq!(set.len(), want.len(), "{what}: {set:?}");
        for (name, value) in want {
            assert_eq!(answer.set.get(name).map(String::as_str), Some(value), "{what}: {name}");
        }
    }
}

#[tokio::test]
async fn m01_m09_a_forged_identity_never_passes_where_nobody_is_known() {
    let setup =
        Setup::default().setting("portals", "{petstore-portal.default: {access: optional}}");
    for case in Case::all(&setup).await {
        where_nobody_is_known(&case).await;
    }
}

async fn where_nobody_is_known(case: &Case) {
    let pets = || Ask::get(&format!("{API}/pets"));
    let mut stale = Browser::default();
    let jar = stale.cookies("portal.petstore.localhost");
    jar.insert("__Host-portcullis-s".to_owned(), "1.x".to_owned());
    let asks = [
        ("public", pets().context("access", "public")),
        ("public, with a bearer that is none", pets().context("access", "public").bearer("x")),
        ("public, OPTIONS", pets().context("access", "public").method("OPTIONS")),
        ("optional", pets().context("access", "optional")),
        ("optional portal", Ask::get(&format!("{PORTAL}/"))),
        ("optional portal, stale cookie", stale.dress(Ask::get(&format!("{PORTAL}/")))),
    ];
    for (what, ask) in asks {
        let what = &format!("{}: {what}", case.what);
        let answer = case.ask(forge(ask)).await;
        judge(&answer, what);
        assert_eq!(answer.reason(), "public");
        let named = |name: &String| name.starts_with("x-portcullis-");
        let set = &answer.set;
        assert!(set.keys().all(named), "{what}: the route may be named, nobody else: {set:?}");
        for name in ["x-user-id", "x-user-issuer", "x-user-email", "x-user-groups"] {
            assert!(answer.removed.contains(name), "{what}: {name}");
        }
    }
    // They are removed whether or not the gateway shows them to us; if it shows everything, those alone that
    // would name somebody.
    let answer = case.ask(pets().context("access", "public")).await;
    for name in ["x-user-id", "x-portcullis-groups-omitted"] {
        assert!(answer.removed.contains(name), "{}: {name}", case.what);
    }
    for name in
        ["x_user_id", "x-forwarded-user", "x_forwarded_user", "x-envoy-auth-failure-mode-allowed"]
    {
        assert_eq!(answer.removed.contains(name), !case.exact, "{}: {name}", case.what);
    }
}

#[tokio::test]
async fn m01_a_refusal_and_our_own_endpoints_pass_nothing_on() {
    let gateway = Gateway::new().await;
    let browser = Browser::signed_in(&gateway, &format!("{PORTAL}/")).await;
    let asks = [
        Ask::get(&format!("{API}/pets")),
        Ask::get(&format!("{API}/pets")).navigate(),
        Ask::get(&format!("{PORTAL}/.auth/login")).navigate(),
        Ask::get(&format!("{PORTAL}/.auth/userinfo")),
        browser.dress(Ask::get(&format!("{PORTAL}/.auth/userinfo"))),
        Ask::get(&format!("{PORTAL}/.auth/logout")),
        Ask::get(&format!("{PORTAL}/.auth/nothing")),
        Ask::get(&format!("{PORTAL}/callback")),
        Ask::post(&format!("{PORTAL}/.auth/backchannel-logout")),
    ];
    for ask in asks {
        let answer = gateway.ask(forge(ask)).await;
        assert!(!answer.allowed, "{answer:?}");
        let echoed = answer.headers.iter().any(|(_, value)| value.contains(FORGED));
        assert!(!echoed && !answer.body.contains(FORGED), "{answer:?}");
    }
    // What the client says of itself is not who it is.
    let userinfo = forge(Ask::get(&format!("{PORTAL}/.auth/userinfo")));
    assert_eq!(gateway.ask(browser.dress(userinfo)).await.json()["sub"], "00u1");
}

#[tokio::test]
async fn m03_three_fields_of_one_name_become_one_of_ours() {
    for case in Case::all(&Setup::default()).await {
        three_fields(&case).await;
    }
}

async fn three_fields(case: &Case) {
    let gateway = &case.gateway;
    let token = gateway.provider.id_token(&json!({"email": null}));
    let mut message = Ask::get(&format!("{API}/pets")).message();
    let request = message.attributes.as_mut().and_then(|attributes| attributes.request.as_mut());
    let http = request.and_then(|request| request.http.as_mut()).expect("a request");
    let field = |key: &str, value: &str| HeaderValue {
        key: key.to_owned(),
        raw_value: value.as_bytes().to_vec(),
        ..HeaderValue::default()
    };
    let mut headers = vec![field("authorization", &format!("Bearer {token}"))];
    for name in ["x-user-id", "X-User-Id", "x_user_id", "x-user-email", "X_USER_EMAIL"] {
        headers.extend([FORGED, "other", ""].map(|value| field(name, value)));
    }
    let pseudo = [":authority", ":path", ":method", ":scheme"].map(|name| field(name, "x"));
    headers.extend(pseudo.into_iter().filter(|_| case.pseudo));
    http.headers.clear();
    http.header_map = Some(HeaderMap { headers });
    let answer = gateway.send(message).await;
    // Each is set once, and overwrites; none is set and removed: that is judged with every answer.
    assert_eq!(answer.granted().set["x-user-id"], "00u1");
    assert!(!answer.set.contains_key("x-user-email"));
    for name in ["x_user_id", "x-user-email", "x_user_email"] {
        assert!(answer.removed.contains(name), "{}: {name}", case.what);
    }
    assert_eq!(answer.removed.len() == 3, case.exact, "{}: {:?}", case.what, answer.removed);
    // As Envoy joins them in the other form.
    let joined =
        Ask::get(&format!("{API}/pets")).header("x-user-id", "mallory,other").bearer(&token);
    assert_eq!(case.ask(joined).await.granted().set["x-user-id"], "00u1");
}

#[tokio::test]
async fn m01_m12_the_same_holds_for_names_of_the_settings() {
    let setup = Setup::default()
        .setting("identity_headers", "{X-Who: sub, x_team.name: team, x-mail: email}")
        .setting("strip_headers", "[X-Legacy-User, x_sso_*, x.old.*]");
    for case in Case::all(&setup).await {
        names_of_the_settings(&case).await;
    }
}

async fn names_of_the_settings(case: &Case) {
    let gateway = &case.gateway;
    gateway.provider.turn(|knobs| knobs.person["team"] = "blue".into());
    let browser = Browser::signed_in(gateway, &format!("{API}/pets")).await;
    let forged = [
        "x-who",
        "X_WHO",
        "x.who",
        "x-team-name",
        "x_team_name",
        "x.team.name",
        "X-Team.Name",
        "x-mail",
        "x_mail",
        "x-legacy-user",
        "x_legacy_user",
        "x-sso-user",
        "X_SSO_USER",
        "x.sso.user",
        "x_sso_",
        "x-old-user",
        "x.old.id",
        "x_old_id",
    ];
    // The defaults are not in force any more.
    let passes = ["x-user-id", "x-forwarded-user", "x-ssouser", "x-whose"];
    let ask = forged
        .iter()
        .chain(&passes)
        .fold(Ask::get(&format!("{API}/pets")), |ask, name| ask.header(name, FORGED));
    for ask in [browser.dress(ask.clone()), ask.context("access", "public")] {
        let answer = case.ask(ask).await;
        assert!(answer.allowed, "{answer:?}");
        if answer.reason() == "granted" {
            let want = [("x-who", "00u1"), ("x_team.name", "blue"), ("x-mail", "ann@example.com")];
            for (name, value) in want {
                assert_eq!(answer.set.get(name).map(String::as_str), Some(value), "{name}");
            }
        }
        let forged: BTreeSet<String> = forged.iter().map(|name| name.to_lowercase()).collect();
        for name in &forged {
            let ours = answer.set.contains_key(name);
            assert!(
                ours || answer.removed.contains(name),
                "{}: {name} passes as forged",
                case.what
            );
        }
        for name in passes {
            assert!(!answer.removed.contains(name), "{name}");
        }
    }
}
