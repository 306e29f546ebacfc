//! `APIDoc`, in both API versions.
//!
//! Pure: no I/O, no clock.

use super::reference;
use crate::document::{Field, Fields, Located};
use crate::policy::resource::{ApiDoc, DocContent, Origin};
use crate::problem::Severity;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub(super) fn read(origin: Origin, root: &Field<'_>) -> Option<ApiDoc> {
    let own = origin.name().namespace().to_owned();
    let mut fields = root.fields()?;
    fields.ignore(&["apiVersion", "kind", "metadata", "status"]);
    let spec = fields.take("spec");
    fields.finish(Severity::Notice);
    let mut content = None;
    if let Some(mut spec) = spec.and_then(|spec| spec.fields()) {
        spec.ignore(&["displayName", "description"]);
        if let Some(field) = spec.take("grpc") {
            let message = "gRPC APIs are not read: products of it are told apart by base path";
            field.notice(message);
        }
        content = spec.take("openApi").and_then(|field| open_api(&field, &own));
        spec.finish(Severity::Notice);
    }
    Some(ApiDoc { origin, content })
}

fn open_api(field: &Field<'_>, own: &str) -> Option<Located<DocContent>> {
    let mut fields = field.fields()?;
    let content = fields.take("content");
    fields.finish(Severity::Notice);
    source(content?.fields()?, own)
}

/// A `DataSource`: one of four.
fn source(mut fields: Fields<'_>, own: &str) -> Option<Located<DocContent>> {
    let string = fields.take("inlineString");
    let bytes = fields.take("inlineBytes");
    let url = fields.take("fetchUrl");
    let config_map = fields.take("configMap");
    let given = [&string, &bytes, &url, &config_map].into_iter().flatten().count();
    if given > 1 {
        let message = "expected one of inlineString, inlineBytes, fetchUrl and configMap";
        fields.field().error(message);
    }
    fields.finish(Severity::Notice);
    let text = |field: Field<'_>| {
        let text = field.string()?;
        Some(field.locate(DocContent::Inline(text.into())))
    };
    let fetch = |field: Field<'_>| Some(field.locate(DocContent::Fetch(field.string()?)));
    let reference = |field: Field<'_>| {
        reference::config_map(&field, own)
            .map(|found| Located { value: DocContent::ConfigMap(found.value), at: found.at })
    };
    let string = string.and_then(text);
    let bytes = bytes.and_then(|field| decoded(&field));
    string.or(bytes).or_else(|| url.and_then(fetch)).or_else(|| config_map.and_then(reference))
}

fn decoded(field: &Field<'_>) -> Option<Located<DocContent>> {
    let folded: String = field.string()?.split_ascii_whitespace().collect();
    let text = STANDARD.decode(folded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    if text.is_none() {
        field.error("expected base64 of a text");
    }
    text.map(|text| field.locate(DocContent::Inline(text.into())))
}
