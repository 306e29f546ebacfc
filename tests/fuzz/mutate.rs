//! A small mutator: what it makes depends on the seed alone.

/// What breaks parsers; libFuzzer reads the same file.
const DICTIONARY: &str = include_str!("dictionary.txt");

/// Mutates inputs of a corpus.
pub(crate) struct Mutator<'c> {
    state: u64,
    corpus: &'c [Vec<u8>],
    words: Vec<Vec<u8>>,
}

impl<'c> Mutator<'c> {
    /// The same corpus and seed give the same inputs.
    pub(crate) fn new(corpus: &'c [Vec<u8>], seed: u64) -> Self {
        Self { state: seed, corpus, words: DICTIONARY.lines().filter_map(word).collect() }
    }

    /// The next input: one of the corpus with one to eight changes.
    pub(crate) fn next_input(&mut self) -> Vec<u8> {
        let mut input = self.pick().to_vec();
        for _change in 0..=self.below(8) {
            self.change(&mut input);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let end = (at + 1 + self.below(8)).min(input.len());
        let value = u8::try_from(self.below(256)).unwrap_or_default();
        match self.below(8) {
            0 => input.insert(at, value),
            1 => drop(input.drain(at..end.max(at))),
            2 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << (value & 7);
                }
            }
            3 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = value;
                }
            }
            4 => {
                let copy = input.get(at..end).unwrap_or_default().to_vec();
                let to = self.below(input.len() + 1);
                input.splice(to..to, copy);
            }
            5 => {
                let other = self.pick();
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend(&other[from..]);
            }
            _ => {
                let chosen = self.below(self.words.len());
                let word = self.words[chosen].clone();
                // Over what is there, or between.
                let over = if value & 1 == 0 { (at + word.len()).min(input.len()) } else { at };
                input.splice(at..over, word);
            }
        }
    }

    fn pick(&mut self) -> &'c [u8] {
        let at = self.below(self.corpus.len());
        &self.corpus[at]
    }

    /// Steele, Lea and Flood's generator.
    fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bound = u64::try_from(bound.max(1)).unwrap_or(1);
        usize::try_from((mixed ^ (mixed >> 31)) % bound).unwrap_or_default()
    }
}

/// A line of a libFuzzer dictionary: text in quotes, `\xAB` for a byte.
fn word(line: &str) -> Option<Vec<u8>> {
    let mut rest = line.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::new();
    while let Some(first) = rest.chars().next() {
        let escape = rest.strip_prefix("\\x").and_then(|hex| hex.get(..2));
        if let Some(byte) = escape.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            bytes.push(byte);
            rest = &rest[4..];
        } else {
            let plain = rest.strip_prefix('\\').unwrap_or(rest);
            let length = plain.chars().next().unwrap_or(first).len_utf8();
            bytes.extend(plain.as_bytes().get(..length)?);
            rest = &plain[length..];
        }
    }
    Some(bytes)
}
