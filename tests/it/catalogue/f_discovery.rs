//! Discovery and JWKS: group F.

mod keys;
mod places;

use crate::support::{API, Answer, Ask, Gateway, Setup};
use portcullis::token::Issuer;

/// Short limits, so that what hangs is over soon.
const QUICK: &str =
    "{allow_http: true, allow_addresses: [127.0.0.0/8], connect_timeout: 150ms, timeout: 150ms}";

fn quick() -> Setup {
    Setup::default().setting("provider", QUICK)
}

fn issuer(gateway: &Gateway) -> Issuer {
    gateway.providers.report()[0].issuer.clone()
}

async fn bearer(gateway: &Gateway, token: &str) -> Answer {
    gateway.ask(Ask::get(&format!("{API}/pets")).bearer(token)).await
}

fn fetches(gateway: &Gateway) -> usize {
    gateway.provider.calls("/keys", "")
}
