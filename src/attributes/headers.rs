//! Request headers.
//!
//! Pure: no I/O, no clock.

use arrayvec::ArrayVec;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Fields that stand in place; a browser sends about 20, and Envoy takes 100.
const IN_PLACE: usize = 32;
/// Chains of fields in place.
const CHAINS: usize = 64;
/// The end of a chain: no field has this number.
const END: u8 = u8::MAX;

/// Header fields by name in lower case; a name that came several times has several values, unless
/// Envoy joined them with commas already.
#[derive(Clone, Debug)]
pub struct Headers<'m> {
    /// The first fields, in the order in which they came. They stand in the message: whatever had to be
    /// changed, and all that came after that, is among `more`.
    fields: ArrayVec<Field<'m>, IN_PLACE>,
    /// Number of the first field of each chain.
    chains: [u8; CHAINS],
    /// The rest of them, by name: however many there are, none is looked for one by one.
    more: BTreeMap<Cow<'m, str>, Vec<Cow<'m, str>>>,
    /// Which pseudo headers of a request (RFC 9113 §8.3.1) came with them, a bit each.
    pseudo: u8,
}

/// The bits of [`pseudo_bit`].
const ALL_PSEUDO: u8 = 0b1111;

#[derive(Clone, Copy, Debug)]
struct Field<'m> {
    name: &'m str,
    value: &'m str,
    /// Number of the next field of the chain.
    next: u8,
    /// Whether a field before it has the same name.
    repeats: bool,
}

impl Default for Headers<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'m> Headers<'m> {
    const fn new() -> Self {
        Self {
            fields: ArrayVec::new_const(),
            chains: [END; CHAINS],
            more: BTreeMap::new(),
            pseudo: 0,
        }
    }

    /// Those of a request that has none.
    #[must_use]
    pub fn none() -> &'static Headers<'static> {
        static NONE: Headers<'static> = Headers::new();
        &NONE
    }

    /// Adds a field. The name is lower-cased, the value taken as it is.
    pub fn add(&mut self, name: impl Into<Cow<'m, str>>, value: impl Into<Cow<'m, str>>) {
        let name = lower_case(name.into());
        self.insert(name, value.into(), true);
    }

    /// The same, unless the name is there: then nothing is added and the answer is false.
    #[inline(always)]
    pub fn add_new(&mut self, name: &'m str, value: &'m str) -> bool {
        // As nearly every field is: in lower case, and the first of its chain.
        let number = self.fields.len();
        if let Some(first) = self.chains.get_mut(chain_of(name))
            && *first == END
            && self.more.is_empty()
            && !may_have_upper_case(name.as_bytes())
            && self.fields.try_push(Field { name, value, next: END, repeats: false }).is_ok()
        {
            *first = u8::try_from(number).unwrap_or(END);
            return true;
        }
        self.insert(lower_case(Cow::Borrowed(name)), Cow::Borrowed(value), false)
    }

    /// Whether this is the name of a pseudo header, which is no field. That it came is remembered.
    #[inline]
    pub fn note_pseudo(&mut self, name: &str) -> bool {
        let is_pseudo = name.starts_with(':');
        if is_pseudo {
            self.pseudo |= pseudo_bit(name);
        }
        is_pseudo
    }

    /// Notes every pseudo header.
    pub const fn note_all_pseudo(&mut self) {
        self.pseudo = ALL_PSEUDO;
    }

    /// Whether any pseudo header was noted.
    #[must_use]
    pub const fn has_pseudo(&self) -> bool {
        self.pseudo != 0
    }

    /// Whether every pseudo header was noted.
    #[must_use]
    pub const fn has_all_pseudo(&self) -> bool {
        self.pseudo == ALL_PSEUDO
    }

    /// Adds a field, unless its name is there and it may not repeat.
    #[inline(never)]
    fn insert(&mut self, name: Cow<'m, str>, value: Cow<'m, str>, may_repeat: bool) -> bool {
        let number = u8::try_from(self.fields.len()).unwrap_or(END);
        let chain = chain_of(&name);
        let mut last = None;
        let mut repeats = false;
        let mut at = self.chains.get(chain).copied().unwrap_or(END);
        while let Some(field) = self.fields.get(usize::from(at)) {
            repeats |= field.name == name;
            last = Some(at);
            at = field.next;
        }
        if !may_repeat && (repeats || self.more.contains_key(&name)) {
            return false;
        }
        let (name, value) = match (name, value) {
            (Cow::Borrowed(name), Cow::Borrowed(value))
                if self.more.is_empty() && !self.fields.is_full() =>
            {
                (name, value)
            }
            (name, value) => {
                self.more.entry(name).or_default().push(value);
                return true;
            }
        };
        match last.and_then(|last| self.fields.get_mut(usize::from(last))) {
            Some(last) => last.next = number,
            None => {
                if let Some(first) = self.chains.get_mut(chain) {
                    *first = number;
                }
            }
        }
        self.fields.try_push(Field { name, value, next: END, repeats }).is_ok()
    }

