//! A browser of one person, with the cookies of each host.

use crate::support::{Answer, Ask};
use crate::world::World;
use std::collections::BTreeMap;
use url::Url;

/// Cookies by host.
#[derive(Clone, Default)]
pub(crate) struct Browser(BTreeMap<String, BTreeMap<String, String>>);

impl Browser {
    /// `ask` with the cookies of its host.
    pub(crate) fn dress(&self, ask: Ask) -> Ask {
        let pairs = self.0.get(&ask.host_name()).into_iter().flatten();
        let line: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
        if line.is_empty() { ask } else { ask.header("cookie", &line.join("; ")) }
    }

    /// Keeps the cookies of an answer.
    pub(crate) fn keep(&mut self, host: &str, answer: &Answer) {
        let jar = self.0.entry(host.to_owned()).or_default();
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

    /// Signs `person` in on the way to `url`. Returns the last answer; `None`: an RPC error.
    pub(crate) async fn sign_in(
        &mut self,
        world: &World,
        url: &str,
        person: &str,
    ) -> Option<Answer> {
        let mut at = url.to_owned();
        for _hop in 0..10 {
            let ask = Ask::get(&at).navigate();
            let host = ask.host_name();
            let answer = match world.gateway.ask(self.dress(ask)).await {
                Ok(answer) => answer,
                Err(status) => {
                    world.counts.wrong("RPC error", format!("login: {status:?}"));
                    return None;
                }
            };
            world.counts.check("login, by pages", answer.reason());
            self.keep(&host, &answer);
            if !(300..400).contains(&answer.status) {
                return Some(answer);
            }
            let to = Url::parse(&at).expect("a URL").join(answer.location()).expect("a location");
            at = to.into();
            if at.starts_with(&world.provider.issuer) {
                at = world.provider.authorize(&at, person);
            }
        }
        world.counts.wrong("wrong answer", format!("{person} is sent in circles, at {at}"));
        None
    }
}
