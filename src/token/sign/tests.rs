use super::*;
use crate::token::fixtures::{CLIENT, NOW, ec, key_set, rsa};
use crate::token::{Jws, VerificationKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

const ENDPOINT: &str = "https://dev-1.okta.com/oauth2/default/v1/token";

#[test]
fn signs_what_the_provider_can_verify() {
    for signer in [rsa(), ec("ec", Algorithm::Es256)] {
        let assertion = client_assertion(&Secret::new(signer.pem()), CLIENT, ENDPOINT, "j-1", NOW)
            .expect("signed");
        let parts: Vec<&str> = assertion.expose().split('.').collect();
        let read = |part: &str| -> Value {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("json")
        };
        let (header, claims) = (read(parts[0]), read(parts[1]));
        assert_eq!(header, json!({"typ": "JWT", "alg": signer.algorithm.as_str()}));
        let want = json!({"iss": CLIENT, "sub": CLIENT, "aud": ENDPOINT, "jti": "j-1",
            "iat": NOW.0, "exp": NOW.0 + 60});
        assert_eq!(claims, want);
        let keys = key_set(&[&signer]);
        let key: &VerificationKey = keys.find(&signer.kid).expect("its key");
        let signed = format!("{}.{}", parts[0], parts[1]);
        let signature = URL_SAFE_NO_PAD.decode(parts[2]).expect("base64url");
        assert!(key.has_signed(signed.as_bytes(), &signature));
        // As a bearer it is nothing: it has no kid (and no issuer of ours signed it).
        assert!(Jws::parse(assertion.expose(), 8192).is_err());
    }
}

#[test]
fn refuses_what_is_no_private_key() {
    let p384 = ec("ec", Algorithm::Es384).pem();
    let broken = rsa().pem().replace("MII", "AAA");
    for pem in
        ["", "secret", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", &p384, &broken]
    {
        let made = client_assertion(&Secret::new(pem.to_owned()), CLIENT, ENDPOINT, "j", NOW);
        assert_eq!(made.err(), Some(SignError::BadKey), "{pem:.30}");
    }
}
