use cordon_records::{AlertId, Verbatim};

use super::*;

mod model;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn item(id: &str, second: i64) -> Item {
    Item::read(Verbatim::parse(&format!(r#"{{"id":"{id}","lastUpdateTime":"{}"}}"#, at(second))).unwrap())
}

fn items(list: &[(&str, i64)]) -> Vec<Item> {
    list.iter().map(|(id, second)| item(id, *second)).collect()
}

fn plan() -> Plan {
    Plan { since: at(100), watermark: at(110), believable_until: at(1_000), top: 2, largest_top: 4, sorted: true }
}

fn ids(step: &Step) -> Vec<&str> {
    step.news.iter().filter_map(|news| news.item.alert_id().map(AlertId::as_str)).collect()
}

#[test]
fn a_quiet_round_costs_one_question() {
    let mut seen = Seen::default();
    seen.insert(&item("a", 110));
    let step = Round::new(plan()).take(items(&[("a", 110)]), Link::None, &seen);
    assert_eq!((step.news.len(), step.seen, step.next), (0, 1, Next::Complete));
}

#[test]
fn an_empty_list_is_a_complete_round_that_leaves_the_watermark_where_it_was() {
    let mut round = Round::new(plan());
    assert_eq!(round.take(Vec::new(), Link::None, &Seen::default()).next, Next::Complete);
    assert_eq!(round.watermark(), at(110));
}

#[test]
fn a_full_page_is_followed_by_the_same_question_from_its_newest_stamp() {
    let mut round = Round::new(plan());
    let step = round.take(items(&[("a", 120), ("b", 130)]), Link::None, &Seen::default());
    assert_eq!(step.next, Next::Ask(Ask { since: at(130), top: 2 }));
    assert_eq!(ids(&step), ["a", "b"]);
}

#[test]
fn a_full_page_of_a_single_stamp_raises_the_page_size() {
    let mut round = Round::new(plan());
    round.take(items(&[("a", 120), ("b", 130)]), Link::None, &Seen::default());
    let step = round.take(items(&[("b", 130), ("c", 130)]), Link::None, &Seen::default());
    assert_eq!(step.next, Next::Ask(Ask { since: at(130), top: 4 }));
    assert_eq!(ids(&step), ["c"]);
}

#[test]
fn a_full_page_with_nothing_new_ends_the_round_as_incomplete() {
    let mut round = Round::new(plan());
    let page = [("a", 100), ("b", 100), ("c", 100), ("d", 100)];
    assert!(matches!(round.take(items(&page), Link::None, &Seen::default()).next, Next::Ask(Ask { top: 4, .. })));
    assert_eq!(round.take(items(&page), Link::None, &Seen::default()).next, Next::Incomplete(Stall::FullPage));
}

#[test]
fn links_are_followed_where_the_boundary_cannot_move_until_two_passes_serve_the_same() {
    let seen = Seen::default();
    let mut round = Round::new(plan());
    round.take(items(&[("a", 100), ("b", 100)]), Link::Usable, &seen);
    assert_eq!(round.take(items(&[("a", 100), ("b", 100)]), Link::Usable, &seen).next, Next::Follow);
    assert_eq!(round.take(items(&[("c", 100)]), Link::None, &seen).next, Next::Ask(Ask { since: at(100), top: 4 }));
    assert_eq!(round.take(items(&[("a", 100), ("b", 100)]), Link::Usable, &seen).next, Next::Follow);
    assert_eq!(round.take(items(&[("c", 100)]), Link::None, &seen).next, Next::Complete);
}

#[test]
fn links_that_never_end_end_the_round_as_incomplete() {
    let seen = Seen::default();
    let mut round = Round::new(plan());
    round.take(items(&[("a", 100), ("b", 100)]), Link::Usable, &seen);
    let mut pages = 0;
    let last = loop {
        pages += 1;
        match round.take(items(&[("a", 100), ("b", 100)]), Link::Usable, &seen).next {
            Next::Follow => assert!(pages < 1_000, "still following"),
            other => break other,
        }
    };
    assert_eq!(last, Next::Incomplete(Stall::EndlessLinks));
}

#[test]
fn a_list_that_changes_in_every_pass_over_its_links_is_incomplete() {
    let seen = Seen::default();
    let mut round = Round::new(plan());
    round.take(items(&[("a", 100), ("b", 100)]), Link::Usable, &seen);
    let mut number = 0;
    let last = loop {
        number += 1;
        let page = [("a", 100 + number)];
        match round.take(items(&page), if number % 2 == 1 { Link::Usable } else { Link::None }, &seen).next {
            Next::Ask(_) | Next::Follow => assert!(number < 100, "still going"),
            other => break other,
        }
    };
    assert_eq!(last, Next::Incomplete(Stall::Restless));
}

#[test]
fn an_unsorted_full_page_is_asked_for_whole_from_the_start() {
    let mut round = Round::new(plan());
    round.take(items(&[("a", 120), ("b", 130)]), Link::None, &Seen::default());
    let step = round.take(items(&[("d", 150), ("c", 140)]), Link::None, &Seen::default());
    assert_eq!(step.next, Next::Ask(Ask { since: at(100), top: 4 }));
    assert!(!round.sorted());
    assert_eq!(ids(&step), ["c", "d"], "news must come out oldest first");
}

#[test]
fn without_order_the_largest_page_is_asked_for_at_once_and_a_full_one_proves_nothing() {
    let mut round = Round::new(Plan { sorted: false, ..plan() });
    assert_eq!(round.first().top, 4);
    let page = [("a", 120), ("b", 130), ("c", 140), ("d", 150)];
    assert_eq!(round.take(items(&page), Link::None, &Seen::default()).next, Next::Incomplete(Stall::FullPage));
}

#[test]
fn a_short_page_with_news_is_asked_once_more_from_its_end() {
    let mut round = Round::new(plan());
    let step = round.take(items(&[("a", 120)]), Link::None, &Seen::default());
    assert_eq!(step.next, Next::Confirm(Ask { since: at(120), top: 2 }));
    assert_eq!(round.take(items(&[("a", 120)]), Link::None, &Seen::default()).next, Next::Complete);
    assert_eq!(round.watermark(), at(120));
}

#[test]
fn a_short_page_that_ends_before_the_watermark_is_not_believed_to_be_the_end() {
    let mut seen = Seen::default();
    seen.insert(&item("a", 105));
    let step = Round::new(plan()).take(items(&[("a", 105)]), Link::None, &seen);
    assert_eq!(step.next, Next::Ask(Ask { since: at(105), top: 2 }));
}

#[test]
fn a_server_that_ignores_the_filter_brings_nothing_from_before_the_window() {
    let step = Round::new(plan()).take(items(&[("old", 50)]), Link::None, &Seen::default());
    assert_eq!((step.news.len(), step.outside, step.next), (0, 1, Next::Complete));
}

#[test]
fn a_stamp_from_the_future_is_produced_but_does_not_move_the_watermark() {
    let mut round = Round::new(plan());
    let step = round.take(items(&[("a", 120), ("z", 5_000)]), Link::None, &Seen::default());
    assert_eq!(ids(&step), ["a", "z"]);
    assert_eq!(round.watermark(), at(120));
}

#[test]
fn the_first_sight_of_an_id_is_new_and_a_later_one_is_an_update() {
    let mut seen = Seen::default();
    seen.insert(&item("a", 105));
    let step = Round::new(plan()).take(items(&[("a", 120), ("b", 120)]), Link::None, &seen);
    let changes: Vec<_> = step.news.iter().map(|news| news.change).collect();
    assert_eq!(changes, [Change::Updated, Change::New]);
}

#[test]
fn an_unreadable_item_is_news_once_and_counts_for_the_boundary() {
    let broken = || Item::read(Verbatim::parse(r#"{"id":"a/b","lastUpdateTime":"1970-01-01T00:02:10Z"}"#).unwrap());
    let mut round = Round::new(plan());
    let mut seen = Seen::default();
    let step = round.take(vec![item("a", 120), broken()], Link::None, &seen);
    assert_eq!((step.news.len(), step.next), (2, Next::Ask(Ask { since: at(130), top: 2 })));
    seen.insert(&broken());
    let again = Round::new(plan()).take(vec![broken()], Link::None, &seen);
    assert_eq!((again.news.len(), again.seen), (0, 1));
}

#[test]
fn an_answer_too_large_to_be_read_is_asked_for_in_halves_and_never_enlarged_again() {
    let mut round = Round::new(plan());
    assert_eq!(round.too_large(), Next::Ask(Ask { since: at(100), top: 1 }));
    let step = round.take(items(&[("a", 100)]), Link::None, &Seen::default());
    assert_eq!(step.next, Next::Incomplete(Stall::FullPage));
    assert_eq!(round.too_large(), Next::Incomplete(Stall::TooLarge));
}

#[test]
fn a_short_page_with_a_refused_link_is_gone_on_from_by_time_and_never_taken_for_the_end() {
    let mut round = Round::new(Plan { largest_top: 2, ..plan() });
    let step = round.take(items(&[("a", 101), ("b", 102)]), Link::Refused, &Seen::default());
    assert_eq!(step.next, Next::Ask(Ask { since: at(102), top: 2 }));
    let step = round.take(items(&[("b", 102)]), Link::Refused, &Seen::default());
    assert_eq!(step.next, Next::Incomplete(Stall::LinkRefused));
}
