//! What is known of the API server, and what becomes of it when that fails.

use crate::support::cluster::{PACE, group, guide, resource, secret};
use crate::support::{Cluster, Fate, eventually};
use portcullis::clock::Clock;
use portcullis::config::{self, Pace, Parsed};
use portcullis::manifest::Watch;
use portcullis::policy::Snapshot;
use portcullis::reload::Loader;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const ISSUER: &str = "https://dev.okta.com";

/// A cluster that is followed, and the policy that is made of it.
struct Followed {
    cluster: Cluster,
    watch: Watch,
    parsed: Parsed,
    _folder: TempDir,
}

fn parsed(folder: &TempDir, kubernetes: &str, pace: Pace) -> Parsed {
    let settings = format!(
        "resources: {{kubernetes: {{kubeconfig: kubeconfig, {kubernetes}}}}}\nsession: {{keys_file: keys}}\n"
    );
    let path = folder.path().join("portcullis.yaml");
    std::fs::write(&path, settings).expect("a file");
    let mut parsed = config::load(&path).expect("settings");
    parsed.settings.resources.kubernetes.as_mut().expect("a section").pace = pace;
    parsed
}

async fn follow(cluster: Cluster, kubernetes: &str, pace: Pace) -> Followed {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("kubeconfig"), cluster.kubeconfig()).expect("a file");
    let parsed = parsed(&folder, kubernetes, pace);
    let places = parsed.settings.resources.kubernetes.as_ref().expect("a section");
    let watch = Watch::start(places, Clock::system(), Arc::default()).await.expect("a client");
    Followed { cluster, watch, parsed, _folder: folder }
}

/// The guide's resources, followed and listed.
async fn guided() -> Followed {
    let cluster = Cluster::start().await;
    guide(ISSUER).into_iter().for_each(|object| cluster.apply(object));
    let followed = follow(cluster, "namespaces: [default]", PACE).await;
    eventually(|| followed.watch.view().complete).await;
    followed
}

impl Followed {
    fn policy(&self) -> Option<Arc<Snapshot>> {
        let mut loader = Loader::new(&self.parsed).beside(Some(self.watch.clone()));
        loader.load().ok().map(|loaded| loaded.snapshot)
    }

    fn problems(&self) -> Vec<String> {
        let mut loader = Loader::new(&self.parsed).beside(Some(self.watch.clone()));
        let problems = loader.load().map_or_else(|problems| problems, |loaded| loaded.problems);
        problems.iter().map(ToString::to_string).collect()
    }

    fn knows(&self, group: &str) -> bool {
        self.policy().is_some_and(|policy| !policy.known_groups([group]).is_empty())
    }

    /// A change from now on is seen: what broke has mended.
    async fn goes_on(&self, name: &str) {
        self.cluster.apply(group("oidc-group", &json!([name])));
        eventually(|| self.knows(name)).await;
        assert_eq!(self.policy().expect("a policy").portals.len(), 1);
    }
}

#[tokio::test]
async fn lists_in_pages_and_follows_every_change() {
    let cluster = Cluster::start().await;
    guide(ISSUER).into_iter().for_each(|object| cluster.apply(object));
    for number in 0..7 {
        cluster.apply(group(&format!("more-{number}"), &json!([format!("more-{number}")])));
    }
    cluster.turn(|state| state.page = 3);
    let followed = follow(cluster, "namespaces: [default]", PACE).await;
    eventually(|| followed.knows("PetstoreUsers")).await;
    assert!((0..7).all(|number| followed.knows(&format!("more-{number}"))));
    assert_eq!(followed.cluster.asked("/groups?&limit=500&continue="), 2);
    assert_eq!(followed.problems(), [""; 0]);
    followed.goes_on("Changed").await;
    assert!(!followed.knows("PetstoreUsers"));
    followed.cluster.delete("Group", "oidc-group");
    eventually(|| !followed.knows("Changed")).await;
    followed.cluster.apply(group("oidc-group", &json!(["Back"])));
    eventually(|| followed.knows("Back")).await;
}

