//! What the upstream gets to see.

use crate::support::{API, Ask, Browser, Gateway, PORTAL, Setup};
use serde_json::json;

const FORGED: [&str; 10] = [
    "x-user-id",
    "x-user-email",
    "x_user_email",
    "x-user_groups",
    "x-user-groups",
    "x-user-issuer",
    "x-forwarded-user",
    "x-portcullis-product",
    "x_portcullis_portal",
    "x-envoy-auth-failure-mode-allowed",
];

fn forge(ask: Ask) -> Ask {
    FORGED.iter().fold(ask, |ask, name| ask.header(name, "mallory"))
}

#[tokio::test]
async fn a_forged_identity_never_passes_beside_a_real_one() {
    let gateway = Gateway::new().await;
    let browser = Browser::signed_in(&gateway, &format!("{API}/pets")).await;
    let answer = gateway.ask(browser.dress(forge(Ask::get(&format!("{API}/pets"))))).await;
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
    for (name, value) in want {
        assert_eq!(answer.set.get(name).map(String::as_str), Some(value), "{name}");
    }
    for name in FORGED {
        let gone = answer.set.contains_key(name) || answer.removed.contains(name);
        assert!(gone, "{name} passes as forged");
    }
}

#[tokio::test]
async fn a_forged_identity_never_passes_where_nobody_is_known() {
    let setup =
        Setup::default().setting("portals", "{petstore-portal.default: {access: optional}}");
    let gateway = Gateway::with(setup).await;
    let asks = [
        Ask::get(&format!("{API}/pets")).context("access", "public"),
        Ask::get(&format!("{API}/pets")).context("access", "optional"),
        Ask::get(&format!("{PORTAL}/")),
    ];
    for ask in asks {
        let answer = gateway.ask(forge(ask)).await;
        assert!(answer.allowed, "{answer:?}");
        assert_eq!(answer.reason(), "public");
        for name in FORGED {
            let named = answer.set.get(name).is_some_and(|value| value != "mallory");
            assert!(named || answer.removed.contains(name), "{name} passes as forged");
        }
        let named = |name: &String| name.starts_with("x-portcullis-");
        assert!(
            answer.set.keys().all(named),
            "the route may be named, nobody else: {:?}",
            answer.set
        );
    }
}

#[tokio::test]
async fn configured_headers_are_stripped_by_name_and_by_prefix() {
    let gateway = Gateway::new().await;
    let names = [
        "x-remote-user",
        "x-auth-request-email",
        "x-jwt-assertion",
        "x-goog-authenticated-user-email",
    ];
    let ask = Ask::get(&format!("{API}/pets")).context("access", "public");
    let ask = names.iter().fold(ask, |ask, name| ask.header(name, "mallory"));
    let answer = gateway.ask(ask.header("x-jwtless", "kept")).await;
    for name in names {
        assert!(answer.removed.contains(name), "{name}");
    }
    assert!(!answer.removed.contains("x-jwtless"));
}

#[tokio::test]
async fn an_unverified_e_mail_stays_here_unless_settings_say_otherwise() {
    for (setting, want) in [("hide", None), ("send", Some("ann@example.com"))] {
        let setup = Setup::default().setting("tokens", &format!("{{unverified_email: {setting}}}"));
        let gateway = Gateway::with(setup).await;
        // A string is not the boolean true.
        for verified in [json!(false), json!("true"), json!(null), json!(1)] {
            gateway.provider.turn(|knobs| knobs.person["email_verified"] = verified);
            let mut browser = Browser::default();
            let (_, answer) = browser.visit(&gateway, &format!("{API}/pets")).await;
            answer.granted();
            assert_eq!(answer.set.get("x-user-email").map(String::as_str), want);
            assert_eq!(answer.removed.contains("x-user-email"), want.is_none());
            let userinfo = Ask::get(&format!("{API}/.auth/userinfo")).fetch();
            let userinfo = browser.send(&gateway, userinfo).await.json();
            assert_eq!(userinfo["email"], "ann@example.com");
            assert_eq!(userinfo["email_verified"], false);
        }
    }
}

