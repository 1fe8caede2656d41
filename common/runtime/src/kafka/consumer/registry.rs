//! The state that the poll thread and the workers share: which partitions are held, what is in flight on each, and
//! who may still settle. Every question of "is this still ours" is answered here, under one lock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use super::offsets::PartitionTracker;
use crate::kafka::records::Inbound;

/// The right to work on one partition, from its assignment to its loss. A later assignment of the same partition
/// has another epoch.
#[derive(Debug, Clone)]
pub(in crate::kafka) struct Lease {
    pub(in crate::kafka) partition: i32,
    epoch: u64,
    /// Fires when the partition is about to go, or the process is: start nothing new.
    pub(in crate::kafka) draining: CancellationToken,
    /// Fires when it is gone: drop what is running.
    pub(in crate::kafka) over: CancellationToken,
}

/// How much may be in flight before reading pauses.
#[derive(Debug, Clone, Copy)]
pub(in crate::kafka) struct Limits {
    pub(in crate::kafka) pending: usize,
    pub(in crate::kafka) bytes: usize,
    /// Offsets between a partition's watermark and its newest record.
    pub(in crate::kafka) span: i64,
}

/// A partition whose records do not go on where they were to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Break {
    pub(super) partition: i32,
    /// The offset that was to come next.
    pub(super) expected: i64,
    /// The one that came. A lower one means that the partition begins anew.
    pub(super) came: i64,
}

/// See the module.
#[derive(Debug)]
pub(in crate::kafka) struct PartitionRegistry {
    limits: Limits,
    /// The first offset of each partition that is not wanted any more; of partitions that are not named none is. Nothing where
    /// reading has no end.
    ends: Option<BTreeMap<i32, i64>>,
    state: Mutex<State>,
    /// Nothing runs any more on some partition, or one is gone.
    rests: Condvar,
    /// There is room again for those who wait for it.
    room: Condvar,
}

#[derive(Debug, Default)]
struct State {
    partitions: BTreeMap<i32, PartitionState>,
    epochs: u64,
    /// Somebody waits for room on all partitions but these.
    asleep: Option<BTreeSet<i32>>,
}

impl State {
    /// Partitions that have reached one of these limits; all of them when the sum has.
    fn beyond(&self, limits: Limits) -> impl Iterator<Item = i32> {
        let all_held = || self.partitions.iter();
        let pending: usize = all_held().map(|(_, held)| held.tracker.pending()).sum();
        let bytes: usize = all_held().map(|(_, held)| held.tracker.bytes()).sum();
        let all = pending >= limits.pending || bytes >= limits.bytes;
        let full = all_held().filter(move |(_, held)| all || held.tracker.span() >= limits.span);
        full.map(|(partition, _)| *partition)
    }
}

#[derive(Debug)]
struct PartitionState {
    lease: Lease,
    tracker: PartitionTracker,
    running: usize,
    records: UnboundedSender<Inbound>,
    /// The offset that comes next, if it is known.
    next: Option<i64>,
    /// The first one that came under this lease.
    first: Option<i64>,
    /// Nobody could say yet where the group stands: whether records before the first one are lost. Until then no
    /// watermark is handed out, since a commit would pass over them untold.
    doubted: bool,
    /// All that is wanted of it has come.
    is_read: bool,
}

impl PartitionState {
    /// Notes which offset came, and tells when it is not the one that was to come.
    fn came(&mut self, partition: i32, offset: i64) -> Option<Break> {
        self.first.get_or_insert(offset);
        let expected = self.next.replace(offset.saturating_add(1))?;
        (expected != offset).then_some(Break { partition, expected, came: offset })
    }
}

/// Work that is running under a lease; the drain waits until it is dropped.
#[derive(Debug)]
pub(in crate::kafka) struct Running<'a> {
    registry: &'a PartitionRegistry,
    lease: &'a Lease,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let rests = self.registry.with_partition(self.lease, |held| {
            held.running = held.running.saturating_sub(1);
            held.running == 0
        });
        // To wake nobody costs as much as to wake somebody, and each record would.
        if rests.unwrap_or(true) {
            self.registry.rests.notify_all();
        }
    }
}

