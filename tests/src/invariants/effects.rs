//! I2: nothing is done twice. I4: caps and the never-list hold at every instant. Read from the tenant's request log and
//! from what it did; no word of Cordon's own is believed.

use std::collections::BTreeMap;

use cordon_simulator::LoggedRequest;
use jiff::Timestamp;

use super::Breach;
use super::evidence::{Evidence, Expectation};

/// A call that isolates: the machine in its path, its action key and attempt, and when it came.
struct Call<'a> {
    machine: &'a str,
    mark: Option<(String, u32)>,
    at: Timestamp,
}

fn calls(requests: &[LoggedRequest]) -> Vec<Call<'_>> {
    let call = |request: &'_ LoggedRequest| -> Option<(usize, usize)> {
        let end = request.path.strip_suffix("/isolate").filter(|_| request.method == "POST")?.len();
        let start = request.path.get(..end)?.rfind('/')? + 1;
        Some((start, end))
    };
    let of = |request| {
        let (start, end) = call(request)?;
        Some(Call { machine: request.path.get(start..end)?, mark: mark(&request.body), at: request.at })
    };
    requests.iter().filter_map(of).collect()
}

/// `[cordon:KEY#ATTEMPT]` in a comment.
pub(super) fn mark(text: &str) -> Option<(String, u32)> {
    let (_, rest) = text.split_once("[cordon:")?;
    let (key, attempt) = rest.split_once(']')?.0.split_once('#')?;
    Some((key.to_owned(), attempt.parse().ok()?))
}

/// I2: each call says which attempt it is; an attempt has at most one effect, and so has an action; once it has, nobody
/// calls for it again.
pub fn one_effect_for_each_attempt(evidence: &Evidence) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let calls = calls(&evidence.requests);
    for call in calls.iter().filter(|call| call.mark.is_none()) {
        breaches.push(Breach::new(2, format!("a call at {} names no attempt", call.at), [call.machine]));
    }
    let ours = evidence.actions.iter().filter(|(action, _)| action.kind == "Isolate" && action.source == "PublicApi");
    let mut effects: BTreeMap<String, Vec<(u32, Timestamp)>> = BTreeMap::new();
    for (action, _) in ours {
        match mark(&action.comment) {
            Some((key, attempt)) => effects.entry(key).or_default().push((attempt, action.created)),
            None => breaches.push(Breach::new(2, "an effect that no attempt asked for", [&action.machine])),
        }
    }
    for (key, of) in &effects {
        if of.len() > 1 {
            let attempts: Vec<u32> = of.iter().map(|(attempt, _)| *attempt).collect();
            breaches.push(Breach::new(2, format!("{} effects, of attempts {attempts:?}", of.len()), [key]));
        }
        let first = of.iter().map(|(_, at)| *at).min();
        let late = |call: &&Call<'_>| {
            call.mark.as_ref().is_some_and(|(of, _)| of == key) && first.is_some_and(|first| call.at > first)
        };
        for call in calls.iter().filter(late) {
            let what = format!("called again at {} although it was done", call.at);
            breaches.push(Breach::new(2, what, [key, &call.machine.to_owned()]));
        }
    }
    breaches
}

/// I4: in no window are more attempts called for than a cap allows. An attempt that was made again under its number
/// counts once, when it was called last.
pub fn caps_hold(evidence: &Evidence, expectation: &Expectation) -> Vec<Breach> {
    let mut last: BTreeMap<(String, u32), Timestamp> = BTreeMap::new();
    for call in calls(&evidence.requests) {
        if let Some(mark) = call.mark {
            let at = last.entry(mark).or_insert(call.at);
            *at = (*at).max(call.at);
        }
    }
    let mut times: Vec<(Timestamp, String)> = last.into_iter().map(|((key, _), at)| (at, key)).collect();
    times.sort();
    let mut breaches = Vec::new();
    for &(window, cap) in &expectation.caps {
        let beyond = times.windows(cap + 1).find(|run| run[cap].0.duration_since(run[0].0) < window);
        if let Some(run) = beyond {
            let what = format!("more than {cap} calls within {window:#}, from {} to {}", run[0].0, run[cap].0);
            breaches.push(Breach::new(4, what, run.iter().map(|(_, key)| key)));
        }
    }
    breaches
}

/// I4: nobody calls for a machine that is never to be isolated.
pub fn the_never_list_holds(evidence: &Evidence, expectation: &Expectation) -> Vec<Breach> {
    let never = |call: &Call<'_>| expectation.never.iter().any(|machine| machine.as_str() == call.machine);
    let calls = calls(&evidence.requests).into_iter().filter(never);
    calls
        .map(|call| Breach::new(4, format!("a call at {} for a never-list machine", call.at), [call.machine]))
        .collect()
}
