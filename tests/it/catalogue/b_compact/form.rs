//! Three parts of canonical base64url, in the one way that there is to write them.

use super::pets;
use crate::support::token::{Signer, b64, unb64, with};
use crate::support::{Gateway, Ways, raw};
use envoy_types::pb::envoy::service::auth::v3::CheckResponse;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use prost::Message;
use serde_json::{Value, json};

/// Each change of a right token is refused in each way; the token as it is is taken.
async fn refuses<F>(changes: Vec<(String, F)>)
where
    F: Fn(&str) -> String + Send + Sync + 'static,
{
    let ways = Ways::new().await;
    let signer = ways.gateway.provider.signer();
    let good = signer.clone();
    ways.taken("as it is", move |claims| good.sign(&claims)).await;
    for (what, change) in changes {
        let signer = signer.clone();
        ways.refused(&what, move |claims| {
            let token = signer.sign(&claims);
            let changed = change(&token);
            assert_ne!(changed, token, "not changed");
            changed
        })
        .await;
    }
}

type Change = Box<dyn Fn(&str) -> String + Send + Sync>;

/// A change of the parts, whose order is that of the template `HPS`.
fn parts(template: &'static str) -> (String, Change) {
    let change = move |token: &str| {
        let parts: Vec<&str> = token.split('.').collect();
        let of = |c: char| match c {
            'H' => parts[0].to_owned(),
            'P' => parts[1].to_owned(),
            'S' => parts[2].to_owned(),
            other => other.to_string(),
        };
        template.chars().map(of).collect()
    };
    (template.to_owned(), Box::new(change))
}

#[tokio::test]
async fn b01_a_token_has_three_parts() {
    let templates = [
        "",
        ".",
        "..",
        "...",
        "....",
        ".....",
        "H",
        "P",
        "S",
        "HPS",
        "H.P",
        "P.S",
        "H.S",
        "H.P.S.S",
        "H.P.S.H.P.S",
        "H.P..S",
        "H..P.S",
        "H.P.S..",
        "H.P.S.P",
        "H.P.S.H.P",
        "....S",
        "H....",
    ];
    refuses(templates.into_iter().map(parts).collect()).await;
}

#[tokio::test]
async fn b03_no_dot_stands_before_or_behind() {
    let templates =
        [".H.P.S", "H.P.S.", ".H.P.S.", ".H.P", "H.P.", "..H.P.S", ".P.S", "H..S", "H.."];
    refuses(templates.into_iter().map(parts).collect()).await;
}

/// A change of the signature's bytes.
fn signature(what: &str, change: fn(Vec<u8>) -> Vec<u8>) -> (String, Change) {
    let change = move |token: &str| {
        let (signed, signature) = token.rsplit_once('.').expect("parts");
        format!("{signed}.{}", b64(&change(unb64(signature))))
    };
    (what.to_owned(), Box::new(change))
}

fn bad_signatures() -> Vec<(String, Change)> {
    vec![
        signature("none", |_| Vec::new()),
        signature("one byte", |bytes| bytes[..1].to_vec()),
        signature("without the last byte", |bytes| bytes[..bytes.len() - 1].to_vec()),
        signature("without the first byte", |bytes| bytes[1..].to_vec()),
        signature("0 behind", |bytes| [bytes, vec![0]].concat()),
        signature("0 in front", |bytes| [vec![0], bytes].concat()),
        signature("twice", |bytes| [bytes.clone(), bytes].concat()),
        signature("half of it", |bytes| bytes[..bytes.len() / 2].to_vec()),
        signature("zeros", |bytes| vec![0; bytes.len()]),
        signature("ones", |bytes| vec![0xff; bytes.len()]),
        signature("backwards", |bytes| bytes.into_iter().rev().collect()),
    ]
}

#[tokio::test]
async fn b04_a_signature_of_another_length_is_refused() {
    refuses(bad_signatures()).await;
}

#[tokio::test]
async fn b04_an_rsa_signature_of_another_length_is_refused() {
    let ways = Ways::new().await;
    let signer = Signer::rsa("rsa", "RS256");
    ways.gateway.publish(std::slice::from_ref(&signer), &[]).await;
    let good = signer.clone();
    ways.taken("as it is", move |claims| good.sign(&claims)).await;
    for (what, change) in bad_signatures() {
        let signer = signer.clone();
        ways.refused(&what, move |claims| change(&signer.sign(&claims))).await;
    }
}

