//! Recorded `CheckRequest`s: where they are in a file, and what two policies make of one.

use super::Bench;
use super::report::{Answer, Change, Place, Verdict};
use crate::attributes::{Attributes, Headers};
use crate::check::Presumed;
use crate::decision::{Checked, Facts, LazyClient, Reason};
use crate::envoy::decode;

/// The tag of `attributes`, the one field of a `CheckRequest` (field 1, length-delimited).
const ATTRIBUTES: u8 = 0x0a;

/// The messages of a file: one that is all of it, or each behind its length.
///
/// # Errors
///
/// Where what is there is none.
pub(super) fn split(bytes: &[u8]) -> Result<Vec<&[u8]>, usize> {
    if let Some((&ATTRIBUTES, rest)) = bytes.split_first()
        && delimited(rest).is_some_and(|(_, rest)| rest.is_empty())
    {
        return Ok(vec![bytes]);
    }
    let mut messages = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        let (message, behind) = delimited(rest).ok_or(at)?;
        if message.first() != Some(&ATTRIBUTES) {
            return Err(at);
        }
        messages.push(message);
        rest = behind;
    }
    if messages.is_empty() { Err(0) } else { Ok(messages) }
}

/// What stands behind its length, and the rest.
fn delimited(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = bytes;
    let len = prost::decode_length_delimiter(&mut rest).ok()?;
    rest.split_at_checked(len)
}

/// What people call the request.
pub(super) fn id(bytes: &[u8], otherwise: &str) -> String {
    let mut headers = Headers::default();
    let read = decode(bytes, &mut headers);
    let headers = read.map_or_else(|ambiguous| ambiguous.headers, |found| found.headers);
    headers.only("x-request-id").unwrap_or(otherwise).to_owned()
}

/// What `new` makes of a message that `old` has answered.
pub(super) async fn judge(bytes: &[u8], old: &Bench, new: &Bench) -> Verdict {
    let mut headers = Headers::default();
    let Ok(attributes) = decode(bytes, &mut headers) else {
        return Verdict::unjudged("not for the policy to decide: ambiguous_request");
    };
    let was = check(old, &attributes).await;
    let is = check(new, &attributes).await;
    if was.reason == Reason::Endpoint && is.reason == Reason::Endpoint {
        return Verdict::unjudged("not for the policy to decide: endpoint");
    }
    if [was.reason, is.reason].contains(&Reason::StoreUnavailable) {
        return Verdict::unjudged(
            "its session cannot be opened: sealed under a key that session.keys_file does not have, or \
             kept in memory",
        );
    }
    let (old_place, new_place) = (place(&was.facts), place(&is.facts));
    let answer = Answer::of(&is);
    if answer.is(was.outcome.is_ok(), was.reason.as_str()) && old_place == new_place {
        return Verdict::Same;
    }
    let granted = if was.outcome.is_ok() { &was.facts } else { &is.facts };
    let groups: Vec<&str> = granted.groups().collect();
    Verdict::changed(Change {
        was: Answer::of(&was).without_hint(),
        groups: Some(groups.join(",")).filter(|groups| !groups.is_empty()),
        new_place: Some(new_place).filter(|new| *new != old_place),
        place: old_place,
        unless: Vec::new(),
        answer,
    })
}

async fn check(bench: &Bench, attributes: &Attributes<'_>) -> Checked {
    let client = LazyClient::of(attributes.method, attributes.headers);
    bench.checker.check_as(attributes, &client, &Presumed::AsSaid).await
}

fn place(facts: &Facts) -> Place {
    let name = |name: &Option<crate::name::ResourceName>| name.as_ref().map(ToString::to_string);
    Place {
        portal: name(&facts.portal),
        environment: name(&facts.environment),
        product: name(&facts.product),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_one_message_or_many() {
        // A message of three bytes in `attributes`, and an empty one.
        let (three, none): (&[u8], &[u8]) = (&[0x0a, 3, 1, 2, 3], &[0x0a, 0]);
        assert_eq!(split(three), Ok(vec![three]));
        assert_eq!(split(none), Ok(vec![none]));
        let both = [&[5], three, &[2], none].concat();
        assert_eq!(split(&both), Ok(vec![three, none]));
        for (bytes, at) in [
            (Vec::new(), 0),
            (vec![5, 0x0a, 3, 1], 0),
            ([&[5], three, &[9]].concat(), 6),
            ([&[5], three, &[2, 0x12, 0]].concat(), 6),
            (b"{\"message\":\"check\"}".to_vec(), 0),
        ] {
            assert_eq!(split(&bytes), Err(at), "{bytes:?}");
        }
    }
}
