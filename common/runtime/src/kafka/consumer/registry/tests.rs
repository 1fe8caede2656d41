use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::kafka::records::tests::inbound;

const LIMITS: Limits = Limits { pending: 4, bytes: 1000, span: 100 };

fn opened(registry: &PartitionRegistry) -> (Lease, UnboundedReceiver<Inbound>) {
    let (sender, receiver) = unbounded_channel();
    (registry.open((3, None), &CancellationToken::new(), sender), receiver)
}

#[test]
fn a_lease_that_is_over_settles_nothing_even_when_the_partition_came_back() {
    let registry = PartitionRegistry::new(LIMITS);
    let (old, _records) = opened(&registry);
    registry.receive(inbound(7, None, None));
    registry.close(&[3]);
    let (new, _records) = opened(&registry);
    registry.receive(inbound(7, None, None));
    assert!(!registry.settle(&old, 7));
    assert!(old.over.is_cancelled() && !new.over.is_cancelled());
    assert!(registry.advances().is_empty());
    assert!(registry.settle(&new, 7));
    assert_eq!(registry.advances(), vec![(3, 8)]);
}

#[test]
fn nothing_starts_on_a_draining_partition_but_what_runs_may_still_settle() {
    let registry = PartitionRegistry::new(LIMITS);
    let (lease, _records) = opened(&registry);
    registry.receive(inbound(0, None, None));
    let running = registry.start(&lease).unwrap();
    assert_eq!(registry.drain(&[3], Duration::from_millis(1)), vec![3]);
    assert!(registry.start(&lease).is_none());
    assert!(registry.settle(&lease, 0));
    drop(running);
    assert!(registry.drain(&[3], Duration::from_secs(5)).is_empty());
}

#[test]
fn a_drain_ends_as_soon_as_the_last_work_ends() {
    let registry = Arc::new(PartitionRegistry::new(LIMITS));
    let (lease, _records) = opened(&registry);
    let worker = {
        let registry = Arc::clone(&registry);
        let (started, ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let running = registry.start(&lease);
            started.send(()).unwrap();
            while !lease.draining.is_cancelled() {
                std::thread::yield_now();
            }
            drop(running);
        });
        ready.recv().unwrap();
        thread
    };
    assert!(registry.drain(&[3], Duration::from_secs(30)).is_empty());
    worker.join().unwrap();
}

#[test]
fn a_break_in_the_offsets_is_told_once_also_right_after_the_partition_came() {
    let registry = PartitionRegistry::new(LIMITS);
    let (sender, _records) = unbounded_channel();
    registry.open((3, Some(5)), &CancellationToken::new(), sender);
    let came = |offset| registry.comes(3, offset).map(|found| (found.expected, found.came));
    assert_eq!([came(9), came(10), came(12), came(0)], [Some((5, 9)), None, Some((11, 12)), Some((13, 0))]);
    assert_eq!(came(1), None);
}

#[test]
fn no_watermark_is_handed_out_before_it_is_known_where_the_group_stood() {
    let registry = PartitionRegistry::new(LIMITS);
    let (lease, _records) = opened(&registry);
    registry.doubt(3);
    registry.comes(3, 7);
    registry.receive(inbound(7, None, None));
    assert!(registry.settle(&lease, 7) && registry.advances().is_empty());
    assert_eq!((registry.doubted(), registry.stands(3, Some(2))), (vec![3], Some(7)));
    let lease = registry.lose(3, 6).unwrap();
    registry.trust(3);
    assert_eq!(registry.advances(), vec![(3, 6)], "not over what is lost");
    assert!(registry.settle(&lease, 6));
    assert_eq!((registry.advances(), registry.doubted()), (vec![(3, 8)], Vec::new()));
    opened(&registry);
    registry.doubt(3);
    registry.receive(inbound(9, None, None));
    assert!(registry.close(&[3]).is_empty());
}

#[test]
fn a_full_registry_has_room_again_only_below_half() {
    let registry = PartitionRegistry::new(LIMITS);
    let (lease, _records) = opened(&registry);
    for offset in 0..4 {
        registry.receive(inbound(offset, None, None));
    }
    assert_eq!(registry.full(), vec![3]);
    registry.settle(&lease, 0);
    assert!(registry.full().is_empty());
    assert_eq!(registry.half_full(), vec![3]);
    registry.settle(&lease, 1);
    registry.settle(&lease, 2);
    assert!(registry.half_full().is_empty());
}

