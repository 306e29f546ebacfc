//! What a JSON object says, beside its text: nothing that stands in the text is copied.

use serde_json::{Map, Number, Value};
use std::fmt;

/// The members of a JSON object.
pub(in crate::token) struct Members {
    text: String,
    nodes: Nodes,
}

/// Values in the order in which they stand. What is inside an array or object follows it; of an
/// object, that is each member's name, and then its value.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(super) struct Nodes(Vec<Node>);

/// So many bytes of text there are for a value or a name of most objects, at least.
const BYTES_PER_NODE: usize = 12;

/// A value, or the name of one.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(super) enum Node {
    Null,
    Bool(bool),
    Number(Number),
    /// A part of the text.
    Part {
        start: usize,
        len: usize,
    },
    /// What a part of the text says once its escapes are resolved.
    Resolved(Box<str>),
    /// So many of the next nodes are inside.
    Array {
        inside: usize,
    },
    Object {
        inside: usize,
    },
}

impl Node {
    /// The text `part`, which is one of `text`.
    pub(super) fn part(text: &str, part: &str) -> Self {
        let start = part.as_ptr().addr().checked_sub(text.as_ptr().addr());
        match start {
            Some(start) => Self::Part { start, len: part.len() },
            None => Self::Resolved(part.into()),
        }
    }

    fn as_str<'m>(&'m self, text: &'m str) -> Option<&'m str> {
        match self {
            Self::Part { start, len } => text.get(*start..start.checked_add(*len)?),
            Self::Resolved(text) => Some(text),
            Self::Null
            | Self::Bool(_)
            | Self::Number(_)
            | Self::Array { .. }
            | Self::Object { .. } => None,
        }
    }

    /// Whether it is this text; most are of another length.
    fn is(&self, text: &str, wanted: &str) -> bool {
        match self {
            Self::Part { len, .. } if *len != wanted.len() => false,
            _ => self.as_str(text) == Some(wanted),
        }
    }

    /// How many of the next nodes are inside.
    fn inside(&self) -> usize {
        match self {
            Self::Array { inside } | Self::Object { inside } => *inside,
            Self::Null
            | Self::Bool(_)
            | Self::Number(_)
            | Self::Part { .. }
            | Self::Resolved(_) => 0,
        }
    }
}

impl Nodes {
    /// None yet, and room for those of `text`.
    pub(super) fn of(text: &str) -> Self {
        let likely = text.len().checked_div(BYTES_PER_NODE).unwrap_or_default();
        Self(Vec::with_capacity(likely))
    }

    /// The place of the node that is added.
    #[inline]
    pub(super) fn add(&mut self, node: Node) -> usize {
        let at = self.0.len();
        self.0.push(node);
        at
    }

    pub(super) fn replace(&mut self, at: usize, node: Node) {
        if let Some(old) = self.0.get_mut(at) {
            *old = node;
        }
    }

    /// How many nodes stand behind the one at `at`.
    pub(super) fn behind(&self, at: usize) -> usize {
        self.0.len().saturating_sub(at).saturating_sub(1)
    }

    /// What is inside the array or object at `at`, however deep.
    fn inside(&self, at: usize) -> &[Node] {
        let behind = self.0.get(at..).and_then(<[Node]>::split_first);
        behind.and_then(|(node, rest)| rest.get(..node.inside())).unwrap_or_default()
    }

    /// The members of the object at `at`.
    pub(super) fn members<'m>(
        &'m self,
        text: &'m str,
        at: usize,
    ) -> impl Iterator<Item = (&'m str, &'m [Node])> {
        let mut members = self.inside(at);
        std::iter::from_fn(move || {
            let (name, rest) = members.split_first()?;
            let (value, rest) = split_value(rest)?;
            members = rest;
            Some((name.as_str(text)?, value))
        })
    }
}

/// The values that stand side by side in `nodes`, each with what is inside it.
fn values(mut nodes: &[Node]) -> impl Iterator<Item = &[Node]> {
    std::iter::from_fn(move || {
        let (value, rest) = split_value(nodes)?;
        nodes = rest;
        Some(value)
    })
}

