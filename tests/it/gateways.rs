//! The files of `deploy/gateways`: they parse, what one document names is there in another, and
//! host names, paths and ports are those of our own reference.

use portcullis::document::{Node, Scalar, Value, parse};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const FOLDER: &str = "deploy/gateways";
const HOSTS: [&str; 2] = ["petstore.example.com", "api.example.com"];
/// Services that are somebody else's, as `kind/namespace/name`.
const UPSTREAMS: [&str; 2] = ["Service/petstore/portal", "Service/petstore/petstore"];
/// Mesh configuration: no resources.
const NO_RESOURCES: &str = "istio-mesh.yaml";

#[test]
fn every_reference_leads_to_a_resource_and_is_granted() {
    for file in files() {
        let documents = [read(&file), read("service.yaml")].concat();
        let known: BTreeSet<String> =
            documents.iter().map(id).chain(UPSTREAMS.map(str::to_owned)).collect();
        let grants = grants(&documents);
        let mut found = 0;
        for document in read(&file) {
            let (kind, namespace) = (kind(&document), namespace(&document));
            references(&document, &namespace, &mut |target| {
                found += 1;
                assert!(
                    known.contains(&target),
                    "{file}: {kind} names {target}, which is not there"
                );
                let elsewhere = !target.starts_with(&format!("Service/{namespace}/"));
                let asks = ["SecurityPolicy", "GatewayExtension", "HTTPRoute"].contains(&&*kind);
                if asks && target.starts_with("Service/") && elsewhere {
                    let grant = format!("{kind}/{namespace} -> {target}");
                    assert!(grants.contains(&grant), "{file}: no ReferenceGrant for {grant}");
                }
            });
        }
        assert!(
            found > 0 || ["service.yaml", NO_RESOURCES, "istio.yaml"].contains(&&*file),
            "{file}"
        );
    }
}

#[test]
fn every_gateway_asks_the_port_of_the_service_by_grpc() {
    let service = &read("service.yaml")[0];
    let port = &list(at(service, &["spec", "ports"]))[0];
    assert_eq!(whole(port, "port"), Some(9001));
    assert_eq!(port.get("appProtocol").and_then(Node::text), Some("kubernetes.io/h2c"));
    for file in files() {
        let text = text(&file);
        let asked = text.matches("portcullis.portcullis:9001").count()
            + text.matches("portcullis.portcullis.svc.cluster.local\n").count();
        let mut ports = Vec::new();
        for document in read(&file) {
            each(&document, &mut |node| {
                let name = node.get("name").or_else(|| node.get("serviceName"));
                if name.and_then(Node::text) == Some("portcullis") {
                    ports.extend(whole(node, "port").or_else(|| whole(node, "servicePort")));
                }
            });
        }
        assert!(ports.iter().all(|port| *port == 9001), "{file}: {ports:?}");
        let served = ["service.yaml", "istio.yaml"].contains(&&*file);
        assert!(served || asked + ports.len() > 0, "{file} does not ask portcullis");
    }
    // The provider that Istio's policy names is the one of the mesh configuration.
    let mesh = &read(NO_RESOURCES)[0];
    let provider = &list(at(mesh, &["meshConfig", "extensionProviders"]))[0];
    let policy = &read("istio.yaml")[0];
    assert_eq!(
        at(policy, &["spec", "provider", "name"]).text(),
        provider.get("name").and_then(Node::text)
    );
}

#[test]
fn hosts_and_endpoints_are_those_of_the_reference() {
    let reference = fs::read_to_string("deploy/envoy/envoy.yaml").expect("the reference");
    for host in HOSTS {
        assert!(reference.contains(&format!("domains: [{host}]")), "{host}");
    }
    for file in
        files().into_iter().filter(|file| !["service.yaml", NO_RESOURCES].contains(&&**file))
    {
        let mut hosts = BTreeSet::new();
        for document in read(&file) {
            each(&document, &mut |node| {
                for key in ["hostnames", "domains", "fqdn", "hosts", "hostname"] {
                    let Some(found) = node.get(key) else { continue };
                    let one = std::slice::from_ref(found);
                    let names = if let Value::List(list) = &found.value { list } else { one };
                    hosts.extend(
                        names
                            .iter()
                            .filter_map(Node::text)
                            .map(|name| name.split(':').next().unwrap_or_default().to_owned()),
                    );
                }
            });
        }
        assert_eq!(hosts, HOSTS.map(str::to_owned).into(), "{file}");
        // With a route of their own, or said to be behind that for `/`.
        let text = text(&file);
        for endpoint in ["/callback", "/.auth"] {
            assert!(text.contains(endpoint), "{file} has no route for {endpoint}");
        }
        // The origin that may read a 401 is the portal's.
        assert!(text.contains(&format!("\"https://{}\"", HOSTS[0])), "{file}: no CORS");
    }
}

#[test]
fn no_gateway_fails_open_and_each_says_so() {
    let switches = ["failOpen", "failureModeAllow", "failure_mode_allow"];
    for file in files() {
        let mut said = 0;
        for document in read(&file) {
            each(&document, &mut |node| {
                for switch in switches {
                    let Some(value) = node.get(switch) else { continue };
                    assert!(
                        matches!(value.value, Value::Scalar(Scalar::Boolean(false))),
                        "{file}:{}: {switch}",
                        value.line
                    );
                    said += 1;
                }
            });
        }
        // The filter of the Gateway API has no such switch; Istio's is in the mesh configuration.
        let none = ["service.yaml", "istio.yaml", "gateway-api.yaml"].contains(&&*file);
        assert_eq!(said == 0, none, "{file}");
    }
}

