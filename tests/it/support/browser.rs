//! A browser: it keeps cookies by host and follows redirects.

use super::{Answer, Ask, Gateway};
use std::collections::BTreeMap;
use url::Url;

/// A browser of one person.
#[derive(Clone, Default)]
pub(crate) struct Browser {
    jar: BTreeMap<String, BTreeMap<String, String>>,
}

impl Browser {
    /// A browser that is signed in on the host of `url`.
    pub(crate) async fn signed_in(gateway: &Gateway, url: &str) -> Self {
        let mut browser = Self::default();
        let (at, answer) = browser.visit(gateway, url).await;
        assert!(answer.allowed, "at {at}: {answer:?}");
        browser
    }

    /// Sends `ask` with the cookies of its host, and keeps what comes back.
    pub(crate) async fn send(&mut self, gateway: &Gateway, ask: Ask) -> Answer {
        let host = ask.host_name();
        let answer = gateway.ask(self.dress(ask)).await;
        self.keep(&host, &answer);
        answer
    }

    /// `ask` with the cookies of its host.
    pub(crate) fn dress(&self, ask: Ask) -> Ask {
        let cookies = self.cookie_line(&ask.host_name());
        if cookies.is_empty() || ask.has("cookie") { ask } else { ask.header("cookie", &cookies) }
    }

    /// Loads a page, without following.
    pub(crate) async fn load(&mut self, gateway: &Gateway, url: &str) -> Answer {
        self.send(gateway, Ask::get(url).navigate()).await
    }

    /// Loads a page and follows every redirect, through the provider as well. Returns where it ends.
    pub(crate) async fn visit(&mut self, gateway: &Gateway, url: &str) -> (String, Answer) {
        let mut at = url.to_owned();
        for _hop in 0..10 {
            let answer = self.load(gateway, &at).await;
            if answer.status != 302 && answer.status != 303 {
                return (at, answer);
            }
            at = self.next(gateway, &at, &answer);
        }
        panic!("too many redirects, at {at}");
    }

    /// Where a redirect leads; through the provider, if it is the provider's.
    pub(crate) fn next(&self, gateway: &Gateway, at: &str, answer: &Answer) -> String {
        let base = Url::parse(at).expect("a URL");
        let to = base.join(answer.location()).expect("a location").to_string();
        let provider = format!("{}/authorize", gateway.provider.issuer);
        if to.starts_with(&provider) { gateway.provider.authorize(&to) } else { to }
    }

    /// Begins a login and goes through the provider; returns the callback's URL, not yet loaded.
    pub(crate) async fn callback(&mut self, gateway: &Gateway, url: &str) -> String {
        let answer = self.load(gateway, url).await;
        assert_eq!(answer.status, 302, "{answer:?}");
        self.next(gateway, url, &answer)
    }

    /// Keeps the cookies of an answer; one that has no age left is forgotten.
    pub(crate) fn keep(&mut self, host: &str, answer: &Answer) {
        let jar = self.jar.entry(host.to_owned()).or_default();
        for field in answer.set_cookies() {
            let (pair, attributes) = field.split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("a pair");
            if attributes.contains("Max-Age=0") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// Names and values of a host's cookies.
    pub(crate) fn cookies(&mut self, host: &str) -> &mut BTreeMap<String, String> {
        self.jar.entry(host.to_owned()).or_default()
    }

    fn cookie_line(&self, host: &str) -> String {
        let pairs = self.jar.get(host).into_iter().flatten();
        pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }
}
