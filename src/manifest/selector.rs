//! Selectors: `names`, `namespaces`, `labels`.
//!
//! Pure: no I/O, no clock.

use crate::document::{Field, Fields};
use crate::policy::{LabelRule, Operator, Selector};
use crate::problem::Severity;
use std::collections::BTreeSet;

/// A selector that stands alone; `{}` selects everything.
pub(super) fn read(field: &Field<'_>) -> Option<Selector> {
    let mut fields = field.fields()?;
    let selector = from(&mut fields);
    fields.finish(Severity::Notice);
    Some(selector)
}

/// The selector among other fields.
pub(super) fn from(fields: &mut Fields<'_>) -> Selector {
    let labels = fields.take("labels");
    let labels = labels.as_ref().map(Field::list).unwrap_or_default();
    Selector {
        names: strings(fields.take("names").as_ref()),
        namespaces: strings(fields.take("namespaces").as_ref()),
        labels: labels.iter().filter_map(rule).collect(),
    }
}

/// `userSelector`: `matchLabels` and `namespaces`. One without labels would be everybody, and selects
/// nobody.
pub(super) fn of_users(field: &Field<'_>) -> Option<Selector> {
    let mut fields = field.fields()?;
    let labels = fields.take("matchLabels");
    let labels = labels.as_ref().map(Field::entries).unwrap_or_default();
    let namespaces = strings(fields.take("namespaces").as_ref());
    fields.finish(Severity::Notice);
    let rule = |(key, value): (&str, Field<'_>)| {
        let values = BTreeSet::from([value.text()?]);
        Some(LabelRule { key: key.to_owned(), operator: Operator::In, values })
    };
    // A rule that cannot be read is a problem; without it more would be selected.
    let labels: Vec<LabelRule> = labels.into_iter().map(rule).collect::<Option<_>>()?;
    if labels.is_empty() {
        field.notice("no matchLabels: it selects no User");
        return None;
    }
    Some(Selector { names: BTreeSet::new(), namespaces, labels })
}

/// The strings of a list that may be absent.
pub(super) fn strings(field: Option<&Field<'_>>) -> BTreeSet<String> {
    let strings = field.map(Field::strings).unwrap_or_default();
    strings.into_iter().map(|item| item.value).collect()
}

/// How many values an operator takes.
#[derive(Clone, Copy)]
enum Values {
    None,
    One,
    Some,
}

fn rule(field: &Field<'_>) -> Option<LabelRule> {
    let operators = [
        ("Equals", (Operator::In, Values::One)),
        ("DoubleEquals", (Operator::In, Values::One)),
        ("In", (Operator::In, Values::Some)),
        ("NotEquals", (Operator::NotIn, Values::One)),
        ("NotIn", (Operator::NotIn, Values::Some)),
        ("Exists", (Operator::Exists, Values::None)),
        ("DoesNotExist", (Operator::Absent, Values::None)),
    ];
    let mut fields = field.fields()?;
    let key = fields.require("key").and_then(|field| field.string());
    let operator = fields.require("operator").and_then(|field| field.one_of(&operators));
    // A label may be there and empty, so a value may be.
    let values = fields.take("values");
    let items = values.as_ref().map(Field::list).unwrap_or_default();
    let values: BTreeSet<String> = items.iter().filter_map(Field::text).collect();
    fields.finish(Severity::Notice);
    let (operator, count) = operator?;
    let (fits, expected) = match count {
        Values::None => (items.is_empty(), "no values"),
        Values::One => (items.len() == 1, "one value"),
        Values::Some => (!items.is_empty(), "values"),
    };
    if !fits {
        field.error(format!("expected {expected} for this operator"));
    }
    Some(LabelRule { key: key?, operator, values })
}
