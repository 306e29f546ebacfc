//! Return URL: group H. After a login, with a session and without, and after a logout.

mod places;
mod vectors;

use crate::support::{API, Answer, Ask, Browser, Gateway, PORTAL, Setup};
use serde_json::json;
use url::form_urlencoded;

const HOME: &str = "http://portal.petstore.localhost:10000/";

/// A service, and a browser that is signed in at the Portal and at the API.
struct Visit {
    gateway: Gateway,
    browser: Browser,
}

impl Visit {
    async fn new() -> Self {
        Self::of(Gateway::new().await).await
    }

    async fn of(gateway: Gateway) -> Self {
        let mut browser = Browser::signed_in(&gateway, HOME).await;
        browser.visit(&gateway, &format!("{API}/pets")).await.1.granted();
        Self { gateway, browser }
    }

    /// Where `login` leads who has a session.
    async fn with_session(&self, host: &str, return_to: &str) -> String {
        let url = format!("{host}/.auth/login?return_to={}", encoded(return_to));
        let answer = self.gateway.ask(self.browser.dress(Ask::get(&url).navigate())).await;
        assert_eq!((answer.status, answer.reason()), (302, "endpoint"), "{return_to:?}");
        answer.location().to_owned()
    }

    /// Where a login, or a sign-up, leads at its end.
    async fn after(&self, form: &str, host: &str, return_to: &str) -> String {
        let url = format!("{host}/.auth/{form}?return_to={}", encoded(return_to));
        self.end(&mut Browser::default(), &url).await.location().to_owned()
    }

    /// The answer that ends the login that `url` begins.
    async fn end(&self, browser: &mut Browser, url: &str) -> Answer {
        let mut at = browser.callback(&self.gateway, url).await;
        for _host in 0..2 {
            let answer = browser.load(&self.gateway, &at).await;
            assert_eq!((answer.status, answer.reason()), (302, "endpoint"), "{url}: {answer:?}");
            let next = browser.next(&self.gateway, &at, &answer);
            if !next.contains("/.auth/callback?") {
                return answer;
            }
            at = next;
        }
        panic!("{url} does not end");
    }

    /// It is not followed, in no form of login.
    async fn replaced(&self, return_to: &str) {
        assert_eq!(self.with_session(PORTAL, return_to).await, "/", "{return_to:?}");
        for form in ["login", "signup"] {
            assert_eq!(self.after(form, PORTAL, return_to).await, "/", "{form}: {return_to:?}");
        }
    }

    /// It is followed, in each form of login.
    async fn kept(&self, return_to: &str) {
        self.leads_to(return_to, return_to).await;
    }

    async fn leads_to(&self, return_to: &str, want: &str) {
        assert_eq!(self.with_session(PORTAL, return_to).await, want);
        for form in ["login", "signup"] {
            assert_eq!(self.after(form, PORTAL, return_to).await, want, "{form}");
        }
    }
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test]
async fn h14_what_stays_here_is_kept() {
    let visit = Visit::new().await;
    for good in ["/ok?next=//evil", "/a/b#f", "/", "/a?b=c&d=%2F%2Fevil", "/authors", "/a;b=c/d"] {
        visit.kept(good).await;
    }
    // The page that was asked for, query and all.
    let answer = visit.end(&mut Browser::default(), &format!("{PORTAL}/a/b?c=d&e=//f")).await;
    assert_eq!(answer.location(), "/a/b?c=d&e=//f");
}

