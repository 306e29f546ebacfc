//! Who asks next: the recorded request of a page with a bearer, sent by many callers.

use envoy_types::pb::envoy::service::auth::v3::CheckRequest;
use portcullis_inputs::Inputs;
use portcullis_load::bundle::{Bundle, List};
use portcullis_load::claims::subject;
use portcullis_load::failure::{Outcome, expect};
use portcullis_load::rng::{Rng, Zipf};
use prost::Message as _;

/// Every hundredth request comes with a token that nobody sent before.
const FRESH_ONE_IN: usize = 100;

/// What is to be sent, and what has to come back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ask {
    /// The request.
    pub bytes: Vec<u8>,
    /// The path, which is another one each time.
    pub path: String,
    /// Whose token it is.
    pub user: String,
}

/// The recorded request without its path and its token.
#[derive(Clone, Debug)]
pub struct Form {
    /// The fields, each with its end of line.
    fields: String,
}

impl Form {
    /// Of the input `bearer`: what its client sent, without what Envoy added.
    ///
    /// # Errors
    ///
    /// Where it is not as it should be.
    pub fn recorded() -> Outcome<Self> {
        let inputs = Inputs::load();
        let input = inputs.get("bearer");
        let attributes = CheckRequest::decode(input.message())?.attributes;
        let http = attributes.and_then(|attributes| attributes.request?.http);
        let headers = expect(http, "the recorded request is empty")?.headers;
        let mut headers: Vec<(String, String)> = headers.into_iter().collect();
        headers.sort();
        let mut fields = format!("host: {}\r\n", input.host);
        for (name, value) in headers {
            let envoys = name.starts_with(':')
                || name.starts_with("x-envoy-")
                || name.starts_with("x-forwarded-")
                || name == "x-request-id"
                || name == "authorization";
            if !envoys {
                fields.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        Ok(Self { fields })
    }

    /// The request for `path` with `token`.
    #[must_use]
    pub fn request(&self, path: &str, token: &str) -> Vec<u8> {
        let fields = &self.fields;
        format!("GET {path} HTTP/1.1\r\n{fields}authorization: Bearer {token}\r\n\r\n").into_bytes()
    }
}

/// Chooses tokens by Zipf, and now and then a fresh one.
#[derive(Debug)]
pub struct Callers<'b> {
    bundle: &'b Bundle,
    form: Form,
    zipf: Zipf,
    rng: Rng,
    asked: usize,
    fresh: usize,
}

impl<'b> Callers<'b> {
    /// The callers of `bundle`.
    ///
    /// # Errors
    ///
    /// Where the recorded request is not as it should be.
    pub fn new(bundle: &'b Bundle, seed: u64) -> Outcome<Self> {
        let zipf = Zipf::new(bundle.tokens(List::Users).len());
        Ok(Self { bundle, form: Form::recorded()?, zipf, rng: Rng::new(seed), asked: 0, fresh: 0 })
    }

    /// The next one.
    pub fn choose(&mut self) -> Ask {
        if self.asked % FRESH_ONE_IN == FRESH_ONE_IN - 1 {
            let at = self.fresh % self.bundle.tokens(List::Fresh).len();
            self.fresh += 1;
            return self.ask(List::Fresh, at);
        }
        let at = self.zipf.next(&mut self.rng);
        self.ask(List::Users, at)
    }

    /// The request of the caller at `at` of a list.
    pub fn ask(&mut self, list: List, at: usize) -> Ask {
        self.asked += 1;
        let path = format!("/api/pets/{}?expand=owner", self.asked);
        let bytes = self.form.request(&path, &self.bundle.tokens(list)[at]);
        Ask { bytes, path, user: subject(self.bundle.number(list, at)) }
    }

    /// Whether every fresh token was sent, and the oldest of them are sent again.
    #[must_use]
    pub fn used_up(&self) -> bool {
        self.fresh > self.bundle.tokens(List::Fresh).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{fields, first_line, head_length};
    use portcullis_load::bundle::Amounts;
    use std::collections::BTreeSet;

    #[test]
    fn the_request_is_the_recorded_one_with_another_path_and_token() {
        let request = Form::recorded().expect("recorded").request("/p", "t.o.k");
        assert_eq!(head_length(&request), Some(request.len()));
        assert_eq!(first_line(&request), "GET /p HTTP/1.1");
        let all: Vec<(&str, &str)> = fields(&request).collect();
        let value = |name: &str| all.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        assert_eq!(value("host"), Some("api.petstore.localhost:10000"));
        assert_eq!(value("authorization"), Some("Bearer t.o.k"));
        assert!(value("cookie").is_some_and(|text| text.contains("_ga=")));
        assert!(value("sec-fetch-mode").is_some() && value("traceparent").is_some());
        assert!(all.iter().all(|(name, _)| !name.starts_with("x-envoy") && !name.starts_with(':')));
        assert!(all.len() >= 18, "{}", all.len());
    }

    #[test]
    fn every_hundredth_token_is_a_fresh_one_and_belongs_to_its_caller() {
        let amounts = Amounts { users: 3, fresh: 2, users_es256: 0, strangers: 0 };
        let bundle =
            Bundle::mint("http://okta.localhost:1/oauth2/default", amounts).expect("minted");
        let mut callers = Callers::new(&bundle, 1).expect("recorded");
        let asks: Vec<Ask> = (0..200).map(|_| callers.choose()).collect();
        let fresh: BTreeSet<String> = [3, 4].map(subject).into();
        let of_fresh = asks.iter().filter(|ask| fresh.contains(&ask.user)).count();
        assert_eq!(of_fresh, 2);
        assert!(fresh.contains(&asks[99].user) && asks[99].user != asks[199].user);
        let paths: BTreeSet<&String> = asks.iter().map(|ask| &ask.path).collect();
        assert_eq!(paths.len(), asks.len());
        assert!(!callers.used_up());
        for _ in 0..100 {
            callers.choose();
        }
        assert!(callers.used_up());
        for list in [List::Users, List::Fresh] {
            let ask = callers.ask(list, 1);
            let text = String::from_utf8(ask.bytes).expect("text");
            assert!(text.contains(&bundle.tokens(list)[1]));
            assert_eq!(ask.user, subject(bundle.number(list, 1)));
        }
    }
}
