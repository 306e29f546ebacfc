//! Reads the whole file, section by section.
//!
//! Pure: no I/O, no clock.

use super::{
    LogFormat, LogSettings, Settings, TelemetrySettings, UsageLog, api_keys, documents, endpoints,
    headers, listen, overrides, places, provider, session, tokens,
};
use crate::document::{self, At, Field, Fields, Node, Sink};
use crate::problem::{Problem, Severity};
use crate::time::UnixTime;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::Url;

/// What the text of the settings does not say.
#[derive(Clone, Debug)]
pub struct Base {
    /// The file, for messages.
    pub file: Arc<str>,
    /// Where relative paths start; absolute.
    pub folder: PathBuf,
    /// Whether this runs in a Kubernetes pod.
    pub in_pod: bool,
    /// The present.
    pub now: UnixTime,
}

impl Base {
    /// A path of the settings, made absolute.
    #[must_use]
    pub fn path(&self, text: &str) -> PathBuf {
        let joined = self.folder.join(text);
        // `join` keeps `.` and a final slash; the components do not.
        joined.components().collect()
    }
}

/// Settings that hold, what is odd in them, and where their parts stand.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The settings.
    pub settings: Settings,
    /// Warnings; no errors.
    pub problems: Vec<Problem>,
    /// Where the overrides stand, for problems that show only when resources are known.
    pub places: Places,
}

/// The settings file, and the lines of its entries.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The file, for messages; empty for settings that came from no file.
    pub file: Arc<str>,
    /// The folder that messages name resource files relative to.
    pub folder: PathBuf,
    lines: BTreeMap<String, usize>,
}

impl Places {
    /// Where `path` stands; its line is 0 where the file does not have it.
    #[must_use]
    pub fn at(&self, path: impl Into<String>) -> At {
        let path = path.into();
        At { line: self.lines.get(&path).copied().unwrap_or_default(), path }
    }
}

/// Parses the settings.
///
/// # Errors
///
/// All problems at once, warnings too, where any of them is an error.
pub fn parse(text: &str, base: &Base) -> Result<Parsed, Vec<Problem>> {
    let fault = |line, message: String| vec![Problem::of_file(&base.file, line, message)];
    let documents = document::parse(text).map_err(|found| fault(found.line, found.message))?;
    let root = match documents.as_slice() {
        [root] => root,
        [] => return Err(fault(0, "expected settings; the file is empty".to_owned())),
        [_, second, ..] => {
            return Err(fault(second.line, "expected one document, found several".to_owned()));
        }
    };
    let sink = Sink::new(Arc::clone(&base.file), None);
    let document = sink.document(root);
    let settings = document.fields().and_then(|fields| read(fields, base));
    let problems = sink.into_problems();
    match settings {
        Some(settings) if !problems.iter().any(Problem::is_error) => {
            let lines = lines(root);
            let places =
                Places { file: Arc::clone(&base.file), folder: base.folder.clone(), lines };
            Ok(Parsed { settings, problems, places })
        }
        Some(_) | None => Err(problems),
    }
}

/// Reads every section, so that every problem is found, before any missing one matters.
fn read(mut fields: Fields<'_>, base: &Base) -> Option<Settings> {
    let listen = listen::read(section(&mut fields, "listen"), base);
    let resources = places::read(fields.require("resources"), base);
    let session = section(&mut fields, "session");
    let in_cluster = base.in_pod || resources.as_ref().is_some_and(|one| one.kubernetes.is_some());
    let session = session::read(session, fields.field(), base, in_cluster);
    let cookies = session::cookies(section(&mut fields, "cookies"));
    let tokens = tokens::read(section(&mut fields, "tokens"));
    let api_keys = api_keys::read(section(&mut fields, "api_keys"));
    let key_header = &api_keys.header;
    let identity_headers = headers::identity(fields.take("identity_headers"), key_header);
    let strip_headers = headers::strip(fields.take("strip_headers"), key_header);
    let sees_all_headers = fields.take("sees_all_headers").and_then(|field| field.boolean());
    let forward_authorization =
        fields.take("forward_authorization").and_then(|field| field.boolean());
    let endpoints = endpoints::read(section(&mut fields, "endpoints"));
    let provider = provider::read(section(&mut fields, "provider"), base);
    let documents = documents::read(section(&mut fields, "documents"), base);
    let limits = tokens::limits(section(&mut fields, "limits"), session.redis.is_some());
    let portals = overrides::portals(fields.take("portals").as_ref(), base.now);
    let environments = overrides::environments(fields.take("environments").as_ref());
    let log = log(section(&mut fields, "log"));
    let telemetry = telemetry(section(&mut fields, "telemetry"));
    fields.finish(Severity::Error);
    Some(Settings {
        listen,
        resources: resources?,
        session,
        cookies,
        tokens,
        identity_headers,
        strip_headers,
        sees_all_headers: sees_all_headers.unwrap_or_default(),
        forward_authorization,
        endpoints,
        provider,
        documents,
        limits,
        api_keys,
        portals,
        environments,
        log,
        telemetry,
    })
}

