//! Claims: right, changed without harm, mutated. A value is a text, so that it may be anything.

use super::dice::Dice;
use super::draft::{Draft, Kind, Object};
use super::{AUDIENCE, CLIENT, ISSUER, NOW};

/// As Okta writes them.
pub(crate) fn right(kind: Kind, number: usize) -> Object {
    let mut claims = Object::default();
    claims.add("iss", &format!("\"{ISSUER}\""));
    claims.add("iat", &NOW.to_string());
    claims.add("exp", &(NOW + 3600).to_string());
    claims.add("ver", "1");
    match kind {
        Kind::Id => {
            claims.add("sub", "\"00u1\"");
            claims.add("aud", &format!("\"{CLIENT}\""));
            claims.add("jti", &format!("\"ID.{number}\""));
            claims.add("amr", "[\"pwd\"]");
            claims.add("auth_time", &NOW.to_string());
        }
        Kind::Access => {
            claims.add("sub", "\"ann@example.com\"");
            claims.add("aud", &format!("\"{AUDIENCE}\""));
            claims.add("jti", &format!("\"AT.{number}\""));
            claims.add("uid", "\"00u1\"");
            claims.add("cid", &format!("\"{CLIENT}\""));
            claims.add("scp", "[\"openid\",\"pets\"]");
        }
    }
    claims
}

/// Claims of nobody's concern.
const FURTHER: [(&str, &str); 12] = [
    ("groups", "[\"PetstoreUsers\",\"Everyone\"]"),
    ("groups", "[]"),
    ("email", "\"ann@example.com\""),
    ("email", "null"),
    ("email_verified", "\"true\""),
    ("name", "\"\\u00c5nn \\ud83d\\udc4b\""),
    ("number", "-12345678901234567890.5e-3"),
    ("nested", "{\"a\":[{\"b\":[1,2,{\"c\":null}]}],\"iss\":\"https://evil.example\"}"),
    ("address", "{\"country\":\"\\u2028\"}"),
    ("Iss", "\"https://evil.example\""),
    ("exp ", "1"),
    ("idp", "\"00o1\""),
];

pub(crate) fn change(draft: &mut Draft<'_>, dice: &mut Dice) {
    // At the borders a token holds still.
    let (name, raw) = match dice.below(12) {
        0 => {
            let audience = draft.claims.raw("aud");
            let list =
                if dice.percent(50) { format!("[{audience}]") } else { format!("[ {audience} ]") };
            if audience.starts_with('[') { return } else { ("aud", list) }
        }
        1 => ("iat", (NOW - u64::try_from(dice.below(3600)).unwrap_or(0)).to_string()),
        2 => ("iat", dice.pick(&[NOW + 60, NOW + 59, NOW - 82_860]).to_string()),
        3 => ("exp", dice.pick(&[NOW + 1, NOW + 600, NOW + 3599]).to_string()),
        4 => ("exp", format!("{}.{}", NOW + 60, dice.below(1000))),
        5 => ("nbf", dice.pick(&[0, NOW, NOW + 60, NOW - 300]).to_string()),
        6 => ("nbf", format!("{}.5", NOW + 59)),
        7 => ("exp", format!("{}e0", NOW + 60)),
        8 => ("azp", format!("\"{CLIENT}\"")),
        9 => ("iss", format!("\"{}\"", ISSUER.replace('/', "\\/").replace('d', "\\u0064"))),
        _ => {
            let (name, raw) = *dice.pick(&FURTHER);
            (name, raw.to_owned())
        }
    };
    draft.claims.set(name, &raw);
    draft.note(format!("{name} {raw}"));
}

const NAMES: [&str; 19] = [
    "iss",
    "aud",
    "exp",
    "iat",
    "nbf",
    "sub",
    "azp",
    "nonce",
    "at_hash",
    "c_hash",
    "cid",
    "uid",
    "scp",
    "scope",
    "client_id",
    "cnf",
    "events",
    "auth_time",
    "jti",
];

/// Values of every type, for any claim.
const VALUES: [&str; 27] = [
    "-",
    "null",
    "0",
    "1",
    "-1",
    "1.5",
    "-0",
    "1e300",
    "1e400",
    "1e18",
    "18446744073709551615",
    "18446744073709551616",
    "9007199254740993",
    "true",
    "false",
    "\"\"",
    "\"x\"",
    "\" \"",
    "[]",
    "{}",
    "[null]",
    "[\"x\"]",
    "\"1800003600\"",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "NaN",
    "01",
];

