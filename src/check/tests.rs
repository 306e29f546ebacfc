use super::*;
use crate::config;
use crate::random;
use std::thread;
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// A checker that knows no resources, to be made in the runtime of its providers.
fn checker() -> Checker {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("portcullis.yaml");
    std::fs::write(&file, "resources: {paths: [.]}").expect("written");
    let settings = config::load(&file).expect("settings that hold").settings;
    let clock = Clock::system();
    let key_ring = KeyRing::of(&random::bytes().expect("randomness")).expect("a key");
    Checker::new(Parts {
        policy: watch::channel(Arc::default()).1,
        key_ring: watch::channel(Arc::new(key_ring)).1,
        providers: Providers::new(&settings.provider, clock.clone()).expect("providers"),
        redis: None,
        settings: Arc::new(settings),
        clock,
        metrics: Metrics::new(),
    })
    .expect("randomness")
}

#[test]
fn what_asks_a_provider_runs_where_the_providers_do_and_outlives_who_began_it() {
    let control = runtime();
    let checker = control.block_on(async { checker() });
    let (tell, told) = tokio::sync::oneshot::channel();
    let of_checks = thread::spawn({
        let checker = checker.clone();
        move || {
            runtime().block_on(async move {
                checker.0.spawn(async move {
                    tell.send(thread::current().id()).expect("somebody asks");
                });
            });
        }
    });
    of_checks.join().expect("no panic");
    assert_eq!(control.block_on(told), Ok(thread::current().id()));
    control.block_on(checker.finish());
}
