//! A million closed actions in 48 MiB: each in 40 bytes, found by its key. Pure.
//!
//! A key is 16 hexadecimal digits of SHA-256, so it is a number, and its first bits spread evenly: each value of them has a
//! short sorted list. What does not fit the form (keys and ids of another shape, by other builds or in tests) is kept as it
//! is, beside it.

use std::collections::BTreeMap;

use cordon_records::{ActionKey, ActionState, AlertMark, ClosedEntry, MachineActionId};

/// So many first bits of a key choose its list: with a million keys, 244 in each.
const BITS: u32 = 12;

/// How far a list grows at once, in eighths of its length: little of it is ever empty.
const GROWTH: usize = 8;

/// One closed action.
#[derive(Debug, Clone, Copy)]
struct Short {
    key: u64,
    alert: u64,
    id: [u64; 2],
    epoch: u32,
    day: u16,
    attempt: u8,
    /// The state's place among all, and in the upper bits what else is said.
    state: u8,
}

const HAS_ALERT: u8 = 0x80;
const HAS_ID: u8 = 0x40;
const HAS_DAY: u8 = 0x20;
const AGAIN: u8 = 0x10;

impl Short {
    /// `None` where something does not fit.
    fn of(closed: &ClosedEntry) -> Option<Self> {
        let state = ActionState::ALL.iter().position(|state| *state == closed.state)?;
        let mut flags = u8::try_from(state).ok()?;
        let mut flag = |set: bool, bit: u8| flags |= if set { bit } else { 0 };
        flag(closed.alert.is_some(), HAS_ALERT);
        flag(closed.id.is_some(), HAS_ID);
        flag(closed.day.is_some(), HAS_DAY);
        flag(closed.again, AGAIN);
        let id = match &closed.id {
            Some(id) => guid(id.as_str())?,
            None => [0; 2],
        };
        Some(Self {
            key: number(&closed.key)?,
            alert: closed.alert.map_or(0, |alert| alert.0),
            id,
            epoch: u32::try_from(closed.epoch).ok()?,
            day: closed.day.unwrap_or_default(),
            attempt: u8::try_from(closed.attempt).ok()?,
            state: flags,
        })
    }

    fn is(&self, flag: u8) -> bool {
        self.state & flag != 0
    }

    fn state(&self) -> Option<ActionState> {
        ActionState::ALL.get(usize::from(self.state & !(HAS_ALERT | HAS_ID | HAS_DAY | AGAIN))).copied()
    }

    /// As [`ClosedEntry::was_only_rehearsed`].
    fn was_only_rehearsed(&self) -> bool {
        let nothing_done = self.attempt == 0 && !self.is(HAS_ID) && !self.is(HAS_ALERT);
        nothing_done && self.is(AGAIN) && self.state() == Some(ActionState::Would)
    }

    fn entry(&self) -> Option<ClosedEntry> {
        let id = if self.is(HAS_ID) { Some(MachineActionId::new(guid_text(self.id)).ok()?) } else { None };
        Some(ClosedEntry {
            key: key_of(self.key)?,
            state: self.state()?,
            attempt: self.attempt.into(),
            id,
            alert: self.is(HAS_ALERT).then_some(AlertMark(self.alert)),
            again: self.is(AGAIN),
            day: self.is(HAS_DAY).then_some(self.day),
            epoch: self.epoch.into(),
        })
    }
}

/// The closed actions, by key.
#[derive(Debug, Clone, Default)]
pub(super) struct Closed {
    /// By the first bits of the key; empty until there is one.
    lists: Vec<Vec<Short>>,
    /// What does not fit the form.
    odd: BTreeMap<ActionKey, ClosedEntry>,
    count: usize,
    alerts: Marks,
}

impl Closed {
    pub(super) fn get(&self, key: &ActionKey) -> Option<ClosedEntry> {
        self.short(key).and_then(Short::entry).or_else(|| self.odd.get(key).cloned())
    }

