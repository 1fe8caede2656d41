//! One condition, and what it is known to say.

use std::collections::BTreeSet;

use cordon_policy::{Condition, Judged, Laid};
use cordon_records::cut::EVIDENCE;
use cordon_records::{Alert, Machine, Verbatim};
use jiff::Timestamp;

use super::dictionary::Ways;
use super::pick::{Fields, Picked, Picker};

/// What a condition says, as far as it is remembered: the greater ones win where it is asked of several items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Said {
    #[default]
    Unasked,
    False,
    /// It cannot be told; why is told by asking again.
    Open,
    True,
}

impl From<&Judged> for Said {
    fn from(judged: &Judged) -> Self {
        match judged {
            Judged::True => Self::True,
            Judged::False => Self::False,
            Judged::Unknown(_) | Judged::Cut(_) => Self::Open,
        }
    }
}

/// The numbers of the values of a record, by place; of items one after the other. `None`: it has to be asked itself.
#[derive(Debug, Default)]
pub struct Numbers {
    pub alert: Vec<Option<u32>>,
    pub item: Vec<Option<u32>>,
    pub machine: Vec<Option<u32>>,
}

/// How a condition uses the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Evidence {
    Unused,
    ByItem,
    AsAWhole,
}

/// See the module.
#[derive(Debug)]
pub struct Question {
    pub condition: Condition,
    /// The places of what it reads, but for the evidence.
    alert: Vec<usize>,
    item: Vec<usize>,
    machine: Vec<usize>,
    evidence: Evidence,
    ways: Ways,
    said: Vec<Said>,
    /// It is asked of each record by itself.
    pub by_record: bool,
}

impl Question {
    pub fn of(condition: Condition, picker: &Picker) -> Self {
        let places = |fields: &Fields, names: &BTreeSet<&'static str>| -> Vec<usize> {
            names.iter().filter(|name| **name != EVIDENCE).filter_map(|name| fields.place(name.as_bytes())).collect()
        };
        let reads = condition.reads();
        let evidence = match (reads.alert.contains(EVIDENCE), reads.by_item) {
            (false, _) => Evidence::Unused,
            (true, true) => Evidence::ByItem,
            (true, false) => Evidence::AsAWhole,
        };
        Self {
            alert: places(&picker.alert, &reads.alert),
            item: places(&picker.item, &reads.evidence),
            machine: places(&picker.machine, &reads.machine),
            evidence,
            by_record: reads.now,
            condition,
            ways: Ways::default(),
            said: Vec::new(),
        }
    }

    /// What it says of a record, where that is known or can be found out by numbers. Where it cannot, and where nothing can be
    /// told, it has to be asked of the record itself.
    pub fn known(&mut self, picked: &Picked<'_>, picker: &Picker, numbers: &Numbers) -> Option<Judged> {
        match self.by_numbers(picked, picker, numbers) {
            Some(Said::True) => Some(Judged::True),
            Some(Said::False) => Some(Judged::False),
            Some(Said::Open | Said::Unasked) => None,
            None => {
                self.by_record = true;
                self.forget();
                None
            }
        }
    }

    /// Forgets what it is known to say: the numbers of values change.
    pub fn forget(&mut self) {
        (self.ways, self.said) = (Ways::default(), Vec::new());
    }

    fn by_numbers(&mut self, picked: &Picked<'_>, picker: &Picker, numbers: &Numbers) -> Option<Said> {
        if self.ways.is_vain() {
            return None;
        }
        if self.ways.is_full() {
            self.forget();
        }
        let mut at = Ways::START;
        for (places, numbers) in [(&self.alert, &numbers.alert), (&self.machine, &numbers.machine)] {
            for place in places {
                at = self.ways.step(at, numbers.get(*place).copied().flatten()?);
            }
        }
        let item = picker.item.names.len();
        match self.evidence {
            Evidence::Unused => self.said_at(at, (picked, picker), Items::All),
            Evidence::AsAWhole => {
                for number in 0..picker.items() {
                    at = self.step_item(at, numbers.item.get(number * item..)?)?;
                }
                self.said_at(at, (picked, picker), Items::All)
            }
            Evidence::ByItem => {
                let mut said = self.said_at(at, (picked, picker), Items::None)?;
                for number in 0..picker.items() {
                    if said == Said::True {
                        break;
                    }
                    let place = self.step_item(at, numbers.item.get(number * item..)?)?;
                    said = said.max(self.said_at(place, (picked, picker), Items::One(number))?);
                }
                Some(said)
            }
        }
    }

    /// Passes the values of an item.
    fn step_item(&mut self, mut at: u32, numbers: &[Option<u32>]) -> Option<u32> {
        if self.item.is_empty() {
            return Some(self.ways.step(at, 0));
        }
        for place in &self.item {
            at = self.ways.step(at, numbers.get(*place).copied().flatten()?);
        }
        Some(at)
    }

    fn said_at(&mut self, place: u32, (picked, picker): (&Picked<'_>, &Picker), items: Items) -> Option<Said> {
        let place = usize::try_from(place).ok()?;
        if self.said.len() <= place {
            self.said.resize(place + 1, Said::Unasked);
        }
        let said = self.said.get_mut(place)?;
        if *said == Said::Unasked {
            let reading = Reading { alert: &self.alert, item: &self.item, machine: &self.machine };
            let (alert, machine) = reading.read((picked, picker), items)?;
            *said = Said::from(&asked(&self.condition, (&alert, &machine), picked.at));
        }
        Some(*said)
    }

    /// Adds what it reads to what is read of a record.
    pub fn add_to(&self, all: &mut WholeReading) {
        all.alert.extend(&self.alert);
        all.item.extend(&self.item);
        all.machine.extend(&self.machine);
    }
}