#[tokio::test]
async fn a_secret_that_changes_is_read_anew_and_nothing_else_that_changes_is_news() {
    let followed = guided().await;
    let value = || {
        let policy = followed.policy().expect("a policy");
        policy.portals[0].login.as_ref().expect("a login").client_secret.expose().clone()
    };
    assert_eq!(value(), "hush hush");
    let before = followed.watch.version();
    let mut status = group("oidc-group", &json!(["PetstoreUsers"]));
    status["status"] = json!({"state": "Failed"});
    followed.cluster.apply(status);
    followed.cluster.apply(secret("petstore-secret", "another\n"));
    eventually(|| value() == "another").await;
    // Behind the status on the same watch.
    followed.goes_on("Later").await;
    assert_eq!(followed.watch.version(), before + 2, "the status of a Group is none of ours");
}

#[tokio::test]
async fn watches_that_end_or_are_cut_go_on_from_where_they_were() {
    let followed = guided().await;
    followed.goes_on("First").await;
    let lists = followed.cluster.asked("/groups?&limit");
    for (number, fate) in [Fate::Cut, Fate::End, Fate::Cut].into_iter().enumerate() {
        followed.cluster.befall(fate);
        followed.goes_on(&format!("Cut{number}")).await;
    }
    assert_eq!(followed.cluster.asked("/groups?&limit"), lists, "nothing had to be listed anew");
}

/// What can never be read would otherwise hold up all that comes after it.
#[tokio::test]
async fn a_change_that_cannot_be_read_is_passed_over_by_a_list() {
    let followed = guided().await;
    followed.goes_on("First").await;
    let lists = followed.cluster.asked("/groups?&limit");
    followed.cluster.turn(|state| state.garbled = Some(state.version + 1));
    followed.goes_on("Behind").await;
    assert!(followed.cluster.asked("/groups?&limit") > lists);
    followed.goes_on("Later").await;
}

#[tokio::test]
async fn a_version_that_is_too_old_is_listed_anew_whichever_way_that_is_said() {
    let followed = guided().await;
    followed.goes_on("First").await;
    let lists = followed.cluster.asked("/groups?&limit");
    followed.cluster.befall(Fate::Gone);
    followed.goes_on("AsAnEvent").await;
    eventually(|| followed.cluster.asked("/groups?&limit") > lists).await;
    let lists = followed.cluster.asked("/portals?&limit");
    followed.cluster.turn(|state| state.oldest = u64::MAX / 2);
    followed.cluster.befall(Fate::Cut);
    eventually(|| followed.cluster.asked("/portals?&limit") > lists + 1).await;
    // What was deleted meanwhile is in no event.
    followed.cluster.delete("Group", "oidc-group");
    eventually(|| !followed.knows("AsAnEvent")).await;
    followed.cluster.turn(|state| state.oldest = 0);
    followed.goes_on("AsAStatus").await;
}

#[tokio::test]
async fn bookmarks_carry_a_quiet_list_over_what_is_forgotten() {
    let followed = guided().await;
    // Portals are quiet; their version becomes old by the changes of others.
    for number in 0..5 {
        followed.goes_on(&format!("Quiet{number}")).await;
    }
    let bookmarked = followed.cluster.asked("portals?&watch");
    followed.cluster.befall(Fate::Bookmark);
    followed.goes_on("Bookmarked").await;
    let lists = followed.cluster.asked("/portals?&limit");
    // The bookmark was at 112; whoever has only the version of the list, 106, is too late.
    followed.cluster.turn(|state| state.oldest = 111);
    followed.cluster.befall(Fate::Cut);
    eventually(|| followed.cluster.asked("portals?&watch") > bookmarked).await;
    let mut second = guide(ISSUER).remove(4);
    second["metadata"]["name"] = json!("second");
    second["spec"]["domains"] = json!(["second.localhost"]);
    second["spec"]["portalUrlPrefix"] = json!("http://second.localhost/");
    followed.cluster.apply(second);
    eventually(|| followed.policy().is_some_and(|policy| policy.portals.len() == 2)).await;
    assert_eq!(followed.cluster.asked("/portals?&limit"), lists);
}