#[test]
fn who_waits_for_room_is_woken_once_there_is_plenty_and_not_by_each_record() {
    let registry = Arc::new(PartitionRegistry::new(Limits { pending: 8, ..LIMITS }));
    let (lease, _records) = opened(&registry);
    for offset in 0..8 {
        registry.receive(inbound(offset, None, None));
    }
    let (woken, wait) = std::sync::mpsc::channel();
    let waiter = {
        let registry = Arc::clone(&registry);
        std::thread::spawn(move || {
            registry.wait_for_room(&BTreeSet::new(), Duration::from_secs(30));
            woken.send(registry.pending()).unwrap();
        })
    };
    while registry.lock().asleep.is_none() {
        std::thread::yield_now();
    }
    for offset in 0..2 {
        registry.settle(&lease, offset);
        assert!(registry.lock().asleep.is_some(), "{offset}");
    }
    registry.settle(&lease, 2);
    assert_eq!(wait.recv(), Ok(5));
    waiter.join().unwrap();
}

#[test]
fn a_partition_that_is_paused_keeps_nobody_waiting_for_the_others() {
    let registry = PartitionRegistry::new(Limits { pending: 1000, bytes: usize::MAX, span: 10 });
    let (_lease, _records) = opened(&registry);
    for offset in 0..11 {
        registry.receive(inbound(offset, None, None));
    }
    let start = Instant::now();
    registry.wait_for_room(&BTreeSet::from([3]), Duration::from_secs(30));
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn one_stuck_record_pauses_its_partition_by_span() {
    let registry = PartitionRegistry::new(Limits { pending: 1000, bytes: usize::MAX, span: 10 });
    let (lease, _records) = opened(&registry);
    for offset in 0..11 {
        registry.receive(inbound(offset, None, None));
    }
    for offset in 1..11 {
        registry.settle(&lease, offset);
    }
    assert_eq!(registry.full(), vec![3]);
}

fn ending_at(ends: &[(i32, i64)]) -> PartitionRegistry {
    PartitionRegistry::new(LIMITS).ending_at(Some(ends.iter().copied().collect()))
}

#[test]
fn an_input_with_an_end_has_ended_once_all_before_that_came_and_is_settled_and_one_without_never() {
    let registry = ending_at(&[(3, 9)]);
    let (lease, _records) = opened(&registry);
    registry.receive(inbound(7, None, None));
    assert!(!registry.has_come(3, 8), "8 is still to come");
    registry.receive(inbound(8, None, None));
    assert!(registry.has_come(3, 9) && registry.is_beyond(3, 9) && !registry.is_beyond(3, 8));
    assert!(registry.settle(&lease, 8) && !registry.has_ended());
    assert!(registry.settle(&lease, 7) && registry.has_ended());
    let endless = PartitionRegistry::new(LIMITS);
    let (lease, _records) = opened(&endless);
    endless.receive(inbound(8, None, None));
    assert!(endless.settle(&lease, 8) && !endless.has_come(3, i64::MAX) && !endless.has_ended());
    assert!(ending_at(&[]).has_ended(), "nothing is wanted");
}

#[test]
fn an_input_has_not_ended_while_a_record_is_aside_or_a_partition_is_gone_or_came_anew() {
    let registry = ending_at(&[(3, 8)]);
    let (lease, _records) = opened(&registry);
    registry.receive(inbound(7, None, None));
    registry.has_come(3, 8);
    assert!(registry.put_aside(&lease, 7) && !registry.has_ended());
    registry.close(&[3]);
    assert!(!registry.has_ended(), "whoever has it next may read it again");
    let (lease, _records) = opened(&registry);
    registry.receive(inbound(7, None, None));
    assert!(registry.settle(&lease, 7) && !registry.has_ended(), "nobody knows yet that nothing more comes");
    registry.has_come(3, 8);
    assert!(registry.has_ended());
    registry.doubt(3);
    assert!(!registry.has_ended(), "what is lost before the first record is still to be told");
}

#[test]
fn of_a_partition_that_an_input_with_an_end_does_not_name_nothing_is_wanted() {
    let registry = ending_at(&[(3, 8)]);
    assert!(registry.is_beyond(4, 0) && !registry.is_beyond(3, 7));
}
