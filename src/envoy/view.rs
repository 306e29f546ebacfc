//! The fields of a `CheckRequest` that count, where they stand in the message.
//!
//! What comes several times is merged as protobuf says: of text and bytes the last counts, messages
//! become one, lists become longer, of a map's entries with one key the last counts.
//!
//! Every field of the messages that we enter is held to its kind and, if it is text, to UTF-8, used or
//! not, as prost holds it: such a message is refused. `source`, `destination`, `time`, the metadata
//! contexts and `tls_session` are not entered. They are written by the gateway alone, and nothing that
//! passes is decided by them (by `source` is counted who failed), so what may be wrong inside cannot let a
//! request pass that would not pass without them. Pure: no I/O, no clock.

use super::wire::{Kind, Malformed, Wire};
use crate::attributes::{Context, Headers};

/// Field numbers (`envoy/service/auth/v3/external_auth.proto`, `attribute_context.proto`,
/// `envoy/config/core/v3/base.proto`), by message.
mod number {
    pub(super) mod check_request {
        pub(in super::super) const ATTRIBUTES: u32 = 1;
    }
    pub(super) mod attribute_context {
        pub(in super::super) const SOURCE: u32 = 1;
        pub(in super::super) const DESTINATION: u32 = 2;
        pub(in super::super) const REQUEST: u32 = 4;
        pub(in super::super) const CONTEXT_EXTENSIONS: u32 = 10;
        pub(in super::super) const METADATA_CONTEXT: u32 = 11;
        pub(in super::super) const TLS_SESSION: u32 = 12;
        pub(in super::super) const ROUTE_METADATA_CONTEXT: u32 = 13;
    }
    pub(super) mod request {
        pub(in super::super) const TIME: u32 = 1;
        pub(in super::super) const HTTP: u32 = 2;
    }
    pub(super) mod http_request {
        pub(in super::super) const ID: u32 = 1;
        pub(in super::super) const METHOD: u32 = 2;
        pub(in super::super) const HEADERS: u32 = 3;
        pub(in super::super) const PATH: u32 = 4;
        pub(in super::super) const HOST: u32 = 5;
        pub(in super::super) const SCHEME: u32 = 6;
        pub(in super::super) const QUERY: u32 = 7;
        pub(in super::super) const FRAGMENT: u32 = 8;
        pub(in super::super) const SIZE: u32 = 9;
        pub(in super::super) const PROTOCOL: u32 = 10;
        pub(in super::super) const BODY: u32 = 11;
        pub(in super::super) const RAW_BODY: u32 = 12;
        pub(in super::super) const HEADER_MAP: u32 = 13;
    }
    pub(super) mod header_map {
        pub(in super::super) const HEADERS: u32 = 1;
    }
    pub(super) mod header_value {
        pub(in super::super) const KEY: u32 = 1;
        pub(in super::super) const VALUE: u32 = 2;
        pub(in super::super) const RAW_VALUE: u32 = 3;
    }
    pub(super) mod map_entry {
        pub(in super::super) const KEY: u32 = 1;
        pub(in super::super) const VALUE: u32 = 2;
    }
}

/// A pair of a map of text.
pub(super) type Entry<'m> = (&'m str, &'m str);

/// `attributes`, as far as it counts.
#[derive(Debug)]
pub(super) struct View<'v, 'm> {
    pub(super) context: Context<'m>,
    pub(super) method: &'m str,
    pub(super) host: &'m str,
    pub(super) path: &'m str,
    pub(super) body: &'m str,
    pub(super) raw_body: &'m [u8],
    /// `AttributeContext.source`, not entered.
    pub(super) source: &'m [u8],
    /// `header_map`, or else `headers`; of pseudo headers it is only noted that they came.
    pub(super) fields: &'v mut Headers<'m>,
    /// How `headers` are read.
    pub(super) entries: Entries<'m>,
}

/// The entries of the map `headers`.
#[derive(Debug)]
pub(super) enum Entries<'m> {
    /// So many, each with a key of its own: they are in `fields` already.
    Plain(usize),
    /// They are not as Envoy writes them, and have to be read once more, as they came.
    Odd,
    /// As they came: an earlier one may have the key of a later one.
    AsTheyCame(Vec<Entry<'m>>),
}

