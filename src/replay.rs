//! `portcullis replay`: which recorded checks a changed policy would answer otherwise.
//!
//! A line of the decision log has no path and no token, a recorded message has no answer. What that
//! leaves unknown is counted and said, never guessed. No provider is asked.

mod judge;
mod line;
mod message;
mod report;

pub use report::Report;

use crate::app::{self, StartError};
use crate::check::Checker;
use crate::config::Parsed;
use crate::explain;
use crate::policy::Snapshot;
use crate::problem::Problem;
use crate::reload::{Loaded, Loader};
use crate::token;
use line::{Line, Occurrences};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longest line that can be one of ours.
const LONGEST_LINE: u64 = 1024 * 1024;

/// What is to be replayed.
#[derive(Debug)]
pub struct Question<'q> {
    /// The policy that may come into force.
    pub new: &'q Parsed,
    /// The one that was in force.
    pub old: Option<&'q Parsed>,
    /// Recorded checks: files of lines, `.bin` files of messages, folders of those; `-` is stdin.
    pub files: &'q [PathBuf],
    /// Whether every check that changes is listed by itself.
    pub each: bool,
}

/// Why nothing was replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The question makes no sense; the text says which option.
    #[error("{0}")]
    Usage(String),
    /// The service would not start with one of the policies either.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of messages that is none.
    #[error("{}: expected CheckRequests, one or length-delimited ones; found none at byte {at}", path.display())]
    NoMessage {
        /// Which.
        path: PathBuf,
        /// Where.
        at: usize,
    },
    /// Nothing to judge.
    #[error(
        "no recorded check was found: expected the service's log with log.format json, or .bin files"
    )]
    Nothing,
}

/// A policy, and what judges by it.
struct Bench {
    policy: Arc<Snapshot>,
    checker: Checker,
    /// Resources with problems.
    problems: Vec<Problem>,
}

impl Bench {
    /// One for messages, and one for lines of a log, which have no paths: by that nothing is refused for want
    /// of an operation.
    async fn new(parsed: &Parsed) -> Result<(Self, Self), StartError> {
        let mut loader = Loader::once(parsed).await?;
        let loaded = loader.load().map_err(StartError::NoPolicy)?;
        let loaded = explain::described(parsed, &mut loader).await?.unwrap_or(loaded);
        let mut again = loader.load().map_err(StartError::NoPolicy)?;
        if let Some(snapshot) = Arc::get_mut(&mut again.snapshot) {
            snapshot.forget_operations();
        }
        Ok((Self::of(parsed, loaded)?, Self::of(parsed, again)?))
    }

    fn of(parsed: &Parsed, loaded: Loaded) -> Result<Self, StartError> {
        let key_ring = app::load_keys(parsed.settings.session.keys_file.as_deref())?;
        let checker = explain::unasked(parsed, &loaded.snapshot, key_ring)?;
        Ok(Self { policy: loaded.snapshot, checker, problems: loaded.problems })
    }

    /// Every value of a groups claim that some Group names.
    fn values(&self) -> BTreeSet<&str> {
        let groups = self.policy.groups.iter();
        groups.flat_map(|group| &group.claim_values).map(String::as_str).collect()
    }
}

/// Judges every recorded check anew.
///
/// # Errors
///
/// [`ReplayError`].
pub async fn replay(question: &Question<'_>) -> Result<Report, ReplayError> {
    token::self_test().map_err(StartError::from)?;
    let recorded = read(question)?;
    if question.old.is_none() && !recorded.messages.is_empty() {
        return Err(ReplayError::Usage(
            "--old: recorded messages have no answers: expected the settings that were in force"
                .to_owned(),
        ));
    }
    let (new, pathless) = Bench::new(question.new).await?;
    let old = match question.old {
        Some(old) => Some(Bench::new(old).await?.0),
        None => None,
    };
    let mut report = Report::new(question.each, new.problems.clone());
    lines(&recorded, &pathless, old.as_ref(), &mut report).await;
    if let Some(old) = &old {
        for (id, bytes) in &recorded.messages {
            let verdict = message::judge(bytes, old, &new).await;
            report.add(verdict, &Occurrences::of(message::id(bytes, id)));
        }
        report.took_as_said(!recorded.messages.is_empty());
    }
    Ok(report)
}

