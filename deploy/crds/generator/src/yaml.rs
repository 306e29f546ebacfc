//! JSON values as YAML, keys in order: the little of it that a definition needs.

use serde_json::Value;

/// The text, with a line end.
pub(crate) fn write(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

/// A value on lines of its own.
fn block(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                indent(depth, text);
                text.push_str(&plain(key));
                text.push(':');
                behind(value, depth, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let mut inner = String::new();
                block(item, depth + 1, &mut inner);
                indent(depth, text);
                text.push_str("- ");
                text.push_str(inner.trim_start());
            }
        }
        _ => {
            indent(depth, text);
            text.push_str(&scalar(value));
            text.push('\n');
        }
    }
}

/// What follows a key.
fn behind(value: &Value, depth: usize, text: &mut String) {
    let nested = match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if nested {
        text.push('\n');
        // A list stands below its key without a step to the right, as Kubernetes' own tools have it.
        block(value, depth + usize::from(value.is_object()), text);
    } else {
        text.push(' ');
        text.push_str(&scalar(value));
        text.push('\n');
    }
}

fn indent(depth: usize, text: &mut String) {
    (0..depth).for_each(|_| text.push_str("  "));
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(string) => plain(string),
        // `{}`, `[]`, numbers, booleans and null read the same in both.
        other => other.to_string(),
    }
}

/// Without quotes where nobody can mistake it, else as JSON has it, which YAML reads.
fn plain(string: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let safe = string.starts_with(|c: char| c.is_ascii_alphabetic())
        && string.chars().all(word)
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&string.to_lowercase().as_str());
    if safe { string.to_owned() } else { Value::from(string).to_string() }
}
