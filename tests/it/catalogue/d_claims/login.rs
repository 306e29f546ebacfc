//! `nonce`, `at_hash`, `c_hash`, userinfo: the token answers this login.

use crate::support::token::{b64, half_hash};
use crate::support::{Browser, Gateway, PORTAL, Setup};
use aws_lc_rs::digest::{SHA256, SHA384, digest};
use serde_json::{Value, json};

const SESSION: &str = "__Host-portcullis-s";

/// A login whose ID token has this change is refused, leaves no session, and its state is used up.
async fn refused(gateway: &Gateway, what: &str, change: Value) {
    crate::support::ways::case("refused", &format!("{what}: {change}"));
    gateway.later(61);
    gateway.provider.turn(|knobs| knobs.id_token = change);
    let mut browser = Browser::default();
    let url = browser.callback(gateway, &format!("{PORTAL}/home")).await;
    refused_once(gateway, &mut browser, &url).await;
    gateway.provider.turn(|knobs| knobs.id_token = json!({}));
}

async fn refused_once(gateway: &Gateway, browser: &mut Browser, url: &str) {
    let exchanges = || gateway.provider.calls("/token", "authorization_code");
    let before = exchanges();
    let copy = browser.clone();
    let answer = browser.load(gateway, url).await;
    assert!(answer.refused(400, "bad_callback").is_page());
    assert!(answer.set_cookie(SESSION).is_none(), "a session: {answer:?}");
    assert_eq!(exchanges(), before + 1);
    // Neither the browser nor a copy of it can try again with this state.
    gateway.provider.turn(|knobs| knobs.id_token = json!({}));
    for mut browser in [browser.clone(), copy] {
        let answer = browser.load(gateway, url).await;
        answer.refused(400, "bad_callback");
        assert!(answer.set_cookie(SESSION).is_none(), "a session: {answer:?}");
    }
    let start = format!("{}/authorize", gateway.provider.issuer);
    let answer = browser.load(gateway, &format!("{PORTAL}/home")).await;
    answer.sent_to(&start, "no_credentials");
}

/// No idle end, so that only the identity's counts.
fn long_idle() -> Setup {
    let portal = "{petstore-portal.default: {session: {idle_timeout: 12h}}}";
    Setup::default().setting("portals", portal)
}

async fn taken(gateway: &Gateway) {
    gateway.later(61);
    Browser::signed_in(gateway, &format!("{PORTAL}/home")).await;
}

#[tokio::test]
async fn d24_a_nonce_that_is_not_this_login_s_is_refused() {
    let gateway = Gateway::new().await;
    for nonce in [
        json!(null),
        json!("other"),
        json!(""),
        json!([]),
        json!(["other"]),
        json!({}),
        json!(7),
        json!(true),
        json!("A".repeat(43)),
    ] {
        refused(&gateway, "nonce", json!({ "nonce": nonce })).await;
    }
    taken(&gateway).await;
}

#[tokio::test]
async fn d24_the_nonce_of_an_older_login_is_refused_and_so_is_ours_in_another_form() {
    let gateway = Gateway::new().await;
    let nonce_of = |browser: &Browser, answer: &crate::support::Answer| {
        let to = browser.next(&gateway, &format!("{PORTAL}/home"), answer);
        let query = url::Url::parse(answer.location()).expect("a URL");
        let nonce = query.query_pairs().find(|(name, _)| name == "nonce").expect("a nonce");
        (to, nonce.1.into_owned())
    };
    let mut older = Browser::default();
    let answer = older.load(&gateway, &format!("{PORTAL}/home")).await;
    let (url, old) = nonce_of(&older, &answer);
    older.load(&gateway, &url).await;
    let forms: [fn(&str, &str) -> Value; 6] = [
        |old, _| json!(old),
        |_, own| json!([own]),
        |_, own| json!(format!("{own} ")),
        |_, own| json!(format!("{own}=")),
        |_, own| json!(own.split_at(own.len() - 1).0),
        |_, own| json!(own.to_lowercase()),
    ];
    for form in forms {
        gateway.later(61);
        let mut browser = Browser::default();
        let answer = browser.load(&gateway, &format!("{PORTAL}/home")).await;
        let (url, own) = nonce_of(&browser, &answer);
        assert!(own.len() >= 22 && own != old, "128 bits, and of this login");
        gateway.provider.turn(|knobs| knobs.id_token = json!({"nonce": form(&old, &own)}));
        refused_once(&gateway, &mut browser, &url).await;
    }
    taken(&gateway).await;
}

