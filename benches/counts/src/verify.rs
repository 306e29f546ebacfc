//! The bare verification of a signature: what an uncached token cannot go below.
//!
//! Arguments: the algorithm, and how many bytes are signed. Each line on stdin is a number; so many
//! signatures are verified, then the line is repeated on stdout.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use std::error::Error;
use std::io::{BufRead, Write};

/// A key, and its signature over `message`.
fn signed(algorithm: &str, message: &[u8]) -> Result<(ParsedPublicKey, Vec<u8>), Box<dyn Error>> {
    let random = SystemRandom::new();
    match algorithm {
        "RS256" => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
            let key = pair.public_key().as_ref();
            Ok((ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)?, signature))
        }
        "ES256" => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
            let signature = pair.sign(&random, message)?.as_ref().to_vec();
            let key = pair.public_key().as_ref();
            Ok((ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key)?, signature))
        }
        _ => Err("the algorithm is RS256 or ES256".into()),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let algorithm = arguments.next().ok_or("which algorithm?")?;
    let length = arguments.next().ok_or("how many bytes?")?.parse()?;
    let message = vec![b'e'; length];
    let (key, signature) = signed(&algorithm, &message)?;
    for line in std::io::stdin().lock().lines() {
        let times: u32 = line?.parse()?;
        for _time in 0..times {
            key.verify_sig(&message, &signature)?;
        }
        let mut answer = std::io::stdout().lock();
        writeln!(answer, "{times}")?;
        answer.flush()?;
    }
    Ok(())
}
