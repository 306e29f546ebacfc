//! A policy of any number of routes, products and groups, by `benches/scale/generate.mjs`: one host,
//! one product and one group each.

use crate::answer::Want;
use crate::bundle::{Bundle, now};
use crate::claims::{CLIENT, id_token, subject};
use crate::failure::Outcome;
use crate::keys::Signature;
use crate::kind::Case;
use crate::message::{Fetch, Shape};
use crate::place::{Place, Transport, repository};
use crate::rng::Rng;
use std::process::{Command, Stdio};

/// Distinct callers, whatever the number of routes.
pub const CALLERS: usize = 10_000;

const HALF: usize = CALLERS / 2;

/// The policy in place.
#[derive(Debug)]
pub struct Scale {
    /// Routes, products and groups.
    pub count: usize,
    /// Settings and resources.
    pub place: Place,
}

impl Scale {
    /// Generates `count` of each.
    ///
    /// # Errors
    ///
    /// Where Node does not generate them.
    pub fn lay(
        transport: Transport,
        issuer: &str,
        provider_port: u16,
        count: usize,
    ) -> Outcome<Self> {
        let place = Place::lay(transport, provider_port)?;
        let settings = std::fs::read_to_string(place.settings())?;
        // An override of a Portal that is not there would be a problem.
        let settings = settings.replace("petstore-portal.default", "portal.default");
        std::fs::write(place.settings(), settings)?;
        std::fs::remove_dir_all(place.resources())?;
        let generated = Command::new("node")
            .arg(repository().join("benches/scale/generate.mjs"))
            .arg("--out")
            .arg(place.resources())
            .args(["--count", &count.to_string(), "--sites", "many", "--groups", "each"])
            .args(["--issuer", issuer, "--client", CLIENT])
            .stdout(Stdio::null())
            .status()?;
        if !generated.success() {
            return Err(format!("benches/scale/generate.mjs ended with {generated}").into());
        }
        Ok(Self { count, place })
    }

    /// Changes the resources so that the service loads all of them again.
    ///
    /// # Errors
    ///
    /// Of files.
    pub fn touch(&self, turn: usize) -> Outcome<()> {
        let file = self.place.resources().join("touched.yaml");
        let text = format!(
            "apiVersion: portal.gloo.solo.io/v1beta1\nkind: APIProduct\n\
             metadata: {{name: turn-{turn}, namespace: default}}\nspec: {{versions: [{{name: v1}}]}}\n"
        );
        // Of the resources, and not yet in their folder: nobody reads HALF of it.
        let next = self.place.folder().join("touched.next");
        std::fs::write(&next, text)?;
        std::fs::rename(next, file)?;
        Ok(())
    }
}

fn group(index: usize) -> String {
    format!("g{index:06}")
}

/// Tokens of [`CALLERS`] callers: caller t is in group t and every ten-thousandth after it, and in t
/// mod 10 and mod `largest`, so that every route of 10 and of `largest` has callers.
///
/// # Errors
///
/// Of signatures.
pub fn tokens(bundle: &Bundle, largest: usize) -> Outcome<Vec<String>> {
    let present = now();
    let sign = |caller: usize| {
        let few = [caller % 10, caller % largest];
        let groups = few.into_iter().chain((caller..largest).step_by(CALLERS)).map(group);
        let groups: Vec<_> = groups.collect();
        bundle.sign(Signature::Rs256, &id_token(&bundle.issuer, number(caller), &groups, present))
    };
    std::thread::scope(|scope| {
        let second = scope.spawn(|| (HALF..CALLERS).map(sign).collect::<Outcome<Vec<_>>>());
        let mut tokens = (0..HALF).map(sign).collect::<Outcome<Vec<_>>>()?;
        tokens.extend(second.join().map_err(|_panic| "signing failed")??);
        Ok(tokens)
    })
}

/// Not the callers of the bundle's tokens.
const fn number(caller: usize) -> usize {
    1_000_000 + caller
}

/// As many cases as there are routes, and at least one for each caller: all routes alike.
#[must_use]
pub fn cases(count: usize, tokens: &[String]) -> Vec<Case> {
    let mut rng = Rng::new(0x5ca1e);
    let routes = (0..count.max(CALLERS)).map(|case| {
        let (caller, route) = (case % CALLERS, case % count);
        let path = format!("/api/pets/{}?limit=20", rng.below(1_000_000));
        let shape = Shape::get(&path, Fetch::Script, &mut rng)
            .host(&format!("h{route:06}.scale.localhost"))
            .header("authorization", &format!("Bearer {}", tokens[caller]));
        Case { message: shape.bytes(), want: Want::Granted { subject: subject(number(caller)) } }
    });
    routes.collect()
}
