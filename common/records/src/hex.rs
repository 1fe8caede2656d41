//! Short hexadecimal digests for ids that we derive ourselves.

use sha2::{Digest, Sha256};

/// The first `bytes` bytes of SHA-256 over the parts, as lower-case hexadecimal. Each part is preceded by its
/// length, so that `("ab", "c")` and `("a", "bc")` differ.
pub fn digest(parts: &[&str], bytes: usize) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}