#[tokio::test]
async fn what_was_known_stays_while_the_api_server_fails_or_is_away() {
    let followed = guided().await;
    followed.goes_on("Known").await;
    let fail = |code| {
        followed.cluster.turn(|state| {
            for kind in ["portals", "groups", "apiproducts", "environments", "secrets"] {
                state.refused.insert(kind, code);
            }
        });
        followed.cluster.befall(Fate::End);
    };
    for code in [500, 403, 404, 429] {
        fail(code);
        eventually(|| followed.watch.status().missing.len() >= 5).await;
        if code == 404 {
            let said = || followed.watch.status().missing.join("\n");
            eventually(|| said().contains("the cluster does not serve it now")).await;
        }
        let missing = followed.watch.status().missing.join("\n");
        assert!(missing.contains("kubernetes:default/Group: "), "{missing}");
        assert!(missing.contains("its last list stays in force"), "{missing}");
        assert!(followed.knows("Known"), "{code}");
        assert!(!followed.watch.status().followed["Portal"]);
        followed.cluster.turn(|state| state.refused.clear());
        eventually(|| followed.watch.status().missing.is_empty()).await;
        followed.goes_on(&format!("After{code}")).await;
        followed.goes_on("Known").await;
    }
    followed.cluster.turn(|state| state.away = true);
    eventually(|| !followed.watch.status().missing.is_empty()).await;
    assert!(followed.knows("Known"));
    followed.cluster.turn(|state| state.away = false);
    followed.goes_on("Back").await;
}

#[tokio::test]
async fn an_api_server_that_comes_back_with_old_data_is_believed() {
    let followed = guided().await;
    for number in 0..60 {
        followed.cluster.apply(group("oidc-group", &json!([format!("Step{number}")])));
    }
    eventually(|| followed.knows("Step59")).await;
    followed.cluster.restore();
    followed.cluster.delete("Group", "oidc-group");
    eventually(|| !followed.knows("Step59")).await;
    followed.goes_on("Restored").await;
}

#[tokio::test]
async fn a_network_that_swallows_everything_is_noticed() {
    let cluster = Cluster::start().await;
    guide(ISSUER).into_iter().for_each(|object| cluster.apply(object));
    let hurry = Duration::from_millis(100);
    let pace = Pace { list: hurry, watch: hurry, silence: hurry, ..PACE };
    let followed = follow(cluster, "namespaces: [default]", pace).await;
    eventually(|| followed.knows("PetstoreUsers")).await;
    followed.cluster.turn(|state| state.silent = true);
    eventually(|| followed.watch.status().missing.len() >= 7).await;
    assert!(followed.knows("PetstoreUsers"));
    followed.cluster.turn(|state| state.silent = false);
    followed.goes_on("Heard").await;
}

#[tokio::test]
async fn what_may_not_be_read_is_named_and_only_what_decides_is_waited_for() {
    let cluster = Cluster::start().await;
    guide(ISSUER).into_iter().for_each(|object| cluster.apply(object));
    cluster.turn(|state| state.refused = [("groups", 403), ("users", 403)].into());
    let followed = follow(cluster, "namespaces: [default]", PACE).await;
    let want = "kubernetes:default/Group: expected a list: 403 Forbidden: groups are not for you";
    eventually(|| followed.problems().iter().any(|said| said == want)).await;
    assert!(followed.policy().is_none());
    followed.cluster.turn(|state| state.refused.remove("groups"));
    eventually(|| followed.knows("PetstoreUsers")).await;
    let said = followed.problems();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("kubernetes:default/User: warning: expected a list: 403"),
        "{said:?}"
    );
}

