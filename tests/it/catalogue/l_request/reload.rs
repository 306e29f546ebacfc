//! L38: a policy is replaced as a whole, whatever is asked meanwhile.

use crate::support::{API, Ask, Gateway, PORTAL, Setup};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Everything is called otherwise: product, Environment, Portal, Group, and who may pass.
fn other() -> Setup {
    Setup::default()
        .edit("name: petstore-product", "name: second-product")
        .edit("names: [petstore-product]", "names: [second-product]")
        .edit("name: dev,", "name: second-dev,")
        .edit("names: [dev]", "names: [second-dev]")
        .edit("name: petstore-portal", "name: second-portal")
        .edit("groupNames: [PetstoreUsers]", "groupNames: [SecondUsers]")
}

/// Environment, product, Portal and group by which a request passed.
type Names = [&'static str; 4];
const FIRST: Names =
    ["dev.default", "petstore-product.default", "petstore-portal.default", "PetstoreUsers"];
const SECOND: Names =
    ["second-dev.default", "second-product.default", "second-portal.default", "SecondUsers"];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn l38_no_request_sees_a_mix_of_two_policies() {
    let gateway = Arc::new(Gateway::new().await);
    let token = |groups| gateway.provider.id_token(&json!({ "groups": groups }));
    let tokens: [String; 3] = [
        token(json!(["PetstoreUsers", "SecondUsers"])),
        token(json!(["PetstoreUsers"])),
        token(json!(["SecondUsers"])),
    ];
    let done = Arc::new(AtomicBool::new(false));
    let counts: [Arc<AtomicUsize>; 2] = Default::default();
    let hammers = (0..8).map(|at: usize| {
        let (gateway, done, counts) = (Arc::clone(&gateway), Arc::clone(&done), counts.clone());
        let token = tokens[at % 3].clone();
        tokio::spawn(async move {
            while !done.load(Ordering::SeqCst) {
                let answer = gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token)).await;
                let names = [answer.text("environment"), answer.text("product")];
                let of = [FIRST, SECOND].iter().position(|all| all[..2] == names);
                let of = of.unwrap_or_else(|| panic!("a mix: {answer:?}"));
                counts[of].fetch_add(1, Ordering::SeqCst);
                let may_pass = [at % 3 != 2, at % 3 != 1][of];
                if !may_pass {
                    answer.refused(403, "not_granted");
                    continue;
                }
                let all = [FIRST, SECOND][of];
                answer.granted();
                assert_eq!(answer.text("portal"), all[2], "{answer:?}");
                assert_eq!(answer.metadata["groups"], json!([all[3]]), "{answer:?}");
                assert_eq!(answer.set["x-portcullis-product"], all[1]);
                assert_eq!(answer.set["x-portcullis-portal"], all[2]);
            }
        })
    });
    let hammers: Vec<_> = hammers.collect();
    let reload = async {
        for time in 0..20 {
            let setup = if time % 2 == 0 { other() } else { Setup::default() };
            let text = setup.resources(&gateway.provider.issuer);
            let seen = counts[(time + 1) % 2].load(Ordering::SeqCst);
            std::fs::write(gateway.folder.path().join("portal/all.yaml"), text).expect("written");
            gateway.load().await;
            // Each policy is asked before the next one comes.
            while counts[(time + 1) % 2].load(Ordering::SeqCst) < seen + 5 {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reload).await.expect("reloads");
    done.store(true, Ordering::SeqCst);
    for hammer in hammers {
        hammer.await.expect("one policy at a time");
    }
    let [first, second] = counts.map(|count| count.load(Ordering::SeqCst));
    assert!(first > 50 && second > 50, "{first} by the first policy, {second} by the second");
}

#[tokio::test]
async fn l34_an_edit_that_leaves_nothing_keeps_the_last_good() {
    let gateway = Gateway::new().await;
    let token = gateway.provider.id_token(&json!({}));
    let file = gateway.folder.path().join("portal/all.yaml");
    let good = std::fs::read_to_string(&file).expect("resources");
    let (half, _) = good.split_once("kind: Group").expect("a Group");
    for edit in ["", "---\n", "kind: Portal\n", "{{{", &format!("{half}kind: {{{{")] {
        std::fs::write(&file, edit).expect("written");
        gateway.load().await;
        gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token)).await.granted();
        let page = gateway.ask(Ask::get(PORTAL).navigate()).await;
        page.sent_to(&gateway.provider.issuer, "no_credentials");
        gateway
            .ask(Ask::get("http://evil.localhost/").bearer(&token))
            .await
            .refused(403, "no_route");
    }
}
