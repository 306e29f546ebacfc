//! Refresh: group K.

mod once;
mod secrets;
mod tokens;

use crate::support::{Answer, Ask, Browser, Gateway, PORTAL, Setup};

const SESSION: &str = "__Host-portcullis-s";
/// No idle end, so that only the identity's counts.
const LONG: &str = "{petstore-portal.default: {session: {idle_timeout: 12h}}}";

fn home() -> String {
    format!("{PORTAL}/home")
}

fn setup() -> Setup {
    Setup::default().setting("portals", LONG)
}

/// A check with the cookies of `browser`, which hears nothing of the answer.
async fn plain(gateway: &Gateway, browser: &Browser) -> Answer {
    gateway.ask(browser.dress(Ask::get(&home()))).await
}

fn refreshes(gateway: &Gateway) -> usize {
    gateway.provider.calls("/token", "refresh_token")
}
