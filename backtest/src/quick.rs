//! Judging many records quickly: of a record only what the conditions ask for is picked out, as the JSON text that stands
//! there, and each condition is judged once for each combination of these texts. A few dozen combinations of severity, status
//! and category stand for a million records.
//!
//! What is picked from is rare or odd (no machine, a machine that is not the alert's, a field given twice, an alert that was
//! cut) is not judged here: [`Quick::pick`] says so, and the record is read whole. A condition over fields with nearly as many
//! values as there are records, such as command lines, is judged record by record, on those fields alone.

use std::collections::{BTreeSet, HashMap};

use cordon_policy::{Condition, Judged, Laid, Rule, RuleSet};
use cordon_records::{Alert, EnrichedRecord, Machine, MachineId, Verbatim};
use serde::de::{DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// What is always picked out of an alert: who it is, whose, and what people found.
const ALERT: [&str; 4] = ["id", "machineId", "classification", "lastUpdateTime"];

/// So many combinations are remembered before it is asked whether that helps.
const TRIED: usize = 2_048;

/// So many bytes is all that is remembered of one condition, about. Whoever writes alerts chooses how many combinations there
/// are, and how long.
const REMEMBERED: usize = if cfg!(test) { 16 << 10 } else { 1 << 20 };

/// What one combination takes beside its text, about.
const ENTRY: usize = 96;

/// See the module. Each thread has its own.
#[derive(Debug)]
pub struct Quick {
    alert: Fields,
    machine: Fields,
    questions: Vec<Question>,
    /// So many of these, the first, are conditions of rules.
    whole: usize,
    /// The questions of the rules of each side, in the order of its rule set.
    sides: Vec<Vec<usize>>,
    /// The questions of the parts of each rule of the first side.
    parts: Vec<Vec<usize>>,
    key: Vec<u8>,
}

/// Names of fields, each with its place.
#[derive(Debug, Default)]
struct Fields {
    places: HashMap<&'static str, usize>,
    names: Vec<&'static str>,
}

impl Fields {
    fn of(names: impl IntoIterator<Item = &'static str>) -> Self {
        let names: Vec<&'static str> = names.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        Self { places: names.iter().enumerate().map(|(place, name)| (*name, place)).collect(), names }
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }
}

/// One condition, however many rules have it.
#[derive(Debug)]
struct Question {
    condition: Condition,
    /// The places of what it reads.
    alert: Vec<usize>,
    machine: Vec<usize>,
    known: HashMap<Vec<u8>, Judged>,
    /// How many bytes that takes, about.
    held: usize,
    /// How often it was asked since nothing was known.
    asked: usize,
    /// Judged record by record.
    by_record: bool,
}

/// What was picked out of a record.
#[derive(Debug)]
pub struct Picked<'r> {
    outer: EnrichedRecord<&'r RawValue, &'r RawValue>,
    alert: Vec<Option<&'r str>>,
    machine: Vec<Option<&'r str>>,
}

/// What a record has of the fields that are read record by record.
pub type Read = (Alert, Machine);

impl Quick {
    /// For the conditions of these rule sets, and for the parts of those of the first.
    #[must_use]
    pub fn of(sides: &[&RuleSet]) -> Self {
        let first = || sides.first().into_iter().flat_map(|rules| rules.rules());
        let parts: Vec<_> = first().map(Rule::parts).collect();
        let whole = sides.iter().flat_map(|rules| rules.rules()).map(Rule::condition);
        let all = || whole.clone().chain(parts.iter().flatten().map(|(_, part)| part));
        let alert = Fields::of(all().flat_map(|it| it.reads().alert.iter().copied()).chain(ALERT));
        let machine = Fields::of(all().flat_map(|it| it.reads().machine.iter().copied()).chain(["id"]));
        let (mut questions, mut by_text) = (Vec::new(), HashMap::new());
        let mut number = |text: &str, condition: &Condition| {
            *by_text.entry(text.to_owned()).or_insert_with(|| {
                questions.push(Question::of(condition.clone(), &alert, &machine));
                questions.len() - 1
            })
        };
        let mut of_side = |rules: &&RuleSet| -> Vec<usize> {
            rules.rules().iter().map(|rule| number(&rule.when, rule.condition())).collect()
        };
        let sides: Vec<Vec<usize>> = sides.iter().map(&mut of_side).collect();
        let whole = sides.iter().flatten().max().map_or(0, |last| last + 1);
        let parts = parts.iter().map(|parts| parts.iter().map(|(text, part)| number(text, part)).collect()).collect();
        Self { alert, machine, questions, whole, sides, parts, key: Vec::new() }
    }

