//! Cookies of published tests (abarth/http-state), where the folder with them is there.

use super::{HOST, SESSION, home, with_line};
use crate::support::{Browser, Gateway};
use std::fs;
use std::path::Path;

const FOLDER: &str = "../shared/vectors/http-state-cookies/tests/data/parser";

/// `Cookie` fields that browsers send, and what servers set; none where the folder is not there.
fn fields() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let Ok(files) = fs::read_dir(&folder) else { return absent(&folder) };
    let mut fields = Vec::new();
    for file in files {
        let bytes = fs::read(file.expect("a file").path()).expect("read");
        let text = String::from_utf8_lossy(&bytes);
        for line in text.lines() {
            let field =
                ["Cookie: ", "Set-Cookie: "].iter().find_map(|name| line.strip_prefix(name));
            fields.extend(field.map(str::to_owned));
        }
    }
    fields.sort();
    fields.dedup();
    assert!(fields.len() > 200, "{} fields", fields.len());
    fields
}

#[expect(clippy::print_stdout, reason = "says that there was nothing to test by")]
fn absent(folder: &Path) -> Vec<String> {
    println!("{} is absent", folder.display());
    Vec::new()
}

/// The pairs of a field as servers read it: apart at semicolons, without white space around them.
fn pairs(field: &str) -> Vec<&str> {
    let trimmed = field.split(';').map(|pair| pair.trim_matches([' ', '\t']));
    trimmed.filter(|pair| !pair.is_empty()).collect()
}

#[tokio::test]
async fn i07_i19_no_published_cookie_hides_ours_and_each_goes_on_as_it_is() {
    let fields = fields();
    if fields.is_empty() {
        return;
    }
    let gateway = Gateway::new().await;
    let mut browser = Browser::signed_in(&gateway, &home()).await;
    let session = browser.cookies(HOST)[SESSION].clone();
    for field in &fields {
        let lines =
            [format!("{SESSION}={session}; {field}"), format!("{field}; {SESSION}={session}")];
        for line in lines {
            let answer = with_line(&gateway, &line).await;
            // Envoy passes no other control character than a tab.
            let sent = answer.granted().set.get("cookie").map_or("", String::as_str);
            let want = field.split(|c: char| c.is_ascii_control() && c != '\t').next();
            assert_eq!(pairs(sent), pairs(want.unwrap_or_default()), "{field:?}");
        }
        with_line(&gateway, field).await.refused(401, "no_credentials");
    }
}
