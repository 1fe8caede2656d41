use super::*;

fn id(number: usize) -> MachineId {
    MachineId::new(format!("{number:040x}")).unwrap()
}

fn ids(numbers: std::ops::Range<usize>) -> Vec<MachineId> {
    numbers.map(id).collect()
}

fn add(planner: &mut Planner, numbers: std::ops::Range<usize>) {
    numbers.for_each(|number| planner.add(id(number)));
}

/// All calls that may go now, in short.
fn asks(planner: &mut Planner, now: Instant) -> Vec<String> {
    let told = |ask| match ask {
        Ask::One(_) => "one".to_owned(),
        Ask::Filter(ids) => format!("filter {}", ids.len()),
        Ask::Unlisted(_) => "unlisted".to_owned(),
        Ask::Page(walk) => format!("page {}", walk.skip),
    };
    std::iter::from_fn(|| planner.next(now)).map(told).collect()
}

fn walk(planner: &mut Planner, now: Instant) -> Walk {
    match planner.next(now) {
        Some(Ask::Page(walk)) => walk,
        other => panic!("{other:?} instead of a page"),
    }
}

const FULL: usize = MACHINES_PER_CALL;

#[test]
fn who_waits_alone_is_asked_for_alone_and_a_batch_closes_when_the_last_call_returns() {
    let (mut planner, now) = (Planner::default(), Instant::now());
    add(&mut planner, 0..1);
    assert_eq!(asks(&mut planner, now), ["one"]);
    add(&mut planner, 1..4);
    assert_eq!(asks(&mut planner, now), [""; 0]);
    planner.batch_ended([]);
    assert_eq!(planner.next(now), Some(Ask::Filter(ids(1..4))));
    planner.batch_ended([]);
    assert_eq!((planner.next(now), planner.wakes_at()), (None, None));
}

#[test]
fn a_call_that_is_out_for_long_keeps_nobody_and_four_are_out_at_most() {
    let (mut planner, mut now) = (Planner::default(), Instant::now());
    for batch in 0..BATCHES {
        add(&mut planner, 2 * batch..2 * batch + 2);
        assert!(batch == 0 || planner.wakes_at() == Some(now + PATIENCE));
        now += PATIENCE;
        assert_eq!(asks(&mut planner, now), ["filter 2"]);
    }
    add(&mut planner, 100..101);
    assert_eq!((planner.wakes_at(), planner.next(now + PATIENCE)), (None, None));
    planner.batch_ended([]);
    assert_eq!(asks(&mut planner, now + PATIENCE), ["one"]);
}

#[test]
fn a_full_filter_gains_nothing_by_waiting() {
    let (mut planner, now) = (Planner::default(), Instant::now());
    add(&mut planner, 0..1);
    assert_eq!(asks(&mut planner, now), ["one"]);
    add(&mut planner, 1..2 * FULL + 3);
    assert_eq!(asks(&mut planner, now), [format!("filter {FULL}"), format!("filter {FULL}")]);
}

#[test]
fn the_fleet_is_read_when_its_pages_stand_for_four_filters_each() {
    let (mut planner, now) = (Planner::default(), Instant::now());
    add(&mut planner, 0..3 * FULL);
    assert_eq!(asks(&mut planner, now).len(), 3);
    (0..3).for_each(|_| planner.batch_ended([]));
    add(&mut planner, 0..3 * FULL + 1);
    assert_eq!(asks(&mut planner, now + STORM), ["page 0"]);
}

/// A storm in which filters are so quick that few wait at a time.
fn three_full_filters(planner: &mut Planner, now: Instant) {
    for batch in 0..3 {
        add(planner, batch * FULL..(batch + 1) * FULL);
        assert_eq!(asks(planner, now), ["filter 25"]);
        planner.batch_ended([]);
    }
}

#[test]
fn a_storm_is_one_also_where_filters_are_so_quick_that_few_wait_at_a_time() {
    let (mut planner, now) = (Planner::default(), Instant::now());
    three_full_filters(&mut planner, now);
    add(&mut planner, 100..100 + FULL - 1);
    assert_eq!(asks(&mut planner, now), ["filter 24"]);
    planner.batch_ended([]);
    add(&mut planner, 200..200 + FULL);
    let at = walk(&mut planner, now);
    planner.page_came(at, (10_000, true), |_| true, now);
    add(&mut planner, 300..300 + FULL);
    assert_eq!(asks(&mut planner, now), ["filter 25"], "the page has its own storm behind it");
    planner.batch_ended([]);
}

#[test]
fn pages_go_on_while_they_pay_and_the_known_fleet_sets_the_bar() {
    let (mut planner, now) = (Planner::default(), Instant::now());
    add(&mut planner, 0..300);
    let mut at = walk(&mut planner, now);
    for page in 1..3 {
        planner.page_came(at, (10_000, false), |id| *id < self::id(100 * page), now);
        at = walk(&mut planner, now);
    }
    planner.page_came(at, (5_000, true), |id| *id < self::id(300), now);
    assert_eq!(asks(&mut planner, now), [""; 0]);
    assert_eq!(planner.fleet, Fleet::Pages(3));
    add(&mut planner, 0..11 * FULL);
    assert_eq!(asks(&mut planner, now).len(), BATCHES);
    add(&mut planner, 11 * FULL..16 * FULL);
    assert_eq!(asks(&mut planner, now), ["page 0"]);
}