#[tokio::test]
async fn groups_are_encoded_so_that_no_name_can_be_two() {
    let setup = Setup::default()
        .edit("groupNames: [PetstoreUsers]", "groupNames: ['a,b', 'c d', é, PetstoreUsers]");
    let gateway = Gateway::with(setup).await;
    let groups = json!(["a,b", "c d", "é", "x\r\ny: 1", "Nobody knows"]);
    gateway.provider.turn(|knobs| knobs.person["groups"] = groups);
    let mut browser = Browser::default();
    let (_, answer) = browser.visit(&gateway, &format!("{API}/pets")).await;
    answer.granted();
    let mut got: Vec<&str> = answer.set["x-user-groups"].split(',').collect();
    got.sort_unstable();
    assert_eq!(got, ["%C3%A9", "a%2Cb", "c%20d"]);
}

#[tokio::test]
async fn groups_that_are_too_many_for_a_header_are_left_out_and_it_says_so() {
    let names: Vec<String> = (0..80).map(|at| format!("{at}-{}", "é".repeat(20))).collect();
    let setup = Setup::default().edit("[PetstoreUsers]", &json!(names).to_string());
    // Escapes make them three times as long.
    let gateway = Gateway::with(setup.in_memory()).await;
    gateway.provider.turn(|knobs| knobs.person["groups"] = json!(names));
    let mut browser = Browser::default();
    let (_, answer) = browser.visit(&gateway, &format!("{API}/pets")).await;
    answer.granted();
    assert_eq!(answer.set["x-portcullis-groups-omitted"], "true");
    assert!(answer.removed.contains("x-user-groups"));
}

#[tokio::test]
async fn our_cookies_stay_here_and_others_go_on() {
    let gateway = Gateway::new().await;
    let mut browser = Browser::signed_in(&gateway, &format!("{API}/pets")).await;
    browser.cookies("api.petstore.localhost").insert("theme".to_owned(), "dark".to_owned());
    browser.cookies("api.petstore.localhost").insert("portcullis-x".to_owned(), "1".to_owned());
    let answer = browser.load(&gateway, &format!("{API}/pets")).await;
    assert_eq!(answer.set["cookie"], "theme=dark");
    browser.cookies("api.petstore.localhost").remove("theme");
    let answer = browser.load(&gateway, &format!("{API}/pets")).await;
    assert!(answer.removed.contains("cookie"), "nothing but ours is left");
    let foreign = Ask::get(&format!("{API}/pets")).context("access", "public");
    let answer = gateway.ask(foreign.header("cookie", "theme=dark; a=b")).await;
    assert!(!answer.set.contains_key("cookie") && !answer.removed.contains("cookie"));
}

#[tokio::test]
async fn a_bearer_goes_to_apis_and_not_to_portals_unless_settings_say_otherwise() {
    let cases = [
        (None, API, true),
        (None, PORTAL, false),
        (Some("true"), PORTAL, true),
        (Some("false"), API, false),
    ];
    for (setting, host, forwarded) in cases {
        let setup = setting.map_or_else(Setup::default, |value| {
            Setup::default().setting("forward_authorization", value)
        });
        let gateway = Gateway::with(setup).await;
        let token = gateway.provider.id_token(&json!({}));
        let answer = gateway.ask(Ask::get(&format!("{host}/pets")).bearer(&token)).await;
        answer.granted();
        let removed = answer.removed.contains("authorization");
        assert_eq!(removed, !forwarded, "{setting:?} {host}");
    }
}

#[tokio::test]
async fn further_claims_go_where_settings_send_them() {
    let setup = Setup::default()
        .setting("identity_headers", "{x-who: sub, x-department: department, x-level: level}");
    let gateway = Gateway::with(setup).await;
    gateway.provider.turn(|knobs| {
        knobs.person["department"] = "Vögel\r\nx-evil: 1".into();
        knobs.person["level"] = 3.into();
    });
    let mut browser = Browser::default();
    let (_, answer) = browser.visit(&gateway, &format!("{API}/pets")).await;
    answer.granted();
    assert_eq!(answer.set["x-who"], "00u1");
    assert_eq!(answer.set["x-department"], "V%C3%B6gel%0D%0Ax-evil:%201");
    assert_eq!(answer.set["x-level"], "3");
}
