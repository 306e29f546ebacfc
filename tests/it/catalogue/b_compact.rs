//! Compact form and the Authorization header: group B.

mod form;
mod header;
mod payload;
mod size;

use crate::support::{API, Ask};

fn pets() -> Ask {
    Ask::get(&format!("{API}/pets"))
}
