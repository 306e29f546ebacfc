//! JSON objects that every parser reads the same way.
//!
//! Pure: no I/O, no clock.

mod members;
mod plain;

pub(super) use members::{Item, Members};

use arrayvec::ArrayVec;
use members::{Node, Nodes};
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// Objects and arrays inside each other, the outermost included.
const MAX_DEPTH: u8 = 16;
/// So many names are compared one by one; more are sorted.
const FEW: usize = 24;

/// Reads one JSON object; `None` for anything else, for a member named twice at any level (escapes
/// resolved, RFC 8259 §4), for more than 16 levels, and for numbers that no `f64` holds.
pub(crate) fn parse_object(bytes: &[u8]) -> Option<Map<String, Value>> {
    Some(Members::parse(bytes.to_vec())?.to_map())
}

/// Reads the one value that `text` is, however it is written.
fn read(text: &str) -> Option<Nodes> {
    let mut nodes = Nodes::of(text);
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
        let mut names = Names::default();
        while let Some(name) = members.next_key_seed(Name { text, nodes })? {
            names.add(name.map(str::as_bytes));
            members.next_value_seed(Strict { text, nodes, depth })?;
        }
        let inside = nodes.behind(at);
        nodes.replace(at, Node::Object { inside });
        let all = || nodes.members(text, at).map(|(name, _value)| name).collect();
        if names.are_distinct().unwrap_or_else(|| are_distinct(all())) {
            Ok(())
        } else {
            Err(A::Error::custom("a member is named twice"))
        }
    }
}

/// Reads a member's name of `text` behind `nodes`, and gives it back, where it has no escapes.
struct Name<'t, 'n> {
    text: &'t str,
    nodes: &'n mut Nodes,
}

impl<'t> DeserializeSeed<'t> for Name<'t, '_> {
    type Value = Option<&'t str>;

    fn deserialize<D: serde::Deserializer<'t>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'t> Visitor<'t> for Name<'t, '_> {
    type Value = Option<&'t str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'t str) -> Result<Self::Value, E> {
        self.nodes.add(Node::part(self.text, name));
        Ok(Some(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        self.nodes.add(Node::Resolved(name.into()));
        Ok(None)
    }
}

/// The names of an object's members, as they come.
#[derive(Default)]
struct Names<'t> {
    /// A bit for the looks of each: most names look like no other.
    looks: u64,
    few: ArrayVec<&'t [u8], FEW>,
    /// One came again.
    again: bool,
    /// There are more, or some have escapes: they have to be looked through at the end.
    others: bool,
}

impl<'t> Names<'t> {
    #[inline]
    fn add(&mut self, name: Option<&'t [u8]>) {
        let Some(name) = name.filter(|_| !self.few.is_full()) else {
            self.others = true;
            return;
        };
        let look = looks(name);
        self.again |= self.looks & look != 0 && self.few.contains(&name);
        self.looks |= look;
        self.few.push(name);
    }

    /// Whether no name came twice; `None`: that is not known yet.
    fn are_distinct(&self) -> Option<bool> {
        if self.again { Some(false) } else { (!self.others).then_some(true) }
    }
}

/// One bit of 64, by length, first and last byte.
fn looks(name: &[u8]) -> u64 {
    let ends = [name.first(), name.last()];
    let [first, last] = ends.map(|byte| byte.copied().map_or(0, usize::from));
    let sum = name.len().wrapping_mul(11).wrapping_add(first).wrapping_add(last.wrapping_mul(7));
    1 << (sum & 63)
}

/// Whether no name comes twice. A client may send thousands of them.
fn are_distinct(mut names: Vec<&str>) -> bool {
    names.sort_unstable();
    names.is_sorted_by(|one, other| one < other)
}

#[cfg(test)]
mod tests;
