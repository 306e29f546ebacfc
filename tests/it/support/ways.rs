//! The three ways in which an ID token reaches us: as a bearer, at the callback, at a refresh.

use super::knobs::Forge;
use super::{API, Ask, Browser, Gateway, PORTAL, Setup};
use serde_json::{Value, json};
use std::sync::Arc;

const SESSION: &str = "__Host-portcullis-s";

/// A service to which tokens come in all three ways.
pub(crate) struct Ways {
    pub(crate) gateway: Gateway,
}

impl Ways {
    /// A service by the guide's resources, whose provider gives refresh tokens.
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    /// The same with this setup.
    pub(crate) async fn with(setup: Setup) -> Self {
        let lives = "{petstore-portal.default: {session: {idle_timeout: 12h}}}";
        Self { gateway: Gateway::with(setup.setting("portals", lives)).await }
    }

    /// What `forge` makes of right claims is refused in each way, and grants nothing after it.
    pub(crate) async fn refused<F>(&self, what: &str, forge: F)
    where
        F: Fn(Value) -> String + Send + Sync + 'static,
    {
        self.refused_as("invalid_token", what, forge).await;
    }

    /// The same where a bearer hears this reason, such as that it expired.
    pub(crate) async fn refused_as<F>(&self, reason: &str, what: &str, forge: F)
    where
        F: Fn(Value) -> String + Send + Sync + 'static,
    {
        case("refused", what);
        let forge: Forge = Arc::new(forge);
        self.bearer(&forge, reason).await;
        self.callback(&forge).await;
        self.refresh(&forge).await;
    }

    /// The same where the token comes from the provider: for what is good as a bearer, by its own kind.
    pub(crate) async fn refused_from_provider<F>(&self, what: &str, forge: F)
    where
        F: Fn(Value) -> String + Send + Sync + 'static,
    {
        case("refused", what);
        let forge: Forge = Arc::new(forge);
        self.callback(&forge).await;
        self.refresh(&forge).await;
    }

    /// What `forge` makes of right claims is good in each way. Guards the tests of refusal.
    pub(crate) async fn taken<F>(&self, what: &str, forge: F)
    where
        F: Fn(Value) -> String + Send + Sync + 'static,
    {
        case("taken", what);
        let (gateway, forge): (&Gateway, Forge) = (&self.gateway, Arc::new(forge));
        let token = forge(gateway.provider.bearer_claims(&json!({})));
        gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token)).await.granted();
        gateway.provider.turn(|knobs| {
            knobs.forge_login = Some(Arc::clone(&forge));
            knobs.forge_refreshed = Some(Arc::clone(&forge));
        });
        let home = format!("{PORTAL}/home");
        gateway.later(61);
        let mut browser = Browser::signed_in(gateway, &home).await;
        gateway.later(3661);
        browser.load(gateway, &home).await.granted();
        self.well();
    }

    async fn bearer(&self, forge: &Forge, reason: &str) {
        let token = forge(self.gateway.provider.bearer_claims(&json!({})));
        let answer = self.gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token)).await;
        answer.refused(401, reason);
        let challenge = answer.header("www-authenticate").expect("a challenge");
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    }

    async fn callback(&self, forge: &Forge) {
        let (gateway, home) = (&self.gateway, format!("{PORTAL}/home"));
        // Logins that follow too closely are a loop.
        gateway.later(61);
        gateway.provider.turn(|knobs| knobs.forge_login = Some(Arc::clone(forge)));
        let mut browser = Browser::default();
        let url = browser.callback(gateway, &home).await;
        let answer = browser.load(gateway, &url).await;
        answer.refused(400, "bad_callback");
        assert!(answer.set_cookie(SESSION).is_none(), "a session: {answer:?}");
        self.well();
        let start = format!("{}/authorize", gateway.provider.issuer);
        browser.load(gateway, &home).await.sent_to(&start, "no_credentials");
    }

    async fn refresh(&self, forge: &Forge) {
        let (gateway, home) = (&self.gateway, format!("{PORTAL}/home"));
        gateway.later(61);
        let mut browser = Browser::signed_in(gateway, &home).await;
        gateway.provider.turn(|knobs| knobs.forge_refreshed = Some(Arc::clone(forge)));
        gateway.later(3661);
        let answer = gateway.ask(browser.dress(Ask::get(&home))).await;
        answer.refused(401, "invalid_session");
        self.well();
        // The session is over, also for a copy of its cookie and after the provider is well again.
        gateway.ask(browser.dress(Ask::get(&home))).await.refused(401, "invalid_session");
        let start = format!("{}/authorize", gateway.provider.issuer);
        browser.load(gateway, &home).await.sent_to(&start, "invalid_session");
    }

    fn well(&self) {
        self.gateway.provider.turn(|knobs| {
            knobs.forge_login = None;
            knobs.forge_refreshed = None;
        });
    }
}

#[expect(clippy::print_stdout, reason = "says which case of a test failed")]
pub(crate) fn case(answer: &str, what: &str) {
    println!("{answer}: {what}");
}
