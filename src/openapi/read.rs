//! Reads a document's paths; all else in it is read over.
//!
//! Pure: no I/O, no clock.

use super::{Description, Operation, Template};
use crate::attributes::Method;
use crate::document::{self, Bounds, Field, Scalar, Sink, Value};
use crate::problem::Problem;
use std::collections::HashSet;
use std::sync::Arc;

/// Most values in a document for each byte that it may have: denser ones are made to be large in memory.
const BYTES_A_NODE: usize = 8;
/// Most different paths that the servers of a document may have.
const MAX_SERVERS: usize = 8;
/// Most operations of a document.
const MAX_OPERATIONS: usize = 100_000;
/// So many problems of one document are told.
const TOLD: usize = 3;

const METHODS: [(&str, Method); 7] = [
    ("get", Method::Get),
    ("head", Method::Head),
    ("post", Method::Post),
    ("put", Method::Put),
    ("patch", Method::Patch),
    ("delete", Method::Delete),
    ("options", Method::Options),
];

/// What is wrong with a document, with lines and paths within it. It quotes nothing but keys.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct BadDocument(String);

/// Reads a document of at most `max_bytes`.
///
/// # Errors
///
/// [`BadDocument`]: it is none, or one part of it does not hold. Nothing of it counts then: of a part
/// nobody could tell which.
pub fn read(text: &str, max_bytes: usize) -> Result<Description, BadDocument> {
    let bounds = Bounds { bytes: max_bytes, nodes: max_bytes / BYTES_A_NODE, keep: is_read };
    let documents = document::parse_within(text, &bounds)
        .map_err(|fault| BadDocument(format!("line {}: {}", fault.line, fault.message)))?;
    let [root] = documents.as_slice() else {
        return Err(BadDocument("expected one OpenAPI document".to_owned()));
    };
    let sink = Sink::new("".into(), None);
    let description = describe(&sink.document(root));
    let problems = sink.into_problems();
    match description {
        Some(description) if problems.is_empty() => Ok(description),
        Some(_) | None => Err(told(&problems)),
    }
}

/// Most of a document describes what is sent and answered: kept, it would take many times the text's length.
fn is_read(depth: usize, above: Option<&str>, key: &str) -> bool {
    let method = || METHODS.iter().any(|(name, _)| *name == key);
    match (depth, above) {
        (1, _) => matches!(key, "swagger" | "openapi" | "basePath" | "servers" | "paths"),
        (3, Some("paths")) => matches!(key, "$ref" | "servers") || method(),
        (4, Some("paths")) => matches!(key, "operationId" | "servers"),
        _ => true,
    }
}

fn told(problems: &[Problem]) -> BadDocument {
    let one = |problem: &Problem| match problem.path.is_empty() {
        true => format!("line {}: {}", problem.line, problem.message),
        false => format!("line {}: {}: {}", problem.line, problem.path, problem.message),
    };
    let mut text = problems.iter().take(TOLD).map(one).collect::<Vec<_>>().join("; ");
    if let Some(more @ 1..) = problems.len().checked_sub(TOLD) {
        text.push_str(&format!("; and {more} more"));
    }
    BadDocument(text)
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Version {
    Two,
    Three,
}

fn describe(root: &Field<'_>) -> Option<Description> {
    let members = root.entries();
    let member = |name: &str| members.iter().find(|(key, _)| *key == name).map(|(_, field)| field);
    let version = version(root, member("swagger"), member("openapi"))?;
    let prefixes = match version {
        Version::Two => base_path(member("basePath")),
        Version::Three => member("servers").map_or_else(none, servers),
    };
    let mut reading = Reading { version, operations: Vec::new(), ids: HashSet::new() };
    match member("paths") {
        Some(paths) => paths.entries().iter().for_each(|(path, item)| {
            reading.item(path, item, &prefixes);
        }),
        None => root.error("expected paths"),
    }
    if reading.operations.len() > MAX_OPERATIONS {
        root.error(format!("expected at most {MAX_OPERATIONS} operations"));
    }
    Some(Description { operations: reading.operations })
}

fn version(
    root: &Field<'_>,
    swagger: Option<&Field<'_>>,
    openapi: Option<&Field<'_>>,
) -> Option<Version> {
    let begins = |field: Option<&Field<'_>>, with: &str| {
        field.is_some_and(|field| match &field.node().value {
            Value::Scalar(Scalar::Text(text) | Scalar::Number(text)) => text.starts_with(with),
            Value::Scalar(_) | Value::List(_) | Value::Map(_) => false,
        })
    };
    match (begins(swagger, "2."), begins(openapi, "3.")) {
        (true, false) => Some(Version::Two),
        (false, true) => Some(Version::Three),
        (true, true) | (false, false) => {
            root.error("expected an OpenAPI document: swagger: '2.0', or openapi: 3.x");
            None
        }
    }
}