/// Values for one claim; `$` is the right one, without quotes where it is a text.
const OWN: [(&str, &[&str]); 9] = [
    ("aud", &["[\"$\",\"other\"]", "\"other\"", "\"$x\"", "[\"$\",\"0oaclient\"]"]),
    ("uid", &["-", "\"\"", "\"client:x\"", "[]"]),
    (
        "iss",
        &[
            "[\"$\"]",
            "[\"https://evil.example\",\"$\"]",
            "\"$/\"",
            "\" $\"",
            "\"$.evil.example\"",
            "\"https://evil.example/$\"",
            "\"https://DEV-1.okta.com/oauth2/default\"",
            "{\"$\":1}",
            "\"https://dev-1.okta.com:443/oauth2/default\"",
            "\"https://dev-1.okta.com\"",
            "\"$\\u0000\"",
        ],
    ),
    (
        "aud",
        &[
            "[\"$\",\"other\"]",
            "[\"other\",\"$\"]",
            "[1,\"$\"]",
            "[null,\"$\"]",
            "[[\"$\"]]",
            "[\"$\",\"$\"]",
            "\"$ \"",
            "\"$,other\"",
            "\"*\"",
            "\"api://default\"",
            "\"0oaclient\"",
            "[\"api://default\",\"0oaclient\"]",
            "\"API://DEFAULT\"",
            "{\"$\":true}",
            "[\"$\",\"\"]",
        ],
    ),
    ("sub", &["\"a\\r\\nb\"", "\"\\u00e4\"", "\"client:x\"", "[\"$\"]", "\"0oaclient\"", "\"$ \""]),
    ("scp", &["\"openid\"", "[1]", "[\"a\",null]", "[[\"a\"]]"]),
    ("azp", &["\"other\"", "\"0oaclient2\"", "[\"0oaclient\"]"]),
    ("cnf", &["{\"jkt\":\"x\"}", "{\"x5t#S256\":\"x\"}", "\"x\""]),
    ("events", &["{\"http://schemas.openid.net/event/backchannel-logout\":{}}"]),
];

const TEXTS: [&str; 16] = [
    "",
    "null",
    "[]",
    "\"a\"",
    "1",
    "{}",
    "$}",
    "$,",
    "$ $",
    "[$]",
    "\u{feff}$",
    "$\u{0}",
    "$//c",
    "{\"a\":$",
    "/**/$",
    "$\u{feff}",
];

pub(crate) fn mutate(draft: &mut Draft<'_>, dice: &mut Dice) {
    match dice.below(10) {
        0..3 => {
            let (name, raw) = (*dice.pick(&NAMES), *dice.pick(&VALUES));
            set(draft, name, raw);
        }
        3..5 => {
            let (name, raws) = *dice.pick(&OWN);
            let right = draft.claims.raw(name);
            let raw = dice.pick(raws).replace('$', right.trim_matches('"'));
            set(draft, name, &raw);
        }
        5..7 => {
            // Seconds around every border, with and without a part of one.
            let name = *dice.pick(&["exp", "exp", "iat", "nbf"]);
            let border =
                *dice.pick(&[NOW, NOW - 60, NOW + 60, NOW + 86_400, NOW + 86_460, NOW - 86_400]);
            let at = border - 2 + u64::try_from(dice.below(5)).unwrap_or(0);
            let part = *dice.pick(&["", "", ".5", ".001", ".999", ".0", "e0", ".25E+0"]);
            set(draft, name, &format!("{at}{part}"));
        }
        7 | 8 => {
            let name = *dice.pick(&["iss", "aud", "exp", "iat", "sub", "ver", "x"]);
            let escaped =
                format!("\\u{:04x}{}", name.as_bytes()[0], name.get(1..).unwrap_or_default());
            let twice = if dice.percent(50) { name } else { escaped.as_str() };
            let raw =
                if dice.percent(50) { draft.claims.raw(name) } else { "\"other\"".to_owned() };
            let raw = if raw.is_empty() { "1".to_owned() } else { raw };
            draft.claims.add(twice, &raw);
            if dice.percent(30) {
                draft.claims.rearrange(dice);
            }
            draft.note(format!("{twice} once more"));
        }
        _ => {
            let text = dice.pick(&TEXTS).replace('$', &draft.claims.text());
            let deep = dice.below(40);
            let deep = format!("{}{}", "[".repeat(deep), "]".repeat(deep));
            let long = format!("\"{}\"", "x".repeat(4000 + dice.below(4000)));
            let mut bytes = text.into_bytes();
            match dice.below(6) {
                0 => set(draft, "x", &deep),
                1 => draft.claims.set("x", &long),
                2 => {
                    bytes.push(0xff);
                    draft.claims_text = Some(bytes);
                }
                3 => {
                    let wide: Vec<u16> = draft.claims.text().encode_utf16().collect();
                    draft.claims_text =
                        Some(wide.iter().flat_map(|unit| unit.to_le_bytes()).collect());
                }
                _ => draft.claims_text = Some(bytes),
            }
            draft.note("payload text");
        }
    }
}

fn set(draft: &mut Draft<'_>, name: &str, raw: &str) {
    draft.claims.set(name, raw);
    if raw == "-" {
        draft.claims.remove(name);
    }
    draft.note(format!("{name} {raw}"));
}
