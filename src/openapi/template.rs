//! Paths with templates, such as `/pets/{id}`.
//!
//! Pure: no I/O, no clock.

use crate::attributes::RequestPath;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// Most segments of a path.
const MAX_SEGMENTS: usize = 64;
/// What a document may write as it is, and a request may not.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ');
/// Begins or ends an expression of RFC 6570, which may stand for several segments or for a query.
const EXPRESSIONS: [char; 10] = ['+', '#', '.', ';', '?', '&', '*', ',', '|', '='];

/// A path, segment by segment, as request paths are split: one final slash names the same thing as none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template {
    text: Box<str>,
    segments: Box<[Segment]>,
}

/// One segment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Segment {
    /// This text, percent-decoded.
    Literal(Box<str>),
    /// `v{major}.json`
    Mixed(Pattern),
    /// `{id}`: whatever is not empty.
    Parameter,
}

/// The texts around the templates of one segment; first and last may be empty.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pattern {
    texts: Box<[Box<str>]>,
}

impl Template {
    /// Reads a path of a document.
    ///
    /// # Errors
    ///
    /// What is wrong with it: two servers could read it in two ways, or it is no template that stands for
    /// parts of segments.
    pub fn parse(text: &str) -> Result<Self, String> {
        let encoded = utf8_percent_encode(text, ENCODED).to_string();
        let path = RequestPath::parse(&encoded).filter(|path| path.query().is_none());
        let path = path.ok_or_else(|| {
            "expected a path that begins with / and has no query, dot segments, escaped slashes or \
             empty segments"
                .to_owned()
        })?;
        if path.segments().len() > MAX_SEGMENTS {
            return Err(format!("expected at most {MAX_SEGMENTS} segments"));
        }
        let written = path.path().split('/').skip(1);
        let segment = |(written, decoded): (&str, _)| segment(written, decoded);
        let segments = written.zip(path.segments().iter().map(|one| &**one)).map(segment);
        Ok(Self { segments: segments.collect::<Result<_, _>>()?, text: text.into() })
    }

    /// As in the document.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its segments.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }
}

fn segment(written: &str, decoded: &str) -> Result<Segment, String> {
    if !written.contains(['{', '}']) {
        return Ok(Segment::Literal(decoded.into()));
    }
    let mut texts = Vec::new();
    let mut rest = written;
    while let Some((text, behind)) = rest.split_once('{') {
        let (name, after) = behind.split_once('}').ok_or("expected } behind {")?;
        if name.is_empty() || name.contains(EXPRESSIONS) || name.contains('{') {
            return Err("expected a plain name within { and }".to_owned());
        }
        if text.is_empty() && !texts.is_empty() {
            return Err("expected some text between two templates".to_owned());
        }
        texts.push(literal(text)?);
        rest = after;
    }
    texts.push(literal(rest)?);
    let whole = texts.len() == 2 && texts.iter().all(|text| text.is_empty());
    if whole { Ok(Segment::Parameter) } else { Ok(Segment::Mixed(Pattern { texts: texts.into() })) }
}

fn literal(text: &str) -> Result<Box<str>, String> {
    if text.contains('}') {
        return Err("expected { before }".to_owned());
    }
    let text = percent_decode_str(text).decode_utf8();
    text.map(|text| text.as_ref().into()).map_err(|_no_text| "expected UTF-8".to_owned())
}

impl Pattern {
    /// Whether `segment` has these texts in this order, and something at each template between them.
    #[must_use]
    pub fn matches(&self, segment: &str) -> bool {
        let [first, between @ .., last] = &*self.texts else { return false };
        let rest = segment.strip_prefix(&**first).and_then(|rest| rest.strip_suffix(&**last));
        let Some(mut rest) = rest else { return false };
        for text in between {
            // The leftmost leaves most for what follows; at least one character lies before it.
            let Some(filled) = rest.chars().next().and_then(|one| rest.get(one.len_utf8()..))
            else {
                return false;
            };
            let Some((_, behind)) = filled.split_once(&**text) else { return false };
            rest = behind;
        }
        !rest.is_empty()
    }
}