/// A change of one of the parts, as text.
fn part(at: usize, what: &str, change: fn(&str) -> String) -> (String, Change) {
    let change = move |token: &str| {
        let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
        parts[at] = change(&parts[at]);
        parts.join(".")
    };
    (format!("{what} in part {at}"), Box::new(change))
}

#[tokio::test]
async fn b05_padding_is_refused() {
    let changes = (0..3).flat_map(|at| {
        [
            part(at, "=", |part| format!("{part}=")),
            part(at, "==", |part| format!("{part}==")),
            part(at, "===", |part| format!("{part}===")),
            part(at, "= in front", |part| format!("={part}")),
            part(at, "%3D", |part| format!("{part}%3D")),
            part(at, "padded to a multiple of 4", |part| {
                let missing = (4 - part.len() % 4) % 4;
                format!("{part}{}", "=".repeat(missing.max(1)))
            }),
        ]
    });
    refuses(changes.collect()).await;
}

#[tokio::test]
async fn b06_the_other_alphabet_is_refused() {
    let changes = (0..3).flat_map(|at| {
        [
            part(at, "+", |part| format!("+{}", part.split_at(1).1)),
            part(at, "/", |part| format!("/{}", part.split_at(1).1)),
            part(at, "+ behind", |part| format!("{part}+")),
            part(at, "/ behind", |part| format!("{part}/")),
            part(at, "~", |part| format!("{part}~")),
            part(at, "!", |part| format!("!{part}")),
        ]
    });
    refuses(changes.collect()).await;
    // A signature that has both characters of the alphabet that differ, written in the other one.
    let ways = Ways::new().await;
    let signer = ways.gateway.provider.signer();
    ways.refused("standard alphabet", move |claims| {
        let mut tokens = (0..1000).map(|_| signer.sign(&claims));
        let has_both = |token: &String| {
            let signature = token.rsplit('.').next().unwrap_or_default();
            signature.contains('-') && signature.contains('_')
        };
        let token = tokens.find(has_both).expect("such a signature");
        let (signed, signature) = token.rsplit_once('.').expect("parts");
        format!("{signed}.{}", signature.replace('-', "+").replace('_', "/"))
    })
    .await;
}

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Tokens that a lax decoder reads like this one: the last character of a part with other unused bits.
fn twins(token: &str) -> Vec<String> {
    let parts: Vec<&str> = token.split('.').collect();
    let mut twins = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let unused = match part.len() % 4 {
            2 => 4,
            3 => 2,
            _ => continue,
        };
        let (rest, last) = part.split_at(part.len() - 1);
        let value = ALPHABET.iter().position(|c| *c == last.as_bytes()[0]).expect("a character");
        for bits in 1..1_usize << unused {
            let mut changed: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            changed[at] = format!("{rest}{}", char::from(ALPHABET[value | bits]));
            twins.push(changed.join("."));
        }
    }
    twins
}

#[tokio::test]
async fn b07_a_text_that_decodes_like_a_good_token_is_refused_even_after_that_one() {
    let gateway = Gateway::new().await;
    let signer = gateway.provider.signer();
    let mut tried = 0;
    for padding in ["", "x", "xx"] {
        let claims = gateway.provider.bearer_claims(&json!({ "z": padding }));
        for header in [r#"{"alg":"ES256","kid":"key-1"}"#, r#"{"alg":"ES256","kid":"key-1" }"#] {
            let token = signer.sign_text(header, &claims.to_string());
            gateway.ask(pets().bearer(&token)).await.granted();
            for twin in twins(&token) {
                gateway.ask(pets().bearer(&twin)).await.refused(401, "invalid_token");
                tried += 1;
            }
            gateway.ask(pets().bearer(&token)).await.granted();
        }
    }
    assert!(tried > 60, "{tried} tried");
}

#[tokio::test]
async fn b07_such_a_text_is_refused_in_each_way() {
    let ways = Ways::new().await;
    let signer = ways.gateway.provider.signer();
    for at in [0, 7, 14] {
        let signer = signer.clone();
        // The signature has 15 twins; they come last.
        ways.refused(&format!("twin {at}"), move |claims| {
            twins(&signer.sign(&claims)).into_iter().rev().nth(at).expect("a twin")
        })
        .await;
    }
}

