//! A line of the decision log, as far as it can be judged again.
//!
//! Pure: no I/O, no clock.

use percent_encoding::percent_decode_str;
use serde::Deserialize;

/// Ids that are kept as examples.
const EXAMPLES: usize = 3;

/// What a line says. Equal ones are judged once.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, PartialEq)]
#[serde(default)]
pub(super) struct Line {
    message: String,
    request_id: String,
    pub(super) decision: String,
    /// What would have been decided, were it not for a shadow.
    shadow: Option<String>,
    pub(super) reason: String,
    pub(super) method: Option<String>,
    pub(super) host: Option<String>,
    pub(super) portal: Option<String>,
    pub(super) environment: Option<String>,
    pub(super) product: Option<String>,
    pub(super) credential: Option<String>,
    pub(super) groups: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) login_portals: Option<String>,
    caller_groups: Option<String>,
    pub(super) email_verified: Option<bool>,
    pub(super) context_portal: Option<String>,
    pub(super) context_environment: Option<String>,
    pub(super) context_product: Option<String>,
    pub(super) context_access: Option<String>,
}

impl Line {
    /// The request's id and the rest of its line; `None`: it is no line of a check.
    pub(super) fn parse(bytes: &[u8]) -> Option<(String, Self)> {
        let mut line: Self = serde_json::from_slice(bytes).ok()?;
        if !matches!(line.message.as_str(), "check" | "endpoint") {
            return None;
        }
        // What a shadow let pass was refused.
        if let Some(shadow) = line.shadow.take() {
            line.decision = shadow;
        }
        let Self { context_portal, context_environment, context_product, context_access, .. } =
            &mut line;
        for value in [context_portal, context_environment, context_product, context_access] {
            *value = value.as_deref().map(decoded);
        }
        Some((std::mem::take(&mut line.request_id), line))
    }

    pub(super) fn was_allowed(&self) -> bool {
        self.decision == "allow"
    }

    /// Whether it says which groups the caller has.
    pub(super) const fn has_caller_groups(&self) -> bool {
        self.caller_groups.is_some()
    }

    /// The caller's groups that some Group named.
    pub(super) fn caller_groups(&self) -> impl Iterator<Item = String> {
        let groups = self.caller_groups.as_deref().unwrap_or_default().split(',');
        let groups = groups.filter(|group| !group.is_empty());
        groups.map(decoded)
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// How often a line came, and for which requests.
#[derive(Clone, Debug, Default)]
pub(super) struct Occurrences {
    pub(super) count: usize,
    /// Which line of all was the first.
    pub(super) first: usize,
    /// All, or the first few.
    pub(super) ids: Vec<String>,
}

impl Occurrences {
    pub(super) fn of(id: String) -> Self {
        Self { count: 1, first: 1, ids: vec![id] }
    }

    pub(super) fn add(&mut self, place: usize, id: String, all: bool) {
        if self.count == 0 {
            self.first = place;
        }
        self.count += 1;
        if all || self.ids.len() < EXAMPLES {
            self.ids.push(id);
        }
    }

    pub(super) fn join(&mut self, other: &Self, all: bool) {
        self.count += other.count;
        let room = if all { usize::MAX } else { EXAMPLES.saturating_sub(self.ids.len()) };
        self.ids.extend(other.ids.iter().take(room).cloned());
    }

    pub(super) fn examples(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().take(EXAMPLES).map(String::as_str)
    }
}
