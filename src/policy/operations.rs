//! The operations of an Environment's products, as a tree of segments, found by method and path.
//!
//! A literal segment goes before `{id}`, at each place from the left. Where another product's operation has
//! the path too, and is more exact at some other place, nothing says whose the request is: it is nobody's.
//! A look-up follows every branch that the path allows, so that it sees the second product; it allocates
//! nothing, and takes a bounded number of steps.
//!
//! Pure: no I/O, no clock.

use crate::attributes::Method;
use crate::openapi::{Operation, Pattern, Segment};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;
use std::sync::Arc;

/// Most segments of base path and path together: each has a bit in [`Exact`].
pub(super) const MAX_DEPTH: usize = 128;
/// Most patterns such as `{id}.json` at one place; more of them make one document cost what all others do.
const MAX_PATTERNS: usize = 256;
/// Most nodes that a look-up visits, and patterns that it compares. Documents that need more are made to; what they describe is ambiguous.
const MAX_STEPS: usize = 2048;

const ROOT: u32 = 0;
/// No node, no leaf, no entry. The root is nobody's child.
const NONE: u32 = 0;

/// Operations, and whose they are.
#[derive(Clone, Debug)]
pub(super) struct Operations {
    hasher: DefaultHashBuilder,
    edges: HashTable<Edge>,
    nodes: Vec<Node>,
    /// Children behind patterns, by node.
    mixed: Vec<Vec<(Pattern, u32)>>,
    /// By method, the first entry.
    leaves: Vec<[u32; Method::ALL.len()]>,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Node {
    /// The child behind `{id}`.
    parameter: u32,
    /// In [`Operations::mixed`].
    mixed: u32,
    /// In [`Operations::leaves`].
    leaf: u32,
    /// Whether there are edges.
    literals: bool,
}

/// A literal segment: from one node to the next.
#[derive(Clone, Debug)]
struct Edge {
    from: u32,
    to: u32,
    segment: Box<str>,
}

#[derive(Clone, Debug)]
struct Entry {
    owner: Owner,
    operation: Option<Arc<Operation>>,
    /// Another product's entry with the same method and path.
    next: u32,
}

/// Whose an operation is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Owner {
    /// The product's place in the list.
    pub(super) product: usize,
    /// The same for all places with its name.
    pub(super) family: usize,
}

/// What was found for a method and a path.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found<'o> {
    /// No product lists it.
    Nothing,
    /// One product does.
    Operation(Owner, &'o Arc<Operation>),
    /// Several do, which nothing tells apart.
    Several,
}

/// At which places a path was matched by more than `{id}`: bits, from the first segment.
#[derive(Clone, Copy, Debug, Default)]
struct Exact {
    literal: u128,
    mixed: u128,
}

impl Exact {
    const fn literal(self, bit: u128) -> Self {
        Self { literal: self.literal | bit, ..self }
    }

    const fn mixed(self, bit: u128) -> Self {
        Self { mixed: self.mixed | bit, ..self }
    }

    /// Whether `other` is nowhere more exact. Of two patterns at one place none is.
    const fn covers(self, other: Self) -> bool {
        let more = other.literal & !self.literal;
        other.mixed & !self.literal == 0 && more == 0
    }
}