/// The first value of `nodes` with what is inside it, and the rest.
fn split_value(nodes: &[Node]) -> Option<(&[Node], &[Node])> {
    let len = nodes.first()?.inside().checked_add(1)?;
    nodes.split_at_checked(len)
}

impl Members {
    /// Reads one JSON object, as [`super::parse_object`] says.
    pub(in crate::token) fn parse(bytes: Vec<u8>) -> Option<Self> {
        let text = String::from_utf8(bytes).ok()?;
        let nodes = super::plain::read(&text).or_else(|| super::read(&text))?;
        matches!(nodes.0.first(), Some(Node::Object { .. })).then_some(Self { text, nodes })
    }

    /// The value of the member `name`.
    pub(in crate::token) fn get(&self, name: &str) -> Option<Item<'_>> {
        let mut members = self.nodes.inside(0);
        while let [own, rest @ ..] = members {
            let (value, rest) = split_value(rest)?;
            if own.is(&self.text, name) {
                return Some(Item { text: &self.text, nodes: value });
            }
            members = rest;
        }
        None
    }

    /// All members, in their order.
    pub(in crate::token) fn iter(&self) -> impl Iterator<Item = (&str, Item<'_>)> {
        let members = self.nodes.members(&self.text, 0);
        members.map(|(name, nodes)| (name, Item { text: &self.text, nodes }))
    }

    /// The same, copied.
    pub(super) fn to_map(&self) -> Map<String, Value> {
        self.iter().map(|(name, value)| (name.to_owned(), value.to_value())).collect()
    }
}

/// The same members, in whatever order.
impl PartialEq for Members {
    fn eq(&self, other: &Self) -> bool {
        self.to_map() == other.to_map()
    }
}

impl Eq for Members {}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Members(secret)")
    }
}

/// A value in an object.
#[derive(Clone, Copy)]
pub(in crate::token) struct Item<'m> {
    text: &'m str,
    /// The value, and what is inside it.
    nodes: &'m [Node],
}

impl<'m> Item<'m> {
    /// The text, where it is one.
    pub(in crate::token) fn as_str(self) -> Option<&'m str> {
        self.nodes.first()?.as_str(self.text)
    }

    /// The number, where it is one.
    pub(in crate::token) fn as_number(self) -> Option<&'m Number> {
        match self.nodes.first()? {
            Node::Number(number) => Some(number),
            Node::Null
            | Node::Bool(_)
            | Node::Part { .. }
            | Node::Resolved(_)
            | Node::Array { .. }
            | Node::Object { .. } => None,
        }
    }

    /// Whether it is `null`.
    pub(in crate::token) fn is_null(self) -> bool {
        matches!(self.nodes, [Node::Null])
    }

    /// Whether it is `true`.
    pub(in crate::token) fn is_true(self) -> bool {
        matches!(self.nodes, [Node::Bool(true)])
    }

    /// The texts of an array that holds nothing else.
    pub(in crate::token) fn as_texts(self) -> Option<Vec<&'m str>> {
        let [Node::Array { .. }, items @ ..] = self.nodes else { return None };
        // Each is one node, or it is no text.
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            texts.push(item.as_str(self.text)?);
        }
        Some(texts)
    }

    /// The same value, copied.
    pub(in crate::token) fn to_value(self) -> Value {
        let item = |nodes| Item { text: self.text, nodes };
        match self.nodes {
            [Node::Bool(value), ..] => Value::Bool(*value),
            [Node::Number(number), ..] => Value::Number(number.clone()),
            [text @ (Node::Part { .. } | Node::Resolved(_)), ..] => {
                Value::String(text.as_str(self.text).unwrap_or_default().to_owned())
            }
            [Node::Array { .. }, inside @ ..] => {
                values(inside).map(|nodes| item(nodes).to_value()).collect()
            }
            [Node::Object { .. }, inside @ ..] => {
                let mut inside = values(inside);
                let members = std::iter::from_fn(|| {
                    let name = item(inside.next()?).as_str()?;
                    Some((name.to_owned(), item(inside.next()?).to_value()))
                });
                Value::Object(members.collect())
            }
            [Node::Null, ..] | [] => Value::Null,
        }
    }
}
