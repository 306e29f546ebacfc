//! Cookies and session: group I. The same for every store, where the row does not say otherwise.

mod attributes;
mod chunks;
mod names;
mod vectors;
mod whole;

use crate::support::{Answer, Ask, Browser, Gateway, PORTAL, Setup};

const HOST: &str = "portal.petstore.localhost";
const SESSION: &str = "__Host-portcullis-s";
const STORES: [fn(Setup) -> Setup; 3] = [|setup| setup, Setup::in_memory, Setup::in_redis];

fn home() -> String {
    format!("{PORTAL}/home")
}

/// A program's request with this browser's cookies: nothing is followed.
async fn plain(gateway: &Gateway, browser: &Browser) -> Answer {
    gateway.ask(browser.dress(Ask::get(&home()))).await
}

/// A program's request with this `cookie` field.
async fn with_line(gateway: &Gateway, line: &str) -> Answer {
    gateway.ask(Ask::get(&home()).header("cookie", line)).await
}

/// No session, and the cookies are cleared: a program hears 401, a page load goes to the provider and
/// comes back to the page asked for.
async fn stale(gateway: &Gateway, browser: &Browser) {
    let answer = plain(gateway, browser).await;
    answer.refused(401, "invalid_session");
    let cleared = answer.set_cookies();
    assert!(cleared.iter().all(|field| field.contains("Max-Age=0")), "{cleared:?}");
    let mut browser = browser.clone();
    let answer = browser.load(gateway, &home()).await;
    answer.sent_to(&format!("{}/authorize", gateway.provider.issuer), "invalid_session");
    let at = browser.next(gateway, &home(), &answer);
    let (at, answer) = browser.visit(gateway, &at).await;
    assert_eq!(at, home());
    answer.granted();
}
