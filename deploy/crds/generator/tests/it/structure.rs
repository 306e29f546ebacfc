//! The structural part of a schema, as an API server judges it; a keyword that is unknown here is a
//! fault of the test.

use regex::Regex;
use serde_json::{Map, Value};

const KNOWN: [&str; 18] = [
    "additionalProperties",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "pattern",
    "properties",
    "required",
    "type",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
];

/// What does not fit, with its place.
pub(crate) fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    judge(schema, value, "", &mut found);
    found
}

/// Fields that no part of the schema describes. They are kept; this says which they are.
pub(crate) fn undescribed(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            let one = |(key, value): (&String, &Value)| {
                let at = format!("{at}.{key}");
                match schema["properties"].get(key).or_else(|| schema.get("additionalProperties")) {
                    Some(schema) => undescribed(schema, value, &at),
                    None if is_open(schema) => Vec::new(),
                    None => vec![at],
                }
            };
            fields.iter().flat_map(one).collect()
        }
        Value::Array(items) => {
            let one = |item| undescribed(&schema["items"], item, &format!("{at}[]"));
            items.iter().flat_map(one).collect()
        }
        _ => Vec::new(),
    }
}

/// Of no described shape at all.
fn is_open(schema: &Value) -> bool {
    schema.get("properties").is_none() && schema["x-kubernetes-preserve-unknown-fields"] == true
}

fn judge(schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let schema = schema.as_object().expect("a schema");
    for key in schema.keys() {
        assert!(KNOWN.contains(&key.as_str()), "the test does not know {key}");
    }
    let fits = match schema.get("type").and_then(Value::as_str) {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64(),
        other => panic!("the test does not know type {other:?}"),
    };
    if !fits {
        found.push(format!("{at}: expected {}", schema["type"]));
        return;
    }
    if schema.get("enum").is_some_and(|all| !all.as_array().unwrap().contains(value)) {
        found.push(format!("{at}: expected one of {}", schema["enum"]));
    }
    match value {
        Value::String(text) => of_text(schema, text, at, found),
        Value::Array(items) => {
            of_length(schema, "Items", items.len(), at, found);
            for (index, item) in items.iter().enumerate() {
                judge(&schema["items"], item, &format!("{at}[{index}]"), found);
            }
        }
        Value::Object(fields) => of_fields(schema, fields, at, found),
        Value::Number(number) => {
            let number = number.as_i64().unwrap();
            let low = schema.get("minimum").and_then(Value::as_f64).map(|low| low as i64);
            let high = schema.get("maximum").and_then(Value::as_f64).map(|high| high as i64);
            if low.is_some_and(|low| number < low) || high.is_some_and(|high| number > high) {
                found.push(format!("{at}: out of range"));
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn of_text(schema: &Map<String, Value>, text: &str, at: &str, found: &mut Vec<String>) {
    of_length(schema, "Length", text.chars().count(), at, found);
    let pattern = schema.get("pattern").and_then(Value::as_str);
    if pattern.is_some_and(|pattern| !Regex::new(pattern).unwrap().is_match(text)) {
        found.push(format!("{at}: expected {}", schema["pattern"]));
    }
}

fn of_length(
    schema: &Map<String, Value>,
    what: &str,
    is: usize,
    at: &str,
    found: &mut Vec<String>,
) {
    let bound = |bound: &str| schema.get(&format!("{bound}{what}")).and_then(Value::as_u64);
    let is = is as u64;
    if bound("min").is_some_and(|least| is < least) || bound("max").is_some_and(|most| is > most) {
        found.push(format!("{at}: {is} is not within its bounds"));
    }
}

fn of_fields(
    schema: &Map<String, Value>,
    fields: &Map<String, Value>,
    at: &str,
    found: &mut Vec<String>,
) {
    of_length(schema, "Properties", fields.len(), at, found);
    for key in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        if !fields.contains_key(key.as_str().unwrap()) {
            found.push(format!("{at}: expected {key}"));
        }
    }
    for (key, value) in fields {
        let known = schema.get("properties").and_then(|all| all.get(key));
        if let Some(schema) = known.or_else(|| schema.get("additionalProperties")) {
            judge(schema, value, &format!("{at}.{key}"), found);
        }
    }
}
