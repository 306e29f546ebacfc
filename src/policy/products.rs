//! The products of an Environment, found by path or by name.
//!
//! Pure: no I/O, no clock.

use super::router::{Owner, Router};
use super::{ProductPlan, ResourceName};
use crate::usage::UsageSlot;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;
use std::ops::Deref;
use std::sync::Arc;

/// An `APIProduct` in an Environment, below one base path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Product {
    /// Its name.
    pub name: ResourceName,
    /// Path segments that its requests begin with; none: every path.
    pub base_path: Vec<String>,
    /// Names of its usage plans here, defined by the Environment.
    pub usage_plans: Vec<String>,
    /// The same, found: in the order in which one is chosen.
    pub plans: Vec<Arc<ProductPlan>>,
    /// Where its requests are counted if it has no plans.
    pub usage: UsageSlot,
    /// Its number in the snapshot, one for each name.
    pub(super) number: usize,
}

impl Product {
    /// Puts them together.
    #[must_use]
    pub const fn new(name: ResourceName, base_path: Vec<String>, usage_plans: Vec<String>) -> Self {
        Self {
            name,
            base_path,
            usage_plans,
            plans: Vec::new(),
            usage: UsageSlot::new(),
            number: usize::MAX,
        }
    }

    /// How long its base path is, where `segments` begin with it.
    pub(super) fn fits<S: AsRef<str>>(
        &self,
        segments: impl IntoIterator<Item = S>,
    ) -> Option<usize> {
        let mut segments = segments.into_iter();
        let begins = |own: &String| segments.next().is_some_and(|found| found.as_ref() == own);
        self.base_path.iter().all(begins).then_some(self.base_path.len())
    }
}

/// Products by name, each once for every base path that it has.
#[derive(Clone, Debug)]
pub struct Products {
    list: Vec<Product>,
    router: Router,
    hasher: DefaultHashBuilder,
    /// The place of the first of each name.
    by_name: HashTable<usize>,
}

impl Products {
    /// Indexes `list`. Base paths in `left_out` are nobody's, and so not those of a product with a
    /// shorter one either.
    #[must_use]
    pub fn new(mut list: Vec<Product>, left_out: impl IntoIterator<Item = Vec<String>>) -> Self {
        list.sort_by(|left, right| left.name.cmp(&right.name));
        let mut router = Router::new();
        for (place, product) in list.iter().enumerate() {
            router.insert(&product.base_path, place);
        }
        left_out.into_iter().for_each(|base| router.leave_out(&base));
        let hasher = DefaultHashBuilder::default();
        let mut by_name = HashTable::new();
        let mut last = None;
        for (place, product) in list.iter().enumerate() {
            if last != Some(&product.name) {
                let hash = |place: &usize| {
                    hasher.hash_one(list.get(*place).map_or("", |product| product.name.as_str()))
                };
                by_name.insert_unique(hash(&place), place, hash);
                last = Some(&product.name);
            }
        }
        Self { list, router, hasher, by_name }
    }

    /// The product whose base path is the longest with which `segments` begin.
    ///
    /// # Errors
    ///
    /// [`Ambiguous`]: several products have it. `Ok(None)`: none has.
    pub(super) fn at<S: AsRef<str>>(
        &self,
        segments: impl IntoIterator<Item = S>,
    ) -> Result<Option<&Product>, Ambiguous> {
        match self.router.find(segments) {
            Owner::Product(place) => Ok(self.list.get(place)),
            Owner::Several => Err(Ambiguous),
            Owner::Nobody | Owner::LeftOut => Ok(None),
        }
    }

    /// Those with this name, written `<name>.<namespace>`.
    pub(super) fn named<'p>(&'p self, name: &str) -> impl Iterator<Item = &'p Product> {
        let is_it = |place: &usize| self.list.get(*place).is_some_and(|p| p.name.as_str() == name);
        let first = self.by_name.find(self.hasher.hash_one(name), is_it).copied();
        let from = first.and_then(|first| self.list.get(first..)).unwrap_or_default();
        from.iter().take_while(move |product| from.first().is_some_and(|f| f.name == product.name))
    }

    /// Gives every product the number that its name has.
    pub(super) fn number(&mut self, mut number: impl FnMut(&ResourceName) -> usize) {
        for product in &mut self.list {
            product.number = number(&product.name);
        }
    }
}

impl Products {
    /// Gives every product its plans.
    pub(super) fn plan(&mut self, plans: impl Fn(&Product) -> Vec<Arc<ProductPlan>>) {
        for product in &mut self.list {
            product.plans = plans(product);
        }
    }
}

/// Several products have one base path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Ambiguous;

impl Default for Products {
    fn default() -> Self {
        Self::new(Vec::new(), [])
    }
}

impl From<Vec<Product>> for Products {
    fn from(list: Vec<Product>) -> Self {
        Self::new(list, [])
    }
}

impl Deref for Products {
    type Target = [Product];

    fn deref(&self) -> &[Product] {
        &self.list
    }
}

impl<'p> IntoIterator for &'p Products {
    type Item = &'p Product;
    type IntoIter = std::slice::Iter<'p, Product>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}