impl Operations {
    pub(super) fn new() -> Self {
        let nothing = Entry { owner: Owner { product: 0, family: 0 }, operation: None, next: NONE };
        Self {
            hasher: DefaultHashBuilder::default(),
            edges: HashTable::new(),
            nodes: vec![Node::default()],
            mixed: vec![Vec::new()],
            leaves: vec![[NONE; Method::ALL.len()]],
            entries: vec![nothing],
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.len() <= 1
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len().saturating_sub(1)
    }

    /// Has `owner` list `operation` below `base`. Products come one after another, all places of one name
    /// together. Returns `false` where the path is too long to be kept.
    #[must_use]
    pub(super) fn insert(
        &mut self,
        owner: Owner,
        base: &[String],
        operation: &Arc<Operation>,
    ) -> bool {
        let segments = operation.template.segments();
        if base.len().saturating_add(segments.len()) > MAX_DEPTH {
            return false;
        }
        self.put(owner, base, segments, operation).is_some()
    }

    /// `None` where there are more nodes than can be numbered.
    fn put(
        &mut self,
        owner: Owner,
        base: &[String],
        segments: &[Segment],
        operation: &Arc<Operation>,
    ) -> Option<()> {
        let mut node = ROOT;
        for segment in base {
            node = self.literal(node, segment)?;
        }
        for segment in segments {
            node = match segment {
                Segment::Literal(text) => self.literal(node, text)?,
                Segment::Mixed(pattern) => self.pattern(node, pattern)?,
                Segment::Parameter => self.parameter(node)?,
            };
        }
        let leaf = self.leaf(node)?;
        let fresh = u32::try_from(self.entries.len()).ok()?;
        let first = self.leaves.get_mut(at(leaf))?.get_mut(place(operation.method))?;
        let known = self.entries.get(at(*first)).filter(|_| *first != NONE);
        // Two versions, or two templates that differ in the names of their parts alone.
        if known.is_some_and(|known| known.owner.family == owner.family) {
            return Some(());
        }
        let operation = Some(Arc::clone(operation));
        self.entries.push(Entry { owner, operation, next: *first });
        *first = fresh;
        Some(())
    }

    fn add(&mut self) -> Option<u32> {
        let number = u32::try_from(self.nodes.len()).ok()?;
        self.nodes.push(Node::default());
        Some(number)
    }

    fn literal(&mut self, from: u32, segment: &str) -> Option<u32> {
        if let Some(known) = self.next(from, segment) {
            return Some(known);
        }
        let to = self.add()?;
        self.nodes.get_mut(at(from))?.literals = true;
        let Self { hasher, edges, .. } = self;
        let again = |edge: &Edge| hash(hasher, edge.from, &edge.segment);
        let edge = Edge { from, to, segment: segment.into() };
        edges.insert_unique(hash(hasher, from, segment), edge, again);
        Some(to)
    }

    fn parameter(&mut self, from: u32) -> Option<u32> {
        let known = self.nodes.get(at(from))?.parameter;
        if known != NONE {
            return Some(known);
        }
        let to = self.add()?;
        self.nodes.get_mut(at(from))?.parameter = to;
        Some(to)
    }

    fn pattern(&mut self, from: u32, pattern: &Pattern) -> Option<u32> {
        let node = self.nodes.get(at(from))?;
        let known = self.mixed.get(at(node.mixed))?.iter().find(|(known, _)| known == pattern);
        if let Some((_, to)) = known {
            return Some(*to);
        }
        if self.mixed.get(at(node.mixed)).is_some_and(|known| known.len() >= MAX_PATTERNS) {
            return None;
        }
        let to = self.add()?;
        let fresh = u32::try_from(self.mixed.len()).ok()?;
        let node = self.nodes.get_mut(at(from))?;
        if node.mixed == NONE {
            node.mixed = fresh;
            self.mixed.push(Vec::new());
        }
        self.mixed.get_mut(at(node.mixed))?.push((pattern.clone(), to));
        Some(to)
    }

    fn leaf(&mut self, node: u32) -> Option<u32> {
        let fresh = u32::try_from(self.leaves.len()).ok()?;
        let node = self.nodes.get_mut(at(node))?;
        if node.leaf == NONE {
            node.leaf = fresh;
            self.leaves.push([NONE; Method::ALL.len()]);
        }
        Some(node.leaf)
    }

    fn next(&self, from: u32, segment: &str) -> Option<u32> {
        let hash = hash(&self.hasher, from, segment);
        let is_it = |edge: &Edge| edge.from == from && *edge.segment == *segment;
        self.edges.find(hash, is_it).map(|edge| edge.to)
    }

    /// Whose operation `method` and `segments` are.
    pub(super) fn find<S: AsRef<str>>(&self, method: Method, segments: &[S]) -> Found<'_> {
        self.search(method, segments, None)
    }

    /// The same where only the products of one name count.
    pub(super) fn find_of<S: AsRef<str>>(
        &self,
        family: usize,
        method: Method,
        segments: &[S],
    ) -> Found<'_> {
        self.search(method, segments, Some(family))
    }

    fn search<S: AsRef<str>>(
        &self,
        method: Method,
        segments: &[S],
        only: Option<usize>,
    ) -> Found<'_> {
        if self.is_empty() {
            return Found::Nothing;
        }
        let mut search = Search {
            of: self,
            method: place(method),
            segments,
            only,
            best: None,
            several: false,
            steps: MAX_STEPS,
        };
        search.walk(ROOT, 0, Exact::default());
        match search.best {
            _ if search.several => Found::Several,
            None => Found::Nothing,
            Some((entry, _)) => match &entry.operation {
                Some(operation) => Found::Operation(entry.owner, operation),
                None => Found::Nothing,
            },
        }
    }

    /// Every two products that list one method and one path, by an operation of the first.
    pub(super) fn overlaps(&self) -> impl Iterator<Item = (Owner, Owner, &Arc<Operation>)> {
        self.entries.iter().filter_map(|entry| {
            let other = self.entries.get(at(entry.next)).filter(|_| entry.next != NONE)?;
            Some((other.owner, entry.owner, entry.operation.as_ref()?))
        })
    }
}

