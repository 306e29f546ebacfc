//! The committed files, and the definitions as such.

use crate::support::{documents, repository, schema};
use kube_cel::compile_schema;
use portcullis_crds::Rendered;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

#[test]
fn the_files_are_what_the_types_say_and_read_as_that() {
    for one in portcullis_crds::all() {
        let text = fs::read_to_string(repository().join("deploy/crds").join(&one.file)).unwrap();
        assert!(text == one.text, "{}: stale, `make crds` writes it again", one.file);
        assert_eq!(documents(&text), [one.definition], "{}", one.file);
    }
}

#[test]
fn every_kind_is_there_under_gloos_name() {
    let all = portcullis_crds::all();
    let name = |one: &Rendered| one.definition["metadata"]["name"].as_str().unwrap().to_owned();
    let names: BTreeSet<String> = all.iter().map(name).collect();
    let plurals = ["apidocs", "apiproducts", "environments", "groups", "portals", "users"];
    let expected = plurals.map(|plural| format!("{plural}.portal.gloo.solo.io"));
    assert_eq!(names, expected.into_iter().collect());
    for one in all {
        let spec = &one.definition["spec"];
        assert_eq!(spec["scope"], "Namespaced");
        let version = &spec["versions"][0];
        assert_eq!(version["name"], "v1beta1");
        assert!(version["subresources"]["status"].is_object(), "{}", one.file);
    }
}

#[test]
fn every_field_has_a_type_and_every_described_one_a_description() {
    for one in portcullis_crds::all() {
        walk(schema(&one.definition), &one.file);
    }
}

fn walk(schema: &Value, at: &str) {
    assert!(schema["type"].is_string(), "{at} has no type");
    for key in ["$ref", "oneOf", "anyOf", "allOf", "nullable", "default"] {
        assert!(schema.get(key).is_none(), "{at} has {key}");
    }
    if let Some(Value::Object(properties)) = schema.get("properties") {
        assert!(
            at.ends_with(".yaml") || schema["x-kubernetes-preserve-unknown-fields"] == true,
            "{at} prunes"
        );
        for (key, inner) in properties {
            let at = format!("{at}.{key}");
            assert!(
                inner["description"].is_string() || at.ends_with(".yaml.spec"),
                "{at} has no description"
            );
            walk(inner, &at);
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(key) {
            walk(inner, &format!("{at}.{key}"));
        }
    }
}

#[test]
fn every_rule_compiles_and_judges_something_bounded() {
    let mut count = 0;
    for one in portcullis_crds::all() {
        rules(schema(&one.definition), &one.file, &mut count);
    }
    // Whoever adds or removes a rule looks at `refused` as well.
    assert_eq!(count, 20);
}

fn rules(schema: &Value, at: &str, count: &mut usize) {
    let compiled = compile_schema(schema);
    assert!(!compiled.has_errors(), "{at}: {:?}", compiled.compilation_errors());
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        *count += 1;
        assert!(rule["message"].as_str().unwrap().starts_with("expected "), "{at}");
    }
    // The API server refuses a definition whose rules could cost too much, and counts with the bounds.
    let before = *count;
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        rules(inner, &format!("{at}.{key}"), count);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(key) {
            rules(inner, &format!("{at}.{key}"), count);
        }
    }
    if *count > before || schema.get("x-kubernetes-validations").is_some() {
        let bound = match (schema["type"].as_str().unwrap(), schema.get("additionalProperties")) {
            ("array", _) => "maxItems",
            ("string", _) => "maxLength",
            (_, Some(_)) => "maxProperties",
            _ => "type",
        };
        assert!(schema.get(bound).is_some(), "{at} has a rule, and no {bound}");
    }
}
