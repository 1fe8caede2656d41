//! Machines by id, with as few calls as possible: remembered for a while, asked for once however many alerts wait for
//! them, and in a storm many at once.
//!
//! One task owns the state, so there is no lock; whoever asks sends a question and waits for its answer. A question
//! that is given up does not stop the call, whose answer serves the next one. What to ask is the business of the
//! [`Planner`], what is remembered, for a while and up to a size, that of the `Memory`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use cordon_defender::FleetPage;
use cordon_records::{MachineId, Verbatim};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use crate::lookup::{Answer, Ask, Came, LookupError, MachineLookup, Planner, Walk, fetch};
use crate::metrics::{Metrics, Origin};

/// Questions that wait for the task.
const QUEUE: usize = 1_024;
/// How long it is remembered that Defender does not know a machine: it may be on its way in.
const UNKNOWN_TTL: Duration = Duration::from_secs(30);
/// Bytes remembered at most: some 20,000 machines.
const CAPACITY: usize = 40 * 1024 * 1024;
/// Bytes that machines which merely came along may fill, and what is left when there is no more room.
const KEPT: usize = CAPACITY / 4 * 3;
/// What an entry takes besides its JSON.
const ENTRY: usize = 256;

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
        let actor = CacheActor {
            lookup,
            metrics,
            memory: Memory::new(ttl),
            planner: Planner::default(),
            waiting: HashMap::new(),
            calls: JoinSet::new(),
            asked: HashMap::new(),
        };
        tokio::spawn(actor.run(inbox));
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

struct CacheActor<L> {
    lookup: Arc<L>,
    metrics: Metrics,
    memory: Memory,
    planner: Planner,
    /// Who waits for which machine, by its key; an entry means that the planner has it or a call is under way.
    waiting: HashMap<String, Vec<oneshot::Sender<Answer>>>,
    calls: JoinSet<Came>,
    /// What each call is for, in case it panics.
    asked: HashMap<Id, Ask>,
}

impl<L: MachineLookup> CacheActor<L> {
    async fn run(mut self, mut inbox: mpsc::Receiver<Question>) {
        loop {
            while let Some(ask) = self.planner.next(Instant::now()) {
                self.send_off(ask);
            }
            let wakes_at = self.planner.wakes_at();
            tokio::select! {
                question = inbox.recv() => match question {
                    Some(question) => self.take(question),
                    None => return,
                },
                Some(done) = self.calls.join_next_with_id() => self.settle(done),
                () = sleep_until(wakes_at.unwrap_or_else(Instant::now)), if wakes_at.is_some() => {}
            }
            // What is there already shares the next call.
            while let Ok(question) = inbox.try_recv() {
                self.take(question);
            }
        }
    }

    fn take(&mut self, question: Question) {
        let Question { id, answer } = question;
        let key = key_of(id.as_str());
        if let Some(known) = self.memory.get(&key, Instant::now()) {
            self.metrics.lookup(Origin::Hit);
            // Nobody may wait any more at a shutdown; here and below that is no failure.
            let _ = answer.send(known.clone());
        } else if let Some(waiting) = self.waiting.get_mut(&key) {
            self.metrics.lookup(Origin::Coalesced);
            waiting.push(answer);
        } else {
            self.metrics.lookup(Origin::Miss);
            self.waiting.insert(key, vec![answer]);
            self.planner.add(id);
        }
    }

    fn send_off(&mut self, ask: Ask) {
        let call = self.calls.spawn(fetch(Arc::clone(&self.lookup), self.metrics.clone(), ask.clone()));
        self.asked.insert(call.id(), ask);
    }

    fn settle(&mut self, done: Result<(Id, Came), JoinError>) {
        match done {
            Ok((call, came)) => {
                self.asked.remove(&call);
                self.came(came);
            }
            Err(error) => {
                if let Some(ask) = self.asked.remove(&error.id()) {
                    self.came(Came::failed(ask, LookupError::Failed(error.to_string())));
                }
            }
        }
    }

    fn came(&mut self, came: Came) {
        match came {
            Came::One(id, answer) => {
                self.planner.batch_ended([]);
                self.single_came(&id, answer);
            }
            Came::Unlisted(id, answer) => {
                self.planner.single_ended();
                self.single_came(&id, answer);
            }
            Came::Filter(ids, Ok(brought)) => self.filter_came(ids, brought),
            Came::Filter(ids, Err(failure)) => {
                self.planner.batch_ended([]);
                self.fail(&ids, &failure);
            }
            Came::Page(walk, Ok(page)) => self.page_came(walk, page),
            Came::Page(_, Err(failure)) => self.page_failed(&failure),
        }
    }

    fn single_came(&mut self, id: &MachineId, answer: Answer) {
        match answer {
            Ok(machine) => self.answer(id, Ok(machine)),
            Err(failure) => self.fail(std::slice::from_ref(id), &failure),
        }
    }

    fn filter_came(&mut self, ids: Vec<MachineId>, brought: Vec<(String, Verbatim)>) {
        let mut brought: HashMap<String, Verbatim> =
            brought.into_iter().map(|(id, machine)| (key_of(&id), machine)).collect();
        let mut absent = Vec::new();
        for id in ids {
            match brought.remove(&key_of(id.as_str())) {
                Some(machine) => self.answer(&id, Ok(machine)),
                // A page may have answered it meanwhile.
                None if self.waiting.contains_key(&key_of(id.as_str())) => absent.push(id),
                None => {}
            }
        }
        self.planner.batch_ended(absent);
    }

