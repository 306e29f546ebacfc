//! What a server answers.
//!
//! Pure: no I/O, no clock.

use super::RedisFault;
use redis::Value;

/// An answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reply {
    /// Nothing there; what Lua calls `false`.
    Nothing,
    /// A number.
    Number(i64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Several.
    List(Vec<Self>),
    /// Something that none of our commands asks for.
    Other,
}

impl Reply {
    /// The number that it has to be.
    ///
    /// # Errors
    ///
    /// [`RedisFault::Malformed`].
    pub const fn number(&self) -> Result<i64, RedisFault> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Nothing | Self::Bytes(_) | Self::List(_) | Self::Other => {
                Err(RedisFault::Malformed)
            }
        }
    }

    /// The bytes that it has to be, or nothing.
    ///
    /// # Errors
    ///
    /// [`RedisFault::Malformed`].
    pub fn bytes(self) -> Result<Option<Vec<u8>>, RedisFault> {
        match self {
            Self::Nothing => Ok(None),
            Self::Bytes(bytes) => Ok(Some(bytes)),
            Self::Number(_) | Self::List(_) | Self::Other => Err(RedisFault::Malformed),
        }
    }

    /// The list that it has to be.
    ///
    /// # Errors
    ///
    /// [`RedisFault::Malformed`].
    pub fn list(self) -> Result<Vec<Self>, RedisFault> {
        match self {
            Self::List(items) => Ok(items),
            Self::Nothing | Self::Number(_) | Self::Bytes(_) | Self::Other => {
                Err(RedisFault::Malformed)
            }
        }
    }
}

impl From<Value> for Reply {
    fn from(value: Value) -> Self {
        match value {
            Value::Nil => Self::Nothing,
            Value::Int(number) => Self::Number(number),
            Value::BulkString(bytes) => Self::Bytes(bytes),
            Value::SimpleString(text) => Self::Bytes(text.into_bytes()),
            Value::Okay => Self::Bytes(b"OK".to_vec()),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            _ => Self::Other,
        }
    }
}