    /// The values of a field, none where it is absent. The name is in lower case.
    #[inline]
    pub fn all<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> {
        let more = if self.more.is_empty() { None } else { self.more.get(name) };
        self.in_place(name).chain(more.into_iter().flatten().map(|value| &**value))
    }

    #[inline]
    fn in_place<'h>(&'h self, name: &'h str) -> InPlace<'h, 'm> {
        let at = self.chains.get(chain_of(name)).copied().unwrap_or(END);
        InPlace { fields: &self.fields, name, at }
    }

    /// The only value of a field; `None` where there is none, or more than one.
    #[must_use]
    #[inline]
    pub fn only<'h>(&'h self, name: &'h str) -> Option<&'h str> {
        fn only<'h>(mut values: impl Iterator<Item = &'h str>) -> Option<&'h str> {
            let only = values.next()?;
            values.next().is_none().then_some(only)
        }
        if self.more.is_empty() { only(self.in_place(name)) } else { only(self.all(name)) }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.more.is_empty()
    }

    /// Whether the field is there at all.
    #[must_use]
    #[inline]
    pub fn has(&self, name: &str) -> bool {
        self.in_place(name).next().is_some() || self.more.contains_key(name)
    }

    /// The names, each once, in lower case.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let first = self.fields.iter().filter(|field| !field.repeats).map(|field| field.name);
        let more = self.more.keys().map(|name| &**name);
        first.chain(more.filter(|name| self.in_place(name).next().is_none()))
    }
}

impl PartialEq for Headers<'_> {
    fn eq(&self, other: &Self) -> bool {
        let within =
            |one: &Self, other: &Self| one.names().all(|name| one.all(name).eq(other.all(name)));
        within(self, other) && within(other, self)
    }
}

impl Eq for Headers<'_> {}

/// The values of one name among the fields in place.
struct InPlace<'h, 'm> {
    fields: &'h [Field<'m>],
    name: &'h str,
    at: u8,
}

impl<'h> Iterator for InPlace<'h, '_> {
    type Item = &'h str;

    #[inline]
    fn next(&mut self) -> Option<&'h str> {
        while let Some(field) = self.fields.get(usize::from(self.at)) {
            self.at = field.next;
            if field.name == self.name {
                return Some(field.value);
            }
        }
        None
    }
}

/// The chain of a name. Names that a client chooses may all share one: it is no longer than the fields
/// in place.
#[inline]
fn chain_of(name: &str) -> usize {
    let [first, .., last] = name.as_bytes() else { return 0 };
    let mixed =
        name.len().wrapping_mul(5) ^ usize::from(*first) ^ usize::from(*last).wrapping_mul(3);
    mixed % CHAINS
}

fn pseudo_bit(name: &str) -> u8 {
    match name {
        ":method" => 1,
        ":path" => 2,
        ":authority" => 4,
        ":scheme" => 8,
        _ => 0,
    }
}

/// The fields that Envoy may have joined with commas.
pub fn split_at_commas(field: &str) -> impl Iterator<Item = &str> {
    let mut start = 0;
    let ends = memchr::memchr_iter(b',', field.as_bytes()).chain(std::iter::once(field.len()));
    ends.filter_map(move |end| {
        let part = field.get(start..end);
        start = end.saturating_add(1);
        part
    })
}

/// Envoy sends names in lower case; what `explain` is asked need not be.
#[inline]
fn lower_case(name: Cow<'_, str>) -> Cow<'_, str> {
    if may_have_upper_case(name.as_bytes()) && name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(name.to_ascii_lowercase());
    }
    name
}

