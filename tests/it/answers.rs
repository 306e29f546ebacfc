//! The table of answers: browser and other clients, status, reason, page or problem details.

use crate::support::{API, Ask, Browser, Gateway, PORTAL, Setup};

#[tokio::test]
async fn a_page_load_without_session_goes_to_the_provider() {
    let gateway = Gateway::new().await;
    let start = format!("{}/authorize?", gateway.provider.issuer);
    for host in [PORTAL, API] {
        let answer = gateway.ask(Ask::get(&format!("{host}/pets")).navigate()).await;
        answer.sent_to(&start, "no_credentials");
        assert_eq!(answer.set_cookies().len(), 1, "one flow cookie");
        let old_browser = Ask::get(&format!("{host}/pets")).header("accept", "text/html");
        gateway.ask(old_browser).await.sent_to(&start, "no_credentials");
    }
}

#[tokio::test]
async fn a_program_without_credential_hears_401() {
    let gateway = Gateway::new().await;
    for host in [PORTAL, API] {
        let answer = gateway.ask(Ask::get(&format!("{host}/pets"))).await;
        answer.refused(401, "no_credentials");
        assert!(!answer.is_page() && answer.set_cookies().is_empty());
        let challenge = answer.header("www-authenticate").expect("a challenge");
        assert!(!challenge.contains("error="), "{challenge}: nothing came that could be wrong");
    }
}

#[tokio::test]
async fn only_a_top_level_page_load_is_redirected() {
    let gateway = Gateway::new().await;
    let page = || Ask::get(&format!("{API}/pets")).navigate();
    let pages = [
        ("iframe", page().header("sec-fetch-dest", "iframe")),
        ("frame", page().header("sec-fetch-dest", "frame")),
        ("form POST", page().method("POST")),
    ];
    for (name, ask) in pages {
        let answer = gateway.ask(ask).await;
        answer.refused(401, "no_credentials");
        assert!(answer.is_page(), "{name}");
    }
    let programs = [
        ("HEAD", page().method("HEAD")),
        ("prefetch", page().header("sec-purpose", "prefetch")),
        ("prerender", page().header("sec-purpose", "prefetch;prerender")),
        ("gRPC", page().method("POST").header("content-type", "application/grpc")),
        ("gRPC-Web", page().method("POST").header("content-type", "application/grpc-web+proto")),
        ("WebSocket", page().header("upgrade", "websocket")),
        ("fetch", Ask::get(&format!("{API}/pets")).fetch()),
        (
            "XHR",
            Ask::get(API)
                .header("accept", "text/html")
                .header("x-requested-with", "XMLHttpRequest"),
        ),
    ];
    for (name, ask) in programs {
        let answer = gateway.ask(ask).await;
        answer.refused(401, "no_credentials");
        assert!(!answer.is_page(), "{name}");
    }
}

