//! The only reader of randomness.

use crate::base64url;
use aws_lc_rs::rand;
use base64::Engine;
use std::cell::RefCell;

/// Bytes that a thread draws at once: asking the library costs the same for 12 bytes as for these, and
/// a login asks six times.
const DRAWN: usize = 1024;

/// Random bytes that nobody has had yet. Each is handed out once, and wiped as it goes.
///
/// A forked process would have the same ones; this one never forks.
struct Drawn {
    bytes: [u8; DRAWN],
    /// Those before it are gone.
    next: usize,
}

thread_local! {
    static DRAWN_HERE: RefCell<Drawn> =
        const { RefCell::new(Drawn { bytes: [0; DRAWN], next: DRAWN }) };
}

impl Drawn {
    /// Moves the next bytes to `taken`, having drawn new ones where too few are left.
    fn take(&mut self, taken: &mut [u8]) -> Result<(), NoRandomness> {
        let left = |drawn: &Self| drawn.bytes.len().saturating_sub(drawn.next);
        if left(self) < taken.len() {
            // A draw that fails leaves nothing: what is there may be half filled.
            self.next = DRAWN;
            rand::fill(&mut self.bytes).map_err(|_unspecified| NoRandomness)?;
            self.next = 0;
        }
        let end = self.next.saturating_add(taken.len());
        let drawn = self.bytes.get_mut(self.next..end).ok_or(NoRandomness)?;
        taken.copy_from_slice(drawn);
        drawn.fill(0);
        self.next = end;
        Ok(())
    }
}

/// The system's source of randomness failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the system gives no randomness")]
pub struct NoRandomness;

/// `N` bytes that nobody can guess.
///
/// # Errors
///
/// [`NoRandomness`]: then nothing may be sealed or started.
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    if N > DRAWN {
        rand::fill(&mut bytes).map_err(|_unspecified| NoRandomness)?;
        return Ok(bytes);
    }
    DRAWN_HERE.with_borrow_mut(|drawn| drawn.take(&mut bytes))?;
    Ok(bytes)
}

/// 256 random bits as 43 characters of base64url: a `state`, `nonce`, code verifier or id.
///
/// # Errors
///
/// [`NoRandomness`].
pub fn token() -> Result<String, NoRandomness> {
    bytes::<32>().map(base64url::encode)
}

/// A sealing key as a key file has it: 32 bytes, base64.
///
/// # Errors
///
/// [`NoRandomness`].
pub fn sealing_key() -> Result<String, NoRandomness> {
    bytes::<32>().map(|bytes| base64::engine::general_purpose::STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn hands_out_each_byte_once_and_keeps_none_that_it_gave() {
        let mut drawn = Drawn { bytes: [0; DRAWN], next: DRAWN };
        let mut seen = BTreeSet::new();
        for _taken in 0..1000 {
            let mut taken = [0; 24];
            drawn.take(&mut taken).expect("randomness");
            assert!(seen.insert(taken), "the same bytes twice");
            let (given, left) = drawn.bytes.split_at(drawn.next);
            assert!(given.iter().all(|byte| *byte == 0), "what was given is still there");
            assert!(!left.windows(24).any(|window| window == taken), "what was given is to come");
        }
    }

    #[test]
    fn threads_draw_for_themselves() {
        let draw = || (0..100).map(|_| bytes::<16>().expect("randomness")).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(draw)).collect();
        let drawn: Vec<_> = threads.into_iter().flat_map(|one| one.join().expect("ends")).collect();
        assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), drawn.len());
        assert_eq!(bytes::<2000>().expect("randomness").len(), 2000);
    }
}
