//! Walks over JSON text and checks it on the way, without making anything of it.
//!
//! It is stricter than `serde_json`: what it takes, that takes too, and sees the same in it. What it does not take (`None`) has to
//! be read there: keys with escapes, what is nested deep, and what is no JSON.

/// Deeper is not walked.
const DEEPEST: usize = 64;

/// Where a text stands in a record. Empty where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The text, where there is one.
    #[must_use]
    pub fn of(self, record: &str) -> Option<&str> {
        if self.is_empty() {
            return None;
        }
        record.get(usize::try_from(self.start).ok()?..usize::try_from(self.end).ok()?)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// See the module.
#[derive(Debug)]
pub struct Walk<'r> {
    text: &'r [u8],
    at: usize,
}

impl<'r> Walk<'r> {
    /// At the beginning of a text.
    #[must_use]
    pub const fn new(text: &'r str) -> Self {
        Self { text: text.as_bytes(), at: 0 }
    }

    /// Whether nothing follows.
    #[must_use]
    pub fn is_at_end(&mut self) -> bool {
        self.blank() && self.at == self.text.len()
    }

    /// The byte that comes next, behind white space.
    pub fn peek(&mut self) -> Option<u8> {
        self.blank();
        self.text.get(self.at).copied()
    }

    /// Passes white space; always true.
    fn blank(&mut self) -> bool {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
        true
    }

    fn next(&mut self) -> Option<u8> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    fn must_be(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    /// Passes a value and says where it stood.
    pub fn span(&mut self) -> Option<Span> {
        self.span_of(Self::skip)
    }

    /// Says where the value stood that this has passed.
    pub fn span_of(&mut self, pass: impl FnOnce(&mut Self) -> Option<()>) -> Option<Span> {
        self.blank();
        let start = u32::try_from(self.at).ok()?;
        pass(self)?;
        Some(Span { start, end: u32::try_from(self.at).ok()? })
    }

    /// Passes a value.
    pub fn skip(&mut self) -> Option<()> {
        self.value(0)
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => {
                self.at += 1;
                self.string().map(|_| ())
            }
            b'{' if depth < DEEPEST => self.object(|walk, _| walk.value(depth + 1)),
            b'[' if depth < DEEPEST => self.array(|walk| walk.value(depth + 1)),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            b'-' | b'0'..=b'9' => self.number(),
            _ => None,
        }
    }