    pub(super) fn contains(&self, key: &ActionKey) -> bool {
        self.short(key).is_some() || self.odd.contains_key(key)
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// Takes it in place of what there is of its key, unless that is newer; says whether it did.
    pub(super) fn insert(&mut self, closed: ClosedEntry) -> bool {
        let alert = closed.alert;
        let is_taken = match Short::of(&closed) {
            Some(short) if !self.odd.contains_key(&closed.key) => self.insert_short(short),
            _ => self.insert_odd(closed),
        };
        if let Some(alert) = alert.filter(|_| is_taken) {
            self.remember(alert);
        }
        is_taken
    }

    /// One search, since at a restart it is done a million times.
    fn insert_short(&mut self, short: Short) -> bool {
        if self.lists.is_empty() {
            self.lists.resize_with(1 << BITS, Vec::new);
        }
        let Some(list) = self.lists.get_mut(list_of(short.key)) else { return false };
        match list.binary_search_by_key(&short.key, |other| other.key) {
            Ok(place) => list.get_mut(place).is_some_and(|known| {
                let is_newer = (known.epoch, known.attempt) > (short.epoch, short.attempt);
                if !is_newer {
                    *known = short;
                }
                !is_newer
            }),
            Err(place) => {
                if list.len() == list.capacity() {
                    list.reserve_exact(list.len() / GROWTH + 2);
                }
                list.insert(place, short);
                self.count += 1;
                true
            }
        }
    }

    /// The same where one of both does not fit the form.
    fn insert_odd(&mut self, closed: ClosedEntry) -> bool {
        if self.get(&closed.key).is_some_and(|known| (known.epoch, known.attempt) > (closed.epoch, closed.attempt)) {
            return false;
        }
        self.remove(&closed.key);
        self.count += 1;
        self.odd.insert(closed.key.clone(), closed);
        true
    }

    /// Says whether it was there.
    pub(super) fn remove(&mut self, key: &ActionKey) -> bool {
        let list = number(key).and_then(|key| Some((self.lists.get_mut(list_of(key))?, key)));
        let short = list.and_then(|(list, key)| {
            let place = list.binary_search_by_key(&key, |short| short.key).ok()?;
            Some(list.remove(place))
        });
        let was_there = short.is_some() || self.odd.remove(key).is_some();
        self.count -= usize::from(was_there);
        was_there
    }

    /// Whether an isolation for this alert, of another key than this, cut a machine off.
    pub(super) fn isolated(&self, alert: AlertMark, but: &ActionKey) -> bool {
        if !self.alerts.may_have(alert) {
            return false;
        }
        let but_number = number(but);
        let odd = self.odd.values().any(|closed| closed.alert == Some(alert) && closed.key != *but);
        let is = |short: &Short| short.alert == alert.0 && short.is(HAS_ALERT) && Some(short.key) != but_number;
        odd || self.lists.iter().flatten().any(is)
    }

    /// At most so many of those that were closed before the first of these days, or only rehearsed before the second.
    pub(super) fn before(&self, (closed, rehearsed): (u16, u16), most: usize) -> Vec<ActionKey> {
        let is_old = |day: u16, is_rehearsal: bool| day < if is_rehearsal { rehearsed.max(closed) } else { closed };
        let old = self.lists.iter().flatten();
        let old = old.filter(|short| short.is(HAS_DAY) && is_old(short.day, short.was_only_rehearsed()));
        let is_odd = |odd: &&ClosedEntry| odd.day.is_some_and(|day| is_old(day, odd.was_only_rehearsed()));
        let odd = self.odd.values().filter(is_odd).map(|closed| closed.key.clone());
        old.filter_map(|short| key_of(short.key)).chain(odd).take(most).collect()
    }

    fn short(&self, key: &ActionKey) -> Option<&Short> {
        let key = number(key)?;
        let list = self.lists.get(list_of(key))?;
        list.get(list.binary_search_by_key(&key, |short| short.key).ok()?)
    }

    fn remember(&mut self, alert: AlertMark) {
        if !self.alerts.has_room() {
            let all = self.lists.iter().flatten().filter(|short| short.is(HAS_ALERT)).map(|short| short.alert);
            let odd = self.odd.values().filter_map(|closed| closed.alert).map(|alert| alert.0);
            self.alerts = Marks::of(all.chain(odd));
        }
        self.alerts.insert(alert.0);
    }
}

/// Which alerts may be among them: a set of bits that never says no of one that is. A walk over a million is for the few of
/// which it says maybe.
#[derive(Debug, Clone, Default)]
struct Marks {
    bits: Vec<u64>,
    count: usize,
}

impl Marks {
    /// Bits for each mark: one in eight is set at most.
    const SPARE: usize = 16;

