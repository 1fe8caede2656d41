//! What rules can read, column by column: for whoever keeps many records and judges them later. The columns follow from
//! [`crate::schema`]; of the evidence each field of its items is one, with a value for each item.
//!
//! A value is JSON text, and empty where the field is not given. What [`Reads`] names of a record, put together again by
//! [`together`] and [`item`], is judged as the record itself.

use std::sync::LazyLock;

use cordon_records::cut::EVIDENCE as EVIDENCE_FIELD;
use cordon_records::{Alert, Evidence, Machine};
use serde::Serialize;

use crate::condition::fields::{Getter, of_alert, of_evidence, of_machine, put_alert, put_evidence, put_machine};
use crate::condition::{Reads, Whose};
use crate::schema::{ALERT, EVIDENCE, FieldSpec, MACHINE};

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    whose: Whose,
    name: &'static str,
}

/// All columns, in the order of the schema.
#[must_use]
pub fn columns() -> Vec<Column> {
    let of =
        |whose: Whose, fields: &'static [FieldSpec]| fields.iter().map(move |field| Column { whose, name: field.name });
    let alert = of(Whose::Alert, ALERT).filter(|column| column.name != EVIDENCE_FIELD);
    alert.chain(of(Whose::Evidence, EVIDENCE)).chain(of(Whose::Machine, MACHINE)).collect()
}

impl Column {
    /// Its name, unique among the columns.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.whose.name(), self.name)
    }

    /// Whether it is one of the evidence, which has a value for each item.
    #[must_use]
    pub fn is_of_items(&self) -> bool {
        self.whose == Whose::Evidence
    }

    /// Whether a condition that reads this reads the column. How many items of evidence there are no column tells.
    #[must_use]
    pub fn is_read(&self, reads: &Reads) -> bool {
        match self.whose {
            Whose::Alert => reads.alert.contains(self.name),
            Whose::Machine => reads.machine.contains(self.name),
            Whose::Evidence => reads.evidence.contains(self.name),
        }
    }

    /// Lends the values that a record has: one, or of the evidence one for each item.
    pub fn values(&self, alert: &Alert, machine: Option<&Machine>, mut take: impl FnMut(&[u8])) {
        let mut text = Vec::new();
        match self.whose {
            Whose::Alert => _ = of_alert(self.name).map(|getter| written(&getter, alert, &mut text)),
            Whose::Machine => {
                _ = machine.zip(of_machine(self.name)).map(|(it, getter)| written(&getter, it, &mut text));
            }
            Whose::Evidence => {
                for item in &alert.evidence {
                    text.clear();
                    put(of_evidence(self.name).and_then(|get| get(item)), &mut text);
                    take(&text);
                }
                return;
            }
        }
        take(&text);
    }
}

fn written<R>(getter: &Getter<R>, record: &R, text: &mut Vec<u8>) {
    match getter {
        Getter::Text(get) => put(get(record), text),
        Getter::Integer(get) => put(get(record), text),
        Getter::Flag(get) => put(get(record), text),
        Getter::Instant(get) => put(get(record), text),
        Getter::Texts(get) => put(get(record), text),
        // The evidence has columns of its own.
        Getter::Items(_) => {}
    }
}

fn put(value: Option<impl Serialize>, text: &mut Vec<u8>) {
    let Some(value) = value else { return };
    let start = text.len();
    if serde_json::to_writer(&mut *text, &value).is_err() {
        // Texts, numbers, instants and lists of texts can always be written.
        text.truncate(start);
    }
}

/// An alert without evidence and, where there is one, a machine of these values. What no column gives is absent; an id that
/// none gives is `-`.
///
/// # Errors
/// When a value is not one that [`Column::values`] lends.
pub fn together<'v>(
    values: impl IntoIterator<Item = (&'v Column, &'v [u8])>,
    has_machine: bool,
) -> Result<(Alert, Option<Machine>), serde_json::Error> {
    let (mut alert, mut machine) = BLANK.clone()?;
    for (column, value) in values.into_iter().filter(|(_, value)| !value.is_empty()) {
        match column.whose {
            Whose::Alert => put_alert(&mut alert, column.name, value)?,
            Whose::Machine => put_machine(&mut machine, column.name, value)?,
            Whose::Evidence => return Err(serde::de::Error::custom("it is of an item")),
        }
    }
    Ok((alert, has_machine.then_some(machine)))
}

/// An alert and a machine of which nothing is known.
static BLANK: LazyLock<Result<(Alert, Machine), Blank>> = LazyLock::new(|| {
    let read = |error: serde_json::Error| Blank(error.to_string());
    let text = r#"{"id":"-"}"#;
    Ok((serde_json::from_str(text).map_err(read)?, serde_json::from_str(text).map_err(read)?))
});

/// Why there is none: a fault of ours.
#[derive(Debug, Clone)]
struct Blank(String);

