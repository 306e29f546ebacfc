//! Logins that go well: on the Portal, by relay from the API host, several at once.

use crate::support::{API, Ask, Browser, Gateway, PORTAL, Setup};
use serde_json::json;
use std::collections::HashMap;
use url::Url;

fn query(url: &str) -> HashMap<String, String> {
    Url::parse(url).expect("a URL").query_pairs().into_owned().collect()
}

#[tokio::test]
async fn a_login_on_the_portal_ends_on_the_page_asked_for() {
    let gateway = Gateway::new().await;
    let (at, answer) =
        Browser::default().visit(&gateway, &format!("{PORTAL}/a?b=c&d=%C3%A9")).await;
    assert_eq!(at, format!("{PORTAL}/a?b=c&d=%C3%A9"));
    answer.granted();
    assert_eq!(gateway.provider.calls("/token", "authorization_code"), 1);
}

#[tokio::test]
async fn a_login_on_an_api_host_is_relayed_by_the_portal() {
    let gateway = Gateway::new().await;
    let page = format!("{API}/pets?limit=1");
    let mut browser = Browser::default();
    let callback = browser.callback(&gateway, &page).await;
    assert!(callback.starts_with(&format!("{PORTAL}/callback?")), "{callback}");
    // The relay carries what the login needs and nothing else.
    let relay = browser.load(&gateway, &format!("{callback}&session_state=x&evil=1")).await;
    relay.sent_to(&format!("{API}/.auth/callback?"), "endpoint");
    assert_eq!(relay.header("referrer-policy"), Some("no-referrer"));
    assert!(relay.set_cookies().is_empty());
    let (sent, came) = (query(relay.location()), query(&callback));
    assert_eq!(sent, came, "code, state and iss as they came");
    assert_eq!(gateway.provider.calls("/token", "authorization_code"), 0);
    let (at, answer) = browser.visit(&gateway, relay.location()).await;
    assert_eq!(at, page);
    answer.granted();
    assert!(browser.cookies("portal.petstore.localhost").is_empty());
}

#[tokio::test]
async fn the_authorization_request_asks_for_a_code_with_pkce_and_says_nothing_else() {
    let gateway = Gateway::new().await;
    let ask = Ask::get(&format!("{PORTAL}/.auth/login?prompt=none&client_id=evil&return_to=/a"));
    let answer = gateway.ask(ask.navigate()).await;
    let sent = query(answer.location());
    let mut names: Vec<&str> = sent.keys().map(String::as_str).collect();
    names.sort_unstable();
    let want = [
        "client_id",
        "code_challenge",
        "code_challenge_method",
        "nonce",
        "redirect_uri",
        "response_type",
        "scope",
        "state",
    ];
    assert_eq!(names, want);
    assert_eq!(sent["scope"], "openid groups email offline_access");
    assert_eq!(sent["client_id"], "0oaPetstore");
    assert!(sent["nonce"].len() >= 22 && sent["code_challenge"].len() == 43);
    let again = gateway.ask(Ask::get(&format!("{PORTAL}/a")).navigate()).await;
    let again = query(again.location());
    for secret in ["nonce", "state", "code_challenge"] {
        assert_ne!(sent[secret], again[secret], "{secret} is fresh each time");
    }
}

#[tokio::test]
async fn the_flow_cookie_is_for_this_host_alone_and_lives_as_long_as_a_login() {
    let gateway = Gateway::new().await;
    let answer = gateway.ask(Ask::get(&format!("{API}/a")).navigate()).await;
    let cookies = answer.set_cookies();
    let [cookie] = cookies.as_slice() else { panic!("{cookies:?}") };
    assert!(cookie.starts_with("__Host-portcullis-l-"), "{cookie}");
    for attribute in ["; Path=/", "; Max-Age=600", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
        assert!(cookie.contains(attribute), "{attribute}: {cookie}");
    }
    assert!(!cookie.to_lowercase().contains("domain"), "{cookie}");
}

#[tokio::test]
async fn a_portal_over_plain_http_has_cookies_that_a_browser_keeps() {
    let setup = Setup::default()
        .edit("petstore.localhost", "petstore.example")
        .setting("cookies", "{prefix: pc, secure: auto}");
    let gateway = Gateway::with(setup).await;
    let ask = Ask::get("http://portal.petstore.example:10000/a").navigate();
    let answer = gateway.ask(ask).await;
    let cookie = answer.set_cookies()[0];
    assert!(cookie.starts_with("pc-l-") && !cookie.contains("Secure"), "{cookie}");
}

#[tokio::test]
async fn the_callback_gives_a_session_and_takes_the_flow() {
    let gateway = Gateway::new().await;
    let mut browser = Browser::default();
    let callback = browser.callback(&gateway, &format!("{PORTAL}/a")).await;
    let answer = browser.load(&gateway, &callback).await;
    assert_eq!((answer.status, answer.location()), (302, "/a"));
    assert_eq!(answer.reason(), "endpoint");
    let session = answer.set_cookie("__Host-portcullis-s").expect("a session");
    for attribute in ["; Path=/", "; Max-Age=43200", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
        assert!(session.contains(attribute), "{attribute}: {session}");
    }
    let left = browser.cookies("portal.petstore.localhost");
    assert!(!left.keys().any(|name| name.contains("-l-")), "{left:?}");
}