/// As many entries as a request has that nobody made to cost us time.
const MOST_PLAIN: usize = 100;

impl<'v, 'm> View<'v, 'm> {
    /// Before anything is read; headers go into `fields`, which has none.
    pub(super) fn new(fields: &'v mut Headers<'m>, entries: Entries<'m>) -> Self {
        let (context, source) = (Context::default(), &[][..]);
        let (method, host, path, body, raw_body) = ("", "", "", "", &[][..]);
        Self { context, method, host, path, body, raw_body, source, fields, entries }
    }

    /// Reads a `CheckRequest`.
    pub(super) fn read(&mut self, message: &'m [u8]) -> Result<(), Malformed> {
        use number::check_request::ATTRIBUTES;
        let wire = &mut Wire::new(message);
        while let Some((number, kind)) = wire.field()? {
            match number {
                ATTRIBUTES => {
                    kind.must_be(Kind::Delimited)?;
                    let outer = wire.enter()?;
                    self.attributes(wire)?;
                    wire.leave(&outer);
                }
                _ => wire.skip(number, kind)?,
            }
        }
        Ok(())
    }

    fn attributes(&mut self, wire: &mut Wire<'m>) -> Result<(), Malformed> {
        use number::attribute_context::{
            CONTEXT_EXTENSIONS, DESTINATION, METADATA_CONTEXT, REQUEST, ROUTE_METADATA_CONTEXT,
            SOURCE, TLS_SESSION,
        };
        while let Some((number, kind)) = wire.field()? {
            match number {
                REQUEST => {
                    kind.must_be(Kind::Delimited)?;
                    let outer = wire.enter()?;
                    self.request(wire)?;
                    wire.leave(&outer);
                }
                CONTEXT_EXTENSIONS => {
                    kind.must_be(Kind::Delimited)?;
                    let (key, value) = entry(wire)?;
                    self.context.add(key, value);
                }
                SOURCE => {
                    kind.must_be(Kind::Delimited)?;
                    self.source = wire.bytes()?;
                }
                DESTINATION | METADATA_CONTEXT | ROUTE_METADATA_CONTEXT | TLS_SESSION => {
                    kind.must_be(Kind::Delimited)?;
                    wire.bytes()?;
                }
                _ => wire.skip(number, kind)?,
            }
        }
        Ok(())
    }

    fn request(&mut self, wire: &mut Wire<'m>) -> Result<(), Malformed> {
        use number::request::{HTTP, TIME};
        while let Some((number, kind)) = wire.field()? {
            match number {
                HTTP => {
                    kind.must_be(Kind::Delimited)?;
                    let outer = wire.enter()?;
                    self.http(wire)?;
                    wire.leave(&outer);
                }
                TIME => {
                    kind.must_be(Kind::Delimited)?;
                    wire.bytes()?;
                }
                _ => wire.skip(number, kind)?,
            }
        }
        Ok(())
    }

    fn http(&mut self, wire: &mut Wire<'m>) -> Result<(), Malformed> {
        use number::http_request::{
            BODY, FRAGMENT, HEADER_MAP, HEADERS, HOST, ID, METHOD, PATH, PROTOCOL, QUERY, RAW_BODY,
            SCHEME, SIZE,
        };
        loop {
            self.plain_headers(wire);
            if wire.next_is(HEADERS) {
                let entry = entry(wire)?;
                self.add(entry);
                continue;
            }
            let Some((number, kind)) = wire.field()? else { return Ok(()) };
            match number {
                ID..=FRAGMENT | PROTOCOL..=HEADER_MAP => kind.must_be(Kind::Delimited)?,
                SIZE => kind.must_be(Kind::Varint)?,
                _ => {}
            }
            match number {
                HEADERS => {
                    let entry = entry(wire)?;
                    self.add(entry);
                }
                METHOD => self.method = wire.text()?,
                PATH => self.path = wire.text()?,
                HOST => self.host = wire.text()?,
                BODY => self.body = wire.text()?,
                RAW_BODY => self.raw_body = wire.bytes()?,
                HEADER_MAP => {
                    let outer = wire.enter()?;
                    self.header_map(wire)?;
                    wire.leave(&outer);
                }
                ID | SCHEME | QUERY | FRAGMENT | PROTOCOL => drop(wire.text()?),
                SIZE => drop(wire.varint()?),
                _ => wire.skip(number, kind)?,
            }
        }
    }