#[tokio::test]
async fn kinds_that_are_not_served_are_a_notice_until_they_are() {
    let cluster = Cluster::start().await;
    cluster.turn(|state| state.served.clear());
    let followed = follow(cluster, "namespaces: [default]", PACE).await;
    eventually(|| followed.watch.view().complete).await;
    let said = followed.problems();
    assert_eq!(said.iter().filter(|one| one.contains("does not serve this kind")).count(), 6);
    assert!(
        said[6].contains("expected resources such as a Portal in resources.kubernetes"),
        "{said:?}"
    );
    guide(ISSUER).into_iter().for_each(|object| followed.cluster.apply(object));
    followed.cluster.turn(|state| {
        state.served = ["portal.gloo.solo.io/v1beta1", "devportal.solo.io/v1alpha1"].into();
    });
    eventually(|| followed.knows("PetstoreUsers")).await;
    eventually(|| followed.problems().is_empty()).await;
}

#[tokio::test]
async fn namespaces_and_secrets_are_asked_for_as_the_settings_say() {
    for (settings, asked) in [
        ("namespaces: ['*']", "/api/v1/secrets?&fieldSelector=type%21%3Dhelm.sh"),
        ("namespaces: [default, other]", "/namespaces/other/portals?&limit"),
        ("namespaces: [default], secret_selector: 'a=b'", "/secrets?&labelSelector=a%3Db&limit"),
        (
            "namespaces: [default], secret_names: [petstore-secret.default]",
            "/namespaces/default/secrets?&fieldSelector=metadata.name%3Dpetstore-secret&limit",
        ),
    ] {
        let cluster = Cluster::start().await;
        guide(ISSUER).into_iter().for_each(|object| cluster.apply(object));
        cluster.apply(secret("unrelated", "x"));
        let followed = follow(cluster, settings, PACE).await;
        eventually(|| followed.knows("PetstoreUsers")).await;
        assert!(followed.cluster.asked(asked) > 0, "{settings}");
        assert_eq!(followed.problems(), [""; 0], "{settings}");
    }
}

#[tokio::test]
async fn a_problem_names_the_resource_and_the_field_and_the_oldest_keeps_a_host() {
    let followed = guided().await;
    let mut rival = guide(ISSUER).remove(4);
    rival["metadata"]["name"] = json!("a-rival");
    followed.cluster.apply(rival);
    followed.cluster.apply(resource(
        "Group",
        "broken",
        &json!({"oidcGroup": {"groupNames": [{}]}}),
    ));
    eventually(|| followed.problems().len() == 2).await;
    let said = followed.problems().join("\n");
    for want in [
        "kubernetes:default/Group/broken: spec.oidcGroup.groupNames[0]: expected ",
        "kubernetes:default/Portal/a-rival: spec.domains[0]: ",
    ] {
        assert!(said.contains(want), "{want}\n{said}");
    }
    assert!(!said.contains("hush"), "a secret");
}

/// An API key of `ann`, in plain as Gloo Portal stores it.
fn api_key(name: &str, key: &str) -> serde_json::Value {
    let mut object = secret(name, "x");
    object["type"] = json!("extauth.solo.io/apikey");
    let encode = |text: &str| {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(text)
    };
    object["data"] = json!({
        "api-key": encode(key), "environment": encode("dev.default"), "username": encode("ann"),
        "product": encode("petstore-product.default"), "plan": encode("basic"),
    });
    object
}

