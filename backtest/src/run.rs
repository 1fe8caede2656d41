//! One backtest, from the command line to its result.

use std::collections::BTreeMap;
use std::io::Write;

use cordon_policy::RuleSet;
use cordon_records::Mode;
use cordon_response::Waits;
use cordon_runtime::time::Period;
use cordon_settings::Problems;
use jiff::Timestamp;

use crate::against::{Against, Compared};
use crate::args::{Approvals, BacktestArgs};
use crate::cache;
use crate::compare::compare;
use crate::document::{Both, Document, RuleCounts, RuleRow, Standing, VERSION, Window};
use crate::error::BacktestError;
use crate::fleet::Fleets;
use crate::found::Later;
use crate::gates::Gates;
use crate::input::{TopicRange, cores};
use crate::judge::{Judgement, Task, judge};
use crate::manifest::{self, Manifest};
use crate::origin::{Origin, Records};
use crate::print;
use crate::progress::Progress;
use crate::reported::Heard;
use crate::respond::{Played, Times, Voices, play};
use crate::settings::Settings;
use crate::side::Side;
use crate::tally::Tally;

/// What a backtest says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing changes, or within the gates.
    Same,
    /// Something changes, or a gate is broken.
    Different,
}

/// Runs a backtest and prints what it finds. `now` is what `-90d` counts from.
///
/// # Errors
/// Why there is no result.
pub fn run(
    args: &BacktestArgs,
    now: Timestamp,
    out: &mut dyn Write,
    progress: &dyn Progress,
) -> Result<Verdict, BacktestError> {
    let document = document(args, now, progress)?;
    let text = print::text(&document, args.output, print::terminal_width())?;
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        // Who reads no further has seen enough.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            return Err(BacktestError::Output { what: "standard output".to_owned(), source: error });
        }
        Ok(()) | Err(_) => {}
    }
    if let Some(path) = &args.report {
        let written = std::fs::write(path, print::html(&document)?);
        written.map_err(|source| BacktestError::Output { what: path.display().to_string(), source })?;
    }
    Ok(verdict(&document))
}

fn verdict(document: &Document) -> Verdict {
    let is_same = document.actions.is_empty() || document.totals.before.is_none();
    let holds = document.gates.iter().all(|gate| gate.holds);
    let gated = !document.gates.is_empty();
    if holds && (gated || is_same) { Verdict::Same } else { Verdict::Different }
}

/// The result alone.
///
/// # Errors
/// Why there is none.
pub fn document(args: &BacktestArgs, now: Timestamp, progress: &dyn Progress) -> Result<Document, BacktestError> {
    let Asked { settings, after, against, then } = asked(args)?;
    let swept: Vec<_> = args.sweep.iter().map(|sweep| sweep.sides(&after)).collect::<Result<Vec<_>, _>>()?.concat();
    let waits = settings.as_ref().map(|settings| settings.waits).unwrap_or_default();
    let (mode, lived) = modes(args, settings.as_ref(), &against);
    let origin = Origin::of(args, settings.map(|settings| settings.kafka), then.as_ref(), now)?;
    let period = origin.period;
    let mut records = origin.records()?;
    let mut decisions = origin.decisions(against.is_recorded())?;
    let fleet = fleets(decisions.as_mut(), args.fleet)?;
    let decided = decisions.as_ref().map(TopicRange::inputs).unwrap_or_default();
    let compared = against.read_all(&origin, decisions)?;
    let before = compared.side();
    let alone = heard_alone(args.approvals, &compared, &origin)?;
    let heard = compared.past().map(|past| &past.heard).or(alone.as_ref());
    let voices = voices(args.approvals, heard)?;
    let times = Times { mode, succeeds_after: args.succeeds_after, waits, fleet: &fleet, voices };
    let mut manifest = manifest_of(&origin, (&after, before), assumed(args, mode, waits));
    if let (Some(path), Some(then)) = (&args.manifest, &then) {
        manifest::check(path, then, &manifest)?;
    }
    let rule_sets: Vec<&RuleSet> = std::iter::once(&after).chain(before).map(|side| &side.rules).collect();
    let check = compared.past().map(|past| &past.check);
    let task = Task { sides: &rule_sets, period, check, threads: cores(), progress };
    let Judgement { tally, mut acting, covered } = judged(args, task, &mut records, now)?;
    let noted = heard.map(|heard| heard.inputs.clone()).unwrap_or_default();
    manifest.inputs = covered.inputs.into_iter().chain(decided).chain(noted).collect();
    origin.check(&manifest.inputs)?;
    if tally.records == 0 {
        return Err(BacktestError::Empty(nothing(&tally, period)));
    }
    let later = Later { found: &tally.found, people: heard.map(|heard| &heard.people) };
    let new = play(&after, &mut acting, times, later)?;
    let old = before.map(|side| play(side, &mut acting, times, later)).transpose()?;
    let actions = compare((&after, before), (&new, old.as_ref()), &mut acting, later)?;
    let sweep = swept.iter().map(|side| crate::sweep::row(side, &mut acting, times, later));
    let sweep = sweep.collect::<Result<Vec<_>, _>>()?;
    let mut document = Document {
        version: VERSION,
        records: tally.records,
        sides: Both { after: after.told(), before: before.map(Side::told) },
        rules: rules(&after, before, &tally),
        actions,
        totals: both(&new, old.as_ref(), |played| played.totals.clone()),
        latches: both(&new, old.as_ref(), |played| played.latches.clone()),
        load: both(&new, old.as_ref(), |played| played.load.clone()),
        window: Window { from: period.from, to: period.to, first: tally.first, last: tally.last, gaps: covered.gaps },
        unreadable: tally.unread.told(),
        unread_past: heard.map(|heard| heard.unread.told()),
        unreproducible: both(&new, old.as_ref(), |played| played.unreproducible.clone()),
        reproduced: None,
        sweep,
        gates: Vec::new(),
        limits: limits(args.approvals, &fleet, &compared, heard),
        manifest,
    };
    let (mode, succeeds_after) = (lived, args.succeeds_after);
    let lived = Times { mode, succeeds_after, waits, fleet: &fleet, voices: Voices::None };
    document.reproduced = compared.reproduced(lived, period)?;
    document.gates = Gates::asked(args).judge(&document);
    Ok(document)
}

