//! Resources in YAML: every problem has its place and keeps secrets, and what is read is read again
//! when it is written as JSON.

use super::world::parsed;
use portcullis::document::{self, Node, Scalar, Value};
use portcullis::manifest::{self, FileText, Manifests};
use portcullis::policy::{self, Held, Input};

const SECRET: &str = "hush-hush-hush";

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(documents) = document::parse(text) {
        round_trip(&documents);
    }
    let name = "portal/all.yaml";
    let secret = format!(
        "{text}\n---\napiVersion: v1\nkind: Secret\nmetadata: {{name: s, namespace: default}}\n\
        stringData: {{client_secret: {SECRET}}}\n"
    );
    // YAML ends lines at a lone carriage return as well (YAML 1.2.2 §5.4).
    let lines = secret.matches(['\n', '\r']).count() + 1;
    let file = FileText { name: name.into(), text: Ok(secret) };
    let manifests = Manifests { files: &[file], watched: &[], secrets: &[] };
    let held = Held::default();
    let (resources, found) = manifest::read(&manifests, &held);
    let parsed = parsed();
    let input = Input {
        settings: &parsed.settings,
        places: &parsed.places,
        resources: &resources,
        last: &held,
        known: &(),
    };
    let compiled = policy::compile(&input);
    for problem in found.iter().chain(&compiled.problems) {
        let told = problem.to_string();
        let ours = &*problem.file == name || *problem.file == *parsed.places.file;
        assert!(ours, "{told} is of no file");
        assert!(problem.line > 0 || &*problem.file != name, "{told} has no line");
        assert!(problem.line <= lines, "{told} is beyond the end, {lines}");
        assert!(!problem.message.is_empty() && !told.chars().any(char::is_control), "{told:?}");
        assert!(!told.contains(SECRET), "{told} tells a secret");
    }
    let (_, again) = manifest::read(&manifests, &held);
    assert_eq!(again, found, "read again it says something else");
    let snapshot = compiled.snapshot;
    for (id, environment) in snapshot.environments() {
        for portal in &environment.portals {
            let publishes = snapshot.portal(*portal).is_some_and(|p| p.environments.contains(&id));
            assert!(publishes, "{} is not published by its portal", environment.name);
        }
        for host in &environment.hosts {
            let known = matches!(snapshot.site(host.as_str()), Some(policy::Site::Environment(own)) if own == id);
            assert!(known, "{host} is not its environment's");
        }
    }
}

/// JSON is YAML: the same trees come back.
fn round_trip(documents: &[Node]) {
    for node in documents {
        let mut text = String::new();
        write(node, &mut text);
        let again = document::parse(&text).unwrap_or_else(|fault| panic!("{fault}: {text}"));
        // A document that is nothing is left out.
        let mut back = String::new();
        again.iter().for_each(|node| write(node, &mut back));
        assert!(back == text || again.is_empty() && text == "null", "{text} came back as {back}");
    }
}

fn write(node: &Node, to: &mut String) {
    match &node.value {
        Value::Scalar(Scalar::Null) => to.push_str("null"),
        Value::Scalar(Scalar::Boolean(truth)) => to.push_str(if *truth { "true" } else { "false" }),
        Value::Scalar(Scalar::Integer(number)) => to.push_str(&number.to_string()),
        Value::Scalar(Scalar::Number(text)) => to.push_str(text),
        Value::Scalar(Scalar::Text(text)) => quote(text, to),
        Value::List(items) => {
            to.push('[');
            for (place, item) in items.iter().enumerate() {
                to.push_str(if place == 0 { "" } else { ", " });
                write(item, to);
            }
            to.push(']');
        }
        Value::Map(entries) => {
            to.push('{');
            for (place, entry) in entries.iter().enumerate() {
                to.push_str(if place == 0 { "" } else { ", " });
                quote(&entry.key, to);
                to.push_str(": ");
                write(&entry.node, to);
            }
            to.push('}');
        }
    }
}

fn quote(text: &str, to: &mut String) {
    to.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => to.extend(['\\', character]),
            ' '..='~' => to.push(character),
            other => to.push_str(&format!("\\U{:08x}", u32::from(other))),
        }
    }
    to.push('"');
}
