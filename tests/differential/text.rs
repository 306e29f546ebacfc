//! What can be done to a signed token without its key.

use super::dice::Dice;
use super::keys::b64;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(crate) fn tamper(signed: &str, signature: &[u8], dice: &mut Dice) -> String {
    let token = format!("{signed}.{}", b64(signature));
    match dice.below(6) {
        0 => flip(&token, dice),
        1 | 2 => recode(&token, dice),
        3 => cut(&token, dice),
        _ => format!("{signed}.{}", b64(&resigned(signature, dice))),
    }
}

/// One character or one bit is another.
fn flip(token: &str, dice: &mut Dice) -> String {
    let mut bytes = token.as_bytes().to_vec();
    let at = dice.below(bytes.len());
    if dice.percent(50) {
        bytes[at] = ALPHABET[dice.below(64)];
        return String::from_utf8_lossy(&bytes).into_owned();
    }
    let mut parts: Vec<Vec<u8>> =
        token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).expect("ours")).collect();
    let part = dice.below(3);
    let at = dice.below(parts[part].len());
    // A header or payload may be empty.
    if let Some(byte) = parts[part].get_mut(at) {
        *byte ^= 1 << dice.below(8);
    }
    parts.iter().map(|part| b64(part)).collect::<Vec<_>>().join(".")
}

/// The same bytes, written in another way.
fn recode(token: &str, dice: &mut Dice) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let part = dice.below(3);
    let own = parts[part].clone();
    if own.is_empty() {
        return format!(" {token}");
    }
    let bytes = URL_SAFE_NO_PAD.decode(&own).expect("ours");
    let at = dice.below(own.len());
    let (head, tail) = own.split_at(at);
    parts[part] = match dice.below(10) {
        0 => URL_SAFE.encode(&bytes),
        1 => STANDARD.encode(&bytes),
        2 => STANDARD.encode(&bytes).trim_end_matches('=').to_owned(),
        3 => format!("{own}="),
        4 => format!(
            "{head}{}{tail}",
            dice.pick(&[" ", "\n", "\t", "\r\n", "\u{0}", "=", "%20", "\u{a0}", "~", "+"])
        ),
        5 => format!("{own}{}", dice.pick(&[" ", "\n", "A", "AA", "==", ",", "%3D"])),
        6 => format!("{}{own}", dice.pick(&[" ", "\n", "Bearer ", "\u{feff}", "\""])),
        // The last character has bits that no byte holds.
        _ => {
            let last = own.bytes().next_back().expect("not empty");
            let value = ALPHABET.iter().position(|own| *own == last).expect("of the alphabet");
            let spare = if own.len() % 4 == 2 { 16 } else { 4 };
            let other = char::from(ALPHABET[value - value % spare + dice.below(spare)]);
            format!("{}{other}", own.split_at(own.len() - 1).0)
        }
    };
    parts.join(".")
}

/// More or fewer parts.
fn cut(token: &str, dice: &mut Dice) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    match dice.below(14) {
        0 => token.split_at(dice.below(token.len())).0.to_owned(),
        1 => token.split_at(dice.below(token.len())).1.to_owned(),
        2 => format!("{header}.{payload}"),
        3 => format!("{header}.{payload}."),
        4 => format!("{header}..{signature}"),
        5 => format!(".{payload}.{signature}"),
        6 => format!("{token}."),
        7 => format!(".{token}"),
        8 => format!("{token}.{signature}"),
        9 => format!("{token}.{signature}.{signature}"),
        10 => format!("{payload}.{header}.{signature}"),
        11 => format!("{token}{token}"),
        12 => format!(
            "{{\"protected\":\"{header}\",\"payload\":\"{payload}\",\"signature\":\"{signature}\"}}"
        ),
        _ => format!("{token},{token}"),
    }
}

/// Another signature.
fn resigned(signature: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = signature.to_vec();
    match dice.below(9) {
        0 => bytes.truncate(dice.below(bytes.len())),
        1 => bytes.push(0),
        2 => bytes.insert(0, 0),
        3 => bytes.fill(0),
        4 => bytes.fill(0xff),
        5 => bytes.reverse(),
        6 => return der(signature),
        7 => bytes.rotate_left(signature.len() / 2),
        _ => return twin(signature),
    }
    bytes
}

/// (r, s) of ECDSA as ASN.1 has it, and as JWS does not.
fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |half: &[u8]| {
        let zeros = half.iter().take_while(|byte| **byte == 0).count();
        let mut number = half[zeros.min(half.len() - 1)..].to_vec();
        if number[0] > 0x7f {
            number.insert(0, 0);
        }
        let length = u8::try_from(number.len()).unwrap_or(u8::MAX);
        [vec![2, length], number].concat()
    };
    let (r, s) = signature.split_at(signature.len() / 2);
    let numbers = [integer(r), integer(s)].concat();
    let length = u8::try_from(numbers.len()).unwrap_or(u8::MAX);
    [vec![0x30, length], numbers].concat()
}

/// (r, n - s) of P-256, which verifies as (r, s) does.
fn twin(signature: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let mut twin = signature.to_vec();
    if signature.len() != 64 {
        return twin;
    }
    let mut borrow = false;
    for at in (0..32).rev() {
        let (less, first) = ORDER[at].overflowing_sub(signature[32 + at]);
        let (less, second) = less.overflowing_sub(u8::from(borrow));
        twin[32 + at] = less;
        borrow = first || second;
    }
    twin
}