#[tokio::test]
async fn n11_api_keys_are_listed_beside_the_secrets_that_are_named_and_none_is_kept_in_plain() {
    const KEY: &str = "N2YwMDIxZTEtNGUzNS1jNzgz";
    let cluster = Cluster::start().await;
    guide(ISSUER).into_iter().for_each(|object| cluster.apply(object));
    cluster.apply(api_key("k", KEY));
    cluster.apply(secret("unrelated", "not asked for"));
    cluster.turn(|state| state.refused = [("users", 403)].into());
    let settings = "namespaces: [default], secret_names: [petstore-secret.default], api_keys: true";
    let followed = follow(cluster, settings, PACE).await;
    eventually(|| followed.watch.view().complete).await;
    let digest = portcullis::api_key::KeyDigest::of(KEY).expect("a key");
    let has = || {
        let policy = followed.policy().expect("a policy");
        policy.api_keys.find(&digest).is_some()
    };
    assert!(has());
    let held: String =
        followed.watch.view().objects.iter().map(|one| one.body.to_string()).collect();
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(KEY);
    assert!(
        !held.contains(KEY) && !held.contains(&encoded) && !held.contains("unrelated"),
        "{held}"
    );
    // The plan is none of the product's here; and nobody can say whether `ann` has a User.
    let said = followed.problems();
    assert!(said.iter().any(|said| said.contains("default/Secret/k: warning: ")), "{said:?}");
    followed.cluster.delete("Secret", "k");
    eventually(|| !has()).await;
}

fn config_map(data: &serde_json::Value) -> serde_json::Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "documents", "namespace": "default"},
        "data": data, "binaryData": {"picture": "AAAA"},
    })
}

#[tokio::test]
async fn of_a_config_map_only_what_may_be_an_api_document_is_kept_and_is_news() {
    let followed = guided().await;
    let operations = || {
        let policy = followed.policy().expect("a policy");
        policy.environments[0].products.operations()
    };
    let document =
        |path: &str| format!("openapi: 3.0.3\npaths: {{{path}: {{get: {{}}, put: {{}}}}}}");
    followed.cluster.apply(config_map(&json!({"pets.yaml": document("/a"), "other": "hush hush"})));
    let source = json!({"name": "documents", "key": "pets.yaml"});
    let spec = json!({"openApi": {"content": {"configMap": source}}});
    followed.cluster.apply(resource("APIDoc", "petstore-schema", &spec));
    eventually(|| operations() == 2).await;
    let kept = followed.watch.view().objects;
    let kept = kept.iter().find(|object| object.name.contains("ConfigMap")).expect("a ConfigMap");
    assert_eq!(kept.body["data"], json!({"pets.yaml": document("/a"), "other": null}));
    assert_eq!(kept.body["binaryData"], json!({"picture": null}));

    let before = followed.watch.version();
    followed.cluster.apply(config_map(&json!({"pets.yaml": document("/a"), "other": "changed"})));
    followed.cluster.apply(group("more", &json!(["More"])));
    eventually(|| followed.knows("More")).await;
    assert_eq!(followed.watch.version(), before + 1, "the Group alone is news");

    followed.cluster.delete("ConfigMap", "documents");
    eventually(|| !followed.problems().is_empty()).await;
    let problems = followed.problems();
    let want = "kubernetes:default/APIDoc/petstore-schema: spec.openApi.content.configMap: expected the \
                name of a known ConfigMap; there is no documents.default";
    assert!(problems.iter().any(|problem| problem == want), "{problems:#?}");
}

/// Whoever gave no right to read them before there was a use for them has a policy all the same.
#[tokio::test]
async fn config_maps_that_cannot_be_had_hold_up_no_policy() {
    let cluster = Cluster::start().await;
    guide(ISSUER).into_iter().for_each(|object| cluster.apply(object));
    cluster.turn(|state| state.refused = [("configmaps", 403)].into());
    let followed = follow(cluster, "namespaces: [default]", PACE).await;
    eventually(|| followed.policy().is_some()).await;
    eventually(|| {
        followed
            .problems()
            .iter()
            .any(|problem| problem.contains("ConfigMap: warning: expected a list: 403"))
    })
    .await;
}
