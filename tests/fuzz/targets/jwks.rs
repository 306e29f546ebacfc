//! A key set: every key that is loaded keeps the rules, by an independent reading.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::token::KeySet;
use serde_json::Value;

pub(crate) fn run(document: &[u8]) {
    let Ok((keys, alarms)) = KeySet::parse(document) else { return };
    assert!((1..=64).contains(&keys.len()));
    let said: Value =
        serde_json::from_slice(document).expect("a key set that is no JSON was taken");
    let listed = said["keys"].as_array().expect("an array");
    for kid in keys.kids() {
        let own: Vec<&Value> =
            listed.iter().filter(|key| key["kid"] == kid && key["use"] != "enc").collect();
        assert_eq!(own.len(), 1, "{kid:?} is not one key");
        let key = own[0];
        let found = keys.find(kid).expect("a key of this name");
        assert_eq!(key["alg"], found.algorithm().as_str());
        assert!(key.get("use").is_none_or(|usage| usage == "sig"), "{key}");
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(key.get(private).is_none(), "{kid:?} has {private}");
        }
        let number = |name: &str| {
            let text = key[name].as_str().expect("text");
            URL_SAFE_NO_PAD.decode(text).expect("base64url")
        };
        match key["kty"].as_str() {
            Some("RSA") => {
                let modulus: Vec<u8> = number("n").into_iter().skip_while(|b| *b == 0).collect();
                assert!((256..=512).contains(&modulus.len()), "{} bytes", modulus.len());
                assert!(modulus.len() > 256 || modulus[0] >= 0x80, "fewer than 2048 bits");
                assert_eq!(modulus[modulus.len() - 1] & 1, 1, "even");
                let exponent = number("e").into_iter().skip_while(|byte| *byte == 0);
                assert_eq!(exponent.collect::<Vec<_>>(), [1, 0, 1]);
                assert!(["RS", "PS"].iter().any(|a| found.algorithm().as_str().starts_with(a)));
            }
            Some("EC") => {
                let (curve, length) = match found.algorithm().as_str() {
                    "ES256" => ("P-256", 32),
                    "ES384" => ("P-384", 48),
                    other => panic!("{other} on a curve"),
                };
                assert_eq!(key["crv"], curve);
                assert_eq!((number("x").len(), number("y").len()), (length, length));
            }
            other => panic!("{other:?} was taken"),
        }
    }
    for alarm in alarms {
        let told = alarm.to_string();
        assert!(!told.chars().any(char::is_control) && told.len() < 300, "{told:?}");
    }
    let again = KeySet::parse(said.to_string().as_bytes()).expect("written again it is none").0;
    assert_eq!(again, keys, "written again it is another set");
}
