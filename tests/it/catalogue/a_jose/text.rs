//! The header's text: one JSON object that every parser reads the same way.

use super::refused;
use crate::support::token::b64;
use crate::support::{API, Ask, Gateway, Setup, Ways};
use serde_json::json;

#[tokio::test]
async fn a38_alg_and_kid_stand_there_once() {
    let ways = Ways::new().await;
    for header in [
        r#"{"alg":"ES256","alg":"ES256","kid":"key-1"}"#,
        r#"{"alg":"none","alg":"ES256","kid":"key-1"}"#,
        r#"{"alg":"ES256","alg":"none","kid":"key-1"}"#,
        r#"{"alg":"ES256","kid":"key-1","alg":"HS256"}"#,
        r#"{"alg":"ES256","\u0061lg":"none","kid":"key-1"}"#,
        r#"{"\u0061lg":"none","alg":"ES256","kid":"key-1"}"#,
        r#"{"\u0061lg":"ES256","a\u006Cg":"ES256","kid":"key-1"}"#,
        r#"{"alg":"ES256","kid":"key-1","kid":"key-1"}"#,
        r#"{"alg":"ES256","kid":"key-2","kid":"key-1"}"#,
        r#"{"alg":"ES256","kid":"key-1","k\u0069d":"key-2"}"#,
        r#"{"alg":"ES256","kid":"key-1","typ":"JWT","typ":"JWT"}"#,
        r#"{"alg":"ES256","kid":"key-1","typ":"JWT","t\u0079p":"at+jwt"}"#,
    ] {
        refused(&ways, header).await;
    }
}

#[tokio::test]
async fn a39_no_other_member_stands_there_twice() {
    let ways = Ways::new().await;
    for header in [
        r#"{"alg":"ES256","kid":"key-1","zz":1,"zz":1}"#,
        r#"{"alg":"ES256","kid":"key-1","zz":1,"\u007az":2}"#,
        r#"{"alg":"ES256","kid":"key-1","":1,"":1}"#,
        r#"{"alg":"ES256","kid":"key-1","zz":{"a":1,"a":1}}"#,
    ] {
        refused(&ways, header).await;
    }
}

#[tokio::test]
async fn a40_the_header_is_an_object_and_not_deep() {
    let ways = Ways::new().await;
    for header in [
        r#"["ES256","key-1"]"#,
        r#"[{"alg":"ES256","kid":"key-1"}]"#,
        r#""{\"alg\":\"ES256\",\"kid\":\"key-1\"}""#,
        r#""ES256""#,
        "1",
        "null",
        "true",
        "{}",
        "",
        " ",
    ] {
        refused(&ways, header).await;
    }
    // Below the limit of size, by every kind of nesting: closed, open, in an unknown member.
    for depth in [20, 1000, 2500] {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        refused(&ways, &open).await;
        refused(&ways, &format!("{open}{close}")).await;
        refused(&ways, &format!(r#"{{"alg":"ES256","kid":"key-1","z":{open}{close}}}"#)).await;
    }
    let (open, close) = ("{\"a\":".repeat(800), "}".repeat(800));
    refused(&ways, &format!("{open}1{close}")).await;
}

#[tokio::test]
async fn a40_ten_thousand_levels_grow_no_stack_where_the_settings_let_them_in() {
    let gateway = Gateway::with(Setup::default().setting("tokens", "{max_bytes: 65536}")).await;
    let claims = gateway.provider.bearer_claims(&json!({})).to_string();
    for header in [
        "[".repeat(10_000),
        format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)),
        "{\"a\":".repeat(8000),
    ] {
        let token = gateway.provider.signer().sign_text(&header, &claims);
        assert!(token.len() < 65_536);
        let answer = gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token)).await;
        answer.refused(401, "invalid_token");
    }
}

#[tokio::test]
async fn a41_the_header_is_utf_8_json_and_nothing_around_it() {
    let ways = Ways::new().await;
    let right = r#"{"alg":"ES256","kid":"key-1"}"#;
    for header in [
        format!("\u{feff}{right}"),
        format!("{right}\u{feff}"),
        format!("/*c*/{right}"),
        format!("{right}//c"),
        format!("#c\n{right}"),
        format!("{right}x"),
        format!("{right}{right}"),
        format!("{right},"),
        format!("{right}\0"),
        format!("\0{right}"),
        format!("\u{a0}{right}"),
        format!("\u{c}{right}"),
        r#"{"alg":"ES256",/*c*/"kid":"key-1"}"#.to_owned(),
        r#"{"alg":"ES256","kid":"key-1","z":NaN}"#.to_owned(),
        r#"{"alg":"ES256","kid":"key-1","z":Infinity}"#.to_owned(),
        r#"{"alg":"ES256","kid":"key-1",}"#.to_owned(),
        r#"{"alg":"ES256" "kid":"key-1"}"#.to_owned(),
        r#"{'alg':'ES256','kid':'key-1'}"#.to_owned(),
        r#"{alg:"ES256",kid:"key-1"}"#.to_owned(),
        r#"{"alg":"ES256","kid":"key-1""#.to_owned(),
        "{\"alg\":\"ES256\",\"kid\":\"key\n-1\"}".to_owned(),
        r#"{"alg":"ES256","kid":"\x6bey-1"}"#.to_owned(),
        r#"{"alg":"ES256","kid":"\ud800"}"#.to_owned(),
        "alg: ES256\nkid: key-1".to_owned(),
    ] {
        refused(&ways, &header).await;
    }
}

#[tokio::test]
async fn a41_another_encoding_than_utf_8_is_refused() {
    let ways = Ways::new().await;
    let right = r#"{"alg":"ES256","kid":"key-1"}"#;
    let wide = |order: fn(u16) -> [u8; 2]| right.encode_utf16().flat_map(order).collect::<Vec<_>>();
    let utf_32: Vec<u8> = right.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    let latin_1 = b"{\"alg\":\"ES256\",\"kid\":\"key-1\",\"z\":\"\xe9\"}".to_vec();
    let overlong = b"{\"alg\":\"ES256\",\"kid\":\"key\xc0\xad1\"}".to_vec();
    let cases = [
        ("UTF-16LE", wide(u16::to_le_bytes)),
        ("UTF-16BE", wide(u16::to_be_bytes)),
        ("UTF-16LE, BOM", [vec![0xff, 0xfe], wide(u16::to_le_bytes)].concat()),
        ("UTF-16BE, BOM", [vec![0xfe, 0xff], wide(u16::to_be_bytes)].concat()),
        ("UTF-32", utf_32),
        ("Latin-1", latin_1),
        ("overlong", overlong),
        ("not encoded twice", b64(right.as_bytes()).into_bytes()),
    ];
    for (what, header) in cases {
        let signer = ways.gateway.provider.signer();
        let forge = move |claims: serde_json::Value| {
            signer.sign_bytes(&header, claims.to_string().as_bytes())
        };
        ways.refused(what, forge).await;
    }
}
