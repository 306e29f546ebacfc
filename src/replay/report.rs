//! What a replay found, in words.
//!
//! Pure: no I/O, no clock.

use super::line::Occurrences;
use crate::decision::{Checked, Reason};
use crate::problem::Problem;
use std::collections::BTreeMap;
use std::fmt;

/// What would become of one recorded check.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The same.
    Same,
    /// Another answer.
    Changed(Box<Change>),
    /// Nobody can say, and why.
    Unjudged(String),
}

impl Verdict {
    pub(super) fn changed(change: Change) -> Self {
        Self::Changed(Box::new(change))
    }

    pub(super) fn unjudged(why: impl Into<String>) -> Self {
        Self::Unjudged(why.into())
    }
}

/// An answer, as far as a policy makes it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Answer {
    decision: String,
    reason: String,
    hint: Option<String>,
}

impl Answer {
    pub(super) fn recorded(decision: &str, reason: &str) -> Self {
        Self { decision: plain(decision), reason: plain(reason), hint: None }
    }

    pub(super) fn of(checked: &Checked) -> Self {
        let hint = checked.facts.hint.as_ref().map(ToString::to_string);
        Self { hint, ..Self::recorded(checked.decision(), checked.reason.as_str()) }
    }

    pub(super) fn denied(reason: Reason, hint: &str) -> Self {
        Self { hint: Some(hint.to_owned()), ..Self::recorded("deny", reason.as_str()) }
    }

    pub(super) fn without_hint(self) -> Self {
        Self { hint: None, ..self }
    }

    /// Whether it is the same for a client: a redirect to the login is one way to refuse.
    pub(super) fn is(&self, allowed: bool, reason: &str) -> bool {
        (self.decision == "allow") == allowed && self.reason == reason
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.decision, self.reason)
    }
}

/// Where a request leads.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Place {
    pub(super) portal: Option<String>,
    pub(super) environment: Option<String>,
    pub(super) product: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |name: &Option<String>| name.as_deref().map_or_else(|| "none".to_owned(), plain);
        match (&self.product, &self.environment) {
            (None, None) => write!(f, "portal {}", name(&self.portal)),
            _ => write!(
                f,
                "product {} in {}, portal {}",
                name(&self.product),
                name(&self.environment),
                name(&self.portal)
            ),
        }
    }
}

/// Another answer than the recorded one. Equal changes are told as one.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Change {
    pub(super) was: Answer,
    pub(super) answer: Answer,
    pub(super) place: Place,
    /// Where it leads by the new policy, if elsewhere.
    pub(super) new_place: Option<Place>,
    /// Groups that grant it, by the policy that does.
    pub(super) groups: Option<String>,
    /// Groups that would grant it still, and that nobody looked for when it was recorded.
    pub(super) unless: Vec<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}: {}", self.was, self.answer, self.place)?;
        if let Some(place) = &self.new_place {
            write!(f, " -> {place}")?;
        }
        if let Some(groups) = &self.groups {
            write!(f, ", groups {}", plain(groups))?;
        }
        if let Some(hint) = &self.answer.hint {
            write!(f, "; {}", plain(hint))?;
        }
        if !self.unless.is_empty() {
            let groups = plain(&self.unless.join(", "));
            write!(f, "; unless the caller has a group that nobody looked for then: {groups}")?;
        }
        Ok(())
    }
}

/// What a replay found.
#[derive(Debug)]
pub struct Report {
    each: bool,
    problems: Vec<Problem>,
    changes: BTreeMap<Change, Occurrences>,
    unjudged: BTreeMap<String, Occurrences>,
    same: usize,
    notes: Vec<&'static str>,
}

impl Report {
    pub(super) fn new(each: bool, problems: Vec<Problem>) -> Self {
        Self {
            each,
            problems,
            changes: BTreeMap::new(),
            unjudged: BTreeMap::new(),
            same: 0,
            notes: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, verdict: Verdict, occurrences: &Occurrences) {
        let told = match verdict {
            Verdict::Same => {
                self.same += occurrences.count;
                return;
            }
            Verdict::Changed(change) => self.changes.entry(*change).or_default(),
            Verdict::Unjudged(why) => self.unjudged.entry(why).or_default(),
        };
        told.join(occurrences, self.each);
    }

    /// There were lines of a log, allowed ones among them or not.
    pub(super) fn took_lines(&mut self, any: bool, any_allowed: bool) {
        if any {
            self.notes.push(
                "lines of the log: the product that a path led to, the caller and the caller's groups \
                 are taken as recorded",
            );
        }
        if any && !any_allowed {
            self.notes.push(
                "no line of an allowed check: the log has those with log.level debug alone, so what \
                 the policy takes away is not seen here",
            );
        }
    }

    /// There were messages.
    pub(super) fn took_as_said(&mut self, any: bool) {
        if any {
            self.notes.push(
                "messages: the caller is whom the token or session names, taken as said; signatures, \
                 times and logouts were not looked at",
            );
        }
    }

    /// Resources of the new policy that have problems.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many checks would be answered otherwise.
    #[must_use]
    pub fn changed(&self) -> usize {
        self.changes.values().map(|found| found.count).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut changes: Vec<_> = self.changes.iter().collect();
        // The most frequent first.
        changes.sort_by_key(|(_, found)| std::cmp::Reverse(found.count));
        for (change, found) in &changes {
            if self.each {
                for id in &found.ids {
                    writeln!(f, "{}: {change}", plain(id))?;
                }
            } else {
                let ids: Vec<String> = found.examples().map(plain).collect();
                writeln!(f, "{} x {change}; such as {}", found.count, ids.join(", "))?;
            }
        }
        for (why, found) in &self.unjudged {
            let ids: Vec<String> = found.examples().map(plain).collect();
            let (count, ids) = (found.count, ids.join(", "));
            writeln!(f, "cannot be judged: {count} x {}; such as {ids}", plain(why))?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        let unjudged: usize = self.unjudged.values().map(|found| found.count).sum();
        let (changed, ways) = (self.changed(), changes.len());
        let way = if ways == 1 { "way" } else { "ways" };
        writeln!(
            f,
            "{} recorded checks: {} as before, {changed} otherwise, in {ways} {way}, {unjudged} not judged",
            self.same + changed + unjudged,
            self.same,
        )
    }
}

/// Text of a file without what a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
