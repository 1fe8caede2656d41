//! The report: one HTML page that works from disk, offline and without script.
//!
//! Two templates of minijinja, which the mails use too: whatever is put into a page is escaped unless somebody says otherwise,
//! and its formatter is the one place through which all text passes. Only style and script, which are constants, are not
//! escaped; the page's own policy names them by their hashes, so that nothing else could run even if it got in. The rows of
//! the table beyond the first hundred wait in a `<template>`, which costs a browser little, and no data is embedded in script.

mod timeline;
mod view;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::Serde;
use minijinja::{Environment, Error, UndefinedBehavior, Value, context, escape_formatter};
use sha2::{Digest, Sha256};

use super::foreign::{SENTENCE, shown};
use super::headline;
use super::words;
use crate::document::Document;
use view::{ChangeView, PageView};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
/// So many changes are seen at once.
const SHOWN: usize = 100;
/// So many bytes of changes: a page of more is no longer pleasant to open.
const LARGEST: usize = 13 << 20;

/// The document.
///
/// # Errors
/// When a template is wrong.
pub fn html(document: &Document) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_formatter(|out, state, value| match value.as_str() {
        Some(text) if !value.is_safe() => escape_formatter(out, state, &Value::from(shown(text, 2 * SENTENCE))),
        Some(_) | None => escape_formatter(out, state, value),
    });
    environment.add_template("change.html.j2", include_str!("change.html.j2"))?;
    environment.add_template("page.html.j2", include_str!("page.html.j2"))?;
    let changes = rows(&environment, document)?;
    environment.get_template("page.html.j2")?.render(context! {
        page => Serde(PageView::of(document)),
        timeline => Serde(timeline::timeline(document)),
        style => Value::from_safe_string(STYLE.to_owned()),
        script => Value::from_safe_string(SCRIPT.to_owned()),
        style_hash => hash(STYLE),
        script_hash => hash(SCRIPT),
        first => Value::from_safe_string(changes.first),
        more => Value::from_safe_string(changes.more),
        left_out => words::number(words::count(changes.left_out)),
        is_cut => changes.left_out > 0,
    })
}

/// The rows of the changes.
#[derive(Debug, Default)]
struct Rows {
    /// Seen at once.
    first: String,
    /// Behind a button.
    more: String,
    /// Not in the page.
    left_out: usize,
}

fn rows(environment: &Environment<'_>, document: &Document) -> Result<Rows, Error> {
    let template = environment.get_template("change.html.j2")?;
    let changes = headline::changes(document);
    let mut rows = Rows::default();
    for (place, (sign, change)) in changes.iter().enumerate() {
        let row = template.render(context! { it => Serde(ChangeView::of(*sign, change)) })?;
        if rows.first.len() + rows.more.len() + row.len() > LARGEST {
            rows.left_out = changes.len() - place;
            break;
        }
        if place < SHOWN { rows.first.push_str(&row) } else { rows.more.push_str(&row) }
    }
    Ok(rows)
}

/// As a content security policy names a constant.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}