#[tokio::test]
async fn d25_an_at_hash_that_is_not_the_access_token_s_is_refused() {
    let gateway = Gateway::new().await;
    gateway.provider.turn(|knobs| knobs.response = json!({"access_token": "at"}));
    let whole = digest(&SHA256, b"at");
    for (what, hash) in [
        ("missing", json!(null)),
        ("of another token", json!(half_hash("other"))),
        ("empty", json!("")),
        ("whole", json!(b64(whole.as_ref()))),
        ("the other half", json!(b64(&whole.as_ref()[16..]))),
        ("too short", json!(b64(&whole.as_ref()[..8]))),
        ("for another algorithm", json!(b64(&digest(&SHA384, b"at").as_ref()[..24]))),
        ("padded", json!(format!("{}==", half_hash("at")))),
        ("in a list", json!([half_hash("at")])),
        ("a number", json!(1)),
        ("an object", json!({})),
    ] {
        refused(&gateway, what, json!({ "at_hash": hash })).await;
    }
    gateway.provider.turn(|knobs| knobs.id_token = json!({"at_hash": half_hash("at")}));
    taken(&gateway).await;
}

#[tokio::test]
async fn d25_settings_let_an_at_hash_be_missing_but_never_wrong() {
    let provider = "{allow_http: true, allow_addresses: [127.0.0.0/8], require_at_hash: false}";
    let gateway = Gateway::with(Setup::default().setting("provider", provider)).await;
    refused(&gateway, "of another token", json!({"at_hash": half_hash("other")})).await;
    refused(&gateway, "empty", json!({"at_hash": ""})).await;
    gateway.provider.turn(|knobs| knobs.id_token = json!({"at_hash": null}));
    taken(&gateway).await;
}

#[tokio::test]
async fn d25_a_refreshed_token_s_at_hash_is_judged_where_it_is_there() {
    let gateway = Gateway::with(long_idle()).await;
    let home = format!("{PORTAL}/home");
    for (hash, holds) in [
        (json!(half_hash("other")), false),
        (json!(""), false),
        (json!([]), false),
        (json!(null), true),
    ] {
        gateway.later(61);
        let mut browser = Browser::signed_in(&gateway, &home).await;
        gateway.provider.turn(|knobs| knobs.refreshed = json!({ "at_hash": hash }));
        gateway.later(3661);
        let answer = browser.load(&gateway, &home).await;
        if holds {
            answer.granted();
        } else {
            answer.sent_to(&format!("{}/authorize", gateway.provider.issuer), "invalid_session");
        }
    }
}

#[tokio::test]
async fn d26_a_c_hash_that_is_not_the_code_s_is_refused() {
    let gateway = Gateway::new().await;
    for hash in [json!(half_hash("other")), json!(""), json!([]), json!(1), json!({})] {
        refused(&gateway, "c_hash", json!({ "c_hash": hash })).await;
    }
    gateway.later(61);
    let mut browser = Browser::default();
    let callback = browser.callback(&gateway, &format!("{PORTAL}/home")).await;
    let url = url::Url::parse(&callback).expect("a URL");
    let (_, code) = url.query_pairs().find(|(name, _)| name == "code").expect("a code");
    gateway.provider.turn(|knobs| knobs.id_token = json!({"c_hash": half_hash(&code)}));
    assert_eq!(browser.load(&gateway, &callback).await.location(), "/home");
}

#[tokio::test]
async fn d30_userinfo_about_somebody_else_makes_no_session() {
    let gateway = Gateway::new().await;
    // Without a groups claim userinfo is asked.
    let without = || json!({"groups": null});
    for sub in [
        json!("00u2"),
        json!(null),
        json!(""),
        json!("00U1"),
        json!("00u1 "),
        json!(["00u1"]),
        json!({"sub": "00u1"}),
        json!(1),
    ] {
        gateway.provider.turn(|knobs| knobs.userinfo = json!({ "sub": sub }));
        refused(&gateway, &format!("userinfo of {sub}"), without()).await;
    }
    gateway.provider.turn(|knobs| {
        knobs.userinfo = json!({});
        knobs.id_token = without();
    });
    taken(&gateway).await;
}

#[tokio::test]
async fn d30_userinfo_about_somebody_else_ends_a_session_that_is_refreshed() {
    let gateway = Gateway::with(long_idle()).await;
    let home = format!("{PORTAL}/home");
    gateway.provider.turn(|knobs| knobs.refreshed = json!({"groups": null}));
    for (sub, holds) in [(json!("00u2"), false), (json!(null), false), (json!("00u1"), true)] {
        gateway.later(61);
        let mut browser = Browser::signed_in(&gateway, &home).await;
        gateway.provider.turn(|knobs| knobs.userinfo = json!({ "sub": sub }));
        gateway.later(3661);
        let answer = browser.load(&gateway, &home).await;
        if holds {
            answer.granted();
        } else {
            answer.sent_to(&format!("{}/authorize", gateway.provider.issuer), "invalid_session");
        }
    }
}
