use super::*;
use crate::config;
use std::fs;
use std::path::Path;

const GROUP: &str = "apiVersion: portal.gloo.solo.io/v1beta1
kind: Group
metadata: {name: NAME}
spec: {oidcGroup: {groupNames: [NAME]}}
";

const PORTAL: &str = "apiVersion: portal.gloo.solo.io/v1beta1
kind: Portal
metadata: {name: petstore}
spec:
  domains: [petstore.example.com]
  portalUrlPrefix: https://petstore.example.com
  oidcAuth:
    clientId: id
    clientSecret: {name: oidc, key: client-secret}
    groupClaimKey: groups
    issuer: https://dev.okta.com
";

fn group(name: &str) -> String {
    GROUP.replace("NAME", name)
}

fn loader(folder: &Path) -> Loader {
    let text = "resources: {paths: [portal], secrets_dir: secrets}\nsession: {store: memory}";
    fs::create_dir_all(folder.join("portal")).expect("a folder");
    fs::create_dir_all(folder.join("secrets")).expect("a folder");
    fs::write(folder.join("settings.yaml"), text).expect("a file");
    Loader::new(&config::load(&folder.join("settings.yaml")).expect("settings"))
}

fn known(snapshot: &Snapshot) -> Vec<String> {
    snapshot.known_groups(["a", "b", "c", "d", "e"]).to_vec()
}

#[test]
fn reads_the_own_files_of_a_folder_and_no_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut loader = loader(folder.path());
    let portal = folder.path().join("portal");
    fs::create_dir_all(portal.join("deeper")).expect("a folder");
    fs::create_dir_all(portal.join("..data")).expect("a folder");
    for (path, name) in [
        ("a.yaml", "a"),
        ("b.yml", "b"),
        ("c.json", "c"),
        ("d.txt", "d"),
        (".d.yaml", "d"),
        ("deeper/d.yaml", "d"),
        ("..data/e.yaml", "e"),
    ] {
        fs::write(portal.join(path), group(name)).expect("a file");
    }
    assert_eq!(known(&loader.load().expect("a policy").snapshot), ["a", "b", "c"]);
    std::os::unix::fs::symlink("..data/e.yaml", portal.join("e.yaml")).expect("a link");
    assert_eq!(known(&loader.load().expect("a policy").snapshot), ["a", "b", "c", "e"]);
}

#[test]
fn reads_secrets_as_kubernetes_mounts_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut loader = loader(folder.path());
    fs::write(folder.path().join("portal/p.yaml"), PORTAL).expect("a file");
    let loaded = loader.load().expect("a policy");
    assert_eq!(
        loaded.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "portal/p.yaml:9: spec.oidcAuth.clientSecret: expected the name of a known Secret; there \
          is no oidc.default"
        ]
    );
    let secret = folder.path().join("secrets/default/oidc");
    fs::create_dir_all(secret.join("..2026")).expect("a folder");
    fs::write(secret.join("..2026/client-secret"), "hush\n").expect("a file");
    std::os::unix::fs::symlink("..2026", secret.join("..data")).expect("a link");
    std::os::unix::fs::symlink("..data/client-secret", secret.join("client-secret"))
        .expect("a link");
    let loaded = loader.load().expect("a policy");
    assert_eq!(loaded.problems, []);
    assert!(loaded.snapshot.site("petstore.example.com").is_some());
    let login = loaded.snapshot.portals[0].login.as_ref().expect("a login");
    assert_eq!(login.client_secret.expose(), "hush");
}

#[test]
fn a_place_that_cannot_be_listed_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut loader = loader(folder.path());
    fs::write(folder.path().join("portal/a.yaml"), group("a")).expect("a file");
    loader.load().expect("a policy");
    fs::remove_dir(folder.path().join("secrets")).expect("no folder");
    let problems = loader.load().expect_err("a problem");
    assert!(problems[0].to_string().starts_with("secrets: expected a folder that can be listed"));
    fs::create_dir(folder.path().join("secrets")).expect("a folder");
    assert_eq!(known(&loader.load().expect("a policy").snapshot), ["a"]);
    // A file that is no text is as one that does not parse.
    fs::write(folder.path().join("portal/a.yaml"), [0xff, 0xfe]).expect("a file");
    let loaded = loader.load().expect("a policy");
    assert_eq!(known(&loaded.snapshot), ["a"]);
    assert_eq!(loaded.problems[0].to_string(), "portal/a.yaml: expected UTF-8");
}

