//! `v1/Secret`: `data` in base64, `stringData` as it is.
//!
//! Pure: no I/O, no clock.

use crate::document::{Field, Located};
use crate::policy::resource::SecretData;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) fn read(file: &Arc<str>, root: &Field<'_>) -> Option<SecretData> {
    let values = values(root)?.into_iter().map(|(key, found)| (key, found.value)).collect();
    Some(SecretData { file: Arc::clone(file), values })
}

/// The values that are text, and where they stand.
pub(super) fn values(root: &Field<'_>) -> Option<BTreeMap<String, Located<Secret<String>>>> {
    let mut fields = root.fields()?;
    let mut values = BTreeMap::new();
    for (key, field) in fields.take("data").iter().flat_map(Field::entries) {
        let Some(text) = field.text() else { continue };
        // Line breaks within base64, as some tools fold it.
        let text: String = text.split_ascii_whitespace().collect();
        match STANDARD.decode(text).map(String::from_utf8) {
            Ok(Ok(value)) => {
                values.insert(key.to_owned(), field.locate(trimmed(&Secret::new(value))));
            }
            // A key store, say: nothing that is referred to here.
            Ok(Err(_)) => {}
            Err(_) => field.error("expected base64"),
        }
    }
    // As the API server does: `stringData` goes over `data`.
    for (key, field) in fields.take("stringData").iter().flat_map(Field::entries) {
        if let Some(text) = field.text() {
            values.insert(key.to_owned(), field.locate(trimmed(&Secret::new(text))));
        }
    }
    Some(values)
}

/// Without trailing white space: `echo` adds a line end that no provider knows of.
pub(super) fn trimmed(value: &Secret<String>) -> Secret<String> {
    Secret::new(value.expose().trim_end().to_owned())
}
