//! Single values, told apart by the core schema (YAML 1.2.2 §10.3).
//!
//! Pure: no I/O, no clock.

/// A single value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Scalar {
    /// `null`, `~`, nothing.
    Null,
    /// `true`, `false`.
    Boolean(bool),
    /// A whole number that fits.
    Integer(i64),
    /// Any other number, as written.
    Number(String),
    /// Everything else, and whatever is quoted.
    Text(String),
}

impl Scalar {
    /// Tells what an unquoted value is.
    #[must_use]
    pub fn of_plain(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            "true" | "True" | "TRUE" => Self::Boolean(true),
            "false" | "False" | "FALSE" => Self::Boolean(false),
            _ => match integer(text) {
                Some(integer) => Self::Integer(integer),
                None if is_number(text) => Self::Number(text.to_owned()),
                None => Self::Text(text.to_owned()),
            },
        }
    }

    /// What it is, for a message; never the value.
    #[must_use]
    pub const fn noun(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) | Self::Number(_) => "a number",
            Self::Text(_) => "a string",
        }
    }
}

fn integer(text: &str) -> Option<i64> {
    if let Some(octal) = text.strip_prefix("0o") {
        return octal
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| i64::from_str_radix(octal, 8))?
            .ok();
    }
    if let Some(hex) = text.strip_prefix("0x") {
        let digits = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        return digits.then(|| i64::from_str_radix(hex, 16))?.ok();
    }
    text.parse().ok()
}

/// Whether the core schema takes it for a number, however large.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let shape =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'-' | b'+');
    unsigned.bytes().any(|byte| byte.is_ascii_digit())
        && unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && unsigned.bytes().all(shape)
        && unsigned.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_values_apart() {
        let text = |text: &str| Scalar::Text(text.to_owned());
        let number = |text: &str| Scalar::Number(text.to_owned());
        let cases = [
            ("", Scalar::Null),
            ("~", Scalar::Null),
            ("null", Scalar::Null),
            ("nULL", text("nULL")),
            ("true", Scalar::Boolean(true)),
            ("FALSE", Scalar::Boolean(false)),
            ("yes", text("yes")),
            ("12", Scalar::Integer(12)),
            ("-12", Scalar::Integer(-12)),
            ("+12", Scalar::Integer(12)),
            ("0o17", Scalar::Integer(15)),
            ("0x1F", Scalar::Integer(31)),
            ("0x", text("0x")),
            ("0x-1", text("0x-1")),
            ("99999999999999999999", number("99999999999999999999")),
            ("1.5", number("1.5")),
            (".5", number(".5")),
            ("1e3", number("1e3")),
            (".inf", number(".inf")),
            ("12h", text("12h")),
            ("1.2.3", text("1.2.3")),
            ("127.0.0.1", text("127.0.0.1")),
            ("e5", text("e5")),
            ("infinity", text("infinity")),
        ];
        for (plain, want) in cases {
            assert_eq!(Scalar::of_plain(plain), want, "{plain:?}");
        }
    }
}
