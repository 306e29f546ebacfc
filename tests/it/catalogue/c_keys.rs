//! Keys and signatures: group C. Published vectors (C19 to C21, C12) are tried beside the code that reads
//! keys, in `src/token/verify/tests`.

mod keys;
mod signatures;

use crate::support::{API, Answer, Ask, Gateway};

async fn bearer(gateway: &Gateway, token: &str) -> Answer {
    gateway.ask(Ask::get(&format!("{API}/pets")).bearer(token)).await
}