/// Looks at eight letters at once; where this says no, there is no upper case.
#[inline]
fn may_have_upper_case(name: &[u8]) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const TOP: u64 = EACH * 0x80;
    // Bytes from `A` on have their top bit set by the first sum, those behind `Z` by the second too.
    let marks = |word: u64| {
        let from_a = word.wrapping_add(EACH * u64::from(0x80 - b'A'));
        let behind_z = word.wrapping_add(EACH * u64::from(0x7f - b'Z'));
        word | (from_a & !behind_z)
    };
    let word = |bytes: &[u8; 8]| marks(u64::from_le_bytes(*bytes));
    // Beginning and end may have letters in common.
    if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        let between = name.as_chunks().0.iter().skip(1).fold(0, |all, bytes| all | word(bytes));
        return (word(first) | word(last) | between) & TOP != 0;
    }
    if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        let [first, last] = [first, last].map(|bytes| u64::from(u32::from_le_bytes(*bytes)));
        return marks(first | last << 32) & TOP != 0;
    }
    name.iter().any(|byte| !byte.is_ascii() || byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_value_in_order_however_many_there_are() {
        for count in [0, 1, 31, 32, 33, 300, 3000] {
            let mut headers = Headers::default();
            let name = |at: usize| format!("X-{}", at % 70);
            for at in 0..count {
                headers.add(name(at), at.to_string());
            }
            for own in 0..70 {
                let want: Vec<String> =
                    (0..count).filter(|at| at % 70 == own).map(|at| at.to_string()).collect();
                let lower = format!("x-{own}");
                assert_eq!(headers.all(&lower).collect::<Vec<_>>(), want, "{own} of {count}");
                assert_eq!(headers.has(&lower), !want.is_empty());
                let only = (want.len() == 1).then(|| want[0].as_str());
                assert_eq!(headers.only(&lower), only);
                assert_eq!(headers.add_new("x-0", "again"), count == 0 && own == 0);
            }
            let mut names: Vec<&str> = headers.names().collect();
            names.sort_unstable();
            let mut want: Vec<String> =
                (0..count.clamp(1, 70)).map(|at| format!("x-{at}")).collect();
            want.sort_unstable();
            assert_eq!(names, want, "{count}");
        }
    }

    #[test]
    fn all_pseudo_headers_are_four() {
        const PSEUDO: [&str; 4] = [":method", ":path", ":authority", ":scheme"];
        for missing in PSEUDO {
            let mut headers = Headers::default();
            let but_one = PSEUDO.into_iter().filter(|name| *name != missing);
            for name in but_one.chain([":protocol", ":Path", ":"]) {
                assert!(headers.note_pseudo(name) && headers.note_pseudo(name), "{name}");
            }
            assert!(!headers.note_pseudo(&missing.replace(':', "")) && !headers.note_pseudo(""));
            assert!(!headers.has_all_pseudo(), "without {missing}");
            assert!(headers.note_pseudo(missing));
            assert!(headers.has_all_pseudo() && headers.is_empty());
        }
        let mut headers = Headers::default();
        headers.note_all_pseudo();
        assert!(headers.has_all_pseudo());
    }

    #[test]
    fn splits_as_split_does() {
        for field in ["", ",", "a", "a,b", ",a,,\u{e9},", "a, b ,c"] {
            let want: Vec<&str> = field.split(',').collect();
            assert_eq!(split_at_commas(field).collect::<Vec<_>>(), want, "{field}");
        }
    }

    #[test]
    fn finds_upper_case_at_every_place() {
        for length in 1..20 {
            for at in 0..length {
                for byte in 0..=0x7f {
                    let mut name = vec![b'x'; length];
                    name[at] = byte;
                    let upper = byte.is_ascii_uppercase();
                    assert_eq!(may_have_upper_case(&name), upper, "{byte:x} at {at} of {length}");
                }
            }
        }
        assert!(may_have_upper_case("\u{e9}".as_bytes()) && !may_have_upper_case(b""));
        assert_eq!(lower_case("A-\u{c9}-name-Z".into()), "a-\u{c9}-name-z");
    }

    #[test]
    fn names_ignore_letter_case_and_stand_once() {
        let mut headers = Headers::default();
        for name in ["Accept", "accept", "ACCEPT"] {
            headers.add(name, name);
        }
        assert_eq!(headers.all("accept").collect::<Vec<_>>(), ["Accept", "accept", "ACCEPT"]);
        assert_eq!(headers.names().collect::<Vec<_>>(), ["accept"]);
        assert!(headers.only("accept").is_none() && !headers.has("Accept"));
    }
}