impl PartitionRegistry {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, ends: None, state: Mutex::default(), rests: Condvar::new(), room: Condvar::new() }
    }

    /// Wants nothing at these offsets, by partition, and beyond, nor of partitions that are not named.
    pub(super) fn ending_at(self, ends: Option<BTreeMap<i32, i64>>) -> Self {
        Self { ends, ..self }
    }

    /// Whether a record is behind all that is wanted.
    pub(super) fn is_beyond(&self, partition: i32, offset: i64) -> bool {
        self.ends.as_ref().is_some_and(|ends| ends.get(&partition).is_none_or(|end| offset >= *end))
    }

    /// All before this offset has come. Says whether nothing more of the partition is wanted.
    pub(super) fn has_come(&self, partition: i32, next: i64) -> bool {
        let is_read = self.is_beyond(partition, next);
        if is_read && let Some(held) = self.lock().partitions.get_mut(&partition) {
            held.is_read = true;
        }
        is_read
    }

    /// Whether all that is wanted has come and is settled. Never where reading has no end.
    pub(super) fn has_ended(&self) -> bool {
        let Some(ends) = &self.ends else { return false };
        let state = self.lock();
        let done = |held: &PartitionState| held.is_read && !held.doubted && held.tracker.is_idle();
        ends.keys().all(|partition| state.partitions.get(partition).is_some_and(done))
    }

    /// A poisoned lock only means that another thread panicked between two whole updates.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_partition<T>(&self, lease: &Lease, act: impl FnOnce(&mut PartitionState) -> T) -> Option<T> {
        let mut state = self.lock();
        let held = state.partitions.get_mut(&lease.partition).filter(|held| held.lease.epoch == lease.epoch)?;
        Some(act(held))
    }

    /// A partition came, to be read from the offset `next`, if that is known. `stop` ends its lease together with the
    /// process.
    pub(super) fn open(
        &self,
        (partition, next): (i32, Option<i64>),
        stop: &CancellationToken,
        records: UnboundedSender<Inbound>,
    ) -> Lease {
        let mut state = self.lock();
        state.epochs = state.epochs.saturating_add(1);
        let epoch = state.epochs;
        let lease = Lease { partition, epoch, draining: stop.child_token(), over: CancellationToken::new() };
        let tracker = PartitionTracker::default();
        let held = PartitionState {
            lease: lease.clone(),
            tracker,
            running: 0,
            records,
            next,
            first: None,
            doubted: false,
            is_read: false,
        };
        if let Some(old) = state.partitions.insert(partition, held) {
            old.lease.draining.cancel();
            old.lease.over.cancel();
        }
        lease
    }

    /// A record came: it is tracked and passed to whoever works on its partition. One of a partition that is not
    /// held, or that is in flight already, is dropped; it will be read again.
    pub(super) fn receive(&self, record: Inbound) {
        let mut state = self.lock();
        let Some(held) = state.partitions.get_mut(&record.partition) else { return };
        if held.tracker.receive(record.offset, record.size()) {
            // Nobody listens only when the lease is over; then nothing of it will be stored.
            let _ = held.records.send(record);
        }
    }

    /// Nobody could say where the group stands on a partition that just came.
    pub(super) fn doubt(&self, partition: i32) {
        if let Some(held) = self.lock().partitions.get_mut(&partition) {
            held.doubted = true;
        }
    }

    /// The partitions on which nobody could say yet where the group stands.
    pub(super) fn doubted(&self) -> Vec<i32> {
        let state = self.lock();
        state.partitions.iter().filter(|(_, held)| held.doubted).map(|(partition, _)| *partition).collect()
    }

    /// It is known now where the group stands on a partition, if anywhere. Returns the first offset that has come
    /// meanwhile; when none has, that place is what comes next.
    pub(super) fn stands(&self, partition: i32, next: Option<i64>) -> Option<i64> {
        let mut state = self.lock();
        let held = state.partitions.get_mut(&partition)?;
        held.next = held.next.or(next);
        held.first
    }

    /// What is lost before the first record of a partition is told of: its watermarks count from here on.
    pub(super) fn trust(&self, partition: i32) {
        if let Some(held) = self.lock().partitions.get_mut(&partition) {
            held.doubted = false;
        }
    }

    /// What comes next on each partition on which that is known.
    pub(super) fn expected(&self) -> BTreeMap<i32, i64> {
        let state = self.lock();
        state.partitions.iter().filter_map(|(partition, held)| Some((*partition, held.next?))).collect()
    }

    /// The records of a partition up to this one are lost, and the one after it comes next. Until the lost one is settled,
    /// the watermark stays below it. `None` when the partition is not held.
    pub(super) fn lose(&self, partition: i32, last: i64) -> Option<Lease> {
        let mut state = self.lock();
        let held = state.partitions.get_mut(&partition)?;
        held.next = held.next.max(Some(last.saturating_add(1)));
        held.tracker.receive(last, 0);
        Some(held.lease.clone())
    }

    /// Notes which offset comes next on a partition, before [`Self::receive`]; tells when another was to come.
    pub(super) fn comes(&self, partition: i32, offset: i64) -> Option<Break> {
        self.lock().partitions.get_mut(&partition)?.came(partition, offset)
    }

    /// Begins a piece of work; `None` when the lease is over or ending.
    pub(in crate::kafka) fn start<'a>(&'a self, lease: &'a Lease) -> Option<Running<'a>> {
        if lease.draining.is_cancelled() {
            return None;
        }
        self.with_partition(lease, |held| held.running = held.running.saturating_add(1))?;
        Some(Running { registry: self, lease })
    }

    /// A record is done. `false` when the lease is over or the record is not pending: then it does not count.
    pub(super) fn settle(&self, lease: &Lease, offset: i64) -> bool {
        self.no_longer_pending(lease, |tracker| tracker.settle(offset))
    }

    /// A record is put aside. `false` when the lease is over or the record is not pending.
    pub(super) fn put_aside(&self, lease: &Lease, offset: i64) -> bool {
        self.no_longer_pending(lease, |tracker| tracker.put_aside(offset))
    }

    /// Takes a record from what is pending, which may make room.
    fn no_longer_pending(&self, lease: &Lease, take: impl FnOnce(&mut PartitionTracker) -> bool) -> bool {
        let mut state = self.lock();
        let held = state.partitions.get_mut(&lease.partition).filter(|held| held.lease.epoch == lease.epoch);
        let taken = held.is_some_and(|held| take(&mut held.tracker));
        if self.has_room_again(&state) {
            state.asleep = None;
            drop(state);
            self.room.notify_all();
        }
        taken
    }

    /// The partitions that are held.
    pub(super) fn partitions(&self) -> Vec<i32> {
        self.lock().partitions.keys().copied().collect()
    }

    /// Records in flight on all partitions.
    pub(super) fn pending(&self) -> usize {
        self.lock().partitions.values().map(|held| held.tracker.pending()).sum()
    }

    /// Watermarks that moved since they were last asked for.
    pub(super) fn advances(&self) -> Vec<(i32, i64)> {
        let mut state = self.lock();
        let all_held = state.partitions.iter_mut().filter(|(_, held)| !held.doubted);
        all_held.filter_map(|(partition, held)| Some((*partition, held.tracker.advance()?))).collect()
    }

    /// Partitions that have reached a limit; all of them when the sum has.
    pub(super) fn full(&self) -> Vec<i32> {
        self.beyond(self.limits)
    }

    /// Partitions that are still above half of a limit: pausing throws the prefetched records away, so reading does
    /// not resume before there is room for a while.
    pub(super) fn half_full(&self) -> Vec<i32> {
        let Limits { pending, bytes, span } = self.limits;
        self.beyond(Limits { pending: pending / 2, bytes: bytes / 2, span: span / 2 })
    }

    fn beyond(&self, limits: Limits) -> Vec<i32> {
        self.lock().beyond(limits).collect()
    }

    /// Waits until there is room again on all partitions but these, well below the limits, or for that long: whoever is
    /// woken takes in many records at once.
    pub(super) fn wait_for_room(&self, but: &BTreeSet<i32>, at_most: Duration) {
        let mut state = self.lock();
        state.asleep = Some(but.clone());
        if self.has_room_again(&state) {
            state.asleep = None;
            return;
        }
        let mut state = match self.room.wait_timeout_while(state, at_most, |state| state.asleep.is_some()) {
            Ok((state, _)) => state,
            Err(poisoned) => poisoned.into_inner().0,
        };
        state.asleep = None;
    }

    /// Whether somebody waits for room, and there is.
    fn has_room_again(&self, state: &State) -> bool {
        let Limits { pending, bytes, span } = self.limits;
        let low = Limits { pending: pending / 4 * 3, bytes: bytes / 4 * 3, span: span / 4 * 3 };
        state.asleep.as_ref().is_some_and(|but| state.beyond(low).all(|partition| but.contains(&partition)))
    }

    /// Lets nothing new start on these partitions and waits for what is running. Returns the partitions on which
    /// something still runs at the deadline.
    pub(super) fn drain(&self, partitions: &[i32], within: Duration) -> Vec<i32> {
        let deadline = Instant::now().checked_add(within);
        let mut state = self.lock();
        for held in partitions.iter().filter_map(|partition| state.partitions.get(partition)) {
            held.lease.draining.cancel();
        }
        loop {
            let runs = |partition: &&i32| state.partitions.get(partition).is_some_and(|held| held.running > 0);
            let busy: Vec<i32> = partitions.iter().filter(runs).copied().collect();
            let left = deadline.map_or(Duration::ZERO, |deadline| deadline.saturating_duration_since(Instant::now()));
            if busy.is_empty() || left.is_zero() {
                return busy;
            }
            state = match self.rests.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// These partitions are gone: their leases end, and nothing of them can be settled any more. Returns the last
    /// watermarks that were not handed out yet.
    pub(super) fn close(&self, partitions: &[i32]) -> Vec<(i32, i64)> {
        let mut last = Vec::new();
        let mut state = self.lock();
        for partition in partitions {
            let Some(mut held) = state.partitions.remove(partition) else { continue };
            held.lease.draining.cancel();
            held.lease.over.cancel();
            let advance = if held.doubted { None } else { held.tracker.advance() };
            last.extend(advance.map(|offset| (*partition, offset)));
        }
        state.asleep = None;
        drop(state);
        self.rests.notify_all();
        self.room.notify_all();
        last
    }
}

#[cfg(test)]
mod tests;
