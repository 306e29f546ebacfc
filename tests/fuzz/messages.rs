//! Messages of every shape for the target `decode`: fields in any order, several times, split over
//! several messages, of the wrong kind, unknown, cut off and changed.

use super::targets;
use proptest::prelude::*;

/// A field with its length in front.
fn delimited(number: u32, value: &[u8]) -> Vec<u8> {
    let mut field = Vec::new();
    prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, &mut field);
    prost::encoding::encode_varint(value.len() as u64, &mut field);
    field.extend(value);
    field
}

/// Fields of no message that we know, some of them broken.
fn odd() -> Vec<Vec<u8>> {
    let deep = |depth: usize| [[0xa3, 0x06].repeat(depth), [0xa4, 0x06].repeat(depth)].concat();
    let mut odd = vec![
        delimited(99, b"unknown"),
        vec![0x98, 0x06, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        vec![0x98, 0x06, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
        vec![0x99, 0x06, 1, 2, 3, 4, 5, 6, 7, 8],
        vec![0x9d, 0x06, 1, 2, 3, 4],
        vec![0x9b, 0x06, 0x08, 0x01, 0x9c, 0x06],
        vec![0x9b, 0x06, 0x08, 0x01, 0xa4, 0x06],
        vec![0x9c, 0x06],
        vec![0x9a, 0x06, 0xff, 0xff, 0xff, 0xff, 0x0f],
        vec![0x9a, 0x06, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        vec![0x02, 0x00],
        vec![0x0e],
        vec![0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        vec![0x9f, 0x06, 0x00],
        // The kind of another field.
        vec![0x08, 0x01],
        vec![0x20, 0x01],
        vec![0x15, 1, 2, 3, 4],
        vec![0x4a, 0x01, 0x01],
        vec![0x18, 0x02, 0x0a, 0x00],
        vec![0x50, 0x02, 0x0a, 0x00],
    ];
    odd.extend([95, 96, 97, 98, 99, 100, 101].map(deep));
    odd
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let known: [&[u8]; 24] = [
        b"",
        b"GET",
        b"POST",
        b"TRACE",
        b"/",
        b"/pets?limit=1",
        b"/a/../b",
        b"/a%20b/%C3%A4",
        b"/a%2fb",
        b"api.example",
        b"API.example.:8443",
        b"api.example:8443",
        b"a.example,b.example",
        b"accept",
        b"Accept",
        b"host",
        b"Host",
        b":path",
        b"cookie",
        b"x\xc3\xa9",
        b"\xff\xfe",
        b"a\xc3",
        b"\xed\xa0\x80",
        b"\xf0\x9f\x8f\xb0",
    ];
    prop_oneof![
        9 => prop::sample::select(known.map(<[u8]>::to_vec).to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

/// A key and values, in any order, perhaps again, perhaps not at all.
fn pair() -> impl Strategy<Value = Vec<u8>> {
    let field = (1_u32..4, text()).prop_map(|(number, value)| delimited(number, &value));
    let usual = (prop::sample::select(vec!["accept", "Accept", "host", "x-a", "cookie"]), text())
        .prop_map(|(key, value)| [delimited(1, key.as_bytes()), delimited(2, &value)].concat());
    prop_oneof![4 => usual, 2 => some_of(field, 4), 1 => some_of(prop::sample::select(odd()), 2)]
}

fn some_of(field: impl Strategy<Value = Vec<u8>>, most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(field, 0..most).prop_map(|fields| fields.concat())
}

fn wrapped(number: u32, inside: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    inside.prop_map(move |inside| delimited(number, &inside))
}

/// Pseudo headers, all of them more often than not, in either form.
fn pseudo() -> impl Strategy<Value = Vec<u8>> {
    let names = vec![":method", ":path", ":authority", ":scheme", ":protocol"];
    let some = prop::sample::subsequence(names, 3..=5);
    (some, any::<bool>()).prop_map(|(names, in_map)| {
        let pair = |name: &str| [delimited(1, name.as_bytes()), delimited(2, b"x")].concat();
        let fields = |number| -> Vec<u8> {
            names.iter().flat_map(|name| delimited(number, &pair(name))).collect()
        };
        if in_map { fields(3) } else { delimited(13, &fields(1)) }
    })
}

fn http() -> impl Strategy<Value = Vec<u8>> {
    let good = [delimited(2, b"GET"), delimited(4, b"/pets?limit=1"), delimited(5, b"api.example")];
    let header_value = prop_oneof![8 => wrapped(1, pair()), 1 => prop::sample::select(odd())];
    let field = prop_oneof![
        6 => prop::sample::select(good.to_vec()),
        1 => (1_u32..14, text()).prop_map(|(number, value)| delimited(number, &value)),
        1 => any::<u64>().prop_map(|size| {
            let mut field = vec![0x48];
            prost::encoding::encode_varint(size, &mut field);
            field
        }),
        5 => wrapped(3, pair()),
        1 => pseudo(),
        3 => wrapped(13, some_of(header_value, 4)),
        1 => prop::sample::select(odd()).prop_filter("rare", |field| field.len() > 1),
    ];
    (any::<bool>(), some_of(field, 9))
        .prop_map(move |(whole, rest)| if whole { [good.concat(), rest].concat() } else { rest })
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let request = prop_oneof![
        8 => wrapped(2, http()),
        1 => wrapped(1, text()),
        1 => prop::sample::select(odd()),
    ];
    let attributes = prop_oneof![
        8 => wrapped(4, some_of(request, 3)),
        2 => wrapped(10, pair()),
        1 => (prop::sample::select(vec![1_u32, 2, 11, 12, 13]), text())
            .prop_map(|(number, value)| delimited(number, &value)),
        1 => prop::sample::select(odd()),
    ];
    let top =
        prop_oneof![12 => wrapped(1, some_of(attributes, 4)), 1 => prop::sample::select(odd())];
    let cut = prop::option::weighted(0.1, any::<prop::sample::Index>());
    let change = prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>()));
    (some_of(top, 3), cut, change).prop_map(|(mut message, cut, change)| {
        if let Some((at, value)) = change.filter(|_| !message.is_empty()) {
            let at = at.index(message.len());
            message[at] = value;
        }
        message.truncate(cut.map_or(message.len(), |cut| cut.index(message.len() + 1)));
        message
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]
    #[test]
    fn both_readers_agree_on_messages_of_every_shape(message in message()) {
        let target = targets::ALL.iter().find(|target| target.name == "decode").expect("a target");
        (target.run)(&message);
    }
}

/// So many fields that comparing each with each would take minutes.
#[test]
fn l_a_hundred_thousand_fields_are_read_in_their_time() {
    let field = |at: usize, number| {
        let name = format!("x-{}", at % 50_000);
        let pair =
            [delimited(1, name.as_bytes()), delimited(2, at.to_string().as_bytes())].concat();
        delimited(number, &pair)
    };
    let good = [delimited(2, b"GET"), delimited(4, b"/"), delimited(5, b"api.example")].concat();
    let map: Vec<u8> = (0..100_000).flat_map(|at| field(at, 3)).collect();
    let raw: Vec<u8> = (0..100_000).flat_map(|at| field(at, 1)).collect();
    let same = delimited(1, &delimited(1, b"cookie")).repeat(100_000);
    for headers in [map, delimited(13, &raw), delimited(13, &same)] {
        let http = [good.clone(), headers].concat();
        let message = delimited(1, &delimited(4, &delimited(2, &http)));
        let mut headers = portcullis::attributes::Headers::default();
        let read = portcullis::envoy::decode(&message, &mut headers).expect("a request");
        assert!(matches!(read.headers.names().count(), 1 | 50_000));
    }
}