/// What a condition says of these.
pub fn asked(condition: &Condition, (alert, machine): (&Alert, &Machine), at: Timestamp) -> Judged {
    Laid::parts(alert, Ok(machine), (at, &[])).condition(condition)
}

/// Which items of the evidence are read.
#[derive(Debug, Clone, Copy)]
pub enum Items {
    None,
    One(usize),
    All,
}

/// The places of what is read of records that are asked about by themselves.
#[derive(Debug, Default)]
pub struct WholeReading {
    pub alert: BTreeSet<usize>,
    pub item: BTreeSet<usize>,
    pub machine: BTreeSet<usize>,
}

impl WholeReading {
    /// Reads them.
    pub fn read(&self, of: (&Picked<'_>, &Picker)) -> Option<(Alert, Machine)> {
        let [alert, item, machine] =
            [&self.alert, &self.item, &self.machine].map(|it| it.iter().copied().collect::<Vec<_>>());
        Reading { alert: &alert, item: &item, machine: &machine }.read(of, Items::All)
    }
}

struct Reading<'q> {
    alert: &'q [usize],
    item: &'q [usize],
    machine: &'q [usize],
}

impl Reading<'_> {
    /// Reads these values of a record, repaired where that is needed, as decide does.
    fn read(&self, (picked, picker): (&Picked<'_>, &Picker), items: Items) -> Option<(Alert, Machine)> {
        let text = picked.text;
        let mut alert = format!("{{\"id\":\"{}\"", picked.id);
        put(&mut alert, self.alert.iter().map(|place| (*place, picker.of_alert(text, *place))), &picker.alert);
        let numbers = match items {
            Items::None => 0..0,
            Items::One(number) => number..number + 1,
            Items::All => 0..picker.items(),
        };
        alert.push_str(",\"evidence\":[");
        for (number, comma) in numbers.zip([""].into_iter().chain(std::iter::repeat(","))) {
            alert.push_str(comma);
            alert.push_str("{\"-\":0");
            let texts = self.item.iter().map(|place| (*place, picker.of_item(text, number, *place)));
            put(&mut alert, texts, &picker.item);
            alert.push('}');
        }
        alert.push_str("]}");
        let id = picker.machine.place(b"id").and_then(|place| picker.of_machine(text, place));
        let mut machine = format!("{{\"id\":{}", id.unwrap_or("\"-\""));
        put(&mut machine, self.machine.iter().map(|place| (*place, picker.of_machine(text, *place))), &picker.machine);
        machine.push('}');
        Some((view(&alert)?, view(&machine)?))
    }
}

/// Puts these fields into an object that has its id, or something else, and is still open.
fn put<'t>(object: &mut String, values: impl Iterator<Item = (usize, Option<&'t str>)>, fields: &Fields) {
    let values = values.filter_map(|(place, value)| Some((*fields.names.get(place)?, value?)));
    for (name, value) in values.filter(|(name, _)| *name != "id") {
        for piece in [",\"", name, "\":", value] {
            object.push_str(piece);
        }
    }
}

/// Reads a text, repaired where that is needed.
pub fn view<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok().or_else(|| Verbatim::parse(text).ok()?.view().ok())
}
