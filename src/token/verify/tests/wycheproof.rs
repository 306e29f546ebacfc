//! Wycheproof's vectors of the signatures and points themselves, through our own reading of keys.

use crate::token::fixtures::{b64, jwks};
use crate::token::{Algorithm, KeySet, VerificationKey};
use serde_json::{Value, json};
use std::sync::Arc;
use wycheproof::{TestResult, ecdh, ecdsa, rsa_pkcs1_verify, rsa_pss_verify};

/// The key, where it is one that we read.
fn key(jwk: &Value) -> Option<Arc<VerificationKey>> {
    let (keys, _alarms) = KeySet::parse(jwks(std::slice::from_ref(jwk)).as_bytes()).ok()?;
    keys.find("k").cloned()
}

fn ec(algorithm: Algorithm, curve: &str, point: &[u8]) -> Option<Arc<VerificationKey>> {
    let (x, y) = point.strip_prefix(&[4])?.split_at(point.len() / 2);
    key(&json!({"kty": "EC", "kid": "k", "alg": algorithm.as_str(), "crv": curve,
        "x": b64(x), "y": b64(y)}))
}

fn rsa(algorithm: Algorithm, modulus: &[u8], exponent: &[u8]) -> Option<Arc<VerificationKey>> {
    key(&json!({"kty": "RSA", "kid": "k", "alg": algorithm.as_str(), "n": b64(modulus),
        "e": b64(exponent)}))
}

/// Holds our verdict on a signature against the vector's.
fn agrees(key: &VerificationKey, result: TestResult, message: &[u8], signature: &[u8], id: usize) {
    let held = key.has_signed(message, signature);
    match result {
        TestResult::Valid => assert!(held, "refuses {id}"),
        TestResult::Invalid => assert!(!held, "accepts {id}"),
        // PKCS#1 without the NULL of its parameters: either answer is right, ours is the strict one.
        TestResult::Acceptable => assert!(!held, "accepts {id}"),
    }
}

#[test]
fn c21_agrees_with_wycheproof_on_ecdsa() {
    use ecdsa::TestName::{EcdsaSecp256r1Sha256P1363, EcdsaSecp384r1Sha384P1363};
    let sets = [
        (EcdsaSecp256r1Sha256P1363, Algorithm::Es256, "P-256", 262),
        (EcdsaSecp384r1Sha384P1363, Algorithm::Es384, "P-384", 280),
    ];
    for (name, algorithm, curve, want) in sets {
        let set = ecdsa::TestSet::load(name).expect("vectors");
        let mut tried = 0;
        for group in set.test_groups {
            let key = ec(algorithm, curve, &group.key.key).expect("a key on the curve");
            for test in group.tests {
                agrees(&key, test.result, &test.msg, &test.sig, test.tc_id);
                tried += 1;
            }
        }
        assert!(tried >= want, "{algorithm:?}: {tried} tried");
    }
}

#[test]
fn c21_agrees_with_wycheproof_on_rsa() {
    use rsa_pkcs1_verify::TestName::{
        Rsa2048Sha256, Rsa2048Sha384, Rsa2048Sha512, Rsa3072Sha256, Rsa3072Sha384, Rsa3072Sha512,
        Rsa4096Sha256, Rsa4096Sha384, Rsa4096Sha512, Rsa8192Sha256, Rsa8192Sha384, Rsa8192Sha512,
    };
    let sets = [
        (Algorithm::Rs256, [Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256, Rsa8192Sha256]),
        (Algorithm::Rs384, [Rsa2048Sha384, Rsa3072Sha384, Rsa4096Sha384, Rsa8192Sha384]),
        (Algorithm::Rs512, [Rsa2048Sha512, Rsa3072Sha512, Rsa4096Sha512, Rsa8192Sha512]),
    ];
    for (algorithm, names) in sets {
        let (mut tried, mut not_read) = (0, 0);
        for group in names.map(|name| rsa_pkcs1_verify::TestSet::load(name).expect("vectors")) {
            for group in group.test_groups {
                let Some(key) = read_rsa(algorithm, group.key_size, &group.key.n, &group.key.e)
                else {
                    not_read += group.tests.len();
                    continue;
                };
                for test in group.tests {
                    agrees(&key, test.result, &test.msg, &test.sig, test.tc_id);
                    tried += 1;
                }
            }
        }
        println!("{algorithm:?}: {tried} tried, {not_read} of keys that are not read");
        assert!(tried > 700 && not_read > 200, "{tried}, {not_read}");
    }
}

