use proptest::prelude::*;

use super::*;

/// What went out, and when the process was started again.
#[derive(Default)]
struct History {
    sent: Vec<Duration>,
    restarts: Vec<Duration>,
}

impl History {
    /// No window of that length, both ends included, holds more calls than the limit, and `initial` more for each
    /// restart in it beyond those that the bucket provides for. None is provided for when it is `rebuilt`.
    fn keeps(&self, limit: u32, window: Window, rebuilt: bool) -> Result<(), TestCaseError> {
        let fresh = Bucket::new((limit, window), true, Duration::ZERO);
        let mut first = 0;
        for (last, at) in self.sent.iter().enumerate() {
            let start = at.saturating_sub(window.length);
            while self.sent[first] < start {
                first += 1;
            }
            let calls = (last - first + 1) as i128;
            let restarts = self.restarts.iter().filter(|restart| (start..=*at).contains(restart)).count() as i128;
            let beyond = if rebuilt { 0 } else { (restarts - window.restarts).max(0) };
            prop_assert!(
                calls * fresh.call < i128::from(limit + 1) * fresh.call + beyond * fresh.level,
                "{calls} calls of {limit} in {:?} to {at:?} with {restarts} restarts",
                window.length
            );
        }
        Ok(())
    }
}

/// Asks at every arrival, waits as told up to `patience` times, and gives back when calls went out.
fn drive(account: &mut Account, arrivals: &[(u64, bool)], start: Duration, patience: usize) -> Vec<Duration> {
    let mut now = start;
    let mut sent = Vec::new();
    for (gap, urgent) in arrivals {
        now += Duration::from_millis(*gap);
        let priority = if *urgent { Priority::Respond } else { Priority::Ordinary };
        for _ in 0..=patience {
            match account.take(now, priority) {
                Ok(()) => {
                    sent.push(now);
                    break;
                }
                Err(wait) => now += wait,
            }
        }
    }
    sent
}

fn arrivals() -> impl Strategy<Value = Vec<(u64, bool)>> {
    let gap = prop_oneof![8 => Just(0u64), 4 => 0u64..2_000, 1 => 0u64..200_000];
    proptest::collection::vec((gap, any::<bool>()), 1..600)
}

/// A process: how long it rests, how long it then calls without a pause, and how long nobody runs afterwards, in ms.
type Life = (u64, u64, u64);

/// A long rest, which fills the bucket, and then restarts that crowd into one window.
fn lives() -> impl Strategy<Value = Vec<Life>> {
    prop_oneof![Just(60_000u64), Just(3_600_000)].prop_flat_map(|window| {
        let busy = prop_oneof![1 => Just(0), 2 => 0..window / 10, 2 => 0..window / 2];
        let nobody = prop_oneof![4 => Just(0), 1 => 0..window / 4];
        let life = (prop_oneof![9 => Just(0), 1 => 0..window], busy, nobody);
        (0..7_200_000u64, proptest::collection::vec(life, 1..25)).prop_map(|(rest, mut lives)| {
            lives[0].0 += rest;
            lives
        })
    })
}

/// Runs them. `start` opens the account of a process that starts then, with what went out before.
fn live(lives: &[Life], start: impl Fn(Duration, &[Duration]) -> Account) -> History {
    let mut history = History::default();
    let mut now = Duration::ZERO;
    for (rest, busy, nobody) in lives {
        let mut account = start(now, &history.sent);
        let from = now + Duration::from_millis(*rest);
        now = from + Duration::from_millis(*busy);
        history.sent.extend(flood(&mut account, from, now));
        now += Duration::from_millis(*nobody);
        history.restarts.push(now);
    }
    history
}

/// Calls without a pause until `end`, inclusive.
fn flood(account: &mut Account, start: Duration, end: Duration) -> Vec<Duration> {
    let mut now = start;
    let mut sent = Vec::new();
    while now <= end {
        match account.take(now, Priority::Respond) {
            Ok(()) => sent.push(now),
            Err(wait) => now += wait,
        }
    }
    sent
}

