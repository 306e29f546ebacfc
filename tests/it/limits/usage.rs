//! Lines to bill from, and what is made of them.

use super::{five_a_minute, orders, passing, pets, token};
use crate::support::{Gateway, Log, NOW, Setup};
use portcullis::config::LogFormat;
use serde_json::{Map, Value};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

fn setup(usage: &str) -> Setup {
    five_a_minute().setting("log", &format!("{{usage: {usage}}}"))
}

/// The lines of use, in the order of their numbers.
fn lines(log: &Log, message: &str) -> Vec<Map<String, Value>> {
    let text = log.text();
    let lines = text.lines().map(|line| serde_json::from_str(line).expect("a JSON object"));
    let mut lines: Vec<Map<String, Value>> = lines.collect();
    lines.retain(|line| line["message"] == message);
    lines.sort_by_key(|line| line["line"].as_u64());
    lines
}

fn sum(lines: &[Map<String, Value>]) -> u64 {
    lines.iter().filter_map(|line| line["requests"].as_u64()).sum()
}

/// What the recipe prints, what it warns of, and its exit code.
fn bill(log: &str) -> (Vec<String>, String, Option<i32>) {
    let recipe = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/observability/usage.py");
    let mut command = Command::new("python3");
    command.arg(recipe).arg("-").stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut recipe = command.spawn().expect("python3");
    recipe.stdin.take().expect("open").write_all(log.as_bytes()).expect("read");
    let output = recipe.wait_with_output().expect("ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    let rows = text(output.stdout).lines().map(str::to_owned).collect();
    (rows, text(output.stderr), output.status.code())
}

/// Two callers, two products, two minutes; 5 + 2 + 3 + 1 requests pass.
async fn use_products(gateway: &Gateway) {
    let (anna, ben) = (token(gateway, "00u-anna"), token(gateway, "00u-ben"));
    assert_eq!(passing(gateway, &pets().bearer(&anna), 7).await, 5);
    assert_eq!(passing(gateway, &orders().bearer(&ben), 2).await, 2);
    gateway.ask(pets()).await.refused(401, "no_credentials");
    gateway.later(60);
    assert_eq!(passing(gateway, &pets().bearer(&anna), 3).await, 3);
    assert_eq!(passing(gateway, &pets().bearer(&ben), 1).await, 1);
}

#[tokio::test]
async fn with_each_every_request_has_a_line_before_its_answer() {
    let log = Log::start(LogFormat::Json, tracing::Level::INFO);
    let gateway = Gateway::with(setup("each")).await;
    use_products(&gateway).await;
    let used = lines(&log, "usage");
    assert_eq!((used.len(), sum(&used)), (11, 11));
    let numbers: Vec<u64> = used.iter().filter_map(|line| line["line"].as_u64()).collect();
    assert_eq!(numbers, (2..=12).collect::<Vec<_>>(), "the first is that of the start");
    let first = &used[0];
    assert_eq!((&first["plan"], &first["request_id"]), (&"gold".into(), &"req-1".into()));
    assert_eq!(first["environment"], "dev.default");
    assert_eq!(first["product"], "petstore-product.default");
    assert_eq!(first["credential"], "id_token");
    assert!(!log.text().contains("00u-anna"), "callers are hashed");
}

#[tokio::test]
async fn with_minute_the_sums_are_exact_and_the_recipe_adds_them_up() {
    let log = Log::start(LogFormat::Json, tracing::Level::INFO);
    let mut gateway = Gateway::with(setup("minute")).await;
    use_products(&gateway).await;
    // The first minute is over, and written beside the checks.
    let over = async {
        while sum(&lines(&log, "usage")) < 7 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), over).await.expect("written");
    let before_the_end = log.text();
    gateway.stop();
    gateway.ended().await;
    let used = lines(&log, "usage");
    assert_eq!(used.iter().map(|line| line["requests"].as_u64()).collect::<Vec<_>>().len(), 4);
    assert_eq!(sum(&used), 11);
    let minute = portcullis::time::UnixTime(NOW).to_rfc3339();
    assert!(used[0]["minute"] == minute.as_str() && used[1]["minute"] == minute.as_str());
    let total = lines(&log, "usage_total").pop().expect("a line");
    assert_eq!((&total["state"], &total["requests"]), (&"ended".into(), &11.into()));

    let (rows, warnings, code) = bill(&log.text());
    assert_eq!((warnings.as_str(), code), ("", Some(0)));
    assert_eq!(rows[0], "month,environment,product,plan,subject,requests");
    let mut counts: Vec<&str> = rows[1..].iter().filter_map(|row| row.rsplit(',').next()).collect();
    counts.sort_unstable();
    assert_eq!(counts, ["1", "2", "8"], "{rows:?}");
    assert!(rows[1].starts_with("2027-01,dev.default,orders.default,gold,"), "{rows:?}");

    // The callers are found by what deploy/observability/README.md says.
    let script =
        "printf '%s:%s%s' \"${#ISSUER}\" \"$ISSUER\" \"$SUBJECT\" | sha256sum | cut -c -16";
    let mut command = Command::new("sh");
    command.args(["-c", script]).env("ISSUER", &gateway.provider.issuer).env("SUBJECT", "00u-anna");
    let anna = String::from_utf8(command.output().expect("sha256sum").stdout).expect("text");
    assert!(rows.iter().any(|row| row.ends_with(&format!(",{},8", anna.trim_end()))), "{rows:?}");

    // Delivered twice, it counts once; without a line, that is said; so is a process that did not end.
    let twice = format!("{0}{0}", log.text());
    assert_eq!(bill(&twice), (rows, String::new(), Some(0)));
    let text = log.text();
    let lost = text.lines().filter(|line| !line.contains("orders.default"));
    let (_, warnings, code) = bill(&lost.collect::<Vec<_>>().join("\n"));
    assert!(
        warnings.contains("1 lines are missing") && warnings.contains("11 requests, lines of 9"),
        "{warnings}"
    );
    assert_eq!(code, Some(1));
    let (_, warnings, code) = bill(&before_the_end);
    assert!(warnings.contains("ended without saying so"), "{warnings}");
    assert_eq!(code, Some(1));
}
