//! A token before it is signed: right, changed without harm, or mutated.

use super::dice::Dice;
use super::keys::{Keys, Signer, b64};
use super::{claims, header, text};

/// Which kind of token it is shown as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Id,
    Access,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Access => "access",
        }
    }
}

/// A JSON object as a text: names and values as they are written, so that a name may stand there twice.
#[derive(Clone, Default)]
pub(crate) struct Object(pub(crate) Vec<(String, String)>);

impl Object {
    pub(crate) fn set(&mut self, name: &str, raw: &str) {
        self.remove(name);
        self.add(name, raw);
    }

    pub(crate) fn add(&mut self, name: &str, raw: &str) {
        self.0.push((format!("\"{name}\""), raw.to_owned()));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        let quoted = format!("\"{name}\"");
        self.0.retain(|(own, _)| *own != quoted);
    }

    /// The text of a value, empty where there is none.
    pub(crate) fn raw(&self, name: &str) -> String {
        let quoted = format!("\"{name}\"");
        self.0
            .iter()
            .find(|(own, _)| *own == quoted)
            .map(|(_, raw)| raw.clone())
            .unwrap_or_default()
    }

    /// The members in another order, with white space between them.
    pub(crate) fn rearrange(&mut self, dice: &mut Dice) {
        for at in (1..self.0.len()).rev() {
            self.0.swap(at, dice.below(at + 1));
        }
        if dice.percent(50) {
            let space = *dice.pick(&[" ", "\n", "\t ", "\r\n  "]);
            for (name, raw) in &mut self.0 {
                *name = format!("{space}{name}{space}");
                *raw = format!("{space}{raw}{space}");
            }
        }
    }

    pub(crate) fn text(&self) -> String {
        let members: Vec<String> =
            self.0.iter().map(|(name, raw)| format!("{name}:{raw}")).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// What is to be signed, by whom, and what is done to it.
pub(crate) struct Draft<'k> {
    pub(crate) kind: Kind,
    pub(crate) signer: &'k Signer,
    /// The algorithm that signs; the header may say another.
    pub(crate) alg: String,
    pub(crate) header: Object,
    pub(crate) claims: Object,
    /// How header and payload are written, where not as JSON objects of these members.
    pub(crate) header_text: Option<Vec<u8>>,
    pub(crate) claims_text: Option<Vec<u8>>,
    /// Whether the signed text is tampered with.
    pub(crate) tampered: bool,
    pub(crate) made: Vec<String>,
}

impl<'k> Draft<'k> {
    /// The token of this number.
    pub(crate) fn roll(number: usize, keys: &'k Keys, dice: &mut Dice) -> Self {
        let kind = if dice.percent(60) { Kind::Id } else { Kind::Access };
        // Most are of the two algorithms that providers use most.
        let first = if dice.percent(70) { 2 } else { keys.good.len() };
        let signer = &keys.good[dice.below(first)];
        let mut draft = Self {
            kind,
            signer,
            alg: signer.alg.to_owned(),
            header: header::right(signer),
            claims: claims::right(kind, number),
            header_text: None,
            claims_text: None,
            tampered: false,
            made: Vec::new(),
        };
        match dice.below(100) {
            0..15 => {}
            15..45 => draft.change(dice),
            45..90 => draft.mutate(keys, dice),
            _ => {
                draft.change(dice);
                draft.mutate(keys, dice);
                draft.mutate(keys, dice);
            }
        }
        draft
    }

    /// What no reader may be harmed by.
    fn change(&mut self, dice: &mut Dice) {
        for _change in 0..=dice.below(3) {
            match dice.below(3) {
                0 => header::change(self, dice),
                _ => claims::change(self, dice),
            }
        }
        self.claims.rearrange(dice);
        self.header.rearrange(dice);
    }

    fn mutate(&mut self, keys: &'k Keys, dice: &mut Dice) {
        match dice.below(10) {
            0..2 => header::mutate(self, dice),
            2..6 => claims::mutate(self, dice),
            6 => {
                let (what, signers) = if dice.percent(50) {
                    ("odd key", &keys.odd)
                } else {
                    ("strange key", &keys.strange)
                };
                self.signer = dice.pick(signers);
                self.alg = self.signer.alg.to_owned();
                self.header.set("kid", &format!("\"{}\"", self.signer.kid));
                self.header.set("alg", &format!("\"{}\"", self.signer.alg));
                self.note(what);
            }
            _ => self.tampered = true,
        }
    }

    pub(crate) fn note(&mut self, what: impl Into<String>) {
        self.made.push(what.into());
    }

    /// What was done, for whoever looks at a verdict.
    pub(crate) fn made(&self) -> String {
        let text = if self.tampered { "text; " } else { "" };
        format!("{text}{}", self.made.join("; "))
    }

    /// The token, signed, and tampered with after that where it is to be.
    pub(crate) fn token(&self, dice: &mut Dice) -> String {
        let header = self.header_text.clone().unwrap_or_else(|| self.header.text().into_bytes());
        let claims = self.claims_text.clone().unwrap_or_else(|| self.claims.text().into_bytes());
        let signed = format!("{}.{}", b64(&header), b64(&claims));
        let signature = self.signer.sign(&self.alg, signed.as_bytes());
        if self.tampered {
            return text::tamper(&signed, &signature, dice);
        }
        format!("{signed}.{}", b64(&signature))
    }
}