    /// Reads the headers that come next, as long as each is as nearly all are.
    #[inline]
    fn plain_headers(&mut self, wire: &mut Wire<'m>) {
        let Entries::Plain(count) = self.entries else { return };
        // Fields that are there without being counted are those of `header_map`.
        if count == 0 && !self.fields.is_empty() {
            return;
        }
        let (mut read, mut is_plain) = (count, true);
        wire.short_entries(number::http_request::HEADERS, |name, value| {
            read = read.wrapping_add(1);
            is_plain = read <= MOST_PLAIN
                && (self.fields.note_pseudo(name) || self.fields.add_new(name, value));
            is_plain
        });
        self.entries = if is_plain { Entries::Plain(read) } else { Entries::Odd };
    }

    #[inline(never)]
    fn add(&mut self, (name, value): Entry<'m>) {
        match &mut self.entries {
            Entries::Plain(count) => {
                // Fields that are there without being counted are those of `header_map`.
                let is_alone = *count > 0 || self.fields.is_empty();
                *count = count.saturating_add(1);
                let mut is_new =
                    || self.fields.note_pseudo(name) || self.fields.add_new(name, value);
                if !is_alone || *count > MOST_PLAIN || !is_new() {
                    self.entries = Entries::Odd;
                }
            }
            Entries::Odd => {}
            Entries::AsTheyCame(entries) => entries.push((name, value)),
        }
    }

    fn header_map(&mut self, wire: &mut Wire<'m>) -> Result<(), Malformed> {
        use number::header_map::HEADERS;
        while let Some((number, kind)) = wire.field()? {
            match number {
                HEADERS => {
                    kind.must_be(Kind::Delimited)?;
                    let outer = wire.enter()?;
                    self.header_value(wire)?;
                    wire.leave(&outer);
                }
                _ => wire.skip(number, kind)?,
            }
        }
        Ok(())
    }

    fn header_value(&mut self, wire: &mut Wire<'m>) -> Result<(), Malformed> {
        use number::header_value::{KEY, RAW_VALUE, VALUE};
        let (mut key, mut value, mut raw): (&str, &str, &[u8]) = ("", "", &[]);
        while let Some((number, kind)) = wire.field()? {
            match number {
                KEY | VALUE | RAW_VALUE => kind.must_be(Kind::Delimited)?,
                _ => {}
            }
            match number {
                KEY => key = wire.text()?,
                VALUE => value = wire.text()?,
                RAW_VALUE => raw = wire.bytes()?,
                _ => wire.skip(number, kind)?,
            }
        }
        if matches!(self.entries, Entries::Plain(1..)) {
            self.entries = Entries::Odd;
        }
        if self.fields.note_pseudo(key) {
            return Ok(());
        }
        if raw.is_empty() {
            self.fields.add(key, value);
        } else {
            // What is not UTF-8 becomes U+FFFD, which no credential of ours contains.
            self.fields.add(key, String::from_utf8_lossy(raw));
        }
        Ok(())
    }
}

/// An entry of a map of text. Without key or value that one is empty.
#[inline(never)]
fn entry<'m>(wire: &mut Wire<'m>) -> Result<Entry<'m>, Malformed> {
    use number::map_entry::{KEY, VALUE};
    let outer = wire.enter()?;
    let (mut key, mut value) = ("", "");
    // As everybody writes it; the loop takes it in every other way.
    if wire.next_is(KEY) {
        key = wire.short_text()?;
    }
    if wire.next_is(VALUE) {
        value = wire.text()?;
    }
    while let Some((number, kind)) = wire.field()? {
        match number {
            KEY => {
                kind.must_be(Kind::Delimited)?;
                key = wire.text()?;
            }
            VALUE => {
                kind.must_be(Kind::Delimited)?;
                value = wire.text()?;
            }
            _ => wire.skip(number, kind)?,
        }
    }
    wire.leave(&outer);
    Ok((key, value))
}
