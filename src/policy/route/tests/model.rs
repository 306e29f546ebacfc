//! The rules as they read, one product after another: what the index must come to on any policy.

use super::super::super::{Product, Products};
use super::*;

struct Plain<'s> {
    products: &'s [Product],
    left_out: &'s [Vec<String>],
}

impl<'s> Plain<'s> {
    fn named(
        &self,
        name: &ResourceName,
        attributes: &Attributes<'_>,
    ) -> Result<&'s Product, NoRoute> {
        let fits = |product: &Product| {
            let below = attributes.path.below(&product.base_path).is_some();
            below.then_some(product.base_path.len())
        };
        let products = self.products.iter().filter(|product| product.name == *name);
        products.max_by_key(|product| fits(product)).ok_or(NoRoute::ContextDisagrees)
    }

    fn at(&self, attributes: &Attributes<'_>) -> Result<&'s Product, NoRoute> {
        let path = &attributes.path;
        let product = self.below(path.segments())?;
        if !path.path().contains('%') {
            return Ok(product);
        }
        let shorter = path.segments_to_escaped_end();
        let same =
            |found: Result<&Product, NoRoute>| found.is_ok_and(|own| own.name == product.name);
        let undecoded = same(self.below(&path.segments_as_written()));
        let ended = shorter.is_none_or(|shorter| same(self.below(&shorter)));
        if undecoded && ended { Ok(product) } else { Err(NoRoute::TwoReadings) }
    }

    fn below<S: AsRef<str>>(&self, segments: &[S]) -> Result<&'s Product, NoRoute> {
        let is_below = |base: &[String]| {
            let whole = segments.get(..base.len());
            whole.is_some_and(|whole| {
                base.iter().map(String::as_str).eq(whole.iter().map(S::as_ref))
            })
        };
        let left_out = self.left_out.iter().filter(|base| is_below(base)).map(Vec::len).max();
        let mut best: Option<&Product> = None;
        let mut alone = true;
        for product in self.products.iter().filter(|product| is_below(&product.base_path)) {
            match best {
                Some(held) if held.base_path.len() > product.base_path.len() => {}
                Some(held) if held.base_path.len() == product.base_path.len() => alone = false,
                Some(_) | None => (best, alone) = (Some(product), true),
            }
        }
        match best {
            Some(product) if left_out >= Some(product.base_path.len()) => Err(NoRoute::NoProduct),
            Some(product) if alone => Ok(product),
            Some(_) => Err(NoRoute::SeveralProducts),
            None => Err(NoRoute::NoProduct),
        }
    }
}

const SEGMENTS: &str = "(a|b|c|a b|\u{e4})";

fn bases(most: usize) -> impl Strategy<Value = Vec<Vec<String>>> {
    prop::collection::vec(prop::collection::vec(SEGMENTS, 0..4), 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn the_index_finds_what_the_rules_find(
        (bases, left_out) in (bases(10), bases(3)),
        names in prop::collection::vec("[p-s]", 10),
        paths in prop::collection::vec("(/(a|b|c|%61|a%20b|%c3%a4|a%3fb|%23|b%3f)){0,5}/?", 6),
        routing in prop::sample::select(&[Routing::Auto, Routing::Context][..]),
    ) {
        let products = bases.iter().zip(&names).map(|(base, own)| {
            Product::new(name(own), base.clone(), Vec::new())
        });
        let mut products: Vec<Product> = products.collect();
        products.sort_by(|left, right| left.name.cmp(&right.name));
        let indexed = Products::new(products.clone(), left_out.clone());
        let plain = Plain { products: &products, left_out: &left_out };
        let environment = Environment {
            products: indexed,
            routing,
            ..environment("dev", &[], Vec::new())
        };
        let snapshot =
            Snapshot::from(Parts { environments: vec![environment], ..Parts::default() });
        let site = Site::Environment(EnvironmentId(0));
        let found = |attributes: &Attributes<'_>| match snapshot.route(site, attributes) {
            Ok(Route::Product { product, .. }) => Ok((product.name.clone(), product.base_path.clone())),
            Ok(Route::Portal(..)) => panic!("a Portal"),
            Err(reason) => Err(reason),
        };
        let meant = |product: &Product| (product.name.clone(), product.base_path.clone());
        for path in &paths {
            let path = if path.is_empty() { "/" } else { path };
            let plainly = attributes(path, &[]);
            if routing == Routing::Auto {
                prop_assert_eq!(found(&plainly), plain.at(&plainly).map(meant), "{}", path);
            }
            for own in ["p", "q", "x"] {
                let context = [("environment", "dev.default"), ("product", &format!("{own}.default"))];
                let attributes = attributes(path, &context);
                let want = plain.named(&name(own), &attributes).map(meant);
                prop_assert_eq!(found(&attributes), want, "{} {}", path, own);
            }
        }
    }
}

/// Base paths and paths as deep as a path may be cost as much as they are long, no more.
#[test]
fn a_deep_path_is_looked_up_once_a_segment() {
    let deep = |depth: usize| "/a".repeat(depth);
    let bases = [4000, 3999, 1].map(|depth| vec!["a".to_owned(); depth]);
    let products = bases.into_iter().zip(["p", "q", "r"]);
    let products = products.map(|(base, own)| Product::new(name(own), base, Vec::new()));
    let environments = vec![environment("dev", &[], products.collect())];
    let snapshot = Snapshot::from(Parts { environments, ..Parts::default() });
    let route = |path: &str| match snapshot
        .route(Site::Environment(EnvironmentId(0)), &attributes(path, &[]))
    {
        Ok(Route::Product { product, .. }) => Ok(product.name.name().to_owned()),
        Ok(Route::Portal(..)) => panic!("a Portal"),
        Err(reason) => Err(reason),
    };
    assert_eq!(route(&deep(4000)), Ok("p".to_owned()));
    assert_eq!(route(&format!("{}/b", deep(4000))), Ok("p".to_owned()));
    assert_eq!(route(&deep(3999)), Ok("q".to_owned()));
    assert_eq!(route(&deep(3998)), Ok("r".to_owned()));
    assert_eq!(route("/b"), Err(NoRoute::NoProduct));
}
