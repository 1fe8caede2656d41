//! Machines by id, with as few calls as possible: remembered for a while, asked for once however many alerts wait for
//! them, and several at once where alerts come in a storm.
//!
//! One task owns the state, so there is no lock; whoever asks sends a question and waits for its answer. A question
//! that is given up does not stop the call, whose answer serves the next one.

use std::collections::HashMap;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use cordon_defender::MACHINES_PER_CALL;
use cordon_records::{MachineId, Verbatim};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use crate::fetch::{Answer, fetch};
use crate::lookup::{LookupError, MachineLookup};
use crate::metrics::{Metrics, Origin};

/// Calls under way at most. A question goes at once while there are fewer, with all that are there; otherwise it waits
/// for one to end, and those that come meanwhile share its call.
const CALLS_AT_ONCE: usize = 4;
/// How long it is remembered that Defender does not know a machine: it may be on its way in.
const UNKNOWN_TTL: Duration = Duration::from_secs(30);
/// Machines remembered at most, some 20 MB.
const CAPACITY: usize = 10_000;
/// Questions that wait for the task.
const QUEUE: usize = 1_024;

struct Question {
    id: MachineId,
    answer: oneshot::Sender<Answer>,
}

/// The way to ask; copies share the cache. It ends with its last copy.
#[derive(Debug, Clone)]
pub struct MachineCache {
    questions: mpsc::Sender<Question>,
}

impl MachineCache {
    /// Starts the cache on the present runtime.
    pub fn start<L: MachineLookup>(lookup: Arc<L>, ttl: Duration, metrics: Metrics) -> Self {
        let (questions, inbox) = mpsc::channel(QUEUE);
        let desk = Desk {
            lookup,
            ttl,
            metrics,
            known: HashMap::new(),
            waiting: HashMap::new(),
            window: Vec::new(),
            calls: JoinSet::new(),
            batches: HashMap::new(),
        };
        tokio::spawn(desk.run(inbox));
        Self { questions }
    }

    /// The machine, from memory or from the API.
    ///
    /// # Errors
    /// As [`MachineLookup::machine`].
    pub async fn get(&self, id: &MachineId) -> Result<Verbatim, LookupError> {
        let stopped = || LookupError::Failed("the cache of machines has stopped".to_owned());
        let (answer, wait) = oneshot::channel();
        let question = Question { id: id.clone(), answer };
        self.questions.send(question).await.map_err(|_| stopped())?;
        wait.await.unwrap_or_else(|_| Err(stopped()))
    }
}

struct Known {
    answer: Answer,
    until: Instant,
}

struct Desk<L> {
    lookup: Arc<L>,
    ttl: Duration,
    metrics: Metrics,
    known: HashMap<MachineId, Known>,
    /// Who waits for which machine; an entry means that it is in the window or under way.
    waiting: HashMap<MachineId, Vec<oneshot::Sender<Answer>>>,
    /// What no call has been made for yet.
    window: Vec<MachineId>,
    calls: JoinSet<Vec<(MachineId, Answer)>>,
    /// What each call is for, in case it panics.
    batches: HashMap<Id, Vec<MachineId>>,
}

impl<L: MachineLookup> Desk<L> {
    async fn run(mut self, mut inbox: mpsc::Receiver<Question>) {
        loop {
            tokio::select! {
                // Questions first: what is there already shares the next call.
                biased;
                question = inbox.recv() => match question {
                    Some(question) => self.take(question),
                    None => return,
                },
                Some(done) = self.calls.join_next_with_id() => self.settle(done),
                () = ready(()), if !self.window.is_empty() && self.may_call() => self.send_off(),
            }
        }
    }

    fn take(&mut self, question: Question) {
        let now = Instant::now();
        let Question { id, answer } = question;
        if let Some(known) = self.known.get(&id).filter(|known| known.until > now) {
            self.metrics.lookup(Origin::Hit);
            // Nobody may wait any more at a shutdown; here and below that is no failure.
            let _ = answer.send(known.answer.clone());
        } else if let Some(waiting) = self.waiting.get_mut(&id) {
            self.metrics.lookup(Origin::Coalesced);
            waiting.push(answer);
        } else {
            self.metrics.lookup(Origin::Miss);
            self.waiting.insert(id.clone(), vec![answer]);
            self.window.push(id);
        }
    }

    /// While calls wait for quota or for the server, the window fills: fewer and fuller calls get through a backlog
    /// sooner.
    fn may_call(&self) -> bool {
        self.calls.len() < CALLS_AT_ONCE
    }

    fn send_off(&mut self) {
        let rest = self.window.split_off(self.window.len().min(MACHINES_PER_CALL));
        let ids = std::mem::replace(&mut self.window, rest);
        let call = self.calls.spawn(fetch(Arc::clone(&self.lookup), self.metrics.clone(), ids.clone()));
        self.batches.insert(call.id(), ids);
    }

    fn settle(&mut self, done: Result<(Id, Vec<(MachineId, Answer)>), JoinError>) {
        let answers = match done {
            Ok((call, answers)) => {
                self.batches.remove(&call);
                answers
            }
            Err(error) => {
                let ids = self.batches.remove(&error.id()).unwrap_or_default();
                let failed = LookupError::Failed(error.to_string());
                ids.into_iter().map(|id| (id, Err(failed.clone()))).collect()
            }
        };
        for (id, answer) in answers {
            for waiting in self.waiting.remove(&id).unwrap_or_default() {
                let _ = waiting.send(answer.clone());
            }
            self.remember(id, answer);
        }
    }

    /// Remembers what will hold for a while: a machine, or that there is none. A failure is asked about again.
    fn remember(&mut self, id: MachineId, answer: Answer) {
        let ttl = match &answer {
            Ok(_) => self.ttl,
            Err(LookupError::Unknown) => self.ttl.min(UNKNOWN_TTL),
            Err(
                LookupError::Failed(_) | LookupError::Rejected(_) | LookupError::Refused(_) | LookupError::Busy { .. },
            ) => {
                return;
            }
        };
        let now = Instant::now();
        if self.known.len() >= CAPACITY {
            self.known.retain(|_, known| known.until > now);
        }
        if self.known.len() >= CAPACITY {
            self.known.clear();
        }
        self.known.insert(id, Known { answer, until: now + ttl });
    }
}

#[cfg(test)]
mod tests;