    /// Walks an object; `member` gets each key, and has to pass its value.
    pub fn object(&mut self, mut member: impl FnMut(&mut Self, &'r [u8]) -> Option<()>) -> Option<()> {
        self.must_be(b'{')?;
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.must_be(b'"')?;
            let start = self.at;
            if self.string()? {
                return None;
            }
            let key = self.text.get(start..self.at - 1)?;
            self.must_be(b':')?;
            member(self, key)?;
            match self.next()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Walks a list; `item` has to pass each of its values.
    pub fn array(&mut self, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.must_be(b'[')?;
        if self.peek()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            item(self)?;
            match self.next()? {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let found = self.text.get(self.at..)?.starts_with(word);
        self.at += word.len();
        found.then_some(())
    }

    /// Passes what follows the quote of a text, and says whether there are escapes in it.
    fn string(&mut self) -> Option<bool> {
        let mut is_escaped = false;
        loop {
            self.plain();
            match self.text.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Some(is_escaped);
                }
                b'\\' => {
                    is_escaped = true;
                    self.escape()?;
                }
                0..0x20 => return None,
                _ => self.at += 1,
            }
        }
    }

    /// Passes bytes that stand for themselves, eight at a time.
    fn plain(&mut self) {
        while let Some(eight) = self.text.get(self.at..self.at + 8).and_then(|it| it.try_into().ok()) {
            match first_special(u64::from_le_bytes(eight)) {
                8 => self.at += 8,
                before => {
                    self.at += before;
                    return;
                }
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        self.at += 2;
        match self.text.get(self.at - 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                let digits = self.text.get(self.at..self.at + 4)?;
                self.at += 4;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<()> {
        if self.text.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        match self.text.get(self.at)? {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.text.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    /// Passes digits, one at least.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        (start < self.at).then_some(())
    }
}

/// How many of eight bytes of text, the first of which is the lowest, come before a quote, a backslash or a control character.
const fn first_special(eight: u64) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    // A byte below the one that is taken away borrows; the lowest such byte is exact, and only that is asked for.
    let (quote, backslash) = (eight ^ (0x22 * ONES), eight ^ (0x5c * ONES));
    let is_quote = quote.wrapping_sub(ONES) & !quote;
    let is_backslash = backslash.wrapping_sub(ONES) & !backslash;
    let is_control = eight.wrapping_sub(0x20 * ONES) & !eight;
    ((is_quote | is_backslash | is_control) & HIGH).trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn is_walked(text: &str) -> bool {
        let mut walk = Walk::new(text);
        walk.skip().is_some() && walk.is_at_end()
    }

    #[test]
    fn json_is_walked_and_what_is_none_is_not() {
        for text in [
            "{}",
            " [ ] ",
            "[1,-0,0.5e+7,1E9]",
            r#"{"a":{"b":[null,true,false,"x"]},"a":""}"#,
            r#""äöü \n \u00e4 \ud800 \\\" 0123456789012345678901234567890""#,
            "\"\u{7f}\"",
        ] {
            assert!(is_walked(text) && serde_json::from_str::<IgnoredAny>(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\" 1}",
            "{\"a\":1,}",
            "01",
            "1.",
            "-",
            "1e",
            "tru",
            "nulll",
            "\"a",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"0123456\t\"",
            "\"\u{1f}\"",
            "[1] 2",
            "{1:2}",
            "+1",
            ".5",
        ] {
            assert!(!is_walked(text), "{text}");
            assert!(serde_json::from_str::<IgnoredAny>(text).is_err(), "{text}");
        }
        assert!(!is_walked(&"[".repeat(100)) && !is_walked(&format!("{}{}", "[".repeat(100), "]".repeat(100))));
        assert!(!is_walked(r#"{"\u0061":1}"#), "a key with an escape is read elsewhere");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn what_is_walked_is_json_however_it_came_about(
            pieces in proptest::collection::vec(prop_oneof![
                "[\\[\\]{},:\" ]", Just("\"a\":".to_owned()), Just("\"b\\u00e4\\n\"".to_owned()), Just("-12.5e3".to_owned()),
                Just("null".to_owned()), Just("true".to_owned()), "\"[ -~ä]{0,20}\"", "[0-9.eE+-]{1,4}", Just("{\"k\":[".to_owned()), Just("]}".to_owned()),
            ], 0..12),
        ) {
            let text = pieces.concat();
            if is_walked(&text) {
                prop_assert!(serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{}", text);
            }
        }

        #[test]
        fn the_first_byte_that_does_not_stand_for_itself_is_found(bytes in any::<[u8; 8]>()) {
            let special = |byte: &u8| matches!(byte, 0..0x20 | b'"' | b'\\');
            let expected = bytes.iter().position(special).unwrap_or(8);
            prop_assert_eq!(first_special(u64::from_le_bytes(bytes)), expected);
        }

        #[test]
        fn a_span_is_the_text_of_the_value(number in any::<i32>(), text in "[a-z ]{0,30}") {
            let record = format!("{{\"n\": {number} ,\"t\":\"{text}\"}}");
            let mut spans = Vec::new();
            let mut walk = Walk::new(&record);
            walk.object(|walk, _| { spans.push(walk.span()?); Some(()) }).unwrap();
            let texts: Vec<&str> = spans.iter().map(|span| span.of(&record).unwrap()).collect();
            prop_assert_eq!(texts, [number.to_string(), format!("\"{text}\"")]);
        }
    }
}
