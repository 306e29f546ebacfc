mod oracle;

use super::*;
use proptest::prelude::*;

/// Reads as the oracle does, and each member by itself as well. What the simple reader takes, it reads as
/// the one does that knows all of JSON.
fn reads_alike(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Some((text, nodes)) =
        std::str::from_utf8(bytes).ok().and_then(|text| Some((text, plain::read(text)?)))
    {
        prop_assert_eq!(Some(nodes), read(text));
    }
    let want = oracle::parse_object(bytes);
    prop_assert_eq!(&parse_object(bytes), &want);
    let members = Members::parse(bytes.to_vec());
    prop_assert_eq!(members.is_some(), want.is_some());
    let (Some(members), Some(want)) = (members, want) else { return Ok(()) };
    prop_assert_eq!(members.iter().count(), want.len());
    prop_assert!(members.get("no such member").is_none());
    for (name, value) in &want {
        let item = members.get(name).expect("the member");
        prop_assert_eq!(item.to_value(), value.clone());
        prop_assert_eq!(item.as_str(), value.as_str());
        prop_assert_eq!(item.as_number(), value.as_number());
        prop_assert_eq!((item.is_null(), item.is_true()), (value.is_null(), *value == true));
        let texts = value.as_array().and_then(|all| all.iter().map(Value::as_str).collect());
        prop_assert_eq!(item.as_texts(), texts);
    }
    Ok(())
}

#[test]
fn refuses_what_two_parsers_could_read_in_two_ways() {
    let deep = |levels: usize| {
        format!("{}{}", "{\"a\":".repeat(levels - 1), "{}") + &"}".repeat(levels - 1)
    };
    let cases = [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "\"a\"".to_owned(),
        "{} {}".to_owned(),
        "{},".to_owned(),
        "{\"a\":1,\"a\":1}".to_owned(),
        "{\"a\":1,\"\\u0061\":2}".to_owned(),
        "{\"a\":{\"b\":1,\"b\":2}}".to_owned(),
        "{\"a\":[{\"b\":1,\"b\":2}]}".to_owned(),
        "{\"a\":1e400}".to_owned(),
        "{\"a\":NaN}".to_owned(),
        "{\"a\":1,}".to_owned(),
        "{\"a\":1/*c*/}".to_owned(),
        "{\"a\":\"\\ud800\"}".to_owned(),
        "{'a':1}".to_owned(),
        "\u{feff}{}".to_owned(),
        deep(17),
        deep(100_000),
    ];
    for text in cases {
        let shown: String = text.chars().take(40).collect();
        assert_eq!(parse_object(text.as_bytes()), None, "{shown}");
        reads_alike(text.as_bytes()).expect("alike");
    }
    assert_eq!(parse_object(b"{\"a\":\"\xff\"}"), None);
    assert_eq!(parse_object(b"\xff\xfe{\x00}\x00"), None);
    assert!(parse_object(deep(16).as_bytes()).is_some());
    assert!(parse_object(b" {\"a\":[1,-1,0.5,true,null,\"x\"]}\n").is_some());
}

