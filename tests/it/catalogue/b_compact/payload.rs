//! The payload: one JSON object that every parser reads the same way.

use crate::support::Ways;
use serde_json::Value;

/// What `change` makes of the claims' text, signed well, is refused in each way.
async fn refuses(
    ways: &Ways,
    what: &str,
    change: impl Fn(String) -> Vec<u8> + Send + Sync + 'static,
) {
    let signer = ways.gateway.provider.signer();
    ways.refused(what, move |claims: Value| {
        let header = signer.header().to_string();
        signer.sign_bytes(header.as_bytes(), &change(claims.to_string()))
    })
    .await;
}

/// The claims with one more member, which is this text.
fn and(claims: &str, member: &str) -> String {
    format!("{},{member}}}", claims.strip_suffix('}').expect("an object"))
}

#[tokio::test]
async fn b11_a_payload_that_is_no_object_is_refused() {
    let ways = Ways::new().await;
    for payload in
        ["", " ", "null", "true", "0", "1e9", "{}", "[]", "\"\"", "x", "{", "}", "{]", "[{}]"]
    {
        refuses(&ways, payload, |_claims| payload.as_bytes().to_vec()).await;
    }
    refuses(&ways, "in an array", |claims| format!("[{claims}]").into_bytes()).await;
    refuses(&ways, "in a string", |claims| Value::from(claims).to_string().into_bytes()).await;
    refuses(&ways, "in base64", |claims| {
        crate::support::token::b64(claims.as_bytes()).into_bytes()
    })
    .await;
    refuses(&ways, "a byte 0 behind", |claims| format!("{claims}\0").into_bytes()).await;
    refuses(&ways, "twice", |claims| format!("{claims}{claims}").into_bytes()).await;
    refuses(&ways, "BOM", |claims| format!("\u{feff}{claims}").into_bytes()).await;
    refuses(&ways, "cut off", |claims| claims.as_bytes()[..claims.len() - 1].to_vec()).await;
    refuses(&ways, "comma", |claims| claims.replacen('}', ",}", 1).into_bytes()).await;
    refuses(&ways, "comment", |claims| format!("{claims}//c").into_bytes()).await;
    refuses(&ways, "NaN", |claims| and(&claims, "\"z\":NaN").into_bytes()).await;
    refuses(&ways, "Latin-1", |claims| {
        [and(&claims, "\"z\":\"").trim_end_matches('}').as_bytes(), b"\xe9\"}"].concat()
    })
    .await;
    refuses(&ways, "UTF-16", |claims| claims.encode_utf16().flat_map(u16::to_le_bytes).collect())
        .await;
}

#[tokio::test]
async fn b11_a_claim_that_stands_there_twice_is_refused() {
    let ways = Ways::new().await;
    for member in [
        r#""sub":"00u2""#,
        r#""s\u0075b":"00u2""#,
        r#""aud":"other""#,
        r#""exp":9999999999"#,
        r#""groups":["Admins"]"#,
        r#""zz":1,"zz":1"#,
        r#""zz":{"a":1,"a":2}"#,
        r#""zz":[{"a":1,"\u0061":1}]"#,
    ] {
        refuses(&ways, member, move |claims| and(&claims, member).into_bytes()).await;
    }
}

#[tokio::test]
async fn b13_a_payload_that_is_nested_deep_is_refused() {
    let ways = Ways::new().await;
    let signer = ways.gateway.provider.signer();
    ways.taken("a little nested", move |claims| {
        let member = format!(r#""z":{}1{}"#, "[".repeat(10), "]".repeat(10));
        signer.sign_text(&signer.header().to_string(), &and(&claims.to_string(), &member))
    })
    .await;
    for depth in [100, 1000, 2500, 80_000] {
        refuses(&ways, &format!("{depth} arrays"), move |claims| {
            let member = format!(r#""z":{}{}"#, "[".repeat(depth), "]".repeat(depth));
            and(&claims, &member).into_bytes()
        })
        .await;
    }
    refuses(&ways, "objects", |claims| {
        let member = format!(r#""z":{}1{}"#, r#"{"a":"#.repeat(900), "}".repeat(900));
        and(&claims, &member).into_bytes()
    })
    .await;
    refuses(&ways, "not closed", |claims| {
        and(&claims, &format!(r#""z":{}"#, "[".repeat(3000))).into_bytes()
    })
    .await;
    refuses(&ways, "100000 levels", |claims| {
        and(&claims, &format!(r#""z":{}"#, "[".repeat(100_000))).into_bytes()
    })
    .await;
}
