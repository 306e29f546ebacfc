//! Reads fields by type and remembers every problem, with file, line and path.
//!
//! Pure: no I/O, no clock.

use super::{Entry, Node, Scalar, Value};
use crate::name::ResourceId;
use crate::problem::{Problem, Severity};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// A place in a file: a line and the path of a field.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct At {
    /// From 1; 0 where the whole file is meant.
    pub line: usize,
    /// Such as `spec.domains[1]`; empty at the top.
    pub path: String,
}

/// A value, and where it was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where.
    pub at: At,
}

/// Where problems of one document go.
#[derive(Debug)]
pub struct Sink {
    file: Arc<str>,
    resource: Option<ResourceId>,
    problems: RefCell<Vec<Problem>>,
}

impl Sink {
    /// For a file, and the resource that its problems are of.
    #[must_use]
    pub const fn new(file: Arc<str>, resource: Option<ResourceId>) -> Self {
        Self { file, resource, problems: RefCell::new(Vec::new()) }
    }

    /// Remembers a problem.
    pub fn report(&self, severity: Severity, at: &At, message: impl Into<String>) {
        self.problems.borrow_mut().push(Problem {
            file: Arc::clone(&self.file),
            line: at.line,
            path: at.path.clone(),
            severity,
            message: message.into(),
            resource: self.resource.clone(),
        });
    }

    /// The root of a document, with a problem for every key that comes twice.
    pub fn document<'a>(&'a self, node: &'a Node) -> Field<'a> {
        let field = self.document_again(node);
        field.report_duplicates();
        field
    }

    /// The same root, for one who reads the same document after another.
    pub const fn document_again<'a>(&'a self, node: &'a Node) -> Field<'a> {
        Field { node, at: At { line: node.line, path: String::new() }, sink: self }
    }

    /// All problems so far, in the order of the file.
    #[must_use]
    pub fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.line);
        problems
    }
}

/// A value that is being read.
#[derive(Clone, Debug)]
pub struct Field<'a> {
    node: &'a Node,
    at: At,
    sink: &'a Sink,
}

impl<'a> Field<'a> {
    /// Where it stands.
    #[must_use]
    pub const fn at(&self) -> &At {
        &self.at
    }

