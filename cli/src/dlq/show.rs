//! `cordon dlq show`: one dead letter, header by header, and its bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::letter::Letter;
use super::list;
use crate::escape;

/// For people: a line for each header, then the value on one line, escaped.
pub fn page(letter: Letter<'_>) -> String {
    let or_none = |bytes: Option<&[u8]>| bytes.map_or_else(|| "(none)".to_owned(), escape::bytes);
    let mut page = format!("position  {}\nkey       {}\n", letter.place(), or_none(letter.0.key.as_deref()));
    page += "headers\n";
    for (name, value) in &letter.0.headers.0 {
        page += &format!("  {}: {}\n", escape::text(name), or_none(value.as_deref()));
    }
    let size = letter.0.value.as_ref().map_or(0, Vec::len);
    page + &format!("value     {size} bytes\n{}\n", or_none(letter.0.value.as_deref()))
}

/// For scripts: what `list` has, the headers in order, key and value. Bytes that are no text are `…_base64`.
pub fn document(letter: Letter<'_>) -> Value {
    let mut document = list::entry(letter);
    if let Value::Object(fields) = &mut document {
        fields.insert("schema_version".to_owned(), json!(1));
        fields.extend(bytes("key", letter.0.key.as_deref()));
        let headers = letter.0.headers.0.iter().map(|(name, value)| {
            let mut header = serde_json::Map::from_iter([("name".to_owned(), json!(name))]);
            header.extend(bytes("value", value.as_deref()));
            Value::Object(header)
        });
        let headers: Vec<Value> = headers.collect();
        fields.insert("headers".to_owned(), Value::Array(headers));
        fields.extend(bytes("value", letter.0.value.as_deref()));
    }
    document
}

fn bytes(name: &str, bytes: Option<&[u8]>) -> [(String, Value); 1] {
    [match bytes.map(|bytes| (std::str::from_utf8(bytes), bytes)) {
        None => (name.to_owned(), Value::Null),
        Some((Ok(text), _)) => (name.to_owned(), json!(text)),
        Some((Err(_), bytes)) => (format!("{name}_base64"), json!(STANDARD.encode(bytes))),
    }]
}

#[cfg(test)]
mod tests {
    use super::super::letter::tests::letter;
    use super::*;

    #[test]
    fn every_header_is_shown_in_order_also_repeated_and_empty_ones() {
        let mut dead = letter(&[("a", "1"), ("a", "2\n")]);
        dead.headers.0.push(("b".to_owned(), None));
        dead.value = Some(b"{\x1b\xff".to_vec());
        assert_eq!(
            page(Letter(&dead)),
            "position  2/17\nkey       key\nheaders\n  a: 1\n  a: 2\\n\n  b: (none)\nvalue     3 bytes\n{\\u{1b}\\xff\n"
        );
    }

    #[test]
    fn bytes_that_are_no_text_come_as_base64_under_a_name_of_their_own() {
        let mut dead = letter(&[("a", "1")]);
        dead.value = Some(vec![0xff, 0xfe]);
        let document = document(Letter(&dead));
        assert_eq!(document["value_base64"], "//4=");
        assert!(document.get("value").is_none());
        assert_eq!((&document["key"], &document["headers"][0]["value"]), (&json!("key"), &json!("1")));
    }
}
