//! The definitions beside what reads these resources: neither knows a field that the other does not.

use crate::support::{repository, schema};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

/// Names of the first API version (`devportal.solo.io/v1alpha1`), of every resource, of Secrets and of ConfigMaps.
const ELSEWHERE: [&str; 13] = [
    "apiVersion",
    "binaryData",
    "data",
    "disableRoutes",
    "externalName",
    "items",
    "kind",
    "labels",
    "metadata",
    "plans",
    "publishedVersions",
    "spec",
    "stringData",
];

#[test]
fn what_is_read_is_described() {
    let mut described = BTreeSet::new();
    for one in portcullis_crds::all() {
        names(schema(&one.definition), &mut described);
    }
    let mut read = BTreeSet::new();
    for entry in fs::read_dir(repository().join("src/manifest")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            read.extend(taken(&fs::read_to_string(path).unwrap()));
        }
    }
    assert!(read.len() > 40, "found only {read:?}");
    let missing: Vec<_> = read
        .iter()
        .filter(|name| !described.contains(*name) && !ELSEWHERE.contains(&name.as_str()))
        .collect();
    assert!(missing.is_empty(), "read by src/manifest, and not described: {missing:?}");
}

fn names(schema: &Value, found: &mut BTreeSet<String>) {
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        found.insert(name.clone());
        names(inner, found);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(key) {
            names(inner, found);
        }
    }
}

/// The names in `take("…")`, `require("…")` and `ignore(&["…", …])`.
fn taken(source: &str) -> Vec<String> {
    let one = regex::Regex::new(r#"\.(?:take|require)\("([^"]+)"\)"#).unwrap();
    let list = regex::Regex::new(r"\.ignore\(&\[([^\]]*)\]").unwrap();
    let quoted = regex::Regex::new(r#""([^"]+)""#).unwrap();
    let mut found: Vec<String> =
        one.captures_iter(source).map(|found| found[1].to_owned()).collect();
    for listed in list.captures_iter(source) {
        found.extend(quoted.captures_iter(&listed[1]).map(|found| found[1].to_owned()));
    }
    found
}
