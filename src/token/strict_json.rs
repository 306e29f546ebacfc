//! JSON objects that every parser reads the same way.
//!
//! Pure: no I/O, no clock.

mod members;

pub(super) use members::{Item, Members};

use arrayvec::ArrayVec;
use members::{Node, Nodes};
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// Objects and arrays inside each other, the outermost included.
const MAX_DEPTH: u8 = 16;
/// So many names are compared in pairs; more are sorted.
const FEW: usize = 24;

/// Reads one JSON object; `None` for anything else, for a member named twice at any level (escapes
/// resolved, RFC 8259 §4), for more than 16 levels, and for numbers that no `f64` holds.
pub(crate) fn parse_object(bytes: &[u8]) -> Option<Map<String, Value>> {
    Some(Members::parse(bytes.to_vec())?.to_map())
}

/// Reads the one value that `text` is.
fn read(text: &str) -> Option<Nodes> {
    let mut nodes = Nodes::default();
    let mut reader = serde_json::Deserializer::from_str(text);
    Strict { text, nodes: &mut nodes, depth: MAX_DEPTH }.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(nodes)
}

/// Reads a value of `text` behind `nodes`, with `depth` levels left.
struct Strict<'t, 'n> {
    text: &'t str,
    nodes: &'n mut Nodes,
    depth: u8,
}

impl Strict<'_, '_> {
    fn add<E: Error>(self, node: Node) -> Result<(), E> {
        self.nodes.add(node);
        Ok(())
    }

    fn depth_inside<E: Error>(&self) -> Result<u8, E> {
        self.depth.checked_sub(1).ok_or_else(|| E::custom("nested too deep"))
    }
}

impl<'t> DeserializeSeed<'t> for Strict<'t, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'t>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'t> Visitor<'t> for Strict<'t, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.add(Node::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.add(Node::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.add(Node::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.add(Node::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        let number = serde_json::Number::from_f64(value);
        self.add(Node::Number(number.ok_or_else(|| E::custom("not a finite number"))?))
    }

    /// A text without escapes, and so a part of the whole.
    fn visit_borrowed_str<E: Error>(self, value: &'t str) -> Result<(), E> {
        let node = Node::part(self.text, value);
        self.add(node)
    }

    /// A text with its escapes resolved.
    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.add(Node::Resolved(value.into()))
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut items: A) -> Result<(), A::Error> {
        let (depth, text, nodes) = (self.depth_inside()?, self.text, self.nodes);
        let at = nodes.add(Node::Array { inside: 0 });
        while items.next_element_seed(Strict { text, nodes, depth })?.is_some() {}
        let inside = nodes.behind(at);
        nodes.replace(at, Node::Array { inside });
        Ok(())
    }

    fn visit_map<A: MapAccess<'t>>(self, mut members: A) -> Result<(), A::Error> {
        let (depth, text, nodes) = (self.depth_inside()?, self.text, self.nodes);
        let at = nodes.add(Node::Object { inside: 0 });
        while members.next_key_seed(Strict { text, nodes, depth })?.is_some() {
            members.next_value_seed(Strict { text, nodes, depth })?;
        }
        let inside = nodes.behind(at);
        nodes.replace(at, Node::Object { inside });
        if are_distinct(nodes.members(text, at).map(|(name, _value)| name)) {
            Ok(())
        } else {
            Err(A::Error::custom("a member is named twice"))
        }
    }
}

/// Whether no name comes twice. A client may send thousands of them.
fn are_distinct<'n>(mut names: impl Iterator<Item = &'n str>) -> bool {
    let few: ArrayVec<&str, FEW> = names.by_ref().take(FEW).collect();
    let Some(next) = names.next() else {
        let earlier = |place: usize| few.get(..place).unwrap_or_default();
        return few.iter().enumerate().all(|(place, name)| !earlier(place).contains(name));
    };
    let mut many: Vec<&str> = few.into_iter().chain([next]).chain(names).collect();
    many.sort_unstable();
    many.is_sorted_by(|one, other| one < other)
}

#[cfg(test)]
mod tests;
