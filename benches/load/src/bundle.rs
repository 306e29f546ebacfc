//! Keys and tokens of a run, minted once and kept in the target folder for the next one.

use crate::claims::{LIFETIME_SECONDS, groups_of_a_stranger, groups_of_a_user, id_token};
use crate::failure::Outcome;
use crate::keys::{Keys, Signature};
use crate::provider::{Provider, issuer, listen};
use std::fmt::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// How long tokens of an earlier run have to be good for, to be used again.
const SPARE_SECONDS: u64 = 3 * 3600;
/// The first line of a file that this version can read.
const FORM: &str = "portcullis-load tokens 1";

/// How many tokens of which kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Amounts {
    /// RS256 tokens of callers who may, used again and again.
    pub users: usize,
    /// RS256 tokens of callers who may, each used once: nobody has cached them.
    pub fresh: usize,
    /// ES256 tokens of callers who may.
    pub users_es256: usize,
    /// RS256 tokens of callers who may not.
    pub strangers: usize,
}

impl Default for Amounts {
    fn default() -> Self {
        Self::of_users(10_000)
    }
}

impl Amounts {
    /// So many callers, twice as many that nobody has seen, and a tenth of the other kinds.
    #[must_use]
    pub const fn of_users(users: usize) -> Self {
        Self { users, fresh: users * 2, users_es256: users / 10, strangers: users / 10 }
    }
}

/// Tokens and the keys that signed them. The caller of the token at `i` of any list is
/// [`Bundle::number`].
#[derive(Debug)]
pub struct Bundle {
    /// How many there are.
    pub amounts: Amounts,
    /// When they were signed, in seconds since 1970.
    pub minted_at: u64,
    /// Whose tokens they are.
    pub issuer: String,
    keys: Keys,
    tokens: Vec<String>,
}

/// The lists of a bundle.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum List {
    /// [`Amounts::users`]
    Users,
    /// [`Amounts::fresh`]
    Fresh,
    /// [`Amounts::users_es256`]
    UsersEs256,
    /// [`Amounts::strangers`]
    Strangers,
}

