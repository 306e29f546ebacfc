//! Logout: group J. Of every kind, on one index of (issuer, subject, session id).

mod back_channel;
mod index;
mod own;
mod universal;

use crate::support::{API, Answer, Ask, Browser, Gateway, PORTAL, Setup};
use serde_json::Value;

const STORES: [fn(Setup) -> Setup; 3] = [|setup| setup, Setup::in_memory, Setup::in_redis];

/// A browser that is signed in at the Portal and at the API.
async fn both(gateway: &Gateway) -> Browser {
    let mut browser = Browser::signed_in(gateway, &format!("{PORTAL}/")).await;
    let (_, answer) = browser.visit(gateway, &format!("{API}/pets")).await;
    answer.granted();
    browser
}

/// What a script of a page gets with this browser's cookies.
async fn at(gateway: &Gateway, browser: &Browser, host: &str) -> Answer {
    gateway.ask(browser.dress(Ask::get(&format!("{host}/pets")).fetch())).await
}

/// Signed in no more, on neither host: a script hears 401, a page load goes to the provider, and the
/// cookies are cleared.
async fn out(gateway: &Gateway, browser: &Browser) {
    for host in [PORTAL, API] {
        let answer = at(gateway, browser, host).await;
        answer.refused(401, "invalid_session");
        let cleared = answer.set_cookie("__Host-portcullis-s").expect("cleared");
        assert!(cleared.starts_with("__Host-portcullis-s=; "), "{cleared}");
        let page = Ask::get(&format!("{host}/pets")).navigate();
        let answer = gateway.ask(browser.dress(page)).await;
        let start = format!("{}/authorize", gateway.provider.issuer);
        answer.sent_to(&start, "invalid_session");
    }
}

/// Still signed in, on both hosts.
async fn still_in(gateway: &Gateway, browser: &Browser) {
    for host in [PORTAL, API] {
        at(gateway, browser, host).await.granted();
    }
}

/// The sign-out button.
pub(crate) fn logout(host: &str) -> Ask {
    Ask::post(&format!("{host}/.auth/logout")).navigate().header("sec-fetch-site", "same-origin")
}

/// What the provider posts.
fn backchannel(token: &str) -> Ask {
    Ask::post(&format!("{PORTAL}/.auth/backchannel-logout"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(&format!("logout_token={token}"))
}

/// What Okta posts.
fn universal(token: &str, body: &Value) -> Ask {
    Ask::post(&format!("{PORTAL}/.auth/global-token-revocation"))
        .header("content-type", "application/json")
        .bearer(token)
        .body(&body.to_string())
}
