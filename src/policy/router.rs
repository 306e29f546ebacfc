//! The base paths of an Environment, as a tree of segments in one table.
//!
//! A path is looked up segment by segment, and only for as long as a base path goes on: what lies
//! deeper costs nothing, however long it is.
//!
//! Pure: no I/O, no clock.

use super::products::Rest;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// Whose a base path is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Owner {
    /// It is no base path.
    Nobody,
    /// This product's, by its place in the list: nobody knows its operations.
    Product(usize),
    /// This product's, which includes unlisted operations.
    Unlisted(usize),
    /// That of products that have what they list, and nothing else.
    Listed,
    /// That of several products, which nothing tells apart.
    Several,
    /// That of a product that is left out, and so of no other one either.
    LeftOut,
}

/// Base paths, and whose they are.
#[derive(Clone, Debug)]
pub(super) struct Router {
    hasher: DefaultHashBuilder,
    edges: HashTable<Edge>,
    /// The first is the root.
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    owner: Owner,
    /// Whether longer base paths begin with this one.
    goes_on: bool,
}

/// One segment: from one node to the next.
#[derive(Clone, Debug)]
struct Edge {
    from: usize,
    segment: Box<str>,
    to: usize,
}

const ROOT: usize = 0;

impl Router {
    pub(super) fn new() -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            edges: HashTable::new(),
            nodes: vec![Node { owner: Owner::Nobody, goes_on: false }],
        }
    }

    /// Makes `base` the base path of a product, whose what it does not list is by `rest`.
    pub(super) fn insert(&mut self, base: &[String], product: usize, rest: Rest) {
        self.change(base, |owner| match (owner, rest) {
            (Owner::LeftOut, _) => Owner::LeftOut,
            (Owner::Nobody, Rest::Unknown) => Owner::Product(product),
            (Owner::Nobody | Owner::Listed, Rest::Included) => Owner::Unlisted(product),
            (Owner::Nobody | Owner::Listed, Rest::Refused) => Owner::Listed,
            // It says so itself, and the others that they have no more than they list.
            (Owner::Unlisted(first), Rest::Refused) => Owner::Unlisted(first),
            (Owner::Product(_) | Owner::Unlisted(_) | Owner::Several, _)
            | (Owner::Listed, Rest::Unknown) => Owner::Several,
        });
    }

    /// Makes `base` nobody's, whoever else has it.
    pub(super) fn leave_out(&mut self, base: &[String]) {
        self.change(base, |_| Owner::LeftOut);
    }

    /// Whose the longest base path is with which `segments` begin.
    pub(super) fn find<S: AsRef<str>>(&self, segments: impl IntoIterator<Item = S>) -> Owner {
        let Some(mut node) = self.nodes.first() else { return Owner::Nobody };
        let mut place = ROOT;
        let mut longest = node.owner;
        for segment in segments {
            if !node.goes_on {
                break;
            }
            let Some(next) = self.next(place, segment.as_ref()) else { break };
            let Some(found) = self.nodes.get(next) else { break };
            (place, node) = (next, found);
            if node.owner != Owner::Nobody {
                longest = node.owner;
            }
        }
        longest
    }

    fn change(&mut self, base: &[String], owner: impl Fn(Owner) -> Owner) {
        let mut place = ROOT;
        for segment in base {
            place = match self.next(place, segment) {
                Some(next) => next,
                None => self.add(place, segment),
            };
        }
        if let Some(node) = self.nodes.get_mut(place) {
            node.owner = owner(node.owner);
        }
    }

    fn next(&self, from: usize, segment: &str) -> Option<usize> {
        let hash = hash(&self.hasher, from, segment);
        let is_it = |edge: &Edge| edge.from == from && *edge.segment == *segment;
        self.edges.find(hash, is_it).map(|edge| edge.to)
    }

    fn add(&mut self, from: usize, segment: &str) -> usize {
        let to = self.nodes.len();
        if let Some(node) = self.nodes.get_mut(from) {
            node.goes_on = true;
        }
        self.nodes.push(Node { owner: Owner::Nobody, goes_on: false });
        let Self { hasher, edges, .. } = self;
        let again = |edge: &Edge| hash(hasher, edge.from, &edge.segment);
        let edge = Edge { from, segment: segment.into(), to };
        edges.insert_unique(hash(hasher, from, segment), edge, again);
        to
    }
}

fn hash(hasher: &DefaultHashBuilder, from: usize, segment: &str) -> u64 {
    hasher.hash_one((from, segment))
}

#[cfg(test)]
mod tests;