    /// The value as it was parsed.
    #[must_use]
    pub const fn node(&self) -> &'a Node {
        self.node
    }

    /// Remembers an error here.
    pub fn error(&self, message: impl Into<String>) {
        self.sink.report(Severity::Error, &self.at, message);
    }

    /// Remembers a warning here.
    pub fn warn(&self, message: impl Into<String>) {
        self.sink.report(Severity::Warning, &self.at, message);
    }

    /// Remembers an error at another place of the same document.
    pub fn error_at(&self, at: &At, message: impl Into<String>) {
        self.sink.report(Severity::Error, at, message);
    }

    /// The same, a warning.
    pub fn warn_at(&self, at: &At, message: impl Into<String>) {
        self.sink.report(Severity::Warning, at, message);
    }

    /// Remembers a notice here.
    pub fn notice(&self, message: impl Into<String>) {
        self.sink.report(Severity::Notice, &self.at, message);
    }

    /// Gives `value` this field's place.
    #[must_use]
    pub fn locate<T>(&self, value: T) -> Located<T> {
        Located { value, at: self.at.clone() }
    }

    fn expected<T>(&self, what: &str) -> Option<T> {
        // What is found is named by its type: it might be a secret in the wrong place.
        self.error(format!("expected {what}, found {}", self.node.noun()));
        None
    }

    /// A string that is not empty.
    #[must_use]
    pub fn string(&self) -> Option<String> {
        match &self.node.value {
            Value::Scalar(Scalar::Text(text)) if text.is_empty() => {
                self.error("expected a string that is not empty");
                None
            }
            Value::Scalar(Scalar::Text(text)) => Some(text.clone()),
            Value::Scalar(Scalar::Boolean(_) | Scalar::Integer(_) | Scalar::Number(_)) => {
                self.expected("a string (in quotes)")
            }
            Value::Scalar(Scalar::Null) | Value::List(_) | Value::Map(_) => {
                self.expected("a string")
            }
        }
    }

    /// A string, empty or not.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self.node.text() {
            Some(text) => Some(text.to_owned()),
            None => self.string(),
        }
    }

    /// A string that is not empty, and where it stands.
    #[must_use]
    pub fn located(&self) -> Option<Located<String>> {
        self.string().map(|value| self.locate(value))
    }

    /// `true` or `false`.
    #[must_use]
    pub fn boolean(&self) -> Option<bool> {
        match self.node.value {
            Value::Scalar(Scalar::Boolean(boolean)) => Some(boolean),
            Value::Scalar(_) | Value::List(_) | Value::Map(_) => self.expected("true or false"),
        }
    }

    /// A whole number within `range`.
    #[must_use]
    pub fn integer(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let (least, most) = (*range.start(), *range.end());
        let integer = match self.node.value {
            Value::Scalar(Scalar::Integer(integer)) => u64::try_from(integer).ok(),
            Value::Scalar(_) | Value::List(_) | Value::Map(_) => {
                return self.expected("a whole number");
            }
        };
        let fits = integer.filter(|integer| range.contains(integer));
        if fits.is_none() {
            self.error(format!("expected a whole number from {least} to {most}"));
        }
        fits
    }

    /// A length of time such as `12h` or `1m 30s`: more than none, at most `most`.
    #[must_use]
    pub fn duration(&self, most: Duration) -> Option<Duration> {
        let Some(text) = self.node.text() else {
            return self.expected("a duration with its unit, such as 90s or 12h");
        };
        let bound = humantime::format_duration(most);
        match humantime::parse_duration(text) {
            Ok(duration) if duration.is_zero() => {
                self.error("expected a duration of more than none");
            }
            Ok(duration) if duration > most => self.error(format!("expected at most {bound}")),
            Ok(duration) => return Some(duration),
            Err(_) => self.error("expected a duration with its unit, such as 90s or 12h"),
        }
        None
    }

    /// One of the words in `table`; `true` and `false` may be among them.
    #[must_use]
    pub fn one_of<T: Copy>(&self, table: &[(&str, T)]) -> Option<T> {
        let word = match &self.node.value {
            Value::Scalar(Scalar::Text(text)) => text.as_str(),
            Value::Scalar(Scalar::Boolean(true)) => "true",
            Value::Scalar(Scalar::Boolean(false)) => "false",
            Value::Scalar(_) | Value::List(_) | Value::Map(_) => "",
        };
        let found = table.iter().find(|(known, _)| *known == word).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<&str> = table.iter().map(|(known, _)| *known).collect();
            self.error(format!("expected one of: {}", words.join(", ")));
        }
        found
    }

    /// The items of a list; none where it is no list, with a problem.
    #[must_use]
    pub fn list(&self) -> Vec<Self> {
        let Value::List(items) = &self.node.value else {
            self.expected::<()>("a list");
            return Vec::new();
        };
        let place = |(index, node): (usize, &'a Node)| Field {
            node,
            at: At { line: node.line, path: format!("{}[{index}]", self.at.path) },
            sink: self.sink,
        };
        items.iter().enumerate().map(place).collect()
    }

    /// The strings of a list, each not empty; those that are none leave a problem.
    #[must_use]
    pub fn strings(&self) -> Vec<Located<String>> {
        self.list().iter().filter_map(Self::located).collect()
    }

    /// The keys and values of a mapping whose keys are free; null values too.
    #[must_use]
    pub fn entries(&self) -> Vec<(&'a str, Self)> {
        let Value::Map(entries) = &self.node.value else {
            self.expected::<()>("a mapping");
            return Vec::new();
        };
        let mut seen = BTreeSet::new();
        let first = entries.iter().filter(|entry| seen.insert(entry.key.as_str()));
        first.map(|entry| (entry.key.as_str(), self.child(entry))).collect()
    }

    /// A mapping whose keys are known.
    #[must_use]
    pub fn fields(&self) -> Option<Fields<'a>> {
        match &self.node.value {
            Value::Map(entries) => {
                Some(Fields { of: self.clone(), entries, known: BTreeSet::new() })
            }
            Value::Scalar(_) | Value::List(_) => self.expected("a mapping"),
        }
    }

    fn child(&self, entry: &'a Entry) -> Self {
        Self {
            node: &entry.node,
            at: At { line: entry.line, path: join(&self.at.path, &entry.key) },
            sink: self.sink,
        }
    }

    fn report_duplicates(&self) {
        match &self.node.value {
            Value::Scalar(_) => {}
            Value::List(_) => self.list().iter().for_each(Self::report_duplicates),
            Value::Map(entries) => {
                let mut seen = BTreeSet::new();
                for entry in entries {
                    let child = self.child(entry);
                    if !seen.insert(entry.key.as_str()) {
                        child.error("expected each key once; this one comes again");
                    }
                    child.report_duplicates();
                }
            }
        }
    }
}

/// A mapping that is being read, and the keys that were asked for.
#[derive(Debug)]
pub struct Fields<'a> {
    of: Field<'a>,
    entries: &'a [Entry],
    known: BTreeSet<&'static str>,
}

impl<'a> Fields<'a> {
    /// The value of `key`; `None` where it is absent or null.
    #[must_use]
    pub fn take(&mut self, key: &'static str) -> Option<Field<'a>> {
        self.known.insert(key);
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        (!entry.node.is_null()).then(|| self.of.child(entry))
    }

    /// The value of `key`, or a problem where it is absent or null.
    #[must_use]
    pub fn require(&mut self, key: &'static str) -> Option<Field<'a>> {
        let field = self.take(key);
        if field.is_none() {
            self.missing(key);
        }
        field
    }

    /// The mapping itself.
    #[must_use]
    pub const fn field(&self) -> &Field<'a> {
        &self.of
    }

    /// Says that `key` has to be there.
    pub fn missing(&self, key: &str) {
        let line = self.entries.iter().find(|entry| entry.key == key).map(|entry| entry.line);
        let at = At { line: line.unwrap_or(self.of.at.line), path: join(&self.of.at.path, key) };
        self.of.sink.report(Severity::Error, &at, "expected a value; there is none");
    }

    /// Names keys that are known and decide nothing here.
    pub fn ignore(&mut self, keys: &[&'static str]) {
        self.known.extend(keys);
    }

    /// Reports the keys that nobody asked for.
    pub fn finish(self, severity: Severity) {
        for entry in self.entries {
            if !self.known.contains(entry.key.as_str()) {
                let known: Vec<&str> = self.known.iter().copied().collect();
                let message = format!("unknown key; known here: {}", known.join(", "));
                self.of.sink.report(severity, self.of.child(entry).at(), message);
            }
        }
    }
}

/// `spec` and `domains` make `spec.domains`; a key with odd characters is quoted.
fn join(path: &str, key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '*');
    match (path.is_empty(), !key.is_empty() && key.chars().all(plain)) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{path}.{key}"),
        (_, false) => format!("{path}[{key:?}]"),
    }
}
