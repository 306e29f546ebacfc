//! API keys of Gloo Portal: Secrets of type `extauth.solo.io/apikey`.
//!
//! Pure: no I/O, no clock.

use super::metadata::Metadata;
use super::secret;
use crate::api_key::{DIGEST, KeyDigest, LABELS, PLAIN, SECRET_TYPE};
use crate::document::{At, Field, Located, Node};
use crate::name::ResourceName;
use crate::policy::resource::{ApiKey, KeyTerms, Origin};
use crate::secret::Secret;
use crate::time::UnixTime;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// What keys have in common, each of it once.
#[derive(Debug, Default)]
pub(super) struct Shared {
    terms: HashSet<Arc<KeyTerms>>,
    usernames: HashSet<Arc<str>>,
}

impl Shared {
    fn terms(&mut self, terms: KeyTerms) -> Arc<KeyTerms> {
        if let Some(same) = self.terms.get(&terms) {
            return Arc::clone(same);
        }
        let terms = Arc::new(terms);
        self.terms.insert(Arc::clone(&terms));
        terms
    }

    fn username(&mut self, name: &str) -> Arc<str> {
        if let Some(same) = self.usernames.get(name) {
            return Arc::clone(same);
        }
        let name: Arc<str> = name.into();
        self.usernames.insert(Arc::clone(&name));
        name
    }
}

/// Whether a Secret is an API key.
pub(super) fn is_one(node: &Node) -> bool {
    node.get("type").and_then(Node::text) == Some(SECRET_TYPE)
}

pub(super) fn read(
    origin: Origin,
    root: &Field<'_>,
    metadata: &Metadata,
    shared: &mut Shared,
) -> Option<ApiKey> {
    let values = secret::values(root)?;
    let document = Document { root, values, labels: &metadata.labels };
    let [product, environment, plan] = LABELS.map(|(key, label)| document.agreed(key, label));
    if let [Ok(None), Ok(None), Ok(None)] = [&product, &environment, &plan] {
        root.notice("an API key for no product, environment and plan: it grants nothing here");
        return None;
    }
    let product = document.name("product", product);
    let environment = document.name("environment", environment);
    let plan = document.required("plan", plan);
    let digest = document.digest();
    let expires = document.expires();
    let username = document.text("username").filter(|name| !name.value.is_empty());
    let terms = KeyTerms { environment: environment?, product: product?, plan: plan?.value };
    Some(ApiKey {
        origin,
        digest: digest?,
        terms: shared.terms(terms),
        username: username.map(|name| shared.username(&name.value)),
        expires: expires?,
    })
}

/// A value that data and label do not agree on; that is said already.
struct Disagree;

struct Document<'d, 'f> {
    root: &'d Field<'f>,
    values: BTreeMap<String, Located<Secret<String>>>,
    labels: &'d BTreeMap<String, String>,
}

impl Document<'_, '_> {
    /// Where a value stands, or would.
    fn at(&self, key: &str) -> At {
        let found = self.values.get(key).map(|found| found.at.clone());
        let line = self.root.at().line;
        found.unwrap_or_else(|| At { line, path: format!("data.{key}") })
    }

    fn error(&self, key: &str, message: impl Into<String>) {
        self.root.error_at(&self.at(key), message);
    }

    /// Of what is no secret.
    fn text(&self, key: &str) -> Option<Located<String>> {
        let found = self.values.get(key)?;
        Some(Located { value: found.value.expose().clone(), at: found.at.clone() })
    }

    /// What data and label say; where both are there, it is the same.
    fn agreed(&self, key: &str, label: &str) -> Result<Option<Located<String>>, Disagree> {
        let data = self.text(key);
        match (data, self.labels.get(label)) {
            (Some(data), Some(label)) if data.value != *label => {
                let message = "expected what the label says: data and label are not for the same";
                self.error(key, message);
                Err(Disagree)
            }
            (Some(data), _) => Ok(Some(data)),
            (None, Some(label)) => {
                let at = At { line: self.root.at().line, path: "metadata.labels".to_owned() };
                Ok(Some(Located { value: label.clone(), at }))
            }
            (None, None) => Ok(None),
        }
    }

    fn required(
        &self,
        key: &str,
        found: Result<Option<Located<String>>, Disagree>,
    ) -> Option<Located<String>> {
        let found = found.ok()?.filter(|found| !found.value.is_empty());
        if found.is_none() {
            self.error(key, "expected a value, here or in the label; there is none");
        }
        found
    }

    fn name(
        &self,
        key: &str,
        found: Result<Option<Located<String>>, Disagree>,
    ) -> Option<ResourceName> {
        let found = self.required(key, found)?;
        let name = ResourceName::parse(&found.value);
        if name.is_none() {
            self.root.error_at(&found.at, "expected <name>.<namespace>");
        }
        name
    }

    /// What stands for the key: its digest, or that of the plain one.
    fn digest(&self) -> Option<KeyDigest> {
        match (self.values.get(PLAIN), self.values.get(DIGEST)) {
            (Some(_), Some(_)) => {
                self.error(DIGEST, format!("expected either {PLAIN} or {DIGEST}, found both"));
                None
            }
            (None, None) => {
                let message =
                    format!("expected the key, or its SHA-256 as {DIGEST}; there is none");
                self.error(PLAIN, message);
                None
            }
            (Some(plain), None) => match KeyDigest::of(plain.value.expose()) {
                Ok(digest) => {
                    if plain.value.expose().len() < SHORT {
                        let message = "a short key: somebody may guess it";
                        self.root.warn_at(&plain.at, message);
                    }
                    Some(digest)
                }
                Err(malformed) => {
                    let message = format!("expected a key that can be sent, found {malformed}");
                    self.root.error_at(&plain.at, message);
                    None
                }
            },
            (None, Some(digest)) => {
                let read = KeyDigest::parse(digest.value.expose());
                if read.is_none() {
                    let message = "expected the SHA-256 of the key as 64 hexadecimal digits";
                    self.root.error_at(&digest.at, message);
                }
                read
            }
        }
    }

    /// `None`: it cannot be read, and then the key must not count for ever.
    #[expect(clippy::option_option, reason = "that it is not there is no fault")]
    fn expires(&self) -> Option<Option<UnixTime>> {
        let Some(text) = self.text("expires") else { return Some(None) };
        let time = UnixTime::parse_rfc3339(&text.value);
        if time.is_none() {
            let message = "expected a time such as 2027-01-31T00:00:00Z";
            self.root.error_at(&text.at, message);
        }
        time.map(Some)
    }
}

/// Fewer characters hold less than 128 bits, even of base64.
const SHORT: usize = 22;