/// A section; `None` where it is absent, so that every default holds.
fn section<'a>(fields: &mut Fields<'a>, key: &'static str) -> Option<Fields<'a>> {
    fields.take(key).and_then(|field| field.fields())
}

/// Reads `key` of a section, or takes the default: that the section or key is absent, or that a
/// problem was remembered and nothing starts.
pub(super) fn value<'a, T>(
    section: &mut Option<Fields<'a>>,
    key: &'static str,
    read: impl FnOnce(&Field<'a>) -> Option<T>,
    default: T,
) -> T {
    optional(section, key, read).unwrap_or(default)
}

/// Reads `key` of a section, if it is there.
pub(super) fn optional<'a, T>(
    section: &mut Option<Fields<'a>>,
    key: &'static str,
    read: impl FnOnce(&Field<'a>) -> Option<T>,
) -> Option<T> {
    section.as_mut().and_then(|fields| fields.take(key)).and_then(|field| read(&field))
}

/// Reports keys of a section that nobody knows.
pub(super) fn finish(section: Option<Fields<'_>>) {
    if let Some(fields) = section {
        fields.finish(Severity::Error);
    }
}

/// A path, made absolute.
pub(super) fn path(field: &Field<'_>, base: &Base) -> Option<PathBuf> {
    field.string().map(|text| base.path(&text))
}

fn log(mut section: Option<Fields<'_>>) -> LogSettings {
    let formats = [("json", LogFormat::Json), ("text", LogFormat::Text)];
    let levels = [
        ("error", tracing::Level::ERROR),
        ("warn", tracing::Level::WARN),
        ("info", tracing::Level::INFO),
        ("debug", tracing::Level::DEBUG),
        ("trace", tracing::Level::TRACE),
    ];
    let usages = [("none", UsageLog::None), ("each", UsageLog::Each), ("minute", UsageLog::Minute)];
    let log = LogSettings {
        format: value(&mut section, "format", |field| field.one_of(&formats), LogFormat::Json),
        level: value(&mut section, "level", |field| field.one_of(&levels), tracing::Level::INFO),
        usage: value(&mut section, "usage", |field| field.one_of(&usages), UsageLog::None),
    };
    if log.usage != UsageLog::None
        && log.format != LogFormat::Json
        && let Some(fields) = &section
    {
        fields.field().error("expected format: json beside usage: its lines are JSON");
    }
    finish(section);
    log
}

fn telemetry(mut section: Option<Fields<'_>>) -> TelemetrySettings {
    let otlp_endpoint = optional(&mut section, "otlp_endpoint", collector);
    finish(section);
    TelemetrySettings { otlp_endpoint }
}

/// Where a collector is, without `/v1/traces`. One that a person has to sign in at is reached through a
/// collector beside us: no password stands in the settings.
fn collector(field: &Field<'_>) -> Option<Url> {
    let url = Url::parse(&field.string()?).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let bare = |url: &Url| {
        let anonymous = url.username().is_empty() && url.password().is_none();
        anonymous && url.query().is_none() && url.fragment().is_none()
    };
    let url = url.filter(bare);
    if url.is_none() {
        field.error(
            "expected the base URL of an OTLP collector such as http://127.0.0.1:4318, without user, \
             query and fragment",
        );
    }
    url
}

/// The lines of the entries of `portals` and `environments`, and of their fields.
fn lines(root: &Node) -> BTreeMap<String, usize> {
    fn walk(node: &Node, path: &str, lines: &mut BTreeMap<String, usize>) {
        let document::Value::Map(entries) = &node.value else { return };
        for entry in entries {
            let path = format!("{path}.{}", entry.key);
            walk(&entry.node, &path, lines);
            lines.insert(path, entry.line);
        }
    }
    let mut lines = BTreeMap::new();
    for key in ["portals", "environments", "tokens", "provider", "resources"] {
        if let Some(node) = root.get(key) {
            walk(node, key, &mut lines);
        }
    }
    lines
}

/// The folder of a file, for tests of sections.
impl From<&Path> for Base {
    fn from(folder: &Path) -> Self {
        let (folder, now) = (folder.to_owned(), UnixTime::default());
        Self { file: "settings.yaml".into(), folder, in_pod: false, now }
    }
}
