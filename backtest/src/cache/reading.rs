//! How this build reads records, as one sum. A cache holds values as they were read; a build that reads some field otherwise, be it
//! a spelling or a text in the place of a number, must not believe them.

use std::borrow::Cow;
use std::sync::LazyLock;

use cordon_policy::columns::{Column, columns};
use cordon_policy::schema::{ALERT, EVIDENCE, FieldSpec, FieldType, MACHINE};
use cordon_records::text::hex;
use sha2::{Digest as _, Sha256};

use crate::record::Record;

/// What may stand in a field, as servers and attackers write it.
const ODD: [&str; 25] = [
    "\"x\"",
    "\" X y \"",
    "\"\"",
    "\"null\"",
    "\"None\"",
    "null",
    "true",
    "\"True\"",
    "\"no\"",
    "0",
    "7",
    "\"7\"",
    "\" 7\"",
    "-7.5",
    "1e3",
    "99999999999999999999",
    "[]",
    "[\"a\",3,null,\"\",[\"b\"]]",
    "\"a;b, c\"",
    "{\"a\":1}",
    "[\"a\",\"\",\"b\"]",
    "\"\\ud800\"",
    "\"2026-01-02T03:04:05.1234567Z\"",
    "\"2026-01-02T03:04:05\"",
    "\"0001-01-01T00:00:00Z\"",
];

/// Fields without which a record is none, or says nothing of a machine.
const GIVEN: [&str; 2] = ["id", "machineId"];

/// The sum of what the columns hold of the samples.
pub fn reading() -> &'static str {
    static READING: LazyLock<String> = LazyLock::new(|| {
        let mut digest = Sha256::new();
        let columns = columns();
        for sample in samples() {
            for value in held(&sample, &columns) {
                digest.update(value.len().to_le_bytes());
                digest.update(value);
            }
        }
        hex(digest.finalize().iter())
    });
    &READING
}

/// What a cache would hold of a record: each column, or why it cannot be read.
fn held(sample: &str, columns: &[Column]) -> Vec<Vec<u8>> {
    let record = match Record::read(sample.as_bytes()) {
        Ok(record) => record,
        Err(why) => return vec![why.into_bytes()],
    };
    let machine = record.laid().machine();
    let value = |column: &Column| {
        let mut all = Vec::new();
        column.values(record.alert(), machine, |value| {
            all.extend(value.len().to_le_bytes());
            all.extend(value);
        });
        all
    };
    columns.iter().map(value).collect()
}

/// Fields, each with all that stands in it in one sample or another.
type Fields = Vec<(&'static str, Vec<Cow<'static, str>>)>;

/// Records that have in every field every odd value, and every spelling of its list.
fn samples() -> Vec<String> {
    let fields = [ALERT, EVIDENCE, MACHINE].map(fields);
    let most = fields.iter().flatten().map(|(_, values)| values.len()).max().unwrap_or_default();
    (0..most).map(|number| sample(fields.each_ref().map(|fields| members(fields, number)))).collect()
}

fn fields(specs: &[FieldSpec]) -> Fields {
    let specs = specs.iter().filter(|field| !GIVEN.contains(&field.name) && field.kind != FieldType::Evidence);
    specs.map(|field| (field.name, values(field.kind))).collect()
}

fn values(kind: FieldType) -> Vec<Cow<'static, str>> {
    let mut values: Vec<_> = ODD.map(Cow::Borrowed).to_vec();
    if let FieldType::Choice(choice) = kind {
        let spelt = choice.values.known().iter().copied().chain(choice.values.also());
        values.extend(spelt.map(|text| Cow::Owned(serde_json::Value::from(text).to_string())));
    }
    values
}

/// Members of a JSON object, each with its value of this number.
fn members(fields: &Fields, number: usize) -> String {
    let value = |(name, values): &(&str, Vec<Cow<'_, str>>)| {
        values.iter().cycle().nth(number).map(|value| format!(",\"{name}\":{value}"))
    };
    fields.iter().filter_map(value).collect()
}

fn sample([alert, evidence, machine]: [String; 3]) -> String {
    let at = "2026-01-02T03:04:05Z";
    format!(
        r#"{{"schema_version":1,"id":"a@1","alert_id":"a","tenant":"t","source":"mde","change":"new","seen_at":"{at}",
        "enriched_at":"{at}","alert":{{"id":"a","machineId":"m"{alert},"evidence":[{{"odd":0{evidence}}},null,{{}}]}},
        "machine":{{"id":"m"{machine}}}}}"#
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_samples_can_be_read_and_show_of_every_column_how_it_is_read() {
        let columns = columns();
        let all: Vec<Vec<Vec<u8>>> = samples().iter().map(|sample| held(sample, &columns)).collect();
        assert!(all.iter().all(|held| held.len() == columns.len()), "a sample was refused");
        for (number, column) in columns.iter().enumerate() {
            let values: BTreeSet<&[u8]> = all.iter().map(|held| held[number].as_slice()).collect();
            let given = column.name().ends_with(".id") || column.name() == "alert.machineId";
            assert!(values.len() > 1 || given, "{}: {values:?}", column.name());
        }
        let severity = columns.iter().position(|column| column.name() == "alert.severity").unwrap();
        assert!(all.iter().any(|held| held[severity].ends_with(b"\"High\"")));
        assert_eq!(reading().len(), 64);
    }
}