/// Judges by way of the cache, where there is one. What was decided live is compared record by record, with all of each.
fn judged(
    args: &BacktestArgs,
    task: Task<'_>,
    records: &mut Records,
    now: Timestamp,
) -> Result<Judgement, BacktestError> {
    match cache::folder(args).filter(|_| task.check.is_none()) {
        Some(folder) => cache::judge(&folder, task, records, now),
        None => judge(task, records.source()),
    }
}

/// What is known before anything was read.
fn manifest_of(
    origin: &Origin,
    (after, before): (&Side, Option<&Side>),
    assumed: BTreeMap<String, String>,
) -> Manifest {
    Manifest {
        cordon: env!("CARGO_PKG_VERSION").to_owned(),
        rule_set: after.rules.hash().to_owned(),
        guard_set: after.guards.hash(),
        against: before.map(|side| (side.rules.hash().to_owned(), side.guards.hash())),
        from: origin.period.from,
        to: origin.period.to,
        inputs: Vec::new(),
        assumed,
    }
}

/// What the command line names, read.
struct Asked {
    settings: Option<Settings>,
    after: Side,
    against: Against,
    /// The manifest of an earlier backtest.
    then: Option<Manifest>,
}

/// Reads all that is named; every mistake in all of it is told at once.
fn asked(args: &BacktestArgs) -> Result<Asked, Problems> {
    let config = args.config.as_deref().filter(|_| args.input.is_empty());
    let settings = config.map(Settings::read).transpose();
    let then = args.manifest.as_deref().map(manifest::read).transpose();
    let configured = settings.as_ref().ok().and_then(|settings| settings.as_ref()?.guards.as_ref());
    let guards = args.guards.as_ref().or(configured);
    let after = Side::read(&args.rules, guards);
    let against = Against::read(args, configured);
    match (settings, after, against, then) {
        (Ok(settings), Ok(after), Ok(against), Ok(then)) => Ok(Asked { settings, after, against, then }),
        (settings, after, against, then) => {
            let mut problems = Problems::default();
            let all = [settings.err(), after.err(), against.err(), then.err()];
            all.into_iter().flatten().for_each(|more| problems.extend(more));
            Err(problems)
        }
    }
}

/// The mode to play under, and the one that is configured. What was decided live was decided under the configured one.
fn modes(args: &BacktestArgs, settings: Option<&Settings>, against: &Against) -> (Mode, Mode) {
    let configured = settings.map_or(Mode::Auto, |settings| settings.mode);
    let unasked = if against.is_recorded() { configured } else { Mode::Auto };
    (args.mode.map_or(unasked, Mode::from), configured)
}

fn nothing(tally: &Tally, period: Period) -> String {
    let Tally { outside, unread, .. } = tally;
    let told = |word: &str, at: Option<Timestamp>| at.map(|at| format!(" {word} {at}")).unwrap_or_default();
    let asked = match period {
        Period { from: None, to: None } => String::new(),
        Period { from, to } => format!(", asked for{}{}", told("from", from), told("to", to)),
    };
    format!("{outside} lie outside of the time{asked}; {} could not be read", unread.records())
}

fn both<T>(new: &Played, old: Option<&Played>, of: impl Fn(&Played) -> T) -> Both<T> {
    Both { after: of(new), before: old.map(of) }
}

