//! A script of Redis, in Lua.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use redis::Cmd;
use std::fmt::Write;

/// A script, and the name by which a server that has run it once knows it.
#[derive(Clone, Debug)]
pub struct Script {
    text: &'static str,
    name: String,
}

impl Script {
    /// A script. It may touch no key but those that it is given.
    #[must_use]
    pub fn new(text: &'static str) -> Self {
        // SHA-1 is the name that Redis gives it, and protects nothing.
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
        let mut name = String::with_capacity(40);
        for byte in hash.as_ref() {
            // A string takes whatever is written to it.
            let _written = write!(name, "{byte:02x}");
        }
        Self { text, name }
    }

    pub(super) fn by_name(&self, keys: &[&str], arguments: &[&[u8]]) -> Cmd {
        call("EVALSHA", &self.name, keys, arguments)
    }

    pub(super) fn in_full(&self, keys: &[&str], arguments: &[&[u8]]) -> Cmd {
        call("EVAL", self.text, keys, arguments)
    }
}

fn call(how: &str, what: &str, keys: &[&str], arguments: &[&[u8]]) -> Cmd {
    let mut command = redis::cmd(how);
    command.arg(what).arg(keys.len());
    for key in keys {
        command.arg(*key);
    }
    for argument in arguments {
        command.arg(*argument);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_a_script_as_redis_does() {
        // The example of the documentation of EVALSHA's command: SCRIPT LOAD "return 1".
        assert_eq!(Script::new("return 1").name, "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
    }
}