/// One look-up.
struct Search<'o, 's, S> {
    of: &'o Operations,
    method: usize,
    segments: &'s [S],
    only: Option<usize>,
    /// The first that was found: no other has a literal before it has.
    best: Option<(&'o Entry, Exact)>,
    several: bool,
    steps: usize,
}

impl<'o, S: AsRef<str>> Search<'o, '_, S> {
    /// Follows every branch, the most exact ones first. As deep as the tree is, no more.
    fn walk(&mut self, mut node: u32, mut depth: usize, mut exact: Exact) {
        loop {
            let Some(here) = self.of.nodes.get(at(node)) else { return };
            match self.steps.checked_sub(1) {
                Some(left) if !self.several => self.steps = left,
                Some(_) => return,
                None => {
                    self.several = true;
                    return;
                }
            }
            let Some(segment) = self.segments.get(depth) else {
                self.arrive(here, exact);
                return;
            };
            let segment = segment.as_ref();
            let bit = u32::try_from(depth).ok().and_then(|depth| 1_u128.checked_shl(depth));
            let Some(bit) = bit else { return };
            depth = depth.saturating_add(1);
            let literal = if here.literals { self.of.next(node, segment) } else { None };
            if here.mixed == NONE && here.parameter == NONE {
                let Some(to) = literal else { return };
                (node, exact) = (to, exact.literal(bit));
                continue;
            }
            if let Some(to) = literal {
                self.walk(to, depth, exact.literal(bit));
            }
            let mixed = self.of.mixed.get(at(here.mixed)).map(Vec::as_slice);
            for (pattern, to) in mixed.unwrap_or_default() {
                // One that does not match costs as much as a node.
                self.steps = self.steps.saturating_sub(1);
                if pattern.matches(segment) {
                    self.walk(*to, depth, exact.mixed(bit));
                }
            }
            if here.parameter == NONE {
                return;
            }
            node = here.parameter;
        }
    }

    fn arrive(&mut self, node: &Node, exact: Exact) {
        let of = self.of;
        let first = of.leaves.get(at(node.leaf)).and_then(|leaf| leaf.get(self.method)).copied();
        let mut number = first.unwrap_or(NONE);
        let mut found: Option<&'o Entry> = None;
        while let Some(entry) = of.entries.get(at(number)).filter(|_| number != NONE) {
            if self.only.is_none_or(|family| family == entry.owner.family) {
                // A second one of the same family is never kept.
                let second = found.is_some();
                found = Some(entry);
                if second {
                    self.rival(None, exact);
                    return;
                }
                if self.only.is_some() {
                    break;
                }
            }
            number = entry.next;
        }
        if let Some(entry) = found {
            self.rival(Some(entry), exact);
        }
    }

    /// One more that matches; `None` where that is several products' own.
    fn rival(&mut self, entry: Option<&'o Entry>, exact: Exact) {
        match (self.best, entry) {
            (None, Some(entry)) => self.best = Some((entry, exact)),
            (None, None) => self.several = true,
            (Some((best, _)), Some(entry)) if best.owner.family == entry.owner.family => {}
            (Some((_, as_exact)), _) => self.several = !as_exact.covers(exact),
        }
    }
}

fn at(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The place of a method in [`Operations::leaves`].
const fn place(method: Method) -> usize {
    match method {
        Method::Get => 0,
        Method::Head => 1,
        Method::Post => 2,
        Method::Put => 3,
        Method::Patch => 4,
        Method::Delete => 5,
        Method::Options => 6,
    }
}

fn hash(hasher: &DefaultHashBuilder, from: u32, segment: &str) -> u64 {
    hasher.hash_one((from, segment))
}

#[cfg(test)]
mod tests;
