//! What is remembered of machines, and what is forgotten first.

use super::*;

fn machine(bytes: usize) -> Verbatim {
    Verbatim::parse(&format!("\"{}\"", "x".repeat(bytes))).unwrap()
}

#[test]
fn what_comes_along_fills_the_room_that_is_left_and_drives_nothing_out() {
    let now = Instant::now();
    let mut memory = Memory::new(Duration::from_secs(300));
    memory.remember("asked".into(), Ok(machine(10)), now);
    memory.keep((0..100).map(|n| (format!("m{n}"), machine(1024 * 1024))), now);
    let kept = (0..100).filter(|n| memory.get(&format!("m{n}"), now).is_some()).count();
    assert_eq!(kept, 29);
    assert!(memory.get("asked", now).is_some());
    assert!(memory.bytes <= CAPACITY);
}

#[test]
fn what_was_asked_for_finds_room_whatever_is_in_it_and_what_is_over_goes_first() {
    let now = Instant::now();
    let mut memory = Memory::new(Duration::from_secs(300));
    memory.keep((0..29).map(|n| (format!("m{n}"), machine(1024 * 1024))), now);
    let later = now + Duration::from_secs(299);
    let asked = |n| format!("asked{n}");
    (0..11).for_each(|n| memory.remember(asked(n), Ok(machine(1024 * 1024)), later));
    let kept = (0..29).filter(|n| memory.get(&format!("m{n}"), later).is_some()).count();
    assert!((0..11).all(|n| memory.get(&asked(n), later).is_some()), "what was asked for just now stays");
    assert!((15..29).contains(&kept), "a quarter of the room is made, and no more is forgotten: {kept}");
    let over = now + Duration::from_secs(301);
    memory.keep([("m0".to_owned(), machine(1024 * 1024))], over);
    assert!(memory.get("m1", over).is_none() && memory.get("m0", over).is_some());
    assert_eq!(memory.bytes, memory.known.values().map(Known::size).sum::<usize>());
}
