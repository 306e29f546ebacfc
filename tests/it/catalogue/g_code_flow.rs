//! Authorization code flow: group G.

mod answers;
mod callback;
mod start;

use crate::support::{Ask, Browser, Gateway, PORTAL};
use std::collections::HashMap;
use url::Url;

const SESSION: &str = "__Host-portcullis-s";
const HOST: &str = "portal.petstore.localhost";

fn home() -> String {
    format!("{PORTAL}/home")
}

/// A browser that comes back from the provider; its callback, not yet loaded.
async fn returning(gateway: &Gateway) -> (Browser, String) {
    let mut browser = Browser::default();
    let callback = browser.callback(gateway, &home()).await;
    (browser, callback)
}

/// The callback with these parameters instead, in this order; those of `None` are taken away.
fn changed(url: &str, changes: &[(&str, Option<&str>)]) -> String {
    let mut to = Url::parse(url).expect("a URL");
    let kept: Vec<_> = to
        .query_pairs()
        .into_owned()
        .filter(|(own, _)| changes.iter().all(|(name, _)| name != own))
        .collect();
    to.query_pairs_mut().clear().extend_pairs(kept);
    for (name, value) in changes {
        if let Some(value) = value {
            to.query_pairs_mut().append_pair(name, value);
        }
    }
    to.into()
}

fn parameters(url: &str) -> HashMap<String, String> {
    Url::parse(url).expect("a URL").query_pairs().into_owned().collect()
}

fn exchanges(gateway: &Gateway) -> usize {
    gateway.provider.calls("/token", "authorization_code")
}

/// Loads a callback that has to be refused without a word to the token endpoint.
async fn refused_unused(gateway: &Gateway, browser: &mut Browser, callback: &str) {
    let before = exchanges(gateway);
    let answer = browser.send(gateway, Ask::get(callback).navigate()).await;
    assert_eq!((answer.status, answer.reason()), (400, "bad_callback"), "{callback}");
    assert!(answer.refused(400, "bad_callback").is_page());
    assert!(answer.body.contains("href=\"/.auth/login\""), "a link that starts again");
    assert!(answer.set_cookie(SESSION).is_none(), "{callback}");
    assert_eq!(exchanges(gateway), before, "{callback}");
}

/// The guard: a login that nobody meddles with.
async fn guard(gateway: &Gateway) {
    gateway.later(61);
    Browser::signed_in(gateway, &home()).await;
}
