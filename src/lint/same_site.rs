//! Whether two hosts are of one site, which decides whether a browser sends cookies along.
//!
//! Pure: no I/O, no clock.

/// Second-level labels below which countries register names: `co.uk`, `com.au`.
const SECOND_LEVEL: [&str; 8] = ["ac", "co", "com", "edu", "gov", "net", "org", "or"];

/// Whether both have the same registrable domain. An approximation for a hint, without the public
/// suffix list: the last two labels, or three below such as `co.uk`.
pub(super) fn is_same_site(left: &str, right: &str) -> bool {
    left == right || registrable(left) == registrable(right)
}

fn registrable(host: &str) -> Vec<&str> {
    let mut labels: Vec<&str> = host.rsplit('.').collect();
    let country = match labels.as_slice() {
        [last, second, ..] => last.len() == 2 && SECOND_LEVEL.contains(second),
        _ => false,
    };
    labels.truncate(if country { 3 } else { 2 });
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_registrable_domains() {
        let cases = [
            ("portal.example.com", "api.example.com", true),
            ("example.com", "api.example.com", true),
            ("portal.example.com", "api.example.org", false),
            ("portal.petstore.localhost", "api.petstore.localhost", true),
            ("portal.localhost", "api.localhost", false),
            ("a.example.co.uk", "b.example.co.uk", true),
            ("a.co.uk", "b.co.uk", false),
            ("127.0.0.1", "127.0.0.1", true),
        ];
        for (left, right, want) in cases {
            assert_eq!(is_same_site(left, right), want, "{left} {right}");
        }
    }
}
