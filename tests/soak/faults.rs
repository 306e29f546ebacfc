//! What goes wrong, in an order that the seed chooses.

use crate::provider::Mode;
use crate::rng::Rng;
use crate::world::World;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// A page of resources that does not parse.
const TORN: &str = "apiVersion: portal.gloo.solo.io/v1beta1\nkind: [Portal\n";

/// Brings one thing after the other until `end`; says how often each.
pub(crate) async fn run(world: Arc<World>, seed: u64, end: Instant) -> Vec<(&'static str, u32)> {
    let mut rng = Rng::new(seed);
    let names = [
        "provider killed and restarted",
        "provider slow",
        "provider answers 429",
        "provider answers 500",
        "answers of the provider lost",
        "keys rotated",
        "old keys withdrawn",
        "resources edited",
        "resources broken",
        "SIGHUP",
        "a person changes groups",
    ];
    let mut counts: Vec<(&'static str, u32)> = names.iter().map(|name| (*name, 0)).collect();
    let issuer = world.provider.issuer.clone();
    let mut deck: Vec<usize> = Vec::new();
    let mut open = true;
    while Instant::now() < end {
        pause(&mut rng, 1, 4).await;
        // Each comes once before any comes again.
        if deck.is_empty() {
            deck = (0..names.len()).collect();
            rng.shuffle(&mut deck);
        }
        let which = deck.pop().expect("a card");
        counts[which].1 += 1;
        match which {
            0 => {
                world.trouble(true);
                world.provider.kill();
                pause(&mut rng, 2, 9).await;
                world.provider.restart().await;
                world.trouble(false);
            }
            1..=4 => {
                let modes = [Mode::Slow, Mode::TooMany, Mode::Broken, Mode::Lossy];
                world.trouble(true);
                world.provider.turn(modes[which - 1]);
                pause(&mut rng, 2, 7).await;
                world.provider.turn(Mode::Well);
                world.trouble(false);
            }
            5 => world.provider.rotate(),
            6 => world.provider.withdraw(),
            7 => {
                open = !open;
                world.open_bank(open);
                world.service.publish(&resources(&world, &issuer, open));
            }
            8 => {
                world.service.publish(TORN);
                pause(&mut rng, 2, 4).await;
                world.service.publish(&resources(&world, &issuer, open));
            }
            9 => world.service.signal("-HUP"),
            _ => {
                let member: &[&str] = if rng.one_in(2) { &["PetstoreUsers"] } else { &["Others"] };
                world.provider.groups("changing", member);
            }
        }
    }
    counts
}

fn resources(world: &World, issuer: &str, open: bool) -> String {
    let setup = world.setup.clone();
    if open { setup } else { setup.edit("[Testers]", "[Nobody]") }.resources(issuer)
}

async fn pause(rng: &mut Rng, from: u64, to: u64) {
    let milliseconds = from * 1000 + rng.below((to - from) * 1000);
    sleep(Duration::from_millis(milliseconds)).await;
}