#[tokio::test]
async fn the_page_of_a_posted_form_has_a_link_that_signs_in_again() {
    let gateway = Gateway::new().await;
    let answer = gateway.ask(Ask::post(&format!("{PORTAL}/order?a=b")).navigate()).await;
    answer.refused(401, "no_credentials");
    assert!(
        answer.body.contains("href=\"/.auth/login?return_to=%2Forder%3Fa%3Db\""),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn an_environment_of_several_portals_names_no_login() {
    let second = "apiVersion: portal.gloo.solo.io/v1beta1
kind: Portal
metadata: {name: second, namespace: default}
spec:
  domains: [second.petstore.localhost]
  portalUrlPrefix: http://second.petstore.localhost:10000/
  publishedEnvironments: [{name: dev, namespace: default}]
  oidcAuth:
    clientId: 0oaSecond
    clientSecret: {name: petstore-secret, namespace: default, key: client_secret}
    groupClaimKey: groups
    issuer: '{ISSUER}'
";
    let gateway = Gateway::with(Setup::default().add(second)).await;
    assert!(gateway.problems.iter().all(|problem| !problem.is_error()), "{:?}", gateway.problems);
    let answer = gateway.ask(Ask::get(&format!("{API}/pets")).navigate()).await;
    assert!(answer.refused(401, "no_credentials").is_page());
    gateway.ask(Ask::get(&format!("{API}/pets"))).await.refused(401, "no_credentials");
    let named = Ask::get(&format!("{API}/pets")).navigate();
    let named = gateway.ask(named.context("portal", "petstore-portal.default")).await;
    named.sent_to(&gateway.provider.issuer, "no_credentials");
    assert!(named.location().contains("client_id=0oaPetstore"));
}

#[tokio::test]
async fn a_session_that_does_not_hold_is_cleared_and_the_login_goes_on() {
    let gateway = Gateway::new().await;
    let stale = |ask: Ask| ask.header("cookie", "__Host-portcullis-s=1.garbage");
    let answer = gateway.ask(stale(Ask::get(&format!("{API}/pets")).navigate())).await;
    answer.sent_to(&gateway.provider.issuer, "invalid_session");
    let cleared = answer.set_cookie("__Host-portcullis-s").expect("cleared");
    assert!(cleared.contains("Max-Age=0") && cleared.contains("Secure"), "{cleared}");
    let answer = gateway.ask(stale(Ask::get(&format!("{API}/pets")))).await;
    answer.refused(401, "invalid_session");
    assert!(answer.set_cookie("__Host-portcullis-s").is_some());
}

#[tokio::test]
async fn a_known_caller_without_a_group_that_grants_it_hears_403() {
    let gateway = Gateway::new().await;
    gateway.provider.turn(|knobs| knobs.person["groups"] = serde_json::json!(["Other"]));
    let mut browser = Browser::default();
    for host in [PORTAL, API] {
        let (_, answer) = browser.visit(&gateway, &format!("{host}/pets")).await;
        assert!(answer.refused(403, "not_granted").is_page());
        assert!(answer.body.contains("action=\"/.auth/logout\""), "a way out");
        assert!(!answer.body.contains("ann@example.com"), "a claim on the page");
        let program = browser.dress(Ask::get(&format!("{host}/pets")));
        assert!(!gateway.ask(program).await.refused(403, "not_granted").is_page());
    }
}

#[tokio::test]
async fn a_portal_may_want_a_verified_e_mail() {
    let setup = Setup::default()
        .setting("portals", "{petstore-portal.default: {require_verified_email: true}}");
    let gateway = Gateway::with(setup).await;
    gateway.provider.turn(|knobs| knobs.person["email_verified"] = false.into());
    let mut browser = Browser::default();
    let (_, answer) = browser.visit(&gateway, &format!("{PORTAL}/home")).await;
    assert!(answer.refused(403, "email_unverified").is_page());
    assert!(answer.body.contains("/.auth/login?return_to=%2Fhome"), "{}", answer.body);
    let program = browser.dress(Ask::get(&format!("{PORTAL}/home")));
    gateway.ask(program).await.refused(403, "email_unverified");
    gateway.provider.turn(|knobs| knobs.person["email_verified"] = true.into());
    Browser::signed_in(&gateway, &format!("{PORTAL}/home")).await;
}

#[tokio::test]
async fn try_again_leads_through_the_provider_where_the_e_mail_was_not_verified() {
    let setup = Setup::default()
        .setting("portals", "{petstore-portal.default: {require_verified_email: true}}");
    let gateway = Gateway::with(setup).await;
    gateway.provider.turn(|knobs| knobs.person["email_verified"] = false.into());
    let mut browser = Browser::default();
    let (_, answer) = browser.visit(&gateway, &format!("{PORTAL}/home")).await;
    answer.refused(403, "email_unverified");
    // The person follows the link in the mail, then the link on our page.
    gateway.provider.turn(|knobs| knobs.person["email_verified"] = true.into());
    let link = answer.body.split("href=\"").nth(1).and_then(|rest| rest.split('"').next());
    let link = format!("{PORTAL}{}", link.expect("a link").replace("&amp;", "&"));
    let (at, answer) = browser.visit(&gateway, &link).await;
    assert_eq!(at, format!("{PORTAL}/home"));
    answer.granted();
}

#[tokio::test]
async fn ambiguous_requests_hear_400() {
    let gateway = Gateway::new().await;
    let get = || Ask::get(&format!("{API}/pets"));
    let paths = [
        "/a/../b",
        "/a/./b",
        "/a%2fb",
        "/a%5cb",
        "/a\\b",
        "/a//b",
        "/a;x=1",
        "/a%3bx",
        "/a%00",
        "/%252e%252e/a",
        "/a%zz",
        "/%c0%ae",
        "/a b",
        "",
        "*",
        "http://x/a",
        "/\u{e4}",
        "/a#b",
    ];
    for path in paths {
        let answer = gateway.ask(get().path(path)).await;
        assert_eq!((answer.status, answer.reason()), (400, "ambiguous_request"), "{path:?}");
        answer.refused(400, "ambiguous_request");
        let page = gateway.ask(get().path(path).navigate()).await;
        assert!(page.refused(400, "ambiguous_request").is_page());
    }
    let hosts =
        ["", "a,b", "api.petstore.localhost,evil", "api petstore", "a@b", "a:x", "a/b", ".."];
    for host in hosts {
        gateway.ask(get().host(host)).await.refused(400, "ambiguous_request");
    }
    for method in ["", "get", "CONNECT", "TRACE", "PROPFIND", "GET,POST"] {
        gateway.ask(get().method(method)).await.refused(400, "ambiguous_request");
    }
}

#[tokio::test]
async fn what_belongs_to_nothing_hears_403() {
    let gateway = Gateway::new().await;
    for host in ["evil.localhost", "petstore.localhost", "x.api.petstore.localhost", "127.0.0.1"] {
        let ask = Ask::get(&format!("http://{host}/pets"));
        gateway.ask(ask.clone()).await.refused(403, "no_route");
        assert!(gateway.ask(ask.navigate()).await.refused(403, "no_route").is_page());
    }
    for host in ["API.petstore.localhost", "api.petstore.localhost.", "api.petstore.localhost:1"] {
        let answer = gateway.ask(Ask::get(&format!("http://{host}/pets"))).await;
        answer.refused(401, "no_credentials");
    }
}

#[tokio::test]
async fn a_preflight_that_reaches_us_gets_nothing() {
    let gateway = Gateway::new().await;
    let browser = Browser::signed_in(&gateway, &format!("{API}/pets")).await;
    let preflight = Ask::get(&format!("{API}/pets"))
        .method("OPTIONS")
        .header("origin", PORTAL)
        .header("access-control-request-method", "POST");
    gateway.ask(preflight.clone()).await.refused(403, "no_credentials");
    let answer = gateway.ask(browser.dress(preflight)).await;
    answer.refused(403, "no_credentials");
    assert_eq!(answer.text("sub"), "");
}

#[tokio::test]
async fn problem_details_and_metadata_name_what_is_known() {
    let gateway = Gateway::new().await;
    let mut browser = Browser::signed_in(&gateway, &format!("{API}/pets")).await;
    let answer = browser.load(&gateway, &format!("{API}/pets")).await;
    answer.granted();
    assert_eq!(answer.text("sub"), "00u1");
    assert_eq!(answer.text("iss"), gateway.provider.issuer);
    assert_eq!(answer.text("email"), "ann@example.com");
    assert_eq!(answer.metadata["groups"], serde_json::json!(["PetstoreUsers"]));
    assert_eq!(answer.text("portal"), "petstore-portal.default");
    assert_eq!(answer.text("environment"), "dev.default");
    assert_eq!(answer.text("product"), "petstore-product.default");
}

#[tokio::test]
async fn where_nothing_is_found_the_host_still_says_what_it_stands_for() {
    let gateway = Gateway::new().await;
    let pets = Ask::get(&format!("{API}/pets")).context("environment", "other.default");
    for ask in [pets, Ask::get(&format!("{API}/.auth/nothing"))] {
        let answer = gateway.ask(ask).await;
        answer.refused(403, "no_route");
        assert_eq!(answer.text("portal"), "petstore-portal.default");
        assert_eq!(answer.text("environment"), "dev.default");
        assert_eq!(answer.text("product"), "");
    }
    let other = Ask::get(&format!("{PORTAL}/")).context("environment", "dev.default");
    let answer = gateway.ask(other).await;
    answer.refused(403, "no_route");
    assert_eq!(answer.text("portal"), "petstore-portal.default");
    assert_eq!(answer.text("environment"), "");
}
