//! The same trees from JSON that was parsed already, as an API server sends it. It has no lines.
//!
//! Pure: no I/O, no clock.

use super::builder::{MAX_DEPTH, MAX_NODES};
use super::{Entry, Fault, Node, Scalar, Value};

/// Makes a tree, every line of which is 0.
///
/// # Errors
///
/// [`Fault`]: it goes beyond a bound.
pub fn from_json(json: &serde_json::Value) -> Result<Node, Fault> {
    let mut nodes = 0;
    node(json, 0, &mut nodes)
}

fn node(json: &serde_json::Value, depth: usize, nodes: &mut usize) -> Result<Node, Fault> {
    if depth > MAX_DEPTH {
        let message = format!("expected at most {MAX_DEPTH} levels");
        return Err(Fault { line: 0, message });
    }
    *nodes = nodes.saturating_add(1);
    if *nodes > MAX_NODES {
        return Err(Fault { line: 0, message: format!("expected at most {MAX_NODES} values") });
    }
    let depth = depth.saturating_add(1);
    let value = match json {
        serde_json::Value::Null => Value::Scalar(Scalar::Null),
        serde_json::Value::Bool(boolean) => Value::Scalar(Scalar::Boolean(*boolean)),
        serde_json::Value::Number(number) => Value::Scalar(
            number.as_i64().map_or_else(|| Scalar::Number(number.to_string()), Scalar::Integer),
        ),
        serde_json::Value::String(text) => Value::Scalar(Scalar::Text(text.clone())),
        serde_json::Value::Array(items) => {
            let items = items.iter().map(|item| node(item, depth, nodes));
            Value::List(items.collect::<Result<_, _>>()?)
        }
        serde_json::Value::Object(members) => {
            let entry = |(key, value): (&String, &serde_json::Value)| {
                Ok(Entry { key: key.clone(), line: 0, node: node(value, depth, nodes)? })
            };
            Value::Map(members.iter().map(entry).collect::<Result<_, _>>()?)
        }
    };
    let size = match &value {
        Value::Scalar(_) => 1,
        Value::List(items) => items.iter().fold(1_usize, |sum, item| sum.saturating_add(item.size)),
        Value::Map(entries) => {
            entries.iter().fold(1_usize, |sum, entry| sum.saturating_add(entry.node.size))
        }
    };
    Ok(Node { line: 0, value, size })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Sink, parse};
    use serde_json::json;

    #[test]
    fn makes_the_tree_that_the_text_makes() {
        let value = json!({
            "text": "true", "number": 12, "large": 1.5, "yes": true, "nothing": null,
            "list": [{"a": "~"}, []], "odd key": {},
        });
        let from_json = from_json(&value).expect("a tree");
        let from_text = parse(&value.to_string()).expect("YAML").remove(0);
        assert_eq!(
            format!("{:?}", from_json.value),
            format!("{:?}", from_text.value)
                .replace("line 1", "line 0")
                .replace("line: 1", "line: 0")
        );
        let sink = Sink::new("kubernetes:a/B/c".into(), None);
        let mut fields = sink.document(&from_json).fields().expect("a mapping");
        let _number = fields.take("list").expect("a list").string();
        let said: Vec<String> = sink.into_problems().iter().map(ToString::to_string).collect();
        assert_eq!(said, ["kubernetes:a/B/c: list: expected a string, found a list"]);
    }

    #[test]
    fn stops_at_the_bounds() {
        let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
        assert!(from_json(&deep).is_err_and(|fault| fault.message.contains("levels")));
        let wide = json!(vec![0; MAX_NODES]);
        assert!(from_json(&wide).is_err_and(|fault| fault.message.contains("values")));
    }
}