    fn page_came(&mut self, walk: Walk, page: FleetPage) {
        let now = Instant::now();
        let mut brought = HashSet::with_capacity(page.machines.len());
        let mut others = Vec::new();
        for (id, machine) in page.machines {
            let key = key_of(&id);
            match self.waiting.remove(&key) {
                Some(waiting) => self.tell(waiting, key.clone(), Ok(machine)),
                None => others.push((key.clone(), machine)),
            }
            brought.insert(key);
        }
        tracing::info!(
            read = page.read,
            from = walk.skip,
            "read a page of the fleet: too many machines are asked for to name them"
        );
        self.memory.keep(others, now);
        self.planner.page_came(walk, (page.read, page.is_last), |id| brought.contains(&key_of(id.as_str())), now);
    }

    fn page_failed(&mut self, failure: &LookupError) {
        match failure {
            LookupError::Failed(_) | LookupError::Rejected(_) | LookupError::Unknown => {
                tracing::warn!(error = %failure, "the fleet cannot be read in pages now; machines are asked for by id");
                self.planner.page_failed(Instant::now());
            }
            LookupError::Refused(_) | LookupError::Busy { .. } => {
                let ids = self.planner.page_refused();
                self.fail(&ids, failure);
            }
        }
    }

    fn fail(&mut self, ids: &[MachineId], failure: &LookupError) {
        if let LookupError::Busy { after } = failure {
            tracing::warn!(
                machines = ids.len(),
                ?after,
                "the quota for lookups is used up; the alerts of these machines wait"
            );
        }
        for id in ids {
            self.answer(id, Err(failure.clone()));
        }
    }

    fn answer(&mut self, id: &MachineId, answer: Answer) {
        let key = key_of(id.as_str());
        let waiting = self.waiting.remove(&key).unwrap_or_default();
        self.tell(waiting, key, answer);
    }

    fn tell(&mut self, waiting: Vec<oneshot::Sender<Answer>>, key: String, answer: Answer) {
        for waiting in waiting {
            let _ = waiting.send(answer.clone());
        }
        self.memory.remember(key, answer, Instant::now());
    }
}

struct Known {
    answer: Answer,
    until: Instant,
}

impl Known {
    fn size(&self) -> usize {
        ENTRY + self.answer.as_ref().map_or(0, |machine| machine.get().len())
    }
}

/// Answers by lower-cased machine id.
struct Memory {
    known: HashMap<String, Known>,
    bytes: usize,
    ttl: Duration,
}

impl Memory {
    /// Remembers each machine for `ttl`.
    fn new(ttl: Duration) -> Self {
        Self { known: HashMap::new(), bytes: 0, ttl }
    }

    /// What is known of a machine.
    fn get(&self, key: &str, now: Instant) -> Option<&Answer> {
        self.known.get(key).filter(|known| known.until > now).map(|known| &known.answer)
    }

    /// Remembers an answer if it will hold for a while: a machine, or that there is none. A failure is asked about
    /// again. Where there is no room the oldest quarter is forgotten: this was asked for just now.
    fn remember(&mut self, key: String, answer: Answer, now: Instant) {
        let ttl = match &answer {
            Ok(_) => self.ttl,
            Err(LookupError::Unknown) => self.ttl.min(UNKNOWN_TTL),
            Err(
                LookupError::Failed(_) | LookupError::Rejected(_) | LookupError::Refused(_) | LookupError::Busy { .. },
            ) => return,
        };
        let known = Known { answer, until: now + ttl };
        if self.bytes + known.size() > CAPACITY {
            self.forget_what_is_over(now);
        }
        if self.bytes + known.size() > CAPACITY {
            self.forget_the_oldest();
        }
        self.put(key, known);
    }

    /// Remembers machines that came along with those that were asked for, as far as they leave a quarter of the room to those
    /// that will be.
    fn keep(&mut self, machines: impl IntoIterator<Item = (String, Verbatim)>, now: Instant) {
        self.forget_what_is_over(now);
        for (key, machine) in machines {
            let known = Known { answer: Ok(machine), until: now + self.ttl };
            if self.bytes + known.size() <= KEPT {
                self.put(key, known);
            }
        }
    }

    fn put(&mut self, key: String, known: Known) {
        self.bytes += known.size();
        if let Some(old) = self.known.insert(key, known) {
            self.bytes -= old.size();
        }
    }

    /// Makes room for a quarter: what holds for the shortest time goes first.
    fn forget_the_oldest(&mut self) {
        let mut oldest: Vec<(Instant, String)> =
            self.known.iter().map(|(key, known)| (known.until, key.clone())).collect();
        oldest.sort_unstable();
        for (_, key) in oldest {
            if self.bytes <= KEPT {
                return;
            }
            self.bytes -= self.known.remove(&key).map_or(0, |known| known.size());
        }
    }

    fn forget_what_is_over(&mut self, now: Instant) {
        self.known.retain(|_, known| known.until > now);
        self.bytes = self.known.values().map(Known::size).sum();
    }
}

/// A machine's id as ids are compared: Microsoft spells one in upper and in lower case.
fn key_of(id: &str) -> String {
    id.to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