#[test]
fn the_readme_has_a_row_for_every_gateway() {
    let readme = fs::read_to_string(Path::new(FOLDER).join("README.md")).expect("the README");
    for file in files() {
        assert!(readme.contains(&format!("]({file})")), "README.md does not link {file}");
    }
}

/// The resources that a document names, as `kind/namespace/name`.
fn references(document: &Node, namespace: &str, found: &mut impl FnMut(String)) {
    each(document, &mut |node| {
        let Value::Map(entries) = &node.value else { return };
        for entry in entries {
            let kind = match &*entry.key {
                "backendRef" | "backendRefs" | "services" => "Service",
                "extauthzServerRef" | "upstream" => "Upstream",
                "parentRefs" => "Gateway",
                "extensionRef" if document_of(document, "HTTPProxy") => "ExtensionService",
                "extensionRef" => "GatewayExtension",
                "targetRefs" => "",
                "kube" => {
                    let name = |key| entry.node.get(key).and_then(Node::text).expect("a name");
                    found(format!("Service/{}/{}", name("serviceNamespace"), name("serviceName")));
                    continue;
                }
                "service" | "auth_service" => {
                    let service = entry.node.text().expect("a service");
                    // `name.namespace`, then a port, or the rest of a full host name.
                    let mut parts = service.split(['.', ':']);
                    let name = parts.next().unwrap_or_default();
                    let namespace = parts.next().unwrap_or_default();
                    found(format!("Service/{namespace}/{name}"));
                    continue;
                }
                _ => continue,
            };
            let one = std::slice::from_ref(&entry.node);
            for target in if let Value::List(list) = &entry.node.value { list } else { one } {
                let text = |key| target.get(key).and_then(Node::text);
                let name = text("name").expect("a name");
                let of = text("namespace").unwrap_or(namespace);
                found(format!("{}/{of}/{name}", text("kind").unwrap_or(kind)));
            }
        }
    });
}

/// `kind/namespace -> Service/namespace/name`, for each that a `ReferenceGrant` lets through.
fn grants(documents: &[Node]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for grant in documents.iter().filter(|document| document_of(document, "ReferenceGrant")) {
        let text =
            |node: &Node, key| node.get(key).and_then(Node::text).unwrap_or_default().to_owned();
        for from in list(at(grant, &["spec", "from"])) {
            for to in list(at(grant, &["spec", "to"])) {
                let target =
                    format!("{}/{}/{}", text(to, "kind"), namespace(grant), text(to, "name"));
                found.insert(format!(
                    "{}/{} -> {target}",
                    text(from, "kind"),
                    text(from, "namespace")
                ));
            }
        }
    }
    found
}

/// Names of the YAML files.
fn files() -> Vec<String> {
    let entries = fs::read_dir(FOLDER).expect("the folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string());
    let mut files: Vec<_> = names.map(|name| name.expect("a plain name")).collect();
    files.retain(|name| Path::new(name).extension().is_some_and(|extension| extension == "yaml"));
    assert!(files.len() >= 9, "{files:?}");
    files.sort();
    files
}

fn text(file: &str) -> String {
    fs::read_to_string(Path::new(FOLDER).join(file)).expect("a file")
}

fn read(file: &str) -> Vec<Node> {
    parse(&text(file)).unwrap_or_else(|fault| panic!("{file}:{}: {fault}", fault.line))
}

fn each(node: &Node, visit: &mut impl FnMut(&Node)) {
    visit(node);
    match &node.value {
        Value::Scalar(_) => {}
        Value::List(list) => list.iter().for_each(|item| each(item, visit)),
        Value::Map(entries) => entries.iter().for_each(|entry| each(&entry.node, visit)),
    }
}

fn at<'a>(node: &'a Node, path: &[&str]) -> &'a Node {
    path.iter().fold(node, |node, key| node.get(key).unwrap_or_else(|| panic!("no {key}")))
}

fn list(node: &Node) -> &[Node] {
    if let Value::List(list) = &node.value { list } else { panic!("{} is no list", node.noun()) }
}

fn whole(node: &Node, key: &str) -> Option<i64> {
    match node.get(key)?.value {
        Value::Scalar(Scalar::Integer(number)) => Some(number),
        _ => None,
    }
}

fn document_of(document: &Node, kind: &str) -> bool {
    document.get("kind").and_then(Node::text) == Some(kind)
}

fn kind(document: &Node) -> String {
    document.get("kind").and_then(Node::text).unwrap_or_default().to_owned()
}

fn namespace(document: &Node) -> String {
    let metadata = document.get("metadata").and_then(|metadata| metadata.get("namespace"));
    metadata.and_then(Node::text).unwrap_or_default().to_owned()
}

fn id(document: &Node) -> String {
    let name = document.get("metadata").and_then(|metadata| metadata.get("name"));
    let name = name.and_then(Node::text).unwrap_or_default();
    format!("{}/{}/{name}", kind(document), namespace(document))
}
