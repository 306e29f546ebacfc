//! Other texts in the strings of an encoded `CheckRequest`, everything else byte for byte.

/// Where strings with credentials stand, by field number.
enum Shape {
    Message(&'static [(u64, Shape)]),
    Text,
}

/// `attributes`, `request`, `http`; then `headers` (a map), `path`, and `header_map` with its `HeaderValue`s.
const CHECK_REQUEST: Shape = Shape::Message(&[(
    1,
    Shape::Message(&[(
        4,
        Shape::Message(&[(
            2,
            Shape::Message(&[
                (3, Shape::Message(&[(2, Shape::Text)])),
                (4, Shape::Text),
                (13, Shape::Message(&[(1, Shape::Message(&[(2, Shape::Text), (3, Shape::Text)]))])),
            ]),
        )]),
    )]),
)]);

/// The message with every `from` in header values and path replaced by its `to`.
///
/// # Panics
///
/// Where `message` is no `CheckRequest`.
#[must_use]
pub fn replace(message: &[u8], pairs: &[(&str, &str)]) -> Vec<u8> {
    rewrite(&CHECK_REQUEST, message, pairs)
}

fn rewrite(shape: &Shape, bytes: &[u8], pairs: &[(&str, &str)]) -> Vec<u8> {
    match shape {
        Shape::Text => substitute(bytes, pairs),
        Shape::Message(fields) => rewrite_fields(fields, bytes, pairs),
    }
}

fn rewrite_fields(fields: &[(u64, Shape)], mut rest: &[u8], pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let field = rest;
        let tag = varint(&mut rest);
        match tag & 7 {
            0 => _ = varint(&mut rest),
            1 => rest = &rest[8..],
            5 => rest = &rest[4..],
            2 => {
                let length = usize::try_from(varint(&mut rest)).expect("a length");
                let (payload, behind) = rest.split_at(length);
                rest = behind;
                if let Some((_, shape)) = fields.iter().find(|(number, _)| *number == tag >> 3) {
                    let payload = rewrite(shape, payload, pairs);
                    put_varint(&mut out, tag);
                    put_varint(&mut out, payload.len() as u64);
                    out.extend_from_slice(&payload);
                    continue;
                }
            }
            other => panic!("wire type {other}"),
        }
        out.extend_from_slice(&field[..field.len() - rest.len()]);
    }
    out
}

/// Looks at each place once: a text that was put in is not searched again.
fn substitute(text: &[u8], pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let found = pairs.iter().find(|(from, _)| text[at..].starts_with(from.as_bytes()));
        if let Some((from, to)) = found {
            out.extend_from_slice(to.as_bytes());
            at += from.len();
        } else {
            out.push(text[at]);
            at += 1;
        }
    }
    out
}

fn varint(rest: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, behind) = rest.split_first().expect("a whole number");
        *rest = behind;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return value;
        }
    }
    panic!("a number of more than 64 bits")
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).expect("seven bits") | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).expect("seven bits"));
}