    fn of(marks: impl Iterator<Item = u64>) -> Self {
        let marks: Vec<u64> = marks.collect();
        let words = (marks.len().max(512) * 2 * Self::SPARE / 64).next_power_of_two();
        let mut set = Self { bits: vec![0; words], count: 0 };
        marks.into_iter().for_each(|mark| set.insert(mark));
        set
    }

    const fn has_room(&self) -> bool {
        (self.count + 1) * Self::SPARE <= self.bits.len() * 64
    }

    fn insert(&mut self, mark: u64) {
        for (word, bit) in self.places(mark) {
            if let Some(word) = self.bits.get_mut(word) {
                *word |= bit;
            }
        }
        self.count += 1;
    }

    fn may_have(&self, mark: AlertMark) -> bool {
        self.places(mark.0).into_iter().all(|(word, bit)| self.bits.get(word).is_some_and(|word| word & bit != 0))
    }

    /// A mark is a digest: two parts of it are as good as two hash functions.
    fn places(&self, mark: u64) -> [(usize, u64); 2] {
        let bits = (self.bits.len() as u64 * 64).max(1);
        [mark, mark.rotate_left(32)].map(|part| {
            let at = part & (bits - 1);
            (usize::try_from(at / 64).unwrap_or_default(), 1 << (at % 64))
        })
    }
}

fn list_of(key: u64) -> usize {
    usize::try_from(key >> (u64::BITS - BITS)).unwrap_or_default()
}

/// A key of 16 hexadecimal digits in lower case.
fn number(key: &ActionKey) -> Option<u64> {
    let text = key.as_str();
    if text.len() == 16 { hexadecimal(text.as_bytes()) } else { None }
}

fn key_of(number: u64) -> Option<ActionKey> {
    ActionKey::new(format!("{number:016x}")).ok()
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for digit in digits {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        number = number << 4 | u64::from(value);
    }
    Some(number)
}

/// Where the hyphens of a GUID stand.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// A GUID in lower case, as Defender gives them.
fn guid(text: &str) -> Option<[u64; 2]> {
    let bytes = text.as_bytes();
    if bytes.len() != 36 || HYPHENS.iter().any(|at| bytes.get(*at) != Some(&b'-')) {
        return None;
    }
    let digits: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != b'-').collect();
    let (high, low) = digits.split_at_checked(16)?;
    if low.len() == 16 { Some([hexadecimal(high)?, hexadecimal(low)?]) } else { None }
}