fn assumed(args: &BacktestArgs, mode: Mode, waits: Waits) -> BTreeMap<String, String> {
    let (time, shipped) = (cordon_settings::format_duration, Waits::default());
    let mut assumed = BTreeMap::from([
        ("approvals".to_owned(), args.approvals.as_str().to_owned()),
        ("mode".to_owned(), mode.as_str().to_owned()),
        ("succeeds-after".to_owned(), time(args.succeeds_after)),
    ]);
    assumed.extend(args.fleet.map(|fleet| ("fleet".to_owned(), fleet.to_string())));
    let Waits { hold_for, follow_up, alarm_after, retry } = waits;
    let retries = |retry: cordon_response::Retry| format!("{} after {}", retry.attempts, time(retry.after));
    let set = [
        ("act.hold_for", time(hold_for), time(shipped.hold_for)),
        ("act.follow_up", time(follow_up), time(shipped.follow_up)),
        ("act.alarm_after", time(alarm_after), time(shipped.alarm_after)),
        ("act.retry", retries(retry), retries(shipped.retry)),
    ];
    let differing = set.into_iter().filter(|(_, set, shipped)| set != shipped);
    assumed.extend(differing.map(|(name, set, _)| (name.to_owned(), set)));
    assumed
}

/// How many machines there were, by the decisions where there are any.
fn fleets(decisions: Option<&mut TopicRange>, assumed: Option<u64>) -> Result<Fleets, BacktestError> {
    match decisions {
        Some(decisions) => Fleets::read(decisions, assumed),
        None => Ok(Fleets::assumed(assumed)),
    }
}

/// What people did, where their answers are asked for and nothing else that is recorded is read.
fn heard_alone(approvals: Approvals, compared: &Compared, origin: &Origin) -> Result<Option<Heard>, BacktestError> {
    match (approvals, compared.past()) {
        (Approvals::Recorded, None) => Heard::read(origin).map(Some),
        (Approvals::None | Approvals::All, _) | (_, Some(_)) => Ok(None),
    }
}

/// What people say to what is held.
fn voices(approvals: Approvals, heard: Option<&Heard>) -> Result<Voices<'_>, BacktestError> {
    match (approvals, heard) {
        (Approvals::None, _) => Ok(Voices::None),
        (Approvals::All, _) => Ok(Voices::Yes),
        (Approvals::Recorded, Some(heard)) => Ok(Voices::Recorded(&heard.people)),
        (Approvals::Recorded, None) => Err(BacktestError::Broken("what people answered was not read".to_owned())),
    }
}

/// What holds of every backtest, and of this one.
fn limits(approvals: Approvals, fleet: &Fleets, compared: &Compared, heard: Option<&Heard>) -> Vec<String> {
    let mut limits = vec![
        "Every call succeeds in the model tenant; live ones are refused, lost, or find the machine off.".to_owned(),
        "Guards are asked on recorded facts: alert and machine as they were when the record was made.".to_owned(),
        match approvals {
            Approvals::None => {
                "Nobody approves what is held, and nobody resumes after the breaker has latched.".to_owned()
            }
            Approvals::All => {
                "People approve at once what is held; nobody resumes after the breaker has latched.".to_owned()
            }
            Approvals::Recorded => {
                "People answer what is held as they answered the same action live; what they were not \
                 asked live nobody answers, and nobody resumes after the breaker has latched."
                    .to_owned()
            }
        },
        "Actions of people and of other tools on the machines are not in the records.".to_owned(),
    ];
    if !fleet.is_told() {
        limits.push("The fleet's size is not known here, so caps on a share of it count their floor only.".to_owned());
    }
    limits.push(match heard {
        Some(_) => "Of machines that people let back only releases by Cordon are known.".to_owned(),
        None => {
            "Which machines people let back is not known here: it is on the topic actions, which --against recorded \
             and --approvals recorded read."
                .to_owned()
        }
    });
    limits.extend(compared.past().map(|past| past.limits.clone()).unwrap_or_default());
    limits
}

fn rules(after: &Side, before: Option<&Side>, tally: &Tally) -> Vec<RuleRow> {
    let none = Vec::new();
    let (new, old) = (tally.sides.first().unwrap_or(&none), tally.sides.get(1).unwrap_or(&none));
    let mut rows: BTreeMap<&str, RuleRow> = BTreeMap::new();
    for (rule, counted) in after.rules.rules().iter().zip(new) {
        let row = RuleRow {
            id: rule.id.as_str().to_owned(),
            matched: counted.matched,
            errors: counted.errors,
            error: counted.error(),
            before: None,
            standing: if before.is_some() { Standing::New } else { Standing::Only },
            mode: rule.mode.as_str().to_owned(),
            always: counted.matched == tally.records,
            nearest: counted.nearest(),
        };
        rows.insert(rule.id.as_str(), row);
    }
    let others = before.map_or(&[][..], |side| side.rules.rules());
    for (rule, counted) in others.iter().zip(old) {
        let counts = RuleCounts { matched: counted.matched, errors: counted.errors };
        let same = after.rules.rules().iter().find(|other| other.id == rule.id);
        let standing = match same {
            None => Standing::Gone,
            Some(same) if same.decides_as(rule) => Standing::Same,
            Some(_) => Standing::Changed,
        };
        let gone = || RuleRow {
            id: rule.id.as_str().to_owned(),
            matched: 0,
            errors: 0,
            error: None,
            before: None,
            standing,
            mode: rule.mode.as_str().to_owned(),
            always: false,
            nearest: Vec::new(),
        };
        let row = rows.entry(rule.id.as_str()).or_insert_with(gone);
        (row.before, row.standing) = (Some(counts), standing);
    }
    rows.into_values().collect()
}
