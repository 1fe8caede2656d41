//! One setting of the guards at several values: what would each do?

use crate::acting::Acting;
use crate::document::{Outcome, SweepRow};
use crate::error::BacktestError;
use crate::found::Later;
use crate::respond::{Times, play};
use crate::side::Side;

/// A setting of the guards, and the values to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    path: String,
    values: Vec<String>,
}

/// Reads `caps.all_rules.1h=5,10,20`; commas within brackets part no values.
///
/// # Errors
/// What is accepted.
pub fn parse(text: &str) -> Result<Sweep, String> {
    let help = "write KEY=VALUE,VALUE, such as caps.all_rules.1h=5,10,20";
    let (path, list) = text.split_once('=').filter(|(path, _)| !path.trim().is_empty()).ok_or(help)?;
    let (mut values, mut depth) = (vec![String::new()], 0_usize);
    for letter in list.chars() {
        match letter {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match (letter, depth, values.last_mut()) {
            (',', 0, _) => values.push(String::new()),
            (letter, _, Some(value)) => value.push(letter),
            (_, _, None) => {}
        }
    }
    let values: Vec<String> = values.into_iter().map(|value| value.trim().to_owned()).collect();
    if values.iter().any(String::is_empty) {
        Err(help.to_owned())
    } else {
        Ok(Sweep { path: path.trim().to_owned(), values })
    }
}

impl Sweep {
    /// The side at each value.
    ///
    /// # Errors
    /// Every value that the guards cannot have.
    pub fn sides(&self, side: &Side) -> Result<Vec<(String, Side)>, BacktestError> {
        let mut problems = cordon_settings::Problems::default();
        let mut sides = Vec::with_capacity(self.values.len());
        for value in &self.values {
            match side.guards.with(&self.path, value) {
                Ok(guards) => sides.push((format!("{}={value}", self.path), Side { guards, ..side.clone() })),
                Err(more) => problems.extend(more),
            }
        }
        problems.into_result()?;
        Ok(sides)
    }
}

/// Plays one value.
///
/// # Errors
/// As [`play`].
pub fn row(
    (setting, side): &(String, Side),
    acting: &mut Acting,
    times: Times<'_>,
    later: Later<'_>,
) -> Result<SweepRow, BacktestError> {
    let played = play(side, acting, times, later)?;
    let sum = |outcome: Outcome| -> u64 {
        played.totals.actions.values().filter_map(|outcomes| outcomes.get(outcome.as_str())).sum()
    };
    Ok(SweepRow {
        setting: setting.clone(),
        isolated: played.totals.isolated,
        done: sum(Outcome::Done),
        held: sum(Outcome::Held),
        latches: u64::try_from(played.latches.len()).unwrap_or(u64::MAX),
        first_latch: played.latches.first().map(|latch| latch.at),
        found: played.totals.found.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_names_a_setting_and_values_and_commas_in_brackets_part_none() {
        let values = |text: &str| parse(text).map(|sweep| (sweep.path, sweep.values));
        assert_eq!(
            values("caps.all_rules.1h=5, 10").unwrap(),
            ("caps.all_rules.1h".into(), vec!["5".into(), "10".into()])
        );
        assert_eq!(values("hold.tags=[a,b],[]").unwrap().1, ["[a,b]", "[]"]);
        for wrong in ["", "caps", "=5", "caps=", "caps=5,,6"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