#[test]
fn c21_agrees_with_wycheproof_on_pss() {
    use rsa_pss_verify::TestName::{
        RsaPss2048Sha256Mgf1SaltLen0, RsaPss2048Sha256Mgf1SaltLen32, RsaPss2048Sha256Mgf1Sha1_20,
        RsaPss2048Sha384Mgf1SaltLen48, RsaPss3072Sha256Mgf1SaltLen32,
        RsaPss4096Sha256Mgf1SaltLen32, RsaPss4096Sha384Mgf1SaltLen48,
        RsaPss4096Sha512Mgf1SaltLen32, RsaPss4096Sha512Mgf1SaltLen64,
    };
    // RFC 7518 §3.5: MGF1 with the same hash, and a salt as long as it. What is salted or masked
    // otherwise is no signature here, however good.
    let sets = [
        (RsaPss2048Sha256Mgf1SaltLen32, Algorithm::Ps256, true),
        (RsaPss3072Sha256Mgf1SaltLen32, Algorithm::Ps256, true),
        (RsaPss4096Sha256Mgf1SaltLen32, Algorithm::Ps256, true),
        (RsaPss2048Sha384Mgf1SaltLen48, Algorithm::Ps384, true),
        (RsaPss4096Sha384Mgf1SaltLen48, Algorithm::Ps384, true),
        (RsaPss4096Sha512Mgf1SaltLen64, Algorithm::Ps512, true),
        (RsaPss2048Sha256Mgf1SaltLen0, Algorithm::Ps256, false),
        (RsaPss2048Sha256Mgf1Sha1_20, Algorithm::Ps256, false),
        (RsaPss4096Sha512Mgf1SaltLen32, Algorithm::Ps512, false),
    ];
    let mut tried = 0;
    for (name, algorithm, is_ours) in sets {
        for group in rsa_pss_verify::TestSet::load(name).expect("vectors").test_groups {
            let key = read_rsa(algorithm, group.key_size, &group.key.n, &group.key.e);
            let key = key.expect("a key");
            for test in group.tests {
                let result = match (is_ours, test.result) {
                    (true, result) => result,
                    (false, TestResult::Valid) => TestResult::Invalid,
                    // What is bad for that set may be salted as ours are.
                    (false, TestResult::Invalid | TestResult::Acceptable) => continue,
                };
                agrees(&key, result, &test.msg, &test.sig, test.tc_id);
                tried += 1;
            }
        }
    }
    println!("PSS: {tried} tried");
    assert!(tried > 800, "{tried}");
}

/// The key, which is read just when its size and its exponent are those that we take.
fn read_rsa(
    algorithm: Algorithm,
    bits: usize,
    modulus: &[u8],
    exponent: &[u8],
) -> Option<Arc<VerificationKey>> {
    let key = rsa(algorithm, modulus, exponent);
    let exponent: Vec<u8> = exponent.iter().copied().skip_while(|byte| *byte == 0).collect();
    let ours = (2048..=4096).contains(&bits) && exponent == [1, 0, 1];
    assert_eq!(key.is_some(), ours, "{bits} bits, exponent {exponent:?}");
    key
}

#[test]
fn c12_agrees_with_wycheproof_on_points() {
    use ecdh::TestName::{EcdhSecp256r1Ecpoint, EcdhSecp384r1Ecpoint};
    let sets = [
        (EcdhSecp256r1Ecpoint, Algorithm::Es256, "P-256", 65),
        (EcdhSecp384r1Ecpoint, Algorithm::Es384, "P-384", 97),
    ];
    for (name, algorithm, curve, length) in sets {
        let (mut read, mut refused) = (0, 0);
        for group in ecdh::TestSet::load(name).expect("vectors").test_groups {
            for test in group.tests {
                let point: &[u8] = &test.public_key;
                let found = ec(algorithm, curve, point).is_some();
                // A compressed point cannot be written as a JWK.
                let good = test.result == TestResult::Valid && point.len() == length;
                assert_eq!(found, good, "{curve} {}", test.tc_id);
                if found { read += 1 } else { refused += 1 }
            }
        }
        println!("{curve}: {read} points read, {refused} refused");
        assert!(read > 100 && refused > 5, "{read}, {refused}");
    }
}
