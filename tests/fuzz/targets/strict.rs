//! How other servers may read a path: not decoded, once or twice, ended at a `?` or `#` that was
//! escaped, dots resolved, slashes merged, backslashes as slashes, parameters taken off. Written apart
//! from the service's own reading.

/// Every reading of `path`, as segments. The path alone, without query.
pub(super) fn readings(path: &str) -> Vec<Vec<String>> {
    let mut readings = Vec::new();
    for decodings in 0..=2 {
        for choice in 0..32_u8 {
            let on = |bit: u8| choice & (1 << bit) != 0;
            let mut bytes = path.as_bytes().to_vec();
            if on(0) {
                bytes = without_parameters(&bytes);
            }
            for _decoding in 0..decodings {
                bytes = decoded(&bytes);
            }
            if on(4) {
                bytes =
                    bytes.split(|byte| b"?#".contains(byte)).next().unwrap_or_default().to_vec();
            }
            if on(1) {
                bytes.iter_mut().filter(|byte| **byte == b'\\').for_each(|byte| *byte = b'/');
            }
            if on(0) {
                bytes = without_parameters(&bytes);
            }
            let mut segments: Vec<Vec<u8>> =
                bytes.split(|b| *b == b'/').map(<[u8]>::to_vec).collect();
            segments.remove(0);
            if on(2) {
                segments.retain(|segment| !segment.is_empty());
            }
            if on(3) {
                segments = resolved(segments);
            }
            let text = |segment: &Vec<u8>| String::from_utf8_lossy(segment).into_owned();
            readings.push(segments.iter().map(text).collect());
        }
    }
    readings
}

fn decoded(bytes: &[u8]) -> Vec<u8> {
    let digit = |at: usize| bytes.get(at).and_then(|byte| (*byte as char).to_digit(16));
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).expect("two digits"));
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// Each segment up to its first `;`.
fn without_parameters(bytes: &[u8]) -> Vec<u8> {
    let bare = |segment: &[u8]| segment.split(|b| *b == b';').next().unwrap_or_default().to_vec();
    bytes.split(|byte| *byte == b'/').map(bare).collect::<Vec<_>>().join(&b'/')
}

fn resolved(segments: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut out: Vec<Vec<u8>> = Vec::new();
    for segment in segments {
        match segment.as_slice() {
            b"." => {}
            b".." => drop(out.pop()),
            _ => out.push(segment),
        }
    }
    out
}

/// The product that a reading is a path of: base paths by whole segments, the longest wins.
pub(super) fn product<'p>(reading: &[String], products: &[(&'p str, &[&str])]) -> Option<&'p str> {
    let fits = products.iter().filter(|(_, base)| {
        base.len() <= reading.len() && base.iter().zip(reading).all(|(own, other)| own == other)
    });
    fits.max_by_key(|(_, base)| base.len()).map(|(name, _)| *name)
}