/// One of each hour.
fn endpoint() -> impl Strategy<Value = Endpoint> {
    prop_oneof![Just(Endpoint::Machine), Just(Endpoint::AlertList)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_window_exceeds_its_limit_whatever_the_restarts_that_it_provides_for_and_by_ten_for_each_further_one(
        per_minute in 1u32..80, factor in 1u32..50, lives in lives(), endpoint in endpoint(),
    ) {
        let limits = Limits { per_minute, per_hour: per_minute * factor };
        let history = live(&lives, |now, _| Account::new(endpoint, limits, now));
        history.keeps(limits.per_minute, MINUTE, false)?;
        history.keeps(limits.per_hour, HOUR, false)?;
    }

    #[test]
    fn no_window_exceeds_its_limit_whatever_the_restarts_when_each_life_knows_what_went_out_before(
        per_minute in 1u32..80, factor in 1u32..50, lives in lives(), younger in 0u64..60_000, endpoint in endpoint(),
    ) {
        let limits = Limits { per_minute, per_hour: per_minute * factor };
        let history = live(&lives, |now, sent| {
            let mut account = Account::new(endpoint, limits, now);
            let age = |at: &Duration| (now - *at).saturating_sub(Duration::from_millis(younger));
            account.charge(now, &sent.iter().map(age).collect::<Vec<_>>());
            account
        });
        history.keeps(limits.per_minute, MINUTE, true)?;
        history.keeps(limits.per_hour, HOUR, true)?;
    }

    #[test]
    fn a_caller_who_waits_as_told_gets_through(per_minute in 1u32..200, arrivals in arrivals()) {
        let limits = Limits { per_minute, per_hour: per_minute * 15 };
        let mut account = Account::new(Endpoint::Machine, limits, Duration::ZERO);
        prop_assert_eq!(drive(&mut account, &arrivals, Duration::ZERO, 1).len(), arrivals.len());
    }
}

/// A container that ends whenever it is started is started again at once, then after 10 s, 20 s, 40 s … 300 s.
#[test]
fn kubernetes_makes_no_more_restarts_of_a_crash_loop_than_each_window_provides_for() {
    let mut restarts = vec![Duration::ZERO];
    let mut pause = Duration::from_secs(10);
    while restarts.len() < 60 {
        restarts.push(restarts[restarts.len() - 1] + pause);
        pause = (pause * 2).min(Duration::from_secs(300));
    }
    for (window, most) in [(MINUTE, 3), (HOUR, 16)] {
        let within = |last: &Duration| {
            restarts.iter().filter(|at| (last.saturating_sub(window.length)..=*last).contains(at)).count()
        };
        assert_eq!(restarts.iter().map(within).max(), Some(most));
        assert_eq!(window.restarts, most as i128);
    }
}

#[test]
fn calls_that_others_made_count_against_a_fresh_account_and_time_makes_up_for_them() {
    let mut account = Account::new(Endpoint::Machine, PUBLISHED, Duration::ZERO);
    account.charge(Duration::ZERO, &vec![Duration::from_secs(5); 100]);
    // A bucket of 20 that got 5 s of 60 a minute back is 75 calls short, and the next call needs one more.
    assert_eq!(account.take(Duration::ZERO, Priority::Respond), Err(Duration::from_secs(76)));
    assert_eq!(account.take(Duration::from_secs(76), Priority::Respond), Ok(()));
}

#[test]
fn calls_that_are_older_than_both_windows_and_none_at_all_change_nothing() {
    let mut account = Account::new(Endpoint::Machine, PUBLISHED, Duration::ZERO);
    account.charge(Duration::ZERO, &vec![Duration::from_secs(3_601); 5_000]);
    account.charge(Duration::ZERO, &[]);
    assert_eq!(flood(&mut account, Duration::ZERO, Duration::ZERO).len(), 6);
}

#[test]
fn naming_calls_again_that_the_account_made_itself_costs_nothing() {
    let mut account = Account::new(Endpoint::Machine, PUBLISHED, Duration::ZERO);
    let sent = flood(&mut account, Duration::ZERO, Duration::from_secs(100));
    let mut told = account.clone();
    let now = Duration::from_secs(100);
    told.charge(now, &sent.iter().map(|at| now - *at).collect::<Vec<_>>());
    assert_eq!(told.take(now, Priority::Respond), account.take(now, Priority::Respond));
}

const PUBLISHED: Limits = Limits { per_minute: 100, per_hour: 1_500 };

#[test]
fn a_fresh_process_may_make_six_calls_at_once_and_not_seven() {
    let mut account = Account::new(Endpoint::Machine, PUBLISHED, Duration::ZERO);
    for _ in 0..6 {
        assert_eq!(account.take(Duration::ZERO, Priority::Respond), Ok(()));
    }
    assert!(account.take(Duration::ZERO, Priority::Respond).is_err());
}

#[test]
fn of_the_published_limit_one_call_a_second_goes_through_for_minutes() {
    let full = Duration::from_secs(600);
    let mut account = Account::new(Endpoint::ActionList, PUBLISHED, Duration::ZERO);
    let mut at = |second| account.take(full + Duration::from_secs(second), Priority::Respond);
    assert_eq!((0..150).map(&mut at).filter(Result::is_err).count(), 0);
}

#[test]
fn ordinary_reads_leave_a_fifth_to_the_responder() {
    let mut account = Account::new(Endpoint::Machine, PUBLISHED, Duration::ZERO);
    let mut count =
        |priority| std::iter::repeat_with(|| account.take(Duration::ZERO, priority)).take_while(Result::is_ok).count();
    assert_eq!(count(Priority::Ordinary), 5);
    assert_eq!(count(Priority::Respond), 1);
}

#[test]
fn follow_ups_leave_a_minutes_bucket_to_what_comes_before_an_effect() {
    let minute = Duration::from_secs(60);
    let mut account = Account::new(Endpoint::ActionList, PUBLISHED, Duration::ZERO);
    let count = |account: &mut Account, priority| {
        std::iter::repeat_with(|| account.take(minute, priority)).take_while(Result::is_ok).count()
    };
    assert_eq!(count(&mut account, Priority::Follow), 4);
    assert_eq!(count(&mut account, Priority::Respond), 16);
    let mut small = Account::new(Endpoint::ActionList, Limits { per_minute: 10, per_hour: 150 }, Duration::ZERO);
    assert!(count(&mut small, Priority::Follow) >= 1, "a small share lets follow-ups through, too");
}

#[test]
fn ordinary_reads_that_never_stop_do_not_keep_the_responder_waiting() {
    let mut account = Account::new(Endpoint::Machine, PUBLISHED, Duration::ZERO);
    drive(&mut account, &vec![(0, false); 1_000], Duration::ZERO, 9);
    let now = account.hour.at;
    let urgent = std::iter::repeat_with(|| account.take(now, Priority::Respond)).take_while(Result::is_ok).count();
    assert!(urgent >= 2, "{urgent}");
}

#[test]
fn the_steady_rate_is_four_fifths_of_the_hour_for_the_alert_list_as_well() {
    for endpoint in [Endpoint::Machine, Endpoint::AlertList] {
        let mut account = Account::new(endpoint, PUBLISHED, Duration::ZERO);
        let sent = drive(&mut account, &vec![(0, false); 2_700], Duration::ZERO, 9);
        let second_hour = sent.iter().filter(|at| **at > HOUR.length && **at <= HOUR.length * 2).count();
        assert!((1_190..=1_201).contains(&second_hour), "{endpoint:?}: {second_hour}");
    }
}

#[test]
fn a_block_holds_until_its_end_and_a_shorter_one_does_not_cut_it() {
    let mut account = Account::new(Endpoint::Machine, PUBLISHED, Duration::ZERO);
    account.block_until(Duration::from_secs(8));
    account.block_until(Duration::from_secs(3));
    assert_eq!(account.take(Duration::from_secs(7), Priority::Respond), Err(Duration::from_secs(1)));
    assert_eq!(account.take(Duration::from_secs(8), Priority::Respond), Ok(()));
}

#[test]
fn a_clock_that_stands_still_or_goes_back_refills_nothing() {
    let mut account = Account::new(Endpoint::Machine, PUBLISHED, Duration::from_secs(100));
    while account.take(Duration::from_secs(100), Priority::Respond).is_ok() {}
    assert!(account.take(Duration::from_secs(1), Priority::Respond).is_err());
    assert!(account.take(Duration::from_secs(100), Priority::Respond).is_err());
}

#[test]
fn a_share_scales_both_windows_and_leaves_at_least_one_call() {
    assert_eq!(share(PUBLISHED, 0.3), Limits { per_minute: 30, per_hour: 450 });
    assert_eq!(share(PUBLISHED, 0.0), Limits { per_minute: 1, per_hour: 1 });
    assert_eq!(share(PUBLISHED, 7.0), PUBLISHED);
}