/// No path of its own: operations stand where their paths say.
fn none() -> Vec<String> {
    vec![String::new()]
}

/// `basePath` of 2.0: the service answers there, and Gloo's own discovery puts it before each path too.
fn base_path(field: Option<&Field<'_>>) -> Vec<String> {
    let Some(field) = field else { return none() };
    let text = field.text().unwrap_or_default();
    vec![prefix(field, &text)]
}

/// The paths that servers of 3.x have, each once.
fn servers(field: &Field<'_>) -> Vec<String> {
    let mut prefixes: Vec<String> = Vec::new();
    for server in field.list() {
        let members = server.entries();
        let member = |name: &str| members.iter().find(|(key, _)| *key == name);
        let Some((_, url)) = member("url") else {
            server.error("expected a url");
            continue;
        };
        let text = url.text().unwrap_or_default();
        let Some(text) = filled(url, &text, member("variables").map(|(_, field)| field)) else {
            continue;
        };
        let path = match text.split_once("://") {
            Some((_scheme, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
            None => &text,
        };
        let prefix = prefix(url, path);
        if !prefixes.contains(&prefix) {
            prefixes.push(prefix);
        }
    }
    if prefixes.len() > MAX_SERVERS {
        field.error(format!("expected at most {MAX_SERVERS} servers with different paths"));
    }
    if prefixes.is_empty() { none() } else { prefixes }
}

/// A server's URL with the defaults of its variables.
fn filled(at: &Field<'_>, url: &str, variables: Option<&Field<'_>>) -> Option<String> {
    let variables = variables.map(Field::entries).unwrap_or_default();
    let mut text = String::new();
    let mut rest = url;
    while let Some((before, behind)) = rest.split_once('{') {
        let variable = behind.split_once('}').and_then(|(name, after)| {
            let (_, variable) = variables.iter().find(|(key, _)| *key == name)?;
            let members = variable.entries();
            let (_, default) = members.iter().find(|(key, _)| *key == "default")?;
            Some((default.text()?, after))
        });
        let Some((value, after)) = variable else {
            at.error("expected a default of each variable in the url");
            return None;
        };
        text.push_str(before);
        text.push_str(&value);
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

/// A path that stands before others: without its final slash.
fn prefix(at: &Field<'_>, path: &str) -> String {
    let path = path.strip_suffix('/').unwrap_or(path);
    let plain = path.is_empty() || Template::parse(path).is_ok();
    if !plain || path.contains(['{', '}']) {
        at.error("expected a path that begins with /, or a URL, without query and dot segments");
    }
    path.to_owned()
}

struct Reading {
    version: Version,
    operations: Vec<Arc<Operation>>,
    ids: HashSet<String>,
}

impl Reading {
    /// The operations of one path; `x-` keys are somebody's extensions.
    fn item(&mut self, path: &str, item: &Field<'_>, prefixes: &[String]) {
        if path.starts_with("x-") {
            return;
        }
        let members = item.entries();
        let own = members.iter().find(|(key, _)| *key == "servers" && self.has_servers());
        let own = own.map(|(_, field)| servers(field));
        let prefixes = own.as_deref().unwrap_or(prefixes);
        for (key, field) in &members {
            if *key == "$ref" {
                field.error("expected the path's operations; a $ref is not followed");
            }
            if let Some((_, method)) = METHODS.iter().find(|(name, _)| name == key) {
                self.operation((path, item), field, *method, prefixes);
            }
        }
    }

    fn operation(
        &mut self,
        (path, item): (&str, &Field<'_>),
        field: &Field<'_>,
        method: Method,
        prefixes: &[String],
    ) {
        let members = field.entries();
        let member = |name: &str| members.iter().find(|(key, _)| *key == name);
        let id = member("operationId").and_then(|(_, field)| {
            let id = field.string()?;
            if id.contains(char::is_control) {
                field.error("expected no control characters");
            }
            if !self.ids.insert(id.clone()) {
                field.error("expected each operationId once; this one comes again");
            }
            Some(id.into_boxed_str())
        });
        let own = member("servers").filter(|_| self.has_servers());
        let own = own.map(|(_, field)| servers(field));
        if !path.starts_with('/') {
            item.error("expected a path that begins with /");
            return;
        }
        for prefix in own.as_deref().unwrap_or(prefixes) {
            match Template::parse(&format!("{prefix}{path}")) {
                Ok(template) => {
                    let operation = Operation { id: id.clone(), method, template };
                    self.operations.push(Arc::new(operation));
                }
                Err(message) => item.error(message),
            }
        }
    }

    fn has_servers(&self) -> bool {
        self.version == Version::Three
    }
}
