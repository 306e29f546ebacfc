//! Keys and signatures: group C.
