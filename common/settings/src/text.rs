//! Text files of people's: UTF-8 with or without a byte order mark, and UTF-16. PowerShell writes all three.

use std::io::{Error, ErrorKind, Result};
use std::path::Path;

/// The text of a file. What an editor or a shell puts before the text to say how it is written is no part of it.
///
/// # Errors
/// The file cannot be read, or is no text in one of these encodings; the error says what it is and how to save it.
pub fn read_text(path: &Path) -> Result<String> {
    decode_text(std::fs::read(path)?)
}

/// The text of bytes that were read from a file or from standard input.
///
/// # Errors
/// The bytes are no text in UTF-8 or UTF-16.
pub fn decode_text(mut bytes: Vec<u8>) -> Result<String> {
    match bytes.as_slice() {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Err(unreadable("it is written in UTF-32")),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, ..] => utf8(bytes.split_off(3)),
        // What people write begins with a character of ASCII, which in UTF-16 is half a NUL.
        [1..=255, 0, ..] => utf16(&bytes, u16::from_le_bytes),
        [0, 1..=255, ..] => utf16(&bytes, u16::from_be_bytes),
        _ => utf8(bytes),
    }
}

fn utf8(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..valid).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        unreadable(&format!("line {line} is not UTF-8"))
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    let text = char::decode_utf16(units).collect::<std::result::Result<String, _>>();
    match (text, rest) {
        (Ok(text), []) => Ok(text),
        (Ok(_) | Err(_), _) => Err(unreadable("it is broken UTF-16, cut off perhaps")),
    }
}

fn unreadable(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("{what}; save it as UTF-8 (PowerShell: `Out-File -Encoding utf8`)"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn units(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    /// A text as the shells and editors of this world write it.
    fn written(text: &str) -> [Vec<u8>; 4] {
        [
            text.as_bytes().to_vec(),
            format!("\u{feff}{text}").into_bytes(),
            units(&format!("\u{feff}{text}"), u16::to_le_bytes),
            units(&format!("\u{feff}{text}"), u16::to_be_bytes),
        ]
    }

    #[test]
    fn a_text_is_the_same_one_however_it_was_saved() {
        let text = "{\"title\": \"Überfall 😀\"}\r\n";
        for bytes in written(text).into_iter().chain([units(text, u16::to_le_bytes), units(text, u16::to_be_bytes)]) {
            assert_eq!(decode_text(bytes.clone()).unwrap(), text, "{bytes:?}");
        }
        for bytes in written("") {
            assert_eq!(decode_text(bytes).unwrap(), "");
        }
    }

    #[test]
    fn what_is_no_text_says_where_and_how_to_save_it() {
        for (bytes, words) in [
            (b"a\nb\xe4\n".to_vec(), "line 2 is not UTF-8; save it as UTF-8"),
            (b"\xff\xfea".to_vec(), "broken UTF-16"),
            (b"\xff\xfe\x00\xd8a\x00".to_vec(), "broken UTF-16"),
            (b"\xff\xfe\x00\x00a\x00\x00\x00".to_vec(), "UTF-32"),
        ] {
            let error = decode_text(bytes).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    proptest! {
        #[test]
        fn every_text_that_begins_like_one_survives_every_encoding(text in "([ -~][^\0]{0,40})?") {
            for bytes in written(&text) {
                prop_assert_eq!(decode_text(bytes).unwrap(), text.clone());
            }
        }

        #[test]
        fn no_bytes_make_the_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = decode_text(bytes);
        }
    }
}