#[test]
fn a_page_that_brings_few_is_the_last_until_a_storm_is_worth_as_many_pages_as_that_makes() {
    let (mut planner, now) = (Planner::default(), Instant::now());
    add(&mut planner, 0..100);
    let at = walk(&mut planner, now);
    planner.page_came(at, (10_000, false), |id| *id < self::id(40), now);
    assert_eq!(planner.fleet, Fleet::Guess { pages: Some(3), until: now + REST });
    assert_eq!(asks(&mut planner, now), ["filter 25", "filter 25"]);
    (0..2).for_each(|_| planner.batch_ended([]));
    assert_eq!(asks(&mut planner, now), ["filter 10"]);
    planner.batch_ended([]);
    add(&mut planner, 200..300);
    assert_eq!(asks(&mut planner, now), ["filter 25"; 4]);
    add(&mut planner, 300..300 + 8 * FULL);
    let at = walk(&mut planner, now);
    planner.page_came(at, (10_000, false), |id| *id < self::id(300 + 3 * FULL), now);
    assert_eq!(walk(&mut planner, now).skip, 10_000, "the guess was three pages, and so many are paid for");
}

#[test]
fn a_list_of_the_fleet_that_does_not_hold_who_is_asked_for_is_let_be_for_a_while() {
    for is_last in [true, false] {
        let (mut planner, now) = (Planner::default(), Instant::now());
        add(&mut planner, 0..100);
        let at = walk(&mut planner, now);
        planner.page_came(at, (10_000, is_last), |_| false, now);
        assert_eq!(asks(&mut planner, now), ["filter 25"; 4]);
        (0..4).for_each(|_| planner.batch_ended([]));
        add(&mut planner, 200..300);
        assert_eq!(asks(&mut planner, now), ["filter 25"; 4]);
        (0..4).for_each(|_| planner.batch_ended([]));
        add(&mut planner, 300..400);
        assert_eq!(asks(&mut planner, now + REST), ["page 0"]);
    }
}

#[test]
fn a_page_in_a_storm_pays_also_where_few_wait_at_a_time() {
    let (mut planner, now) = (Planner::default(), Instant::now());
    three_full_filters(&mut planner, now);
    add(&mut planner, 100..100 + FULL);
    let at = walk(&mut planner, now);
    planner.page_came(at, (9_000, true), |_| true, now);
    assert_eq!(planner.fleet, Fleet::Pages(1));
}

#[test]
fn whom_a_failed_page_leaves_is_asked_for_by_filter() {
    let (mut planner, now) = (Planner::default(), Instant::now());
    add(&mut planner, 0..100);
    walk(&mut planner, now);
    assert_eq!(asks(&mut planner, now), [""; 0]);
    planner.page_failed(now);
    assert_eq!(asks(&mut planner, now), ["filter 25"; 4]);
}

#[test]
fn who_comes_while_a_page_is_out_joins_when_they_are_many_and_otherwise_waits_for_a_second_at_most() {
    let (mut planner, now) = (Planner::default(), Instant::now());
    add(&mut planner, 0..100);
    let at = walk(&mut planner, now);
    add(&mut planner, 100..101);
    assert_eq!(asks(&mut planner, now), ["one"]);
    planner.batch_ended([]);
    add(&mut planner, 101..102);
    assert_eq!((planner.next(now), planner.wakes_at()), (None, Some(now + PATIENCE)));
    assert_eq!(asks(&mut planner, now + PATIENCE), ["one"]);
    planner.batch_ended([]);
    add(&mut planner, 102..102 + FULL);
    assert_eq!(asks(&mut planner, now + 2 * PATIENCE), [""; 0]);
    planner.page_came(at, (10_000, true), |id| *id < self::id(120), now);
    assert_eq!(planner.next(now + 2 * PATIENCE), Some(Ask::Filter(ids(120..102 + FULL))));
}

#[test]
fn what_no_list_brought_is_asked_for_alone_a_few_at_a_time_and_keeps_nobody_from_a_list() {
    let (mut planner, now) = (Planner::default(), Instant::now());
    add(&mut planner, 0..10);
    assert_eq!(asks(&mut planner, now), ["filter 10"]);
    planner.batch_ended(ids(0..10));
    assert_eq!(asks(&mut planner, now), ["unlisted"; SINGLES]);
    add(&mut planner, 20..21);
    assert_eq!(asks(&mut planner, now), ["filter 1"]);
    planner.single_ended();
    assert_eq!(asks(&mut planner, now), ["unlisted"]);
}
