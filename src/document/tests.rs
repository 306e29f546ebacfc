use super::builder::{MAX_BYTES, MAX_DEPTH};
use super::*;
use crate::problem::Severity;
use proptest::prelude::*;
use std::time::Duration;

fn problems(text: &str, read: impl Fn(&Field<'_>)) -> Vec<String> {
    let sink = Sink::new("a.yaml".into(), None);
    for node in parse(text).expect(text) {
        read(&sink.document(&node));
    }
    sink.into_problems().iter().map(ToString::to_string).collect()
}

#[test]
fn keeps_lines_over_several_documents() {
    let documents = parse("# one\na: 1\n---\n\nb:\n- x\n-\n  c: d\n---\n...\n").expect("YAML");
    assert_eq!(documents.len(), 2);
    assert_eq!(documents[0].line, 2);
    assert_eq!(documents[1].get("b").map(|node| node.line), Some(6));
    let json = parse("{\"a\": [1, \"b\", null]}").expect("JSON");
    assert_eq!(json.len(), 1);
}

#[test]
fn refuses_what_is_no_yaml_or_beyond_a_bound() {
    let deep = format!("{}{}", "[".repeat(MAX_DEPTH + 1), "]".repeat(MAX_DEPTH + 1));
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        let row = vec![alias; 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{row}]\n"));
    }
    let cases = [
        ("a: [", 2, "expected YAML"),
        ("a: b\n  c: d", 2, "expected YAML"),
        ("a: *nowhere", 1, "expected YAML"),
        ("a: &a [*a]", 1, "expected an alias to something that stands before it"),
        ("? [a]\n: b", 1, "expected a string as key, found a list"),
        ("a: !!binary aGk=", 1, "expected no tag but !!str"),
        ("a: !custom {}", 1, "expected no tag but !!str"),
        (&deep, 1, "expected at most 64 levels"),
        (&bomb, 5, "expected at most 200000 values"),
    ];
    for (text, line, message) in cases {
        let fault = parse(text).expect_err(text);
        assert!(fault.message.starts_with(message), "{text:.40}: {}", fault.message);
        assert_eq!(fault.line, line, "{text:.40}");
    }
    assert!(parse(&"#".repeat(MAX_BYTES + 1)).is_err());
}

#[test]
fn takes_json_as_tools_write_it() {
    let texts = ["{\n\t\"a\": [\n\t\t1,\n\t\t\"b\\u0041\"\n\t]\n}\n", "{\"a\":[1,\"bA\"]}\r\n"];
    for text in texts {
        let documents = parse(text).expect(text);
        let Some(Value::List(items)) = documents[0].get("a").map(|node| &node.value) else {
            panic!("{text}: no list");
        };
        assert_eq!(items[1].text(), Some("bA"), "{text}");
    }
}

#[test]
fn refuses_large_nonsense_in_little_time() {
    for unit in ["- ", "? ", "{", "a: ", "[a,", "\"", "&a ", "|\n ", "!!str ", "a\n", "'", "- a\n"]
    {
        let text = unit.repeat(MAX_BYTES / 8 / unit.len());
        let started = tokio::time::Instant::now();
        let _either = parse(&text).is_ok();
        let spent = started.elapsed();
        assert!(spent < Duration::from_secs(10), "{unit:?} {spent:?}");
    }
}

#[test]
fn takes_aliases_and_quoted_values() {
    let documents = parse("\u{feff}a: &x {b: '1'}\nc: *x\nd: !!str 2\n").expect("YAML");
    let c = documents[0].get("c").and_then(|node| node.get("b")).and_then(Node::text);
    assert_eq!(c, Some("1"));
    assert_eq!(documents[0].get("d").and_then(Node::text), Some("2"));
}

#[test]
fn finds_every_problem_with_its_place() {
    let text = "
name: 12
flag: yes
level: loud
size: 11
size: 12
wait: 5
long: 3h
none: 0s
list: [a, '', 3, {}]
deep: {x: {y: 1, y: 2}}
extra: 1
'odd\\nkey': 1
";
    let got = problems(text, |field| {
        let mut fields = field.fields().expect("a mapping");
        let hour = Duration::from_secs(3600);
        assert_eq!(fields.take("name").and_then(|field| field.string()), None);
        assert_eq!(fields.take("flag").and_then(|field| field.boolean()), None);
        assert_eq!(fields.take("level").and_then(|field| field.one_of(&[("low", 1)])), None);
        assert_eq!(fields.take("size").and_then(|field| field.integer(1..=10)), None);
        assert_eq!(fields.take("wait").and_then(|field| field.duration(hour)), None);
        assert_eq!(fields.take("long").and_then(|field| field.duration(hour)), None);
        assert_eq!(fields.take("none").and_then(|field| field.duration(hour)), None);
        assert_eq!(fields.take("list").map(|field| field.strings().len()), Some(1));
        assert!(fields.require("gone").is_none());
        fields.ignore(&["deep"]);
        fields.finish(Severity::Notice);
    });
    let known = "known here: deep, flag, gone, level, list, long, name, none, size, wait";
    let want = [
        "a.yaml:2: name: expected a string (in quotes), found a number".to_owned(),
        "a.yaml:2: gone: expected a value; there is none".to_owned(),
        "a.yaml:3: flag: expected true or false, found a string".to_owned(),
        "a.yaml:4: level: expected one of: low".to_owned(),
        "a.yaml:5: size: expected a whole number from 1 to 10".to_owned(),
        "a.yaml:6: size: expected each key once; this one comes again".to_owned(),
        "a.yaml:7: wait: expected a duration with its unit, such as 90s or 12h, found a number"
            .to_owned(),
        "a.yaml:8: long: expected at most 1h".to_owned(),
        "a.yaml:9: none: expected a duration of more than none".to_owned(),
        "a.yaml:10: list[1]: expected a string that is not empty".to_owned(),
        "a.yaml:10: list[2]: expected a string (in quotes), found a number".to_owned(),
        "a.yaml:10: list[3]: expected a string, found a mapping".to_owned(),
        "a.yaml:11: deep.x.y: expected each key once; this one comes again".to_owned(),
        format!("a.yaml:12: notice: extra: unknown key; {known}"),
        format!("a.yaml:13: notice: [\"odd\\\\nkey\"]: unknown key; {known}"),
    ];
    assert_eq!(got, want);
}

proptest! {
    #[test]
    fn never_panics(text in "[-\\[\\]{}a:&*!'\"|>#,?\n ~0%@`]{0,60}") {
        let _either = parse(&text).is_ok();
    }
}
