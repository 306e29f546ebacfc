//! Users who are signed in through this process, for logouts that name them by e-mail.

use super::lru;
use moka::sync::Cache;
use std::sync::Arc;

const CAPACITY: u64 = 100_000;

/// What is known of a user.
#[derive(Clone, Debug, Eq, PartialEq)]
struct User {
    email: String,
    email_verified: bool,
}

/// Users by issuer and subject.
#[derive(Clone, Debug)]
pub struct Users(Cache<(String, String), Arc<User>>);

impl Default for Users {
    fn default() -> Self {
        Self(lru(CAPACITY).build())
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
    /// Somebody is signed in.
    pub fn seen(&self, issuer: &str, subject: &str, email: &str, email_verified: bool) {
        let user = User { email: email.to_owned(), email_verified };
        self.0.insert((issuer.to_owned(), subject.to_owned()), Arc::new(user));
    }

    /// Whether `subject` of `issuer` was seen.
    #[must_use]
    pub fn knows(&self, issuer: &str, subject: &str) -> bool {
        self.0.contains_key(&(issuer.to_owned(), subject.to_owned()))
    }

    /// Whose e-mail it is: compared byte for byte, and only where the provider has verified it.
    #[must_use]
    pub fn owner(&self, issuer: &str, email: &str) -> Owner {
        let mut owner = Owner::Nobody;
        for (key, user) in &self.0 {
            let (own_issuer, subject) = key.as_ref();
            if own_issuer == issuer && user.email_verified && user.email == email {
                if owner != Owner::Nobody {
                    return Owner::Several;
                }
                owner = Owner::Subject(subject.clone());
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
    }
}
