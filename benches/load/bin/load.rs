//! `make load`.

fn main() {}