fn guid_text([high, low]: [u64; 2]) -> String {
    let (first, second, third) = (high >> 32, high >> 16 & 0xffff, high & 0xffff);
    format!("{first:08x}-{second:04x}-{third:04x}-{:04x}-{:012x}", low >> 48, low & 0xffff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use cordon_records::AlertId;
    use proptest::prelude::*;

    use super::*;

    fn closed(number: u64) -> ClosedEntry {
        ClosedEntry {
            key: key_of(number).unwrap(),
            state: ActionState::ALL[usize::try_from(number % 16).unwrap()],
            attempt: u32::try_from(number / 16 % 3).unwrap(),
            id: (number / 48).is_multiple_of(2).then(|| MachineActionId::new(guid_text([number, !number])).unwrap()),
            alert: (number / 3).is_multiple_of(2).then_some(AlertMark(number.wrapping_mul(0x9E37_79B9_7F4A_7C15))),
            again: (number / 5).is_multiple_of(2),
            day: (number / 7).is_multiple_of(2).then_some(20_787),
            epoch: number % 1_000,
        }
    }

    #[test]
    fn a_short_form_takes_40_bytes() {
        assert_eq!(size_of::<Short>(), 40);
    }

    #[test]
    fn what_does_not_fit_the_form_is_kept_as_it_is() {
        let fits = closed(42);
        let odd = [
            ClosedEntry { key: ActionKey::new("AB").unwrap(), ..fits.clone() },
            ClosedEntry { key: ActionKey::new("00000000000000AB").unwrap(), ..fits.clone() },
            ClosedEntry { id: Some(MachineActionId::new("by-hand").unwrap()), ..fits.clone() },
            ClosedEntry { id: Some(MachineActionId::new("0A".repeat(18)).unwrap()), ..fits.clone() },
            ClosedEntry { attempt: 256, ..fits.clone() },
            ClosedEntry { epoch: u64::MAX, ..fits.clone() },
        ];
        for odd in odd {
            let mut all = Closed::default();
            all.insert(fits.clone());
            all.insert(odd.clone());
            assert_eq!(all.get(&odd.key), Some(odd.clone()));
            assert_eq!(all.len(), if odd.key == fits.key { 1 } else { 2 });
            all.remove(&odd.key);
            assert!(!all.contains(&odd.key));
        }
    }

    #[test]
    fn an_alert_is_found_by_its_isolation_on_another_machine_and_not_by_its_own() {
        let alert = |number: u32| AlertMark::of(&AlertId::new(format!("da{number}_1")).unwrap());
        let mut all = Closed::default();
        for number in 0..5_000_u32 {
            let key = key_of(u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15)).unwrap();
            all.insert(ClosedEntry { key, alert: Some(alert(number)), ..closed(1) });
        }
        let own = key_of(0x9E37_79B9_7F4A_7C15).unwrap();
        let other = key_of(7).unwrap();
        assert!(all.isolated(alert(1), &other) && !all.isolated(alert(1), &own));
        assert!((0..5_000).all(|number| all.isolated(alert(number), &other)), "none is forgotten as the set grows");
        assert!((5_000..9_000).all(|number| !all.isolated(alert(number), &other)));
    }

    proptest! {
        #[test]
        fn it_keeps_what_a_plain_map_keeps_and_of_one_key_the_newer(steps in prop::collection::vec((any::<bool>(), 0..40_u64, any::<u64>()), 0..120)) {
            let (mut all, mut plain) = (Closed::default(), BTreeMap::new());
            for (insert, number, salt) in steps {
                // One attempt in eleven fits no short form.
                let attempt = if salt.is_multiple_of(11) { 256 } else { closed(salt).attempt };
                let entry = ClosedEntry { key: key_of(number << 52 | number).unwrap(), attempt, ..closed(salt) };
                let age = |entry: &ClosedEntry| (entry.epoch, entry.attempt);
                if insert {
                    let is_older = plain.get(&entry.key).is_some_and(|known| age(known) > age(&entry));
                    if !is_older {
                        plain.insert(entry.key.clone(), entry.clone());
                    }
                    prop_assert_eq!(all.insert(entry), !is_older);
                } else {
                    plain.remove(&entry.key);
                    all.remove(&entry.key);
                }
                prop_assert_eq!(all.len(), plain.len());
            }
            for number in 0..40_u64 {
                let key = key_of(number << 52 | number).unwrap();
                prop_assert_eq!(all.get(&key), plain.get(&key).cloned());
                prop_assert_eq!(all.contains(&key), plain.contains_key(&key));
            }
            let expected = plain.values().filter(|entry| entry.day.is_some()).count();
            prop_assert_eq!(all.before((20_788, 0), usize::MAX).len(), expected);
            prop_assert_eq!(all.before((20_788, 0), 2).len(), expected.min(2));
            prop_assert_eq!(all.before((20_787, 20_787), usize::MAX).len(), 0);
            let rehearsed = plain.values().filter(|entry| entry.day.is_some() && entry.was_only_rehearsed()).count();
            prop_assert_eq!(all.before((0, 20_788), usize::MAX).len(), rehearsed);
        }
    }
}
