//! Builds trees from the events of the YAML parser, within bounds.
//!
//! Pure: no I/O, no clock. The only door to `saphyr-parser`.

use super::{Entry, Node, Scalar, Value};
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use std::borrow::Cow;
use std::collections::HashMap;

/// Longest text that is read.
pub(super) const MAX_BYTES: usize = 4 << 20;
/// Deepest nesting.
pub(super) const MAX_DEPTH: usize = 64;
/// Most nodes in all documents of a text, those counted again that an alias repeats.
pub(super) const MAX_NODES: usize = 200_000;

/// Why a text is no YAML that is read here.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// From 1.
    pub line: usize,
    /// What is expected, and what is wrong.
    pub message: String,
}

/// Parses all documents of a text; empty ones are left out. JSON is YAML.
///
/// # Errors
///
/// [`Fault`]: the text does not parse, or goes beyond a bound.
pub fn parse(text: &str) -> Result<Vec<Node>, Fault> {
    parse_within(text, &Bounds { bytes: MAX_BYTES, nodes: MAX_NODES, keep: |_, _, _| true })
}

/// How much is read of a text.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Longest text.
    pub bytes: usize,
    /// Most values in it, those counted again that an alias repeats.
    pub nodes: usize,
    /// Whether the value of a key is kept: by how many lists and mappings it is in, by the key at the top that
    /// these are below, if they are, and by the key itself. What is not kept is parsed, and let go at once.
    pub keep: fn(usize, Option<&str>, &str) -> bool,
}

/// The same within other bounds.
///
/// # Errors
///
/// [`Fault`].
pub fn parse_within(text: &str, bounds: &Bounds) -> Result<Vec<Node>, Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > bounds.bytes {
        return Err(fault(1, format!("expected at most {} bytes", bounds.bytes)));
    }
    let mut parser = Parser::new_from_str(text);
    let mut builder = Builder {
        documents: Vec::new(),
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        bounds: *bounds,
    };
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            fault(error.marker().line(), format!("expected YAML: {}", error.info()))
        })?;
        builder.take(event, span.start.line().max(1))?;
    }
    Ok(builder.documents)
}

fn fault(line: usize, message: impl Into<String>) -> Fault {
    Fault { line, message: message.into() }
}

struct Builder {
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    bounds: Bounds,
}

/// A list or mapping whose end has not come yet.
struct Open {
    line: usize,
    anchor: usize,
    size: usize,
    value: Value,
    /// The key that waits for its value.
    key: Option<(String, usize)>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), Fault> {
        match event {
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
            Event::Alias(id) => self.alias(id, line),
            Event::Scalar(text, style, anchor, tag) => {
                let value = Value::Scalar(scalar(text, style, tag.as_deref(), line)?);
                self.put(Node { line, value, size: 1 }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(Value::List(Vec::new()), anchor, tag.as_ref(), line)
            }
            Event::MappingStart(anchor, tag) => {
                self.open(Value::Map(Vec::new()), anchor, tag.as_ref(), line)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { line, anchor, size, value, .. }) => {
                    self.put(Node { line, value, size }, anchor)
                }
                None => Err(fault(line, "expected YAML: an end without a beginning")),
            },
        }
    }

    fn alias(&mut self, id: usize, line: usize) -> Result<(), Fault> {
        // An anchor that is still open would hold itself.
        let Some(node) = self.anchors.get(&id) else {
            return Err(fault(line, "expected an alias to something that stands before it"));
        };
        // Counted before it is copied: that is what bounds a bomb.
        let nodes = self.nodes.saturating_add(node.size);
        if nodes > self.bounds.nodes {
            return Err(too_many(line, self.bounds.nodes));
        }
        self.nodes = nodes;
        let depth = self.open.len().saturating_add(depth(node));
        if depth > MAX_DEPTH {
            return Err(too_deep(line));
        }
        let node = node.clone();
        self.attach(node)
    }

    fn open(
        &mut self,
        value: Value,
        anchor: usize,
        tag: Option<&Cow<'_, Tag>>,
        line: usize,
    ) -> Result<(), Fault> {
        if tag.is_some_and(|tag| !tag.is_yaml_core_schema()) {
            return Err(unknown_tag(line));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(line));
        }
        self.open.push(Open { line, anchor, size: 1, value, key: None });
        Ok(())
    }

    /// Takes a node that is whole: counts it, remembers its anchor, hands it to what holds it.
    fn put(&mut self, node: Node, anchor: usize) -> Result<(), Fault> {
        let copies = if anchor == 0 { 0 } else { node.size };
        self.nodes = self.nodes.saturating_add(1).saturating_add(copies);
        if self.nodes > self.bounds.nodes {
            return Err(too_many(node.line, self.bounds.nodes));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.attach(node)
    }

    fn attach(&mut self, node: Node) -> Result<(), Fault> {
        let is_kept = self.is_kept();
        let Some(open) = self.open.last_mut() else {
            if !node.is_null() {
                self.documents.push(node);
            }
            return Ok(());
        };
        open.size = open.size.saturating_add(node.size);
        match (&mut open.value, open.key.take()) {
            (Value::Map(_), Some(_)) if !is_kept => {}
            (Value::Map(entries), Some((key, line))) => entries.push(Entry { key, line, node }),
            (Value::Map(_), None) => open.key = Some((key_text(&node)?, node.line)),
            (Value::List(items), _) => items.push(node),
            (Value::Scalar(_), _) => {}
        }
        Ok(())
    }
}

impl Builder {
    /// Whether the value that has just ended is wanted, where it has a key.
    fn is_kept(&self) -> bool {
        let (Some(top), Some(last)) = (self.open.first(), self.open.last()) else { return true };
        let Some((own, _)) = &last.key else { return true };
        let above = top.key.as_ref().filter(|_| self.open.len() > 1).map(|(key, _)| key.as_str());
        (self.bounds.keep)(self.open.len(), above, own)
    }
}

fn key_text(node: &Node) -> Result<String, Fault> {
    match &node.value {
        Value::Scalar(Scalar::Text(text) | Scalar::Number(text)) => Ok(text.clone()),
        Value::Scalar(Scalar::Integer(integer)) => Ok(integer.to_string()),
        Value::Scalar(Scalar::Boolean(boolean)) => Ok(boolean.to_string()),
        Value::Scalar(Scalar::Null) | Value::List(_) | Value::Map(_) => {
            Err(fault(node.line, format!("expected a string as key, found {}", node.noun())))
        }
    }
}

fn scalar(
    text: Cow<'_, str>,
    style: ScalarStyle,
    tag: Option<&Tag>,
    line: usize,
) -> Result<Scalar, Fault> {
    match tag {
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => {
            Ok(Scalar::Text(text.into_owned()))
        }
        Some(_) => Err(unknown_tag(line)),
        None if style == ScalarStyle::Plain => Ok(Scalar::of_plain(&text)),
        None => Ok(Scalar::Text(text.into_owned())),
    }
}

fn depth(node: &Node) -> usize {
    let below = match &node.value {
        Value::Scalar(_) => return 0,
        Value::List(items) => items.iter().map(depth).max(),
        Value::Map(entries) => entries.iter().map(|entry| depth(&entry.node)).max(),
    };
    below.unwrap_or(0).saturating_add(1)
}

fn unknown_tag(line: usize) -> Fault {
    fault(line, "expected no tag but !!str")
}

fn too_deep(line: usize) -> Fault {
    fault(line, format!("expected at most {MAX_DEPTH} levels"))
}

fn too_many(line: usize, most: usize) -> Fault {
    fault(line, format!("expected at most {most} values, those behind aliases counted again"))
}