impl From<Blank> for serde_json::Error {
    fn from(Blank(why): Blank) -> Self {
        serde::de::Error::custom(why)
    }
}

/// An item of evidence of these values.
///
/// # Errors
/// As of [`together`].
pub fn item<'v>(values: impl IntoIterator<Item = (&'v Column, &'v [u8])>) -> Result<Evidence, serde_json::Error> {
    let mut item = Evidence::default();
    for (column, value) in values.into_iter().filter(|(_, value)| !value.is_empty()) {
        put_evidence(&mut item, column.name, serde_json::from_slice(value)?)?;
    }
    Ok(item)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::FieldType;

    type Values = Vec<(Column, Vec<Vec<u8>>)>;

    fn values(alert: &Alert, machine: Option<&Machine>) -> Values {
        let of = |column: Column| {
            let mut values = Vec::new();
            column.values(alert, machine, |value| values.push(value.to_vec()));
            (column, values)
        };
        columns().into_iter().map(of).collect()
    }

    fn again(held: &Values, items: usize, has_machine: bool) -> (Alert, Option<Machine>) {
        let (of_items, one): (Vec<_>, Vec<_>) = held.iter().partition(|(column, _)| column.is_of_items());
        let one = one.into_iter().map(|(column, values)| (column, &values[0][..]));
        let (mut alert, machine) = together(one, has_machine).unwrap();
        let of = |number: usize| item(of_items.iter().map(|(column, values)| (column, &values[number][..]))).unwrap();
        alert.evidence = (0..items).map(of).collect();
        (alert, machine)
    }

    #[test]
    fn what_columns_hold_put_together_again_is_what_they_were_written_from() {
        let evidence = r#"[{"entityType":"User","userPrincipalName":"a\"@b"},{"sha1":"","ipAddress":"::1"},{}]"#;
        let alert = format!(
            r#"{{"id":"a","severity":"high","status":"Odd","title":"\u001b<x>","incidentId":"7","machineId":"M",
            "lastEventTime":"2026-01-02T03:04:05.1234567Z","mitreTechniques":["T1",3],"evidence":{evidence}}}"#
        );
        let alert: Alert = serde_json::from_str(&alert).unwrap();
        let machine = r#"{"id":"M","osBuild":5,"isExcluded":"true","machineTags":["x","y"],"riskScore":null}"#;
        let machine: Machine = serde_json::from_str(machine).unwrap();
        assert_eq!(again(&values(&alert, Some(&machine)), 3, true), (alert.clone(), Some(machine)));
        assert_eq!(again(&values(&alert, None), 3, false), (alert, None));
    }

    #[test]
    fn every_column_takes_what_it_has_written() {
        let all = |fields: &[FieldSpec]| -> serde_json::Map<String, serde_json::Value> {
            let value = |kind: FieldType| match kind {
                FieldType::Text(_) | FieldType::Choice(_) => "x".into(),
                FieldType::Integer => 7.into(),
                FieldType::Flag => true.into(),
                FieldType::Instant => "2026-01-02T03:04:05.000000001Z".into(),
                FieldType::Texts => serde_json::json!(["a"]),
                FieldType::Evidence => serde_json::json!([]),
            };
            fields.iter().map(|field| (field.name.to_owned(), value(field.kind))).collect()
        };
        let mut alert = all(ALERT);
        alert.insert(EVIDENCE_FIELD.to_owned(), serde_json::json!([all(EVIDENCE), {}]));
        let alert: Alert = serde_json::from_value(alert.into()).unwrap();
        let machine: Machine = serde_json::from_value(all(MACHINE).into()).unwrap();
        let held = values(&alert, Some(&machine));
        assert!(held.iter().all(|(_, values)| !values[0].is_empty()));
        assert_eq!(again(&held, 2, true), (alert, Some(machine)));
    }

    #[test]
    fn a_condition_reads_the_columns_that_it_names() {
        let read = |when: &str| -> Vec<String> {
            let condition = crate::Condition::parse(when).unwrap();
            let read = columns().into_iter().filter(|column| column.is_read(condition.reads()));
            read.map(|column| column.name()).collect()
        };
        assert_eq!(read("alert.severity == \"High\" && machine.osBuild > 3"), ["alert.severity", "machine.osBuild"]);
        assert_eq!(read("alert.evidence.size() > 2"), [""; 0]);
        assert_eq!(read("alert.evidence.exists(e, e.url != \"\" || has(e.sha1))"), ["evidence.sha1", "evidence.url"]);
        assert_eq!(
            read("users.size() == 1 && has(machine.version)"),
            ["evidence.userPrincipalName", "machine.version"]
        );
        assert_eq!(read("alert.mitreTechniques.exists(t, t == alert.title)"), ["alert.title", "alert.mitreTechniques"]);
    }
}
