//! `v1/ConfigMap`: what of it may be an API document.
//!
//! Pure: no I/O, no clock.

use crate::document::Field;
use crate::policy::resource::ConfigMapData;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whether a text can be an OpenAPI document, which says so by one of these keys. A namespace may hold many
/// large ConfigMaps, few of which are; of the others only the keys are kept.
pub(super) fn may_be_document(text: &str) -> bool {
    text.contains("openapi") || text.contains("swagger")
}

/// Everything is read, so that nothing is odd: ConfigMaps are other people's.
pub(super) fn read(file: &Arc<str>, root: &Field<'_>) -> Option<ConfigMapData> {
    let mut fields = root.fields()?;
    let mut values = BTreeMap::new();
    let data = fields.take("data");
    for (key, field) in data.iter().flat_map(Field::entries) {
        let text = field.node().text().filter(|text| may_be_document(text));
        values.insert(key.to_owned(), text.map(Arc::from));
    }
    // In base64 nobody sees what it is, and a text is no binary.
    let data = fields.take("binaryData");
    values.extend(data.iter().flat_map(Field::entries).map(|(key, _)| (key.to_owned(), None)));
    Some(ConfigMapData { file: Arc::clone(file), values })
}
