//! Headers: right, changed without harm, mutated.

use super::dice::Dice;
use super::draft::{Draft, Kind, Object};
use super::keys::Signer;

/// As Okta writes it.
pub(crate) fn right(signer: &Signer) -> Object {
    let mut header = Object::default();
    header.add("alg", &format!("\"{}\"", signer.alg));
    header.add("kid", &format!("\"{}\"", signer.kid));
    header
}

pub(crate) fn change(draft: &mut Draft<'_>, dice: &mut Dice) {
    let typ = match (draft.kind, dice.below(5)) {
        (Kind::Access, 0) => "\"at+jwt\"",
        (Kind::Access, 1) => "\"application/at+jwt\"",
        (_, 2) => "\"jwt\"",
        (_, 3) => "\"\\u004aWT\"",
        _ => "\"JWT\"",
    };
    draft.header.set("typ", typ);
    draft.note(format!("typ {typ}"));
}

const ALG: [&str; 20] = [
    "\"none\"",
    "\"None\"",
    "\"NONE\"",
    "\"HS256\"",
    "\"HS512\"",
    "\"RS256\"",
    "\"RS384\"",
    "\"PS256\"",
    "\"PS512\"",
    "\"ES256\"",
    "\"ES384\"",
    "\"ES512\"",
    "\"ES256K\"",
    "\"EdDSA\"",
    "\"rs256\"",
    "\"RS256 \"",
    "null",
    "1",
    "[\"RS256\"]",
    "\"\"",
];

const KID: [&str; 17] = [
    "-",
    "null",
    "1",
    "\"\"",
    "[]",
    "{}",
    "\"rsa\"",
    "\"ec\"",
    "\"enc\"",
    "\"twin\"",
    "\"oct\"",
    "\"unknown\"",
    "\"RSA\"",
    "\"rsa \"",
    "\"rsa\\u0000\"",
    "\"../../../../dev/null\"",
    "\"' OR 1=1 --\"",
];

const TYP: [&str; 11] = [
    "\"logout+jwt\"",
    "\"global-token-revocation+jwt\"",
    "\"dpop+jwt\"",
    "\"at+jwt\"",
    "\"JOSE\"",
    "\"\"",
    "null",
    "1",
    "[\"JWT\"]",
    "\"JWT \"",
    "{}",
];

/// Members that change what is verified, or where a key is looked for.
const FURTHER: [(&str, &str); 18] = [
    ("crit", "[\"exp\"]"),
    ("crit", "[]"),
    ("crit", "\"exp\""),
    ("crit", "[\"b64\"],\"b64\":true"),
    ("crit", "[\"b64\"],\"b64\":false"),
    ("crit", "[\"http://example.com/x\"],\"http://example.com/x\":1"),
    ("b64", "false"),
    ("b64", "true"),
    ("jku", "\"https://evil.example/keys\""),
    ("x5u", "\"https://evil.example/key.pem\""),
    ("jwk", "{\"kty\":\"oct\",\"k\":\"AAAA\"}"),
    ("x5c", "[\"AAAA\"]"),
    ("enc", "\"A128GCM\""),
    ("zip", "\"DEF\""),
    ("cty", "\"JWT\""),
    ("iss", "\"https://evil.example\""),
    ("__proto__", "{\"alg\":\"none\"}"),
    ("", "0"),
];

const TEXTS: [&[u8]; 11] = [
    b"",
    b"null",
    b"[]",
    b"\"RS256\"",
    b"{}",
    b"{\"alg\":\"RS256\",\"kid\":\"rsa\"",
    b"{\"alg\":\"RS256\",\"kid\":\"rsa\"}}",
    b"{'alg':'RS256','kid':'rsa'}",
    b"{\"alg\":\"RS256\",\"kid\":\"rsa\",}",
    b"\xef\xbb\xbf{\"alg\":\"RS256\",\"kid\":\"rsa\"}",
    b"{\"alg\":\"RS256\",\"kid\":\"\xff\"}",
];

pub(crate) fn mutate(draft: &mut Draft<'_>, dice: &mut Dice) {
    match dice.below(7) {
        0 | 1 => {
            let alg = *dice.pick(&ALG);
            draft.header.set("alg", alg);
            draft.note(format!("alg {alg}"));
            // Half of them are signed as they say.
            if dice.percent(50) {
                draft.alg = alg.trim_matches('"').to_owned();
            }
        }
        2 => {
            let kid = *dice.pick(&KID);
            draft.header.set("kid", kid);
            if kid == "-" {
                draft.header.remove("kid");
            }
            draft.note(format!("kid {kid}"));
        }
        3 => {
            let typ = *dice.pick(&TYP);
            draft.header.set("typ", typ);
            draft.note(format!("typ {typ}"));
        }
        4 => {
            let (name, raw) = *dice.pick(&FURTHER);
            draft.header.add(name, raw);
            draft.note(format!("header {name}"));
        }
        5 => {
            let name = *dice.pick(&["alg", "kid", "\\u0061lg", "k\\u0069d"]);
            let own = if name.contains('k') { "kid" } else { "alg" };
            let raw = if dice.percent(50) { draft.header.raw(own) } else { "\"RS256\"".to_owned() };
            draft.header.add(name, &raw);
            draft.note(format!("header {name} twice"));
        }
        _ => {
            let text = *dice.pick(&TEXTS);
            draft.header_text = Some(text.to_vec());
            draft.note("header text");
        }
    }
}
