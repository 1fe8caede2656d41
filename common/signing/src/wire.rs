//! How SSH writes things down. Source: RFC 4251, section 5.

/// What is left to read. Every part is as long as it says, or is none.
#[derive(Debug, Clone, Copy)]
pub struct Wire<'a>(pub &'a [u8]);

impl<'a> Wire<'a> {
    /// The next bytes, as many as the array holds.
    pub fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*bytes)
    }

    /// The next `uint32`.
    pub fn number(&mut self) -> Option<u32> {
        self.bytes().map(u32::from_be_bytes)
    }

    /// The next `string`.
    pub fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (string, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(string)
    }

    /// The next `string`, when it is text.
    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.string()?).ok()
    }

    /// The next `mpint`, when it is positive and written in the shortest way; without the zero in front that keeps it
    /// positive.
    pub fn positive(&mut self) -> Option<&'a [u8]> {
        match self.string()? {
            [0, rest @ ..] if rest.first().is_some_and(|first| first & 0x80 != 0) => Some(rest),
            number @ [first, ..] if *first != 0 && first & 0x80 == 0 => Some(number),
            _ => None,
        }
    }

    /// `Some` when everything was read.
    pub fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// Writes a `string`. Ours are all shorter than 4 GiB.
pub fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_as_long_as_it_says() {
        let bytes = string(b"abc");
        let mut wire = Wire(&bytes);
        assert_eq!((wire.text(), wire.end()), (Some("abc"), Some(())));
        assert_eq!(Wire(&bytes[..6]).string(), None);
        assert_eq!(Wire(&bytes[..3]).string(), None);
        assert_eq!(Wire(&[0xff, 0xff, 0xff, 0xff, 1]).string(), None);
    }

    #[test]
    fn a_number_has_one_way_to_be_written() {
        for (bytes, read) in [
            (&[1_u8, 2][..], Some(&[1_u8, 2][..])),
            (&[0, 0x80], Some(&[0x80])),
            (&[0x80], None),
            (&[0, 1], None),
            (&[0], None),
            (&[], None),
        ] {
            assert_eq!(Wire(&string(bytes)).positive(), read, "{bytes:?}");
        }
    }
}
