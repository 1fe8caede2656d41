//! A page of plain text: headings, sentences that are wrapped, and columns.

use cordon_records::text::cut;

/// Narrower pages are filled as if they were as wide as this.
const NARROWEST: usize = 40;

/// See the module.
#[derive(Debug)]
pub struct Page {
    width: usize,
    text: String,
}

impl Page {
    /// An empty page that is so many characters wide.
    #[must_use]
    pub fn new(width: usize) -> Self {
        Self { width: width.max(NARROWEST), text: String::new() }
    }

    /// A heading, with an empty line before it.
    pub fn heading(&mut self, title: &str) {
        self.text.push('\n');
        self.say(0, "", title);
    }

    /// Sentences behind a mark, so far from the left; what follows the first line stands below its beginning.
    pub fn say(&mut self, indent: usize, mark: &str, text: &str) {
        let first = format!("{}{mark}", " ".repeat(indent));
        let rest = " ".repeat(indent + mark.chars().count());
        let room = self.width.saturating_sub(rest.chars().count()).max(NARROWEST / 2);
        for (number, line) in wrapped(text, room).iter().enumerate() {
            self.text.push_str(if number == 0 { &first } else { &rest });
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    /// A table. Columns are as wide as their widest cell; what does not fit into the page is cut from the widest.
    pub fn table(&mut self, head: &[&str], rows: &[Vec<String>]) {
        let of = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain(head.get(column).map(|title| title.len())).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..head.len()).map(of).collect();
        let gaps = 2 * head.len();
        while widths.iter().sum::<usize>() + gaps > self.width {
            match widths.iter_mut().max() {
                Some(widest) if *widest > 6 => *widest -= 1,
                Some(_) | None => break,
            }
        }
        let head: Vec<String> = head.iter().map(|title| (*title).to_owned()).collect();
        for row in std::iter::once(&head).chain(rows) {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{:<width$}", cut(cell, *width)));
            self.text.push_str("  ");
            self.text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
            self.text.push('\n');
        }
    }

    /// The page.
    #[must_use]
    pub fn text(self) -> String {
        self.text
    }
}

/// The words of a text in lines of at most `room` characters; a longer word is broken.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut length = 0;
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        while !word.is_empty() {
            let gap = usize::from(length > 0);
            if length > 0 && length + gap + word.len() > room {
                lines.push(String::new());
                length = 0;
                continue;
            }
            let rest = word.split_off(word.len().min(room));
            if let Some(line) = lines.last_mut() {
                line.extend(" ".repeat(gap).chars().chain(word.iter().copied()));
            }
            length += gap + word.len();
            word = rest;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sentences_are_wrapped_below_their_beginning_and_columns_stand_below_each_other() {
        let mut page = Page::new(40);
        page.say(2, "- ", "one two three four five six seven eight nine");
        page.table(&["A", "LONG"], &[vec!["x".to_owned(), "y".repeat(60)], vec!["zz".to_owned(), "1".to_owned()]]);
        let expected = format!(
            "  - one two three four five six seven\n    eight nine\n  A   LONG\n  x   {}…\n  zz  1\n",
            "y".repeat(33)
        );
        assert_eq!(page.text(), expected);
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_page_and_no_word_is_lost(text in "[a-zä]{0,90}( [a-zä]{1,90}){0,20}", width in 40_usize..120) {
            let mut page = Page::new(width);
            page.say(4, "- ", &text);
            let page = page.text();
            prop_assert!(page.lines().all(|line| line.chars().count() <= width), "{}", page);
            let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic()).collect::<String>();
            prop_assert_eq!(letters(&page), letters(&text));
        }
    }
}