    /// What the rules of each side say of a record, in the order of the rule set. Each condition is judged once, however many
    /// rules have it.
    pub fn rules(&mut self, picked: &Picked<'_>, read: &mut Option<Read>) -> Option<Vec<Vec<Judged>>> {
        let judged = (0..self.whole).map(|number| self.judge(number, picked, read)).collect::<Option<Vec<_>>>()?;
        let of_side = |side: &Vec<usize>| side.iter().map(|number| judged.get(*number).cloned()).collect();
        self.sides.iter().map(of_side).collect()
    }

    /// What a part of a rule of the first side says.
    pub fn part(&mut self, rule: usize, part: usize, picked: &Picked<'_>, read: &mut Option<Read>) -> Option<Judged> {
        self.judge(*self.parts.get(rule)?.get(part)?, picked, read)
    }

    /// Picks out what is asked for; `None` where the record has to be read whole.
    #[must_use]
    pub fn pick<'r>(&self, bytes: &'r [u8]) -> Option<Picked<'r>> {
        let outer: EnrichedRecord<&RawValue, &RawValue> = serde_json::from_slice(bytes).ok()?;
        if !outer.cut.is_empty() {
            return None;
        }
        let alert = pick(&self.alert, outer.alert)?;
        let machine = pick(&self.machine, outer.machine?)?;
        let picked = Picked { outer, alert, machine };
        let (named, held) =
            (self.text(&picked, "machineId")?, picked.machine.get(self.machine.place("id")?)?.as_ref()?);
        // As it stands it must be an id, and without escapes no two spellings are one.
        let id = named.strip_prefix('"')?.strip_suffix('"')?;
        (MachineId::new(id).is_ok() && named.eq_ignore_ascii_case(held)).then_some(picked)
    }

    fn text<'r>(&self, picked: &Picked<'r>, name: &str) -> Option<&'r str> {
        picked.alert.get(self.alert.place(name)?).copied().flatten()
    }

    /// The alert as far as it says who it is and what people found; `None` where it is none.
    #[must_use]
    pub fn found(&self, picked: &Picked<'_>) -> Option<Alert> {
        let fields = ALERT.iter().filter_map(|name| Some((*name, self.text(picked, name)?)));
        view(&object(fields))
    }

    /// What a condition says of a record. `read` is kept from question to question of one record.
    fn judge(&mut self, number: usize, picked: &Picked<'_>, read: &mut Option<Read>) -> Option<Judged> {
        let Self { alert, machine, questions, key, .. } = self;
        let question = questions.get(number)?;
        if !question.by_record {
            question.key(picked, key);
            if let Some(judged) = question.known.get(&key[..]) {
                let judged = judged.clone();
                questions.get_mut(number)?.asked += 1;
                return Some(judged);
            }
        }
        if read.is_none() {
            *read = Some(whole(alert, machine, picked)?);
        }
        let (of_alert, of_machine) = read.as_ref()?;
        let judged = Laid::out(&picked.outer, of_alert, Ok(of_machine)).condition(&question.condition);
        let question = questions.get_mut(number)?;
        if !question.by_record {
            question.remember(key, &judged);
        }
        Some(judged)
    }
}

