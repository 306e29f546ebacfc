//! The kinds of checks that are measured: what is sent, and what has to come back.

use crate::answer::Want;
use crate::bundle::{Bundle, List};
use crate::claims::subject;
use crate::failure::Outcome;
use crate::message::{Fetch, Shape};
use crate::rng::Rng;
use crate::sessions::cookies;
use portcullis::session::KeyRing;

/// A kind of check.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// An RS256 bearer that the service has verified before; the product by the host.
    Bearer,
    /// The same, the product by the gateway's context extensions.
    BearerByContext,
    /// An RS256 bearer that nobody has seen before.
    Fresh,
    /// An ES256 bearer.
    Es256,
    /// A sealed session in a cookie, of a script of the page.
    Session,
    /// A page without session: a redirect to the login.
    Redirect,
    /// A script's request without credential: 401.
    Unauthorized,
    /// A bearer whom no Group lets in: 403.
    Forbidden,
    /// Requests that nobody sends in good faith.
    Hostile,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Bearer,
        Self::BearerByContext,
        Self::Fresh,
        Self::Es256,
        Self::Session,
        Self::Redirect,
        Self::Unauthorized,
        Self::Forbidden,
        Self::Hostile,
    ];

    /// As it is printed, and named on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::BearerByContext => "bearer-by-context",
            Self::Fresh => "fresh",
            Self::Es256 => "es256",
            Self::Session => "session",
            Self::Redirect => "redirect",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::Hostile => "hostile",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One check: the message, and what has to come back.
#[derive(Clone, Debug)]
pub struct Case {
    /// The `CheckRequest`, without the gRPC frame.
    pub message: Vec<u8>,
    /// What has to come back.
    pub want: Want,
}

/// Makes all different cases of a kind: as many as there are tokens or sessions, and a thousand of
/// what needs neither.
///
/// # Errors
///
/// Where sessions cannot be sealed.
pub fn cases(kind: Kind, bundle: &Bundle, key_ring: &KeyRing) -> Outcome<Vec<Case>> {
    let mut rng = Rng::new(0x1d_a117 + kind as u64);
    let rng = &mut rng;
    Ok(match kind {
        Kind::Bearer => bearers(bundle, List::Users, rng, |shape| shape),
        Kind::BearerByContext => bearers(bundle, List::Users, rng, |shape| {
            shape
                .context("environment", "dev.default")
                .context("product", "petstore-product.default")
        }),
        Kind::Fresh => bearers(bundle, List::Fresh, rng, |shape| shape),
        Kind::Es256 => bearers(bundle, List::UsersEs256, rng, |shape| shape),
        Kind::Forbidden => bearers(bundle, List::Strangers, rng, |shape| shape),
        Kind::Session => {
            let count = bundle.tokens(List::Users).len();
            let cookies = cookies(bundle, key_ring, count, crate::bundle::now(), rng)?;
            let cases = cookies.iter().enumerate().map(|(number, cookie)| {
                let shape = Shape::get(&path(rng), Fetch::Script, rng).cookie(cookie);
                Case { message: shape.bytes(), want: Want::Granted { subject: subject(number) } }
            });
            cases.collect()
        }
        Kind::Redirect => (0..1000)
            .map(|_| {
                let shape = Shape::get(&path(rng), Fetch::Navigation, rng);
                let location = format!("{}/v1/authorize?", bundle.issuer);
                Case { message: shape.bytes(), want: Want::Redirect { location } }
            })
            .collect(),
        Kind::Unauthorized => (0..1000)
            .map(|_| {
                let shape = Shape::get(&path(rng), Fetch::Script, rng);
                Case { message: shape.bytes(), want: Want::denied(401, "no_credentials") }
            })
            .collect(),
        Kind::Hostile => (0..1000).map(|number| hostile(number, bundle, rng)).collect(),
    })
}

fn bearers(
    bundle: &Bundle,
    list: List,
    rng: &mut Rng,
    change: impl Fn(Shape) -> Shape,
) -> Vec<Case> {
    let callers = bundle.tokens(list).iter().enumerate();
    callers
        .map(|(at, token)| {
            let shape = Shape::get(&path(rng), Fetch::Script, rng);
            let shape = shape.header("authorization", &format!("Bearer {token}"));
            let want = match list {
                List::Strangers => Want::denied(403, "not_granted"),
                List::Users | List::Fresh | List::UsersEs256 => {
                    Want::Granted { subject: subject(bundle.number(list, at)) }
                }
            };
            Case { message: change(shape).bytes(), want }
        })
        .collect()
}

/// Paths of the petstore's API.
fn path(rng: &mut Rng) -> String {
    format!("/api/pets/{}?limit={}&tab=overview", rng.below(1_000_000), 10 + rng.below(90))
}

/// Ambiguous paths, broken tokens, two credentials, hosts of nobody.
fn hostile(number: usize, bundle: &Bundle, rng: &mut Rng) -> Case {
    let token = &bundle.tokens(List::Users)[number % bundle.amounts.users];
    let script = |path: &str, rng: &mut Rng| Shape::get(path, Fetch::Script, rng);
    let bearer =
        |shape: Shape, token: &str| shape.header("authorization", &format!("Bearer {token}"));
    let (shape, want) = match number % 5 {
        0 => {
            (bearer(script("/api/..%2fadmin", rng), token), Want::denied(400, "ambiguous_request"))
        }
        1 => {
            let (signed, _signature) = token.rsplit_once('.').unwrap_or_default();
            let forged = format!("{signed}.{}", rng.text(342));
            (bearer(script(&path(rng), rng), &forged), Want::denied(401, "invalid_token"))
        }
        2 => (
            bearer(script(&path(rng), rng), token).header("api-key", "a-key-of-nobody"),
            Want::denied(400, "ambiguous_request"),
        ),
        3 => (
            bearer(script(&path(rng), rng), token).host("admin.petstore.localhost:10000"),
            Want::denied(403, "no_route"),
        ),
        _ => (
            bearer(script(&path(rng), rng), &format!("{}.e30.", "eyJhbGciOiJub25lIn0")),
            Want::denied(401, "invalid_token"),
        ),
    };
    Case { message: shape.bytes(), want }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Amounts;
    use std::collections::HashSet;

    const FEW: Amounts = Amounts { users: 6, fresh: 2, users_es256: 2, strangers: 2 };

    #[test]
    fn messages_are_distinct_and_as_large_as_those_of_the_method() {
        let bundle =
            Bundle::mint("http://okta.localhost:10100/oauth2/default", FEW).expect("minted");
        let key_ring = KeyRing::of(&std::array::from_fn(|at| at as u8)).expect("a key");
        for kind in Kind::ALL {
            let cases = cases(kind, &bundle, &key_ring).expect("cases");
            let messages: HashSet<_> = cases.iter().map(|case| &case.message).collect();
            assert_eq!(messages.len(), cases.len(), "{kind:?}");
            // Five bytes of the gRPC frame come to that.
            let length = cases[0].message.len() + 5;
            if matches!(kind, Kind::Bearer | Kind::Session) {
                assert!((2_830..2_920).contains(&length), "{kind:?}: {length}");
            }
        }
        assert_eq!(Kind::named("redirect"), Some(Kind::Redirect));
    }
}