/// `text` within each part, at each seam, before and behind.
fn with_inside(text: &str) -> Vec<(String, Change)> {
    let shown = format!("{text:?}");
    let text = text.to_owned();
    let at = |what: &str, change: Change| (format!("{shown} {what}"), change);
    let behind_dot = text.clone();
    let before_dot = text.clone();
    let inside = text.clone();
    let before = text.clone();
    vec![
        at("behind a dot", Box::new(move |t: &str| t.replacen('.', &format!(".{behind_dot}"), 1))),
        at("before a dot", Box::new(move |t: &str| t.replacen('.', &format!("{before_dot}."), 1))),
        at(
            "inside",
            Box::new(move |t: &str| {
                let (start, end) = t.split_at(5);
                format!("{start}{inside}{end}")
            }),
        ),
        at("before", Box::new(move |t: &str| format!("{before}{t}"))),
        at("behind", Box::new(move |t: &str| format!("{t}{text}"))),
    ]
}

#[tokio::test]
async fn b08_white_space_anywhere_is_refused() {
    let spaces = [" ", "\t", "\n", "\r", "\r\n", "\u{b}", "\u{c}", "\r\n ", "\\n", "%20"];
    refuses(spaces.into_iter().flat_map(with_inside).collect()).await;
}

#[tokio::test]
async fn b09_other_characters_anywhere_are_refused() {
    let others = [
        "\0",
        "\u{1}",
        "\u{1b}",
        "\u{7f}",
        "\u{80}",
        "\u{85}",
        "\u{a0}",
        "\u{e9}",
        "\u{ff}",
        "\u{200b}",
        "\u{200d}",
        "\u{202e}",
        "\u{2028}",
        "\u{feff}",
        "\u{ff0e}",
        "\u{3002}",
        "\u{ff21}",
        "\u{1d400}",
        "\"",
        "'",
        ";",
        ":",
        "*",
        "\\",
    ];
    refuses(others.into_iter().flat_map(with_inside).collect()).await;
    let dots = ["\u{ff0e}", "\u{3002}", "\u{2024}", "%2e", "\\u002e", ":", "-"];
    let other_dots = dots.into_iter().map(|dot| -> (String, Change) {
        (format!("{dot:?} for a dot"), Box::new(move |token: &str| token.replace('.', dot)))
    });
    refuses(other_dots.collect()).await;
}

/// Bytes that are no UTF-8 cannot stand in a message; one that holds them is refused, by whatever
/// is left of it.
#[tokio::test]
async fn b09_bytes_that_are_no_text_pass_in_no_field() {
    let gateway = Gateway::new().await;
    let token = gateway.provider.id_token(&json!({}));
    let marked = format!("{token}%%");
    let message = pets().bearer(&marked).message().encode_to_vec();
    let at = message.windows(2).position(|pair| pair == b"%%").expect("the mark");
    for pair in [[0x80, 0x80], [0xff, 0xfe], [0xc0, 0xae], [0xed, 0xa0], [0x41, 0x80], [0xf5, 0x90]]
    {
        let mut bytes = message.clone();
        bytes[at..at + 2].copy_from_slice(&pair);
        let answer = raw::check(&gateway, bytes).await;
        assert!(!answer.as_ref().is_ok_and(passes), "{pair:x?}: {answer:?}");
    }
    gateway.ask(pets().bearer(&token)).await.granted();
}

fn passes(response: &CheckResponse) -> bool {
    let refused = matches!(response.http_response, Some(HttpResponse::DeniedResponse(_)));
    !refused || response.status.as_ref().is_none_or(|status| status.code == 0)
}

#[tokio::test]
async fn b01_other_serializations_and_encrypted_tokens_are_refused() {
    let ways = Ways::new().await;
    let signer = ways.gateway.provider.signer();
    let flattened = |claims: &Value, signer: &Signer| {
        let token = signer.sign(claims);
        let parts: Vec<&str> = token.split('.').collect();
        json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]})
    };
    // As text with a comma, a bearer is two values (400): at the callback and a refresh it is none.
    let gateway = &ways.gateway;
    let claims = gateway.provider.bearer_claims(&json!({}));
    for token in [
        flattened(&claims, &signer).to_string(),
        json!({"payload": flattened(&claims, &signer)["payload"],
            "signatures": [flattened(&claims, &signer)]})
        .to_string(),
    ] {
        gateway.ask(pets().bearer(&token)).await.refused(400, "ambiguous_request");
    }
    for alg in ["RSA-OAEP-256", "ECDH-ES", "dir", "ES256"] {
        let (signer, header) = (signer.clone(), json!({"alg": alg, "enc": "A256GCM"}));
        ways.refused(&format!("five parts, {alg}"), move |claims| {
            let header = with(signer.header(), &header);
            format!("{}.{}.{}", signer.sign_as(&header, &claims), b64(&[1; 16]), b64(&[2; 16]))
        })
        .await;
    }
}