#[tokio::test]
async fn two_tabs_land_where_they_began() {
    let gateway = Gateway::new().await;
    let mut browser = Browser::default();
    let first = browser.callback(&gateway, &format!("{PORTAL}/first")).await;
    let second = browser.callback(&gateway, &format!("{PORTAL}/second")).await;
    for (callback, page) in [(second, "/second"), (first, "/first")] {
        let (at, answer) = browser.visit(&gateway, &callback).await;
        assert_eq!(at, format!("{PORTAL}{page}"));
        answer.granted();
    }
}

#[tokio::test]
async fn login_with_a_session_goes_straight_on() {
    let gateway = Gateway::new().await;
    let mut browser = Browser::signed_in(&gateway, &format!("{PORTAL}/")).await;
    let answer = browser.load(&gateway, &format!("{PORTAL}/.auth/login?return_to=/a")).await;
    assert_eq!((answer.status, answer.location()), (302, "/a"));
    let page = browser.load(&gateway, &format!("{PORTAL}/.auth/login?return_to={API}/pets")).await;
    assert_eq!(page.location(), format!("{API}/pets"));
}

#[tokio::test]
async fn return_to_leads_to_this_login_s_hosts_and_nowhere_else() {
    let gateway = Gateway::new().await;
    let mut browser = Browser::signed_in(&gateway, &format!("{PORTAL}/")).await;
    let portal = format!("{PORTAL}/x");
    let api = format!("{API}/x");
    let kept = ["/", "/a?b=c", portal.as_str(), api.as_str()];
    let replaced = [
        "//evil",
        "/\\evil",
        "https://evil/",
        "http://portal.petstore.localhost/x",
        "javascript:x",
        "/a/../b",
        "/%2f%2fevil",
        "/.auth/logout",
        "/callback?code=x",
        "evil",
        "http://portal.petstore.localhost:10000@evil/",
        "/\u{e4}",
        "",
    ];
    let cases =
        kept.iter().map(|text| (text, *text)).chain(replaced.iter().map(|text| (text, "/")));
    for (text, want) in cases {
        let text: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let login = format!("{PORTAL}/.auth/login?return_to={text}");
        assert_eq!(browser.load(&gateway, &login).await.location(), want, "{text}");
        let mut stranger = Browser::default();
        let callback = stranger.callback(&gateway, &login).await;
        assert_eq!(stranger.load(&gateway, &callback).await.location(), want, "{text}");
    }
    let twice = format!("{PORTAL}/.auth/login?return_to=/a&return_to=/b");
    assert_eq!(browser.load(&gateway, &twice).await.location(), "/");
}

#[tokio::test]
async fn groups_come_from_userinfo_where_the_id_token_has_none() {
    let gateway = Gateway::new().await;
    gateway.provider.turn(|knobs| knobs.id_token = json!({"groups": null}));
    Browser::signed_in(&gateway, &format!("{API}/pets")).await.cookies("x");
    assert_eq!(gateway.provider.calls("/userinfo", ""), 1);
    // An empty claim is a claim: nobody is asked.
    gateway.provider.turn(|knobs| knobs.id_token = json!({"groups": []}));
    let (_, answer) = Browser::default().visit(&gateway, &format!("{API}/pets")).await;
    answer.refused(403, "not_granted");
    assert_eq!(gateway.provider.calls("/userinfo", ""), 1);
}

#[tokio::test]
async fn userinfo_of_somebody_else_ends_the_login() {
    let gateway = Gateway::new().await;
    gateway.provider.turn(|knobs| {
        knobs.id_token = json!({"groups": null});
        knobs.userinfo = json!({"sub": "00u2"});
    });
    let (_, answer) = Browser::default().visit(&gateway, &format!("{API}/pets")).await;
    answer.refused(400, "bad_callback");
}

#[tokio::test]
async fn a_single_string_is_one_group() {
    let gateway = Gateway::new().await;
    gateway.provider.turn(|knobs| knobs.person["groups"] = "PetstoreUsers".into());
    Browser::signed_in(&gateway, &format!("{API}/pets")).await;
}

#[tokio::test]
async fn userinfo_endpoint_shows_the_session_and_nothing_without_one() {
    let gateway = Gateway::new().await;
    let ask = || Ask::get(&format!("{PORTAL}/.auth/userinfo")).fetch();
    gateway.ask(ask()).await.refused(401, "no_credentials");
    let mut browser = Browser::signed_in(&gateway, &format!("{PORTAL}/")).await;
    let answer = browser.send(&gateway, ask()).await;
    assert_eq!((answer.status, answer.reason()), (200, "endpoint"));
    let shown = answer.json();
    assert_eq!(shown["sub"], "00u1");
    assert_eq!(shown["email"], "ann@example.com");
    assert_eq!(shown["groups"], json!(["PetstoreUsers"]));
    let product = json!({"name": "petstore-product.default", "environment": "dev.default"});
    assert_eq!(shown["products"], json!([product]));
    assert!(!answer.body.contains("refresh-") && !answer.body.contains("eyJ"), "a token");
}
