//! What part of some figures lies within what.

/// The figure within which so many hundredths of these lie, by nearest rank. They are sorted and there is one.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn percentile<T: Copy>(sorted: &[T], hundredths: usize) -> T {
    sorted[(sorted.len() * hundredths).div_ceil(100).max(1) - 1]
}
