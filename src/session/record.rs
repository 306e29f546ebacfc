//! The sealed records of `proto/session/v1/session.proto`.
//!
//! Pure: no I/O, no clock.

use crate::time::UnixTime;
use prost::{DecodeError, Message};
use std::fmt;

/// Wire types of protobuf.
const NUMBER: u64 = 0;
const TEXT: u64 = 2;
/// Room for the items of a list, before it has to grow.
const ITEMS: usize = 8;

#[expect(missing_docs, reason = "the schema has the comments")]
#[expect(clippy::doc_markdown, reason = "prost writes them")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/portcullis.session.v1.rs"));
}

pub use generated::{
    CompletedLogins, Ending, EndingKind, EndingOf, Flow, LastUse, Session, SessionReference, State,
};

macro_rules! unprintable {
    ($($record:ident),*) => {
        $(impl fmt::Debug for $record {
            /// Shows nothing: every field is a secret or says who somebody is.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($record), " (sealed record)"))
            }
        })*
    };
}

unprintable!(
    CompletedLogins,
    Ending,
    EndingKind,
    EndingOf,
    Flow,
    LastUse,
    Session,
    SessionReference,
    State
);

/// The times of a session, and whether they can be moved on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Times {
    /// When the caller signed in.
    pub signed_in_at: UnixTime,
    /// When the identity was last said by the provider.
    pub refreshed_at: UnixTime,
    /// When that is over, clock skew not included.
    pub identity_expires_at: UnixTime,
    /// Whether there is a refresh token.
    pub can_refresh: bool,
}

impl Session {
    /// Reads a record: to what [`Message::decode`] makes of it, in half the time.
    ///
    /// # Errors
    ///
    /// Where that fails.
    pub fn read(record: &[u8]) -> Result<Self, DecodeError> {
        match Self::read_usual(record) {
            Some(session) => Ok(session),
            None => Self::decode(record),
        }
    }

    /// The same for a record of nothing but texts, numbers and flags that we know; `None`: there is more
    /// to it, or less.
    fn read_usual(mut record: &[u8]) -> Option<Self> {
        let mut session = Self::default();
        while !record.is_empty() {
            let tag = number(&mut record)?;
            match tag & 7 {
                TEXT => {
                    let length = usize::try_from(number(&mut record)?).ok()?;
                    let (text, rest) = record.split_at_checked(length)?;
                    record = rest;
                    session.set_text(tag >> 3, std::str::from_utf8(text).ok()?)?;
                }
                NUMBER => session.set_number(tag >> 3, number(&mut record)?)?,
                _ => return None,
            }
        }
        Some(session)
    }

    fn set_text(&mut self, field: u64, text: &str) -> Option<()> {
        let to = match field {
            1 => &mut self.id,
            3 => &mut self.portal,
            4 => &mut self.issuer,
            5 => &mut self.client_id,
            6 => &mut self.subject,
            7 => &mut self.provider_session,
            8 => &mut self.email,
            10 => {
                add(&mut self.groups, text);
                return Some(());
            }
            17 => &mut self.nonce,
            18 => &mut self.refresh_token,
            19 => &mut self.id_token,
            20 => &mut self.principal,
            21 => {
                add(&mut self.scopes, text);
                return Some(());
            }
            _ => return None,
        };
        // The last one counts, as everywhere in protobuf.
        text.clone_into(to);
        Some(())
    }

    const fn set_number(&mut self, field: u64, value: u64) -> Option<()> {
        match field {
            2 => self.generation = value,
            9 => self.email_verified = value != 0,
            11 => self.groups_claimed = value != 0,
            13 => self.signed_in_at_ms = value,
            14 => self.refreshed_at = value,
            15 => self.identity_expires_at = value,
            16 => self.auth_time = value,
            _ => return None,
        }
        Some(())
    }

    /// When the caller signed in.
    #[must_use]
    pub const fn signed_in_at(&self) -> UnixTime {
        UnixTime(self.signed_in_at_ms / 1000)
    }

    /// What its standing depends on.
    #[must_use]
    pub fn times(&self) -> Times {
        Times {
            signed_in_at: self.signed_in_at(),
            refreshed_at: UnixTime(self.refreshed_at),
            identity_expires_at: UnixTime(self.identity_expires_at),
            can_refresh: self.has_refresh_token(),
        }
    }

    /// Whether it can be refreshed.
    #[must_use]
    pub fn has_refresh_token(&self) -> bool {
        !self.refresh_token.is_empty()
    }
}

/// Takes a variable-length number off the front, of at most 9 bytes: none of ours is longer.
fn number(record: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = record.split_first()?;
        *record = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn add(list: &mut Vec<String>, text: &str) {
    if list.is_empty() {
        list.reserve(ITEMS);
    }
    list.push(text.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sessions() -> impl Strategy<Value = Session> {
        let texts = prop::collection::vec("\\PC{0,12}|[a-z]{120,140}", 12);
        let lists = prop::collection::vec(prop::collection::vec("\\PC{0,9}", 0..12), 2);
        let numbers = any::<[u64; 5]>();
        let claims = prop::collection::hash_map("[a-z]{1,5}", "[a-z]{0,5}", 0..2);
        (texts, lists, numbers, claims, any::<[bool; 2]>()).prop_map(
            |(texts, lists, numbers, claims, flags)| {
                let text = |at: usize| texts[at].clone();
                Session {
                    id: text(0),
                    generation: numbers[0],
                    portal: text(1),
                    issuer: text(2),
                    client_id: text(3),
                    subject: text(4),
                    provider_session: text(5),
                    email: text(6),
                    email_verified: flags[0],
                    groups: lists[0].clone(),
                    groups_claimed: flags[1],
                    claims,
                    signed_in_at_ms: numbers[1],
                    refreshed_at: numbers[2],
                    identity_expires_at: numbers[3],
                    auth_time: numbers[4],
                    nonce: text(7),
                    refresh_token: text(8),
                    id_token: text(9),
                    principal: text(10),
                    scopes: lists[1].clone(),
                }
            },
        )
    }

    #[test]
    fn reads_the_usual_record_itself() {
        let session = Session {
            id: "a".to_owned(),
            groups: vec!["g".to_owned(); 20],
            scopes: vec!["openid".to_owned()],
            signed_in_at_ms: 1_700_000_000_000,
            email_verified: true,
            ..Session::default()
        };
        let read = Session::read_usual(&session.encode_to_vec());
        assert!(read.is_some_and(|read| read == session));
    }

    proptest! {
        #[test]
        fn reads_what_prost_does(
            session in sessions(),
            again in sessions(),
            place: prop::sample::Index,
            change in prop::collection::vec(any::<u8>(), 0..3),
            cut in 0_usize..3,
        ) {
            let record = session.encode_to_vec();
            prop_assert!(Session::read(&record).is_ok_and(|read| read == session));
            // A field that comes again, bytes that are gone, and bytes that are new.
            let mut record = [record, again.encode_to_vec()].concat();
            prop_assert!(Session::read(&record).ok() == Session::decode(&*record).ok());
            let from = place.index(record.len() + 1);
            let to = (from + cut).min(record.len());
            record.splice(from..to, change);
            prop_assert!(Session::read(&record).ok() == Session::decode(&*record).ok());
        }
    }
}
