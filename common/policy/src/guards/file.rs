//! Reads `guards.yaml`. A key that is absent keeps its built-in default; every mistake is reported at once.

use cordon_records::{ActionKind, Impact};
use cordon_settings::{Document, Problems, Reader, Section, closest};

use super::settings::{Approvals, Cap, Caps, Guards, HoldList, Maintenance, Never};
use crate::window;

impl Guards {
    /// Reads a guards file. `origin` is its name in messages. An empty file is the built-in defaults.
    ///
    /// # Errors
    /// Every mistake in it, with line and column. There is no half-read guards file: the caller refuses to start.
    pub fn load(origin: &str, text: &str) -> Result<Self, Problems> {
        Self::of(&Document::parse(origin, text)?)
    }

    /// These guards with one setting that is another: `caps.all_rules.1h` and `5`.
    ///
    /// # Errors
    /// When there is no such setting, or it cannot have this value.
    pub fn with(&self, path: &str, value: &str) -> Result<Self, Problems> {
        let mut document = Document::parse("guards", &self.to_string())?;
        document.set(&format!("{path}={value}"), path, value);
        Self::of(&document)
    }

    fn of(document: &Document) -> Result<Self, Problems> {
        let reader = Reader::new(document);
        let mut root = reader.root();
        let defaults = Self::built_in();
        let mut scope = root.section("scope");
        let guards = Self {
            scope_tags: names(&mut scope, "tags", defaults.scope_tags),
            allow_os: names(&mut root, "allow_os", defaults.allow_os),
            never: never(root.section("never"), defaults.never),
            hold: hold(root.section("hold"), defaults.hold),
            caps: caps(root.section("caps"), defaults.caps),
            maintenance: root.list_of_sections("maintenance").into_iter().filter_map(maintenance).collect(),
            approvals: approvals(root.section("approvals"), defaults.approvals),
        };
        scope.finish();
        root.finish();
        reader.finish()?;
        Ok(guards)
    }
}

fn names(section: &mut Section, key: &str, default: Vec<String>) -> Vec<String> {
    let no_blank = |names: &Vec<String>| match names.iter().any(|name| name.trim().is_empty()) {
        true => Err("holds an empty name".to_owned()),
        false => Ok(()),
    };
    section.texts(key).check(no_blank).or(default)
}

/// Kinds of action by their names; one named twice counts once. What gives back is never held.
fn kinds(section: &mut Section, key: &str, default: Vec<ActionKind>) -> Vec<ActionKind> {
    section
        .texts(key)
        .convert(|names| {
            let mut kinds = Vec::new();
            let mut wrong = Vec::new();
            for name in names {
                match kind(&name) {
                    Ok(kind) if kinds.contains(&kind) => {}
                    Ok(kind) => kinds.push(kind),
                    Err(message) => wrong.push(message),
                }
            }
            if wrong.is_empty() { Ok(kinds) } else { Err(wrong.join("; ")) }
        })
        .or(default)
}

/// The values of a device. Microsoft's list is closed, so another text is a slip and would hold nothing.
fn device_values(section: &mut Section, default: Vec<String>) -> Vec<String> {
    let is_known = |value: &&String| VALUES.iter().any(|known| known.eq_ignore_ascii_case(value));
    let known = |values: &Vec<String>| {
        let wrong: Vec<String> =
            values.iter().filter(|value| !is_known(value)).map(|value| not_a_value(value)).collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
    };
    section.texts("device_value").check(known).or(default)
}

const VALUES: [&str; 3] = ["Low", "Normal", "High"];

fn not_a_value(text: &str) -> String {
    let hint = closest(text, &VALUES).map(|meant| format!(": did you mean \"{meant}\"?")).unwrap_or_default();
    format!("`{text}` is none of {}{hint}", VALUES.join(", "))
}

fn kind(name: &str) -> Result<ActionKind, String> {
    let holdable = || ActionKind::ALL.iter().copied().filter(|kind| kind.impact() != Impact::Restoring);
    match ActionKind::ALL.iter().find(|kind| kind.as_str() == name) {
        Some(kind) if kind.impact() != Impact::Restoring => Ok(*kind),
        Some(kind) => Err(format!("{kind} gives something back and is never held; use `mode: approve` in the rule")),
        None => {
            let names: Vec<&str> = holdable().map(ActionKind::as_str).collect();
            let hint = closest(name, &names)
                .map_or_else(|| format!("expected {}", names.join(", ")), |meant| format!("did you mean \"{meant}\"?"));
            Err(format!("`{name}` is no kind of action: {hint}"))
        }
    }
}

fn never(mut section: Section, default: Never) -> Never {
    let never = Never {
        tags: names(&mut section, "tags", default.tags),
        names: names(&mut section, "names", default.names),
        groups: names(&mut section, "groups", default.groups),
    };
    section.finish();
    never
}

fn seconds(section: &mut Section, key: &str, default: u64) -> u64 {
    section.duration(key).convert(window::whole_seconds).or(default)
}

fn hold(mut section: Section, default: HoldList) -> HoldList {
    let hold = HoldList {
        tags: names(&mut section, "tags", default.tags),
        users: names(&mut section, "users", default.users),
        device_value: device_values(&mut section, default.device_value),
        kinds: kinds(&mut section, "kinds", default.kinds),
        alert_older_than: seconds(&mut section, "alert_older_than", default.alert_older_than),
        released_within: seconds(&mut section, "released_by_person_within", default.released_within),
    };
    section.finish();
    hold
}

