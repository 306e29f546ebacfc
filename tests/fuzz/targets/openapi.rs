//! OpenAPI documents: one that holds lists paths that requests could have, each found by its own spelling, and
//! what is wrong with one is told in a line.

use portcullis::attributes::{Method, RequestPath};
use portcullis::name::ResourceName;
use portcullis::openapi::{self, Segment};
use portcullis::policy::{Product, Products, Rest};

const MOST: usize = 1 << 16;

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match openapi::read(text, MOST) {
        Ok(description) => {
            for operation in &description.operations {
                assert!(Method::ALL.contains(&operation.method));
                for segment in operation.template.segments() {
                    if let Segment::Literal(text) = segment {
                        assert!(!text.is_empty() && !text.contains('/'), "{text:?}");
                    }
                }
                let written = operation.template.as_str();
                if !written.contains(['{', '}', ' ']) && written.is_ascii() {
                    assert!(RequestPath::parse(written).is_some(), "{written:?} names no request");
                }
            }
            let count = description.operations.len();
            let name = ResourceName::new("pets", "default");
            let product = Product::new(name, Vec::new(), Vec::new());
            let product = product.listing(description.operations, Rest::Refused);
            assert!(Products::from(vec![product]).operations() <= count);
        }
        Err(bad) => assert!(!bad.to_string().contains('\u{0}')),
    }
}