async fn lines(recorded: &Recorded, new: &Bench, old: Option<&Bench>, report: &mut Report) {
    // A group that the old policy named, or that some line shows, was looked for in every caller.
    let shown = recorded.lines.keys().flat_map(Line::caller_groups).collect::<BTreeSet<_>>();
    let named = old.map(Bench::values);
    let looked_for = |value: &str| match &named {
        Some(named) => named.contains(value),
        None => shown.contains(value),
    };
    let unshown: Vec<&str> = new.values().into_iter().filter(|value| !looked_for(value)).collect();
    let mut lines: Vec<_> = recorded.lines.iter().collect();
    lines.sort_by_key(|(_, occurrences)| occurrences.first);
    for (line, occurrences) in lines {
        report.add(judge::judge(line, new, &unshown).await, occurrences);
    }
    report.took_lines(!recorded.lines.is_empty(), recorded.lines.keys().any(Line::was_allowed));
}

/// Recorded checks; equal lines are one.
#[derive(Default)]
struct Recorded {
    lines: HashMap<Line, Occurrences>,
    /// Lines of checks so far.
    read: usize,
    /// What to call it, where it has no id, and the message.
    messages: Vec<(String, Vec<u8>)>,
}

fn read(question: &Question<'_>) -> Result<Recorded, ReplayError> {
    let mut recorded = Recorded::default();
    for path in question.files {
        let unreadable = |source| ReplayError::Unreadable { path: path.clone(), source };
        if path.as_os_str() == "-" {
            recorded.read_lines(io::stdin().lock(), question.each).map_err(unreadable)?;
        } else if path.is_dir() {
            let entries = std::fs::read_dir(path).map_err(unreadable)?;
            let files: io::Result<Vec<PathBuf>> =
                entries.map(|entry| entry.map(|entry| entry.path())).collect();
            let mut files = files.map_err(unreadable)?;
            files.sort();
            for file in files.iter().filter(|file| is_binary(file)) {
                recorded.read_messages(file)?;
            }
        } else if is_binary(path) {
            recorded.read_messages(path)?;
        } else {
            let file = File::open(path).map_err(unreadable)?;
            recorded.read_lines(BufReader::new(file), question.each).map_err(unreadable)?;
        }
    }
    let nothing = recorded.lines.is_empty() && recorded.messages.is_empty();
    if nothing { Err(ReplayError::Nothing) } else { Ok(recorded) }
}

fn is_binary(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "bin")
}

impl Recorded {
    fn read_lines(&mut self, mut from: impl BufRead, each: bool) -> io::Result<()> {
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let read = io::Read::take(&mut from, LONGEST_LINE).read_until(b'\n', &mut bytes)?;
            if read == 0 {
                return Ok(());
            }
            // Other lines, such as a log has, are nobody's check.
            let Some((id, line)) = Line::parse(&bytes) else { continue };
            self.read += 1;
            self.lines.entry(line).or_default().add(self.read, id, each);
        }
    }

    fn read_messages(&mut self, path: &Path) -> Result<(), ReplayError> {
        let unreadable = |source| ReplayError::Unreadable { path: path.to_owned(), source };
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let messages = message::split(&bytes)
            .map_err(|at| ReplayError::NoMessage { path: path.to_owned(), at })?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let named = messages.into_iter().enumerate();
        let named =
            named.map(|(place, message)| (format!("{name}#{}", place + 1), message.to_vec()));
        self.messages.extend(named);
        Ok(())
    }
}