#[test]
fn an_empty_policy_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut loader = loader(folder.path());
    let problems = loader.load().expect_err("a problem");
    let text = problems[0].to_string();
    let want = "settings.yaml:1: resources.paths: expected resources such as a Portal in \
                resources.paths; there are none";
    assert!(text.ends_with(want), "{text}");
    fs::write(folder.path().join("portal/a.yaml"), group("a")).expect("a file");
    loader.load().expect("a policy");
    fs::write(folder.path().join("portal/a.yaml"), "").expect("a file");
    loader.load().expect_err("a problem");
    fs::remove_dir_all(folder.path().join("portal")).expect("no folder");
    let problems = loader.load().expect_err("a problem");
    assert_eq!(problems[0].to_string(), "portal: expected a file or folder; there is none");
}

#[test]
fn a_fingerprint_tells_every_kind_of_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let loader = loader(folder.path());
    let portal = folder.path().join("portal");
    let mut seen = vec![loader.fingerprint()];
    assert_eq!(loader.fingerprint(), seen[0]);
    fs::write(portal.join("a.yaml"), group("a")).expect("a file");
    seen.push(loader.fingerprint());
    fs::write(portal.join("a.yaml"), group("b")).expect("a file");
    seen.push(loader.fingerprint());
    fs::write(portal.join("b.yaml.new"), group("b")).expect("a file");
    fs::rename(portal.join("b.yaml.new"), portal.join("a.yaml")).expect("a file");
    seen.push(loader.fingerprint());
    fs::remove_file(portal.join("a.yaml")).expect("no file");
    seen.push(loader.fingerprint());
    for (index, pair) in seen.windows(2).enumerate() {
        assert_ne!(pair[0], pair[1], "{index}");
    }
}

#[test]
fn l38_loads_nothing_that_is_being_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut loader = loader(folder.path());
    let files = ["a.yaml", "b.yaml"].map(|name| folder.path().join("portal").join(name));
    let write = |name: &str| {
        for file in &files {
            fs::write(file, group(name)).expect("a file");
        }
    };
    write("a");
    std::thread::scope(|scope| {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        scope.spawn(move || {
            while stopped.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) {
                write("b");
            }
        });
        assert!(loader.load_at_rest().is_none());
        drop(stop);
    });
    let (seen, loaded) = loader.load_at_rest().expect("rest");
    assert_eq!(known(&loaded.expect("a policy").snapshot), ["b"]);
    assert_eq!(seen, loader.fingerprint());
}

#[tokio::test]
async fn frees_an_old_policy_when_the_last_check_is_over_and_not_in_it() {
    let mut retired = Retired::default();
    let old = Arc::new(Snapshot::default());
    let (ours, weak) = (Arc::clone(&old), Arc::downgrade(&old));
    retired.keep(old);
    retired.sweep();
    drop(ours);
    // What a check lets go of last is not freed by it.
    assert!(weak.upgrade().is_some());
    retired.sweep();
    assert!(retired.0.is_empty());
    while weak.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn publishes_what_changed_and_keeps_what_held() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut loader = loader(folder.path());
    let file = folder.path().join("portal/a.yaml");
    fs::write(&file, group("a")).expect("a file");
    let seen = loader.fingerprint();
    let first = loader.load().expect("a policy");
    let (publish, mut policy) = watch::channel(first.snapshot);
    let trigger = Arc::new(Notify::new());
    let (reports, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let report = move |reload: &Reload| drop(reports.send(reload.clone()));
    let task = tokio::spawn(watch(loader, seen, Arc::clone(&trigger), publish, report));
    fs::write(&file, group("b")).expect("a file");
    trigger.notify_one();
    policy.changed().await.expect("a policy");
    assert_eq!(known(&policy.borrow_and_update()), ["b"]);
    assert!(matches!(heard.recv().await, Some(Reload::Applied(problems)) if problems.is_empty()));
    fs::remove_dir(folder.path().join("secrets")).expect("no folder");
    trigger.notify_one();
    while !matches!(heard.recv().await, Some(Reload::Kept(_))) {}
    assert_eq!(known(&policy.borrow()), ["b"]);
    // Without being asked.
    fs::create_dir(folder.path().join("secrets")).expect("a folder");
    fs::write(&file, group("c")).expect("a file");
    while known(&policy.borrow_and_update()) != ["c"] {
        policy.changed().await.expect("a policy");
    }
    drop(policy);
    task.await.expect("an end");
}