fn caps(mut section: Section, default: Caps) -> Caps {
    let mut caps = default;
    for (key, cap) in [("all_rules", &mut caps.all_rules), ("gentle", &mut caps.gentle)] {
        if let Some(mut given) = section.optional_section(key) {
            *cap = windows(&mut given, &[], attempts);
            at_least_one(&section, key, cap);
        }
    }
    for (key, cap) in [("per_rule", &mut caps.per_rule), ("per_device_group", &mut caps.per_device_group)] {
        if let Some(mut given) = section.optional_section(key) {
            *cap = windows(&mut given, &[], attempts);
        }
    }
    if let Some(mut share) = section.optional_section("fleet_share") {
        caps.fleet_share = windows(&mut share, &["floor"], percent);
        at_least_one(&section, "fleet_share", &caps.fleet_share);
        caps.floor = share.integer("floor").convert(count_of).or(caps.floor);
    }
    section.finish();
    caps
}

/// A section without any window would switch the cap off without saying so.
fn at_least_one(section: &Section, key: &str, windows: &[Cap]) {
    if windows.is_empty() {
        section.problem_with_help(key, "names no window", "write at least one, such as `1h: 20`, or leave the key out");
    }
}

/// A free-form section of windows, sorted by length. What fails to parse is reported and left out.
pub fn windows(
    section: &mut Section,
    other_keys: &[&str],
    value: impl Fn(&mut Section, &str) -> Option<u32>,
) -> Vec<Cap> {
    let mut found: Vec<Cap> = Vec::new();
    for key in section.keys().iter().filter(|key| !other_keys.contains(&key.as_str())) {
        let number = value(section, key);
        match window::parse(key) {
            Ok(length) if found.iter().any(|(known, _)| *known == length) => {
                section.problem(key, "is given twice, in another unit");
            }
            Ok(length) => found.extend(number.map(|number| (length, number))),
            Err(message) => section.problem(key, message),
        }
    }
    found.sort_unstable();
    found
}

/// How many attempts a window allows: a whole number from 1.
pub fn attempts(section: &mut Section, key: &str) -> Option<u32> {
    section.integer(key).convert(count_of).required()
}

fn count_of(number: i64) -> Result<u32, String> {
    let hint = "expected a whole number of attempts, at least 1; to stop all actions use the pause switch";
    u32::try_from(number).ok().filter(|count| *count > 0).ok_or_else(|| hint.to_owned())
}

/// A signed command is taken for at most a day, in seconds: who may sign may change, and so may what was seen.
const LONGEST_VALID: u64 = 86_400;

fn approvals(mut section: Section, default: Approvals) -> Approvals {
    let no_blank = |path: &String| if path.trim().is_empty() { Err("names no file".to_owned()) } else { Ok(()) };
    let allowed_signers = section.text("allowed_signers").check(no_blank).optional().or(default.allowed_signers);
    let at_most_a_day = |length: &std::time::Duration| match length.as_secs() {
        0..=LONGEST_VALID => Ok(()),
        _ => Err("a signed command is good for at most 1d".to_owned()),
    };
    let valid_for = section.duration("valid_for").check(at_most_a_day).convert(window::whole_seconds);
    let valid_for = valid_for.or(default.valid_for);
    let mut two_people = section.section("two_people");
    let two_people_kinds = kinds(&mut two_people, "kinds", default.two_people_kinds);
    let above = two_people.optional_section("above");
    let two_people_above = above.map_or(default.two_people_above, |mut above| windows(&mut above, &[], attempts));
    two_people.finish();
    section.finish();
    Approvals { allowed_signers, valid_for, two_people_kinds, two_people_above }
}

/// A percentage such as `1%` or `0.25%`, in hundredths of a percent.
fn percent(section: &mut Section, key: &str) -> Option<u32> {
    section
        .text(key)
        .convert(|text| hundredths(&text).ok_or_else(|| format!("`{text}` is not a percentage such as 1%")))
        .required()
}

fn hundredths(text: &str) -> Option<u32> {
    let number = text.strip_suffix('%')?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "00"));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit()) && !text.is_empty();
    if !digits(whole) || !digits(fraction) || fraction.len() > 2 {
        return None;
    }
    let value = whole.parse::<u32>().ok()?.checked_mul(100)? + format!("{fraction:0<2}").parse::<u32>().ok()?;
    (1..=10_000).contains(&value).then_some(value)
}

/// Reports show these texts to whoever wonders why nothing was done.
fn given(text: &str, what: &str) -> Result<(), String> {
    if text.trim().is_empty() { Err(format!("is empty: write {what}")) } else { Ok(()) }
}

fn maintenance(mut section: Section) -> Option<Maintenance> {
    let (tags, names_) = (names(&mut section, "tags", Vec::new()), names(&mut section, "names", Vec::new()));
    let (from, to) = (section.timestamp("from").required(), section.timestamp("to").required());
    let by = section.text("by").check(|by| given(by, "who works on these machines")).required();
    let why = section.text("why").check(|why| given(why, "what is done there")).required();
    if !section.is_present("tags") && !section.is_present("names") {
        section.problem_with_help(
            "tags",
            "names no machines",
            "give tags or names; to leave every machine alone use the pause switch",
        );
    }
    if let (Some(from), Some(to)) = (from, to)
        && to <= from
    {
        section.problem("to", format!("{to} is not after {from}"));
    }
    section.finish();
    Some(Maintenance { tags, names: names_, from: from?, to: to?, by: by?, why: why? })
}
