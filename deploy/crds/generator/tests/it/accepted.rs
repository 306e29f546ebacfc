//! Resources that people have already.

use crate::structure::undescribed;
use crate::support::{documents, faults, schema_of, text_of};
use serde_json::Value;

/// Every kind of ours in these, each without a fault.
fn accept(text: &str, at_least: usize) {
    let ours: Vec<Value> =
        documents(text).into_iter().filter(|document| schema_of(document).is_some()).collect();
    assert!(ours.len() >= at_least, "only {} resources", ours.len());
    for document in ours {
        assert_eq!(faults(&document), [""; 0], "{document}");
        let schema = schema_of(&document).unwrap();
        let kept = ["apiVersion", "kind", "metadata"].map(|key| format!(".{key}"));
        let unknown = undescribed(&schema, &document, "");
        let unknown: Vec<_> =
            unknown.iter().filter(|at| !kept.iter().any(|key| at.starts_with(key))).collect();
        assert!(unknown.is_empty(), "not described: {unknown:?}");
    }
}

#[test]
fn the_demos() {
    for (file, count) in [("api.yaml", 3), ("group.yaml", 1), ("portal.yaml", 1)] {
        accept(&text_of(&format!("deploy/demo/resources/{file}")), count);
    }
}

#[test]
fn the_readmes() {
    let readme = text_of("README.md");
    let blocks = readme.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let policy = blocks.filter(|block| block.contains("portal.gloo.solo.io")).collect::<Vec<_>>();
    assert!(!policy.is_empty());
    accept(&policy.join("---\n"), 4);
}

#[test]
fn the_guides() {
    accept(include_str!("guide.yaml"), 5);
}

#[test]
fn one_with_every_field() {
    accept(include_str!("full.yaml"), 6);
}

#[test]
fn fields_that_nobody_here_knows_are_kept() {
    let document = documents(
        "apiVersion: portal.gloo.solo.io/v1beta1\nkind: Portal\nmetadata: { name: p }\n\
         spec: { domains: [p.example.com], tomorrow: { a: 1 }, publishedEnvironments: [{ name: dev, weight: 2 }] }\n\
         status: { state: 4, publishUrl: x }",
    );
    assert_eq!(faults(&document[0]), [""; 0]);
}