#[tokio::test]
async fn h12_a_return_url_that_was_changed_on_its_way_ends_the_login() {
    let visit = Visit::new().await;
    let gateway = &visit.gateway;
    let begin = || async {
        let mut browser = Browser::default();
        let url = browser.callback(gateway, &format!("{PORTAL}/.auth/login?return_to=/a")).await;
        (browser, url)
    };
    // In the state, which the provider carries: each part of it.
    for part in [8, 20, 40, 100] {
        let (mut browser, url) = begin().await;
        let at = url.find("state=").expect("a state") + "state=".len() + part;
        let mut forged = url.into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).expect("text");
        let answer = browser.load(gateway, &forged).await;
        answer.refused(400, "bad_callback");
        assert!(answer.location().is_empty());
        assert_eq!(gateway.provider.calls("/token", "authorization_code"), 2, "{part}");
    }
    // In the flow cookie, which has the return URL.
    let host = "portal.petstore.localhost";
    let (mut browser, url) = begin().await;
    let (name, value) = browser.cookies(host).first_key_value().expect("a flow").to_owned();
    let (name, mut value) = (name.clone(), value.clone().into_bytes());
    let middle = value.len() / 2;
    value[middle] = if value[middle] == b'A' { b'B' } else { b'A' };
    browser.cookies(host).insert(name.clone(), String::from_utf8(value).expect("text"));
    browser.load(gateway, &url).await.refused(400, "bad_callback");
    // Another login's flow under this one's name.
    let (mut browser, url) = begin().await;
    let mut other = Browser::default();
    other.callback(gateway, &format!("{PORTAL}/.auth/login?return_to=/other")).await;
    let foreign = other.cookies(host).values().next().expect("a flow").clone();
    let name = browser.cookies(host).keys().next().expect("a flow").clone();
    browser.cookies(host).insert(name, foreign);
    browser.load(gateway, &url).await.refused(400, "bad_callback");
    assert_eq!(gateway.provider.calls("/token", "authorization_code"), 2);
    // As it was, it leads where it said.
    let (mut browser, url) = begin().await;
    assert_eq!(browser.load(gateway, &url).await.location(), "/a");
}

#[tokio::test]
async fn h07_a_place_that_is_no_more_ours_is_judged_again_at_the_end() {
    let visit = Visit::new().await;
    let mut browser = Browser::default();
    let to = encoded(&format!("{API}/pets"));
    let url = format!("{PORTAL}/.auth/login?return_to={to}");
    let callback = browser.callback(&visit.gateway, &url).await;
    let elsewhere = Setup::default().edit("api.petstore.localhost", "apis.petstore.localhost");
    let gateway = visit.gateway.restarted(elsewhere).await;
    assert_eq!(browser.load(&gateway, &callback).await.location(), "/");
}

#[tokio::test]
async fn h01_h05_h07_a_logout_goes_where_we_say_whatever_the_request_says() {
    let hostile = ["//evil", "https://evil/", "javascript:alert(1)", "/..//evil", "https:evil"];
    for end_session in [true, false] {
        let mut gateway = Gateway::new().await;
        if !end_session {
            let without = json!({"end_session_endpoint": null});
            gateway.provider.turn(|knobs| knobs.discovery = without);
            gateway = gateway.restarted(Setup::default()).await;
        }
        let visit = Visit::of(gateway).await;
        let gateway = &visit.gateway;
        for (at, parameter) in hostile.iter().zip(["return_to", "rd", "continue", "next", "state"])
        {
            let url = format!("{PORTAL}/.auth/logout?{parameter}={}", encoded(at));
            let form = || Ask::post(&url).navigate().header("sec-fetch-site", "same-origin");
            let page = gateway.ask(visit.browser.dress(Ask::get(&url).navigate())).await;
            assert_eq!((page.status, page.location()), (200, ""), "asks first");
            assert!(
                !page.body.contains("evil") && !page.body.contains("javascript"),
                "{}",
                page.body
            );
            // With a session, and without.
            for ask in [visit.browser.dress(form()), form()] {
                let answer = gateway.ask(ask).await;
                let to = answer.location();
                let provider = format!("{}/logout?", gateway.provider.issuer);
                assert!(to.is_empty() || to == HOME || to.starts_with(&provider), "{to}");
                assert!(!to.contains("evil") && !to.contains("javascript"), "{to}");
            }
        }
    }
}
