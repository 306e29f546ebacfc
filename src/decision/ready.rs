//! What of an answer is the same in each of a policy, as bytes that are only copied.
//!
//! Pure: no I/O, no clock.

/// Most bytes of a [`Head`]: a name of a header field may have some 38.
pub const HEAD: usize = 48;

/// What goes before a value, with room for the lengths that the value changes.
///
/// Copied as a whole, whatever it holds: that is a few steps, where copying as much as it holds is a call.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// The bytes; what is behind [`Self::len`] of them does not count.
    pub bytes: [u8; HEAD],
    /// How many there are.
    pub len: usize,
    /// Where the lengths are that grow with the value, each one byte.
    pub lengths: [usize; 3],
    /// The longest value with which every length has one byte.
    pub longest: usize,
}

/// A field that is set or removed.
#[derive(Debug)]
pub struct ReadyField {
    /// Its name.
    pub name: Box<str>,
    /// What goes before its value; `None`: its name is too long.
    pub head: Option<Head>,
    /// What removes it.
    pub removed: Box<[u8]>,
}

/// All of a policy.
#[derive(Debug)]
pub struct Ready {
    /// Its fields, in order.
    pub fields: Box<[ReadyField]>,
    /// What removes the fields that always go.
    pub always: Box<[u8]>,
}