impl Question {
    fn of(condition: Condition, alert: &Fields, machine: &Fields) -> Self {
        let places = |fields: &Fields, names: &BTreeSet<&'static str>| {
            names.iter().filter_map(|name| fields.place(name)).collect::<Vec<_>>()
        };
        let reads = condition.reads();
        let (of_alert, of_machine, by_record) =
            (places(alert, &reads.alert), places(machine, &reads.machine), reads.now);
        Self { condition, alert: of_alert, machine: of_machine, known: HashMap::new(), held: 0, asked: 0, by_record }
    }

    /// The texts that it reads, one after the other. A text of JSON holds no zero byte, so the end of each is known.
    fn key(&self, picked: &Picked<'_>, key: &mut Vec<u8>) {
        key.clear();
        let of = |texts: &[Option<&str>], places: &[usize], key: &mut Vec<u8>| {
            for place in places {
                key.extend(texts.get(*place).copied().flatten().unwrap_or_default().as_bytes());
                key.push(0);
            }
        };
        of(&picked.alert, &self.alert, key);
        of(&picked.machine, &self.machine, key);
    }

    /// Keeps what was found out as long as that helps. What takes too much room is forgotten, and found out again.
    fn remember(&mut self, key: &[u8], judged: &Judged) {
        self.asked += 1;
        let said = match judged {
            Judged::True | Judged::False => 0,
            Judged::Unknown(why) | Judged::Cut(why) => why.len(),
        };
        let takes = ENTRY + key.len() + said;
        if takes > REMEMBERED / 16 {
            return;
        }
        self.held += takes;
        self.known.insert(key.to_vec(), judged.clone());
        let is_full = self.held > REMEMBERED;
        if is_full || self.known.len() >= TRIED {
            self.by_record = self.known.len() * 2 > self.asked;
        }
        if is_full || self.by_record {
            (self.known, self.held, self.asked) = (HashMap::new(), 0, 0);
        }
    }
}

/// All that any condition reads, as a record has it.
fn whole(alert: &Fields, machine: &Fields, picked: &Picked<'_>) -> Option<Read> {
    let of = |fields: &Fields, texts: &[Option<&str>]| {
        let given = fields.names.iter().zip(texts).filter_map(|(name, text)| Some((*name, (*text)?)));
        object(given)
    };
    Some((view(&of(alert, &picked.alert))?, view(&of(machine, &picked.machine))?))
}

/// A JSON object of these names and texts.
fn object<'t>(fields: impl Iterator<Item = (&'static str, &'t str)>) -> String {
    let mut text = String::from("{");
    for (name, value) in fields {
        if text.len() > 1 {
            text.push(',');
        }
        text.push('"');
        text.push_str(name);
        text.push_str("\":");
        text.push_str(value);
    }
    text.push('}');
    text
}

/// Reads a record, repaired where that is needed, as decide does.
fn view<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok().or_else(|| Verbatim::parse(text).ok()?.view().ok())
}

/// The texts of these fields of an object; `None` where it is no object, or gives one of them twice.
fn pick<'r>(fields: &Fields, object: &'r RawValue) -> Option<Vec<Option<&'r str>>> {
    serde_json::Deserializer::from_str(object.get()).deserialize_map(Pick(fields)).ok().flatten()
}

struct Pick<'f>(&'f Fields);

impl<'r> Visitor<'r> for Pick<'_> {
    type Value = Option<Vec<Option<&'r str>>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'r>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut texts = vec![None; self.0.names.len()];
        let mut is_odd = false;
        while let Some(place) = entries.next_key_seed(Name(self.0))? {
            match place.and_then(|place| texts.get_mut(place)) {
                Some(text) => {
                    is_odd |= text.is_some();
                    *text = Some(entries.next_value::<&RawValue>()?.get());
                }
                None => _ = entries.next_value::<IgnoredAny>()?,
            }
        }
        Ok((!is_odd).then_some(texts))
    }
}

/// The place of a name.
struct Name<'f>(&'f Fields);

impl<'r> DeserializeSeed<'r> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: serde::Deserializer<'r>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.place(name))
    }
}

impl Picked<'_> {
    /// When the record was made.
    #[must_use]
    pub const fn at(&self) -> jiff::Timestamp {
        self.outer.enriched_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_of_a_condition_takes_so_much_room_and_no_more_whatever_the_records_say() {
        let text = "id: r\nmode: auto\nwhen: alert.title == \"x\"\nactions: []\n".to_owned();
        let rules = RuleSet::load(&[("r.yaml".to_owned(), text)]).unwrap();
        for (length, times) in [(8, 1), (8, 3), (700, 3), (5_000, 3)] {
            let mut quick = Quick::of(&[&rules]);
            let question = quick.questions.first_mut().unwrap();
            for number in 0..3_000 {
                let key = format!("{number:>length$}").into_bytes();
                question.remember(&key, &Judged::Unknown("why".to_owned()));
                // Asked again so often, which an attacker makes look worth it.
                question.asked += times - 1;
                let held: usize = question.known.keys().map(Vec::len).sum();
                assert!(held <= REMEMBERED, "{held} bytes of {length} each, {times} times");
                if question.by_record {
                    break;
                }
            }
            assert_eq!(question.by_record, times == 1, "{length} {times}");
        }
    }
}