/// The present, in seconds since 1970.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Bundle {
    /// The tokens that `file` keeps, or new ones, and their provider, which runs. The provider's port
    /// is part of the issuer's name: where the port of the kept tokens is taken, new ones are made,
    /// and are not kept.
    ///
    /// # Errors
    ///
    /// Of files, sockets and signatures.
    pub fn ready(file: &Path, amounts: Amounts) -> Outcome<(Self, Provider)> {
        let kept = std::fs::read_to_string(file).ok().and_then(|text| Self::read(&text, amounts));
        let (wanted, kept) = kept.map_or((0, None), |(port, bundle)| (port, Some(bundle)));
        let listener = listen(wanted)?;
        let port = listener.local_addr()?.port();
        let bundle = match kept {
            Some(kept) if port == wanted => kept,
            other => {
                let minted = Self::mint(&issuer(port), amounts)?;
                if other.is_none() {
                    minted.keep(file, port)?;
                }
                minted
            }
        };
        let provider = Provider::serve(listener, &bundle.keys.jwks())?;
        Ok((bundle, provider))
    }

    /// Signs all tokens, on two threads.
    ///
    /// # Errors
    ///
    /// Of signatures.
    pub fn mint(issuer: &str, amounts: Amounts) -> Outcome<Self> {
        let (keys, minted_at) = (Keys::generate()?, now());
        let bundle =
            Self { amounts, minted_at, issuer: issuer.to_owned(), keys, tokens: Vec::new() };
        let sign = |number: usize| {
            let (how, groups) = match bundle.list(number) {
                List::Users | List::Fresh => (Signature::Rs256, groups_of_a_user()),
                List::UsersEs256 => (Signature::Es256, groups_of_a_user()),
                List::Strangers => (Signature::Rs256, groups_of_a_stranger()),
            };
            bundle.keys.sign(how, &id_token(issuer, number, &groups, minted_at))
        };
        let total = bundle.start(List::Strangers) + amounts.strangers;
        let part = |from: usize, to: usize| (from..to).map(sign).collect::<Outcome<Vec<_>>>();
        let tokens = std::thread::scope(|scope| {
            let second = scope.spawn(|| part(total / 2, total));
            let mut tokens = part(0, total / 2)?;
            tokens.extend(second.join().map_err(|_panic| "signing failed")??);
            Outcome::Ok(tokens)
        })?;
        Ok(Self { tokens, ..bundle })
    }

    /// Where a list begins among all callers.
    const fn start(&self, list: List) -> usize {
        let Amounts { users, fresh, users_es256, .. } = self.amounts;
        match list {
            List::Users => 0,
            List::Fresh => users,
            List::UsersEs256 => users + fresh,
            List::Strangers => users + fresh + users_es256,
        }
    }

    fn list(&self, number: usize) -> List {
        let lists = [List::Strangers, List::UsersEs256, List::Fresh];
        lists.into_iter().find(|list| number >= self.start(*list)).unwrap_or(List::Users)
    }

    /// The caller's number, for [`crate::claims::subject`].
    #[must_use]
    pub const fn number(&self, list: List, at: usize) -> usize {
        self.start(list) + at
    }

    /// A list's tokens.
    #[must_use]
    pub fn tokens(&self, list: List) -> &[String] {
        let count = match list {
            List::Users => self.amounts.users,
            List::Fresh => self.amounts.fresh,
            List::UsersEs256 => self.amounts.users_es256,
            List::Strangers => self.amounts.strangers,
        };
        &self.tokens[self.start(list)..][..count]
    }

    /// Signs one more token: claims of the measurement's own.
    ///
    /// # Errors
    ///
    /// Of signatures.
    pub fn sign(&self, how: Signature, claims: &serde_json::Value) -> Outcome<String> {
        self.keys.sign(how, claims)
    }

    fn keep(&self, file: &Path, port: u16) -> Outcome<()> {
        let Amounts { users, fresh, users_es256, strangers } = self.amounts;
        let mut text = format!(
            "{FORM}\n{port} {} {users} {fresh} {users_es256} {strangers}\n{}\n",
            self.minted_at,
            self.keys.export()?
        );
        for token in &self.tokens {
            writeln!(text, "{token}")?;
        }
        // As a whole, or not at all: another run may be reading.
        let folder = file.parent().ok_or("the file has no folder")?;
        std::fs::create_dir_all(folder)?;
        let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
        std::io::Write::write_all(&mut fresh, text.as_bytes())?;
        fresh.persist(file)?;
        Ok(())
    }

    /// `None`: too old, of another form, or of other amounts.
    fn read(text: &str, amounts: Amounts) -> Option<(u16, Self)> {
        let mut lines = text.lines();
        (lines.next()? == FORM).then_some(())?;
        let mut numbers = lines.next()?.split(' ');
        let port = numbers.next()?.parse().ok()?;
        let minted_at: u64 = numbers.next()?.parse().ok()?;
        let mut number = || numbers.next()?.parse::<usize>().ok();
        let kept = Amounts {
            users: number()?,
            fresh: number()?,
            users_es256: number()?,
            strangers: number()?,
        };
        let keys = Keys::import(lines.next()?).ok()?;
        let tokens: Vec<String> = lines.map(str::to_owned).collect();
        let present = now();
        let holds = kept == amounts
            && (minted_at..minted_at + LIFETIME_SECONDS - SPARE_SECONDS).contains(&present);
        let bundle = Self { amounts, minted_at, issuer: issuer(port), keys, tokens };
        let whole = bundle.start(List::Strangers) + amounts.strangers;
        (holds && bundle.tokens.len() == whole).then_some((port, bundle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: Amounts = Amounts { users: 2, fresh: 1, users_es256: 2, strangers: 1 };

    #[test]
    fn tokens_are_kept_and_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("deep/tokens");
        let first = Bundle::ready(&file, FEW).expect("minted").0;
        let again = Bundle::ready(&file, FEW).expect("read").0;
        assert_eq!(first.tokens, again.tokens);
        assert_eq!(first.issuer, again.issuer);
        let more = Amounts { users: 3, ..FEW };
        assert_ne!(Bundle::ready(&file, more).expect("minted").0.tokens[0], first.tokens[0]);
    }

    #[test]
    fn old_tokens_are_not_used_again() {
        let bundle = Bundle::mint(&issuer(1), FEW).expect("minted");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("tokens");
        let old = Bundle { minted_at: bundle.minted_at - LIFETIME_SECONDS + 60, ..bundle };
        old.keep(&file, 1).expect("kept");
        let text = std::fs::read_to_string(&file).expect("kept");
        assert!(Bundle::read(&text, FEW).is_none());
        let young = text.replacen(&old.minted_at.to_string(), &now().to_string(), 1);
        assert!(Bundle::read(&young, FEW).is_some());
    }

    #[test]
    fn a_token_is_as_long_as_those_of_the_reference_and_every_list_has_its_own() {
        let bundle = Bundle::mint(&issuer(10_100), FEW).expect("minted");
        let length = bundle.tokens(List::Users)[0].len();
        assert!((1_150..1_300).contains(&length), "{length}");
        let lists = [List::Users, List::Fresh, List::UsersEs256, List::Strangers];
        let all: Vec<_> = lists.iter().flat_map(|list| bundle.tokens(*list)).collect();
        assert_eq!(all.len(), 6);
        assert_eq!(bundle.number(List::Strangers, 0), 5);
        assert_eq!(bundle.list(5), List::Strangers);
        assert_eq!(bundle.list(2), List::Fresh);
    }
}
