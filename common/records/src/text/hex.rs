//! Hexadecimal digits, and the short digests for ids that we derive ourselves.

use sha2::{Digest, Sha256};

/// The bytes as lower-case hexadecimal digits.
pub fn hex<'b>(bytes: impl IntoIterator<Item = &'b u8>) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    bytes.into_iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|half| DIGITS.get(usize::from(half))).collect()
}

/// Whether the text is so many hexadecimal digits, in any case, and nothing else.
#[must_use]
pub fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The first `bytes` bytes of SHA-256 over the parts, as lower-case hexadecimal. Each part is preceded by its
/// length, so that `("ab", "c")` and `("a", "bc")` differ.
pub fn digest(parts: &[&str], bytes: usize) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hex(hasher.finalize().iter().take(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_two_digits_each_and_only_so_many_digits_are_hexadecimal() {
        assert_eq!(hex(&[0, 9, 0x4f, 0xff]), "00094fff");
        assert!(is_hex("00094fFF", 8) && !is_hex("00094fff", 7) && !is_hex("00094ffg", 8) && !is_hex("ä", 2));
    }

    #[test]
    fn a_digest_is_of_its_parts_and_of_where_each_ends() {
        assert_eq!(digest(&[], 4), "e3b0c442", "SHA-256 of nothing, as it is known");
        assert_ne!(digest(&["ab", "c"], 16), digest(&["a", "bc"], 16));
    }
}
