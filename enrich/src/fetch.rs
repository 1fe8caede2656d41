//! One batch of machines: a list call for several, and a call of its own for each that the list did not bring.

use std::collections::HashMap;
use std::sync::Arc;

use cordon_records::{Machine, MachineId, Verbatim};
use tokio::task::JoinSet;

use crate::lookup::{LookupError, MachineLookup};
use crate::metrics::{ApiCall, Metrics};

/// What came of one machine.
pub type Answer = Result<Verbatim, LookupError>;

/// Looks a batch up; every id gets an answer.
pub async fn fetch<L: MachineLookup>(
    lookup: Arc<L>,
    metrics: Metrics,
    ids: Vec<MachineId>,
) -> Vec<(MachineId, Answer)> {
    if ids.len() < 2 {
        return each(lookup, metrics, ids).await;
    }
    metrics.call(ApiCall::List);
    let listed = match lookup.machines(&ids).await {
        Ok(listed) => listed,
        // The list answers 404 when it knows no machine, and 400 when it does not take the filter.
        Err(LookupError::Unknown | LookupError::Rejected(_)) => Vec::new(),
        Err(failure @ (LookupError::Failed(_) | LookupError::Refused(_) | LookupError::Busy { .. })) => {
            return ids.into_iter().map(|id| (id, Err(failure.clone()))).collect();
        }
    };
    let mut listed = by_id(listed);
    let (mut answers, mut absent) = (Vec::with_capacity(ids.len()), Vec::new());
    for id in ids {
        match listed.remove(&id.as_str().to_ascii_lowercase()) {
            Some(machine) => answers.push((id, Ok(machine))),
            None => absent.push(id),
        }
    }
    // The list leaves out machines that were not seen for long, and a server may cut it.
    answers.extend(each(lookup, metrics, absent).await);
    answers
}

async fn each<L: MachineLookup>(lookup: Arc<L>, metrics: Metrics, ids: Vec<MachineId>) -> Vec<(MachineId, Answer)> {
    let mut calls = JoinSet::new();
    for id in &ids {
        let (lookup, metrics, id) = (Arc::clone(&lookup), metrics.clone(), id.clone());
        calls.spawn(async move {
            metrics.call(ApiCall::Get);
            let answer = lookup.machine(&id).await;
            (id, answer)
        });
    }
    let mut answers: HashMap<MachineId, Answer> = HashMap::new();
    while let Some(joined) = calls.join_next().await {
        if let Ok((id, answer)) = joined {
            answers.insert(id, answer);
        }
    }
    let broken = || Err(LookupError::Failed("the lookup broke off".to_owned()));
    ids.into_iter().map(|id| answers.remove_entry(&id).unwrap_or_else(|| (id, broken()))).collect()
}

/// Machines by their lower-cased id: the list may spell it otherwise than the alert does.
fn by_id(machines: Vec<Verbatim>) -> HashMap<String, Verbatim> {
    let named = |raw: Verbatim| Some((raw.view::<Machine>().ok()?.id.as_str().to_ascii_lowercase(), raw));
    machines.into_iter().filter_map(named).collect()
}
