//! The products of an Environment, found by path or by name.
//!
//! Pure: no I/O, no clock.

use super::operations::{self, Found, Operations};
use super::router::{Owner, Router};
use super::{ProductPlan, ResourceName};
use crate::attributes::Method;
use crate::openapi::Operation;
use crate::usage::UsageSlot;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;
use std::ops::{Deref, Range};
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
    /// Whose requests are that it does not list.
    pub rest: Rest,
    /// What it lists, until it is indexed.
    listed: Vec<Arc<Operation>>,
    /// Its number in the snapshot, one for each name.
    pub(super) number: usize,
}

/// What of a product's base path is the product's besides its operations.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Rest {
    /// All of it: its operations are not known.
    #[default]
    Unknown,
    /// All of it: `includeUnlistedOperations`.
    Included,
    /// Nothing: its operations are known.
    Refused,
}

impl Product {
    /// Puts them together.
    #[must_use]
    pub const fn new(name: ResourceName, base_path: Vec<String>, usage_plans: Vec<String>) -> Self {
        Self {
            name,
            base_path,
            usage_plans,
            rest: Rest::Unknown,
            listed: Vec::new(),
            plans: Vec::new(),
            usage: UsageSlot::new(),
            number: usize::MAX,
        }
    }

    /// The same with these operations.
    #[must_use]
    pub fn listing(self, listed: Vec<Arc<Operation>>, rest: Rest) -> Self {
        Self { rest, listed, ..self }
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
    operations: Operations,
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
            router.insert(&product.base_path, place, product.rest);
        }
        let operations = index(&mut list);
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
        Self { list, router, operations, hasher, by_name }
    }

    /// The product that lists `method` and `segments`; else the one whose base path is the longest with
    /// which they begin, where that product takes what it does not list.
    ///
    /// # Errors
    ///
    /// [`Missed`]: several products, or none.
    pub(super) fn at<S: AsRef<str>>(
        &self,
        method: Method,
        segments: &[S],
    ) -> Result<Reached<'_>, Missed> {
        let owner = self.router.find(segments);
        // Whoever is left out may list it as well.
        if owner == Owner::LeftOut {
            return Err(Missed::Nobody);
        }
        match self.operations.find(method, segments) {
            Found::Operation(owner, operation) => self.reached(owner.product, Some(operation)),
            Found::Several => Err(Missed::Several),
            Found::Nothing => match owner {
                Owner::Product(place) | Owner::Unlisted(place) => self.reached(place, None),
                Owner::Listed => Err(Missed::NotListed),
                Owner::Several => Err(Missed::Several),
                Owner::Nobody | Owner::LeftOut => Err(Missed::Nobody),
            },
        }
    }

    fn reached<'p>(
        &'p self,
        place: usize,
        operation: Option<&'p Arc<Operation>>,
    ) -> Result<Reached<'p>, Missed> {
        let product = self.list.get(place).ok_or(Missed::Nobody)?;
        Ok(Reached { product, operation })
    }

    /// The same for the product that the gateway names, wherever it is: the one of its places that lists
    /// `method` and `segments`, else the one whose base path fits best, if any does.
    ///
    /// # Errors
    ///
    /// [`Missed`]: there is none of this name, or it lists what it has, and not this.
    pub(super) fn of<S: AsRef<str>>(
        &self,
        name: &str,
        method: Method,
        segments: &[S],
    ) -> Result<Reached<'_>, Missed> {
        let places = self.places(name);
        let listed = self.operations.find_of(places.start, method, segments);
        if let Found::Operation(owner, operation) = listed {
            return self.reached(owner.product, Some(operation));
        }
        let named = self.list.get(places).unwrap_or_default();
        let best = named.iter().max_by_key(|product| product.fits(segments));
        let best = best.ok_or(Missed::Nobody)?;
        // Outside of all its base paths it has nothing, unless nobody knows what it has.
        let outside = best.fits(segments).is_none();
        let closed = |product: &Product| product.rest == Rest::Refused;
        if closed(best) || (outside && named.iter().any(closed)) {
            return Err(Missed::NotListed);
        }
        Ok(Reached { product: best, operation: None })
    }

    /// The places of those with this name.
    fn places(&self, name: &str) -> Range<usize> {
        let is_it = |place: &usize| self.list.get(*place).is_some_and(|p| p.name.as_str() == name);
        let Some(first) = self.by_name.find(self.hasher.hash_one(name), is_it) else { return 0..0 };
        let own = self.list.get(*first..).unwrap_or_default().iter();
        let count = own.take_while(|product| product.name.as_str() == name).count();
        *first..first.saturating_add(count)
    }

    /// Takes what is named for what it is, whatever the path.
    pub(super) fn forget_operations(&mut self) {
        self.operations = Operations::new();
        self.list.iter_mut().for_each(|product| product.rest = Rest::Unknown);
    }

    /// How many operations are listed.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.operations.len()
    }

    /// Every two products that list one method and one path, by the operation of the second: requests for
    /// it are nobody's.
    pub fn overlaps(&self) -> impl Iterator<Item = (&Product, &Product, &Operation)> {
        self.operations.overlaps().filter_map(|(first, second, operation)| {
            let product = |owner: operations::Owner| self.list.get(owner.product);
            Some((product(first)?, product(second)?, &**operation))
        })
    }

    /// Those with this name, written `<name>.<namespace>`.
    pub(super) fn named(&self, name: &str) -> &[Product] {
        self.list.get(self.places(name)).unwrap_or_default()
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

/// Indexes what each product lists. One that lists a path which cannot be kept has no more than the others.
fn index(list: &mut [Product]) -> Operations {
    let mut operations = Operations::new();
    let mut family = 0;
    let mut last: Option<ResourceName> = None;
    for (place, product) in list.iter_mut().enumerate() {
        if last.as_ref() != Some(&product.name) {
            (family, last) = (place, Some(product.name.clone()));
        }
        let owner = operations::Owner { product: place, family };
        for operation in std::mem::take(&mut product.listed) {
            let _kept = operations.insert(owner, &product.base_path, &operation);
        }
    }
    operations
}

/// A product, and the operation of it that was asked for, if it lists that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reached<'p> {
    pub(super) product: &'p Product,
    pub(super) operation: Option<&'p Arc<Operation>>,
}

impl Reached<'_> {
    /// Whether both are the same product's, by the same operation.
    pub(super) fn is_same(&self, other: &Reached<'_>) -> bool {
        let number = |operation: Option<&Arc<Operation>>| operation.map(Arc::as_ptr);
        self.product.name == other.product.name && number(self.operation) == number(other.operation)
    }
}

/// Why no product was found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Missed {
    /// Several products have it.
    Several,
    /// The products there have what they list, and nothing else.
    NotListed,
    /// Nobody is there.
    Nobody,
}

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
