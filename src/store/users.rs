//! Users who are signed in through this process, for logouts that name them by e-mail.

use super::fingerprint::{Fingerprints, Named};
use super::lru;
use moka::sync::Cache;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::time::Duration;

const CAPACITY: u64 = 100_000;

/// How long somebody is remembered who does not come back: the longest life of a session.
const KEEP: Duration = Duration::from_secs(30 * 24 * 3600);

/// What is known of a user.
struct User {
    issuer: String,
    subject: String,
    email: String,
    email_verified: bool,
}

/// A user's short name, to be asked for again and again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UserName(u128);

/// Users by issuer and subject.
#[derive(Clone)]
pub struct Users {
    known: Cache<u128, Arc<User>, BuildHasherDefault<Named>>,
    names: Fingerprints,
}

impl fmt::Debug for Users {
    /// Shows nothing: these are people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Users")
    }
}

impl Default for Users {
    fn default() -> Self {
        Self::named(Fingerprints::default())
    }
}

/// Whom an e-mail belongs to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Owner {
    /// Nobody who was seen with it verified.
    Nobody,
    /// This subject.
    Subject(String),
    /// More than one subject.
    Several,
}

impl Users {
    fn named(names: Fingerprints) -> Self {
        let known = lru(CAPACITY).time_to_live(KEEP);
        Self { known: known.build_with_hasher(BuildHasherDefault::default()), names }
    }

    /// The same names, and nobody is known: as after a flood of others.
    #[cfg(test)]
    pub(crate) fn emptied(&self) -> Self {
        Self::named(self.names.clone())
    }

    /// Somebody is signed in.
    pub fn seen(&self, issuer: &str, subject: &str, email: &str, email_verified: bool) {
        let user = User {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            email: email.to_owned(),
            email_verified,
        };
        self.known.insert(self.name(issuer, subject).0, Arc::new(user));
    }

    /// The short name of `subject` of `issuer`.
    #[must_use]
    pub fn name(&self, issuer: &str, subject: &str) -> UserName {
        UserName(self.names.of(&(issuer, subject)))
    }

    /// Whether `subject` of `issuer` was seen.
    #[must_use]
    pub fn knows(&self, issuer: &str, subject: &str) -> bool {
        self.knows_named(self.name(issuer, subject))
    }

    /// Whether the user of this name was seen.
    #[must_use]
    pub fn knows_named(&self, name: UserName) -> bool {
        self.known.contains_key(&name.0)
    }

    /// Whose e-mail it is: compared byte for byte, and only where the provider has verified it.
    #[must_use]
    pub fn owner(&self, issuer: &str, email: &str) -> Owner {
        let mut owner = Owner::Nobody;
        for (_, user) in &self.known {
            if user.issuer == issuer && user.email_verified && user.email == email {
                if owner != Owner::Nobody {
                    return Owner::Several;
                }
                owner = Owner::Subject(user.subject.clone());
            }
        }
        owner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_one_owner_of_a_verified_email() {
        let users = Users::default();
        users.seen("i", "alice", "a@example.com", true);
        users.seen("i", "bob", "b@example.com", false);
        users.seen("i", "carol", "c@example.com", true);
        users.seen("i", "dave", "c@example.com", true);
        let owner = |email| users.owner("i", email);
        assert_eq!(owner("a@example.com"), Owner::Subject("alice".to_owned()));
        assert_eq!(owner("A@example.com"), Owner::Nobody);
        assert_eq!(owner("b@example.com"), Owner::Nobody);
        assert_eq!(owner("c@example.com"), Owner::Several);
        assert_eq!(users.owner("j", "a@example.com"), Owner::Nobody);
        assert!(users.knows("i", "bob") && !users.knows("i", "eve"));
        assert!(users.knows_named(users.name("i", "bob")));
        assert!(!users.knows_named(users.name("j", "bob")));
    }
}