#[test]
fn finds_a_name_that_comes_again_among_few_and_among_many() {
    for count in [2, FEW - 1, FEW, FEW + 1, FEW + 2, 3 * FEW] {
        let names: Vec<String> = (0..count).map(|place| format!("n{place}")).collect();
        let object = |names: &[String]| {
            let members: Vec<String> = names.iter().map(|name| format!("\"{name}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        let all = parse_object(object(&names).as_bytes()).expect("an object");
        assert_eq!(all.len(), count);
        for (one, other) in [(0, count - 1), (count - 2, count - 1), (0, 1), (count / 2, 0)] {
            let mut twice = names.clone();
            twice[one].clone_from(&names[other]);
            let within = format!("{{\"a\":[{}]}}", object(&twice));
            for text in [object(&twice), within] {
                assert_eq!(parse_object(text.as_bytes()), None, "{one} {other} of {count}");
            }
        }
    }
}

#[test]
fn reads_real_claims_as_the_oracle_does() {
    let claims = r#" {"iss":"https://a.example","aud":["a","b\n"],"":"","e\u006dail":"\u00e9\ud83d\ude00",
        "exp":1800000000.5,"iat":-1,"nbf":18446744073709551615,"big":18446744073709551616,"zero":-0,
        "events":{"http://x":{},"y":[[],[{"a":[null,true,false]},"z"]]},"groups":[],"é":"é"} "#;
    reads_alike(claims.as_bytes()).expect("alike");
    assert_eq!(Members::parse(claims.into()).expect("claims").iter().count(), 12);
}

#[test]
fn takes_tokens_as_issuers_write_them_the_simple_way_and_nothing_else() {
    let simple = [
        r#"{"alg":"RS256","kid":"k-1","typ":"JWT"}"#,
        r#"{"iss":"https://a.example","aud":["a","b"],"exp":1800000000,"iat":0,"email_verified":true}"#,
        r#"{"x":null,"y":false,"z":[],"events":{"http://x":{}},"name":"é","big":9999999999999999999}"#,
        "{}",
    ];
    for text in simple {
        assert!(plain::read(text).is_some(), "{text}");
        reads_alike(text.as_bytes()).expect("alike");
    }
    let others = [
        "",
        "1",
        "[]",
        "{",
        "}",
        "{}}",
        "{} ",
        " {}",
        "{,}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{"a":1 }"#,
        r#"{"a" :1}"#,
        r#"{"a":-1}"#,
        r#"{"a":01}"#,
        r#"{"a":00}"#,
        r#"{"a":1.5}"#,
        r#"{"a":1e3}"#,
        r#"{"a":18446744073709551616}"#,
        r#"{"a":99999999999999999999999}"#,
        r#"{"a":tru}"#,
        r#"{"a":nul1}"#,
        r#"{"a":[1,]}"#,
        r#"{"a":[1 2]}"#,
        r#"{"a":"b\n"}"#,
        r#"{"a\u0061":1}"#,
        "{\"a\":\"\u{1}\"}",
        r#"{"a":1,"a":1}"#,
        r#"{"b":{"a":1,"a":1}}"#,
        r#"{"a":"b}"#,
        r#"{"a":"b""#,
        r#"{"a":1]"#,
        r#"{"a":[1}}"#,
        r#"{a:1}"#,
    ];
    for text in others {
        assert!(plain::read(text).is_none(), "{text}");
        reads_alike(text.as_bytes()).expect("alike");
    }
    let deep = |levels: usize| {
        format!("{}{}", "{\"a\":".repeat(levels - 1), "{}") + &"}".repeat(levels - 1)
    };
    assert!(plain::read(&deep(16)).is_some());
    assert!(plain::read(&deep(17)).is_none());
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("iss".to_owned()), "[ab]{0,2}", any::<String>()]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(20, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Writes JSON of its own: with escapes where none are needed, and names as often as they come.
fn written(members: &[(String, Value)], escaped: bool) -> String {
    let text = |text: &str| match escaped {
        false => Value::from(text).to_string(),
        true => {
            let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
            format!("\"{}\"", units.collect::<String>())
        }
    };
    let members = members.iter().map(|(name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), text);
        format!("{}:{value}", text(name))
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

proptest! {
    #[test]
    fn reads_what_is_nearly_simple_as_the_oracle_does(
        text in r#"\{("[ab\x01\\é]{0,9}":([0-9]{1,22}|true|false|null|"[a-z"\\\x1f ]{0,18}"|\[(1,?){0,3}\]|\{("a":1,?){0,2}\}|-1|0\.5)[,}]?){0,6}\}"#,
    ) {
        reads_alike(text.as_bytes())?;
    }

    #[test]
    fn reads_texts_as_the_oracle_does(text in "[{}\\[\\]\":,a-b0-1\\\\u ]{0,40}") {
        reads_alike(text.as_bytes())?;
    }

    #[test]
    fn reads_objects_as_the_oracle_does(
        members in prop::collection::vec((name(), value()), 0..40),
        escaped in any::<bool>(),
        place in any::<prop::sample::Index>(),
        change in prop_oneof![3 => Just(None), 1 => any::<u8>().prop_map(Some)],
    ) {
        let mut bytes = written(&members, escaped).into_bytes();
        if let Some(byte) = change {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        reads_alike(&bytes)?;
    }
}
