//! Storms on a tenant that counts its calls, against a model that asks for each machine alone.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use cordon_defender::MACHINES_PER_CALL;
use proptest::prelude::*;
use tokio::sync::Semaphore;

use super::*;

/// A tenant. Its lists may leave machines out. What a call takes is time of a paused clock ([`run`]): nobody waits for it.
#[derive(Debug, Default)]
struct Tenant {
    known: BTreeSet<usize>,
    filtered: BTreeSet<usize>,
    fleet: Vec<usize>,
    page: usize,
    pages_fail: bool,
    gets: AtomicUsize,
    filters: AtomicUsize,
    pages: AtomicUsize,
}

impl Tenant {
    /// With so many machines, all of them in its lists.
    fn of(machines: usize, page: usize) -> Self {
        let all = 0..machines;
        Self {
            known: all.clone().collect(),
            filtered: all.clone().collect(),
            fleet: all.collect(),
            page,
            ..Self::default()
        }
    }

    fn counts(&self) -> (usize, usize, usize) {
        let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        (of(&self.gets), of(&self.filters), of(&self.pages))
    }

    fn calls(&self) -> usize {
        let (gets, filters, pages) = self.counts();
        gets + filters + pages
    }
}

fn name(number: usize) -> MachineId {
    MachineId::new(format!("{number:040x}")).unwrap()
}

fn json(number: usize) -> Verbatim {
    machine(name(number).as_str())
}

fn number(id: &MachineId) -> usize {
    usize::from_str_radix(id.as_str(), 16).unwrap()
}

impl MachineLookup for Tenant {
    async fn machine(&self, id: &MachineId) -> Answer {
        self.gets.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(100)).await;
        if self.known.contains(&number(id)) { Ok(json(number(id))) } else { Err(LookupError::Unknown) }
    }

    async fn machines(&self, ids: &[MachineId]) -> Result<Vec<(String, Verbatim)>, LookupError> {
        self.filters.fetch_add(1, Ordering::Relaxed);
        assert!(!ids.is_empty() && ids.len() <= MACHINES_PER_CALL, "{}", ids.len());
        tokio::time::sleep(Duration::from_millis(150)).await;
        let listed = ids.iter().map(number).filter(|number| self.filtered.contains(number));
        Ok(listed.map(|number| (name(number).to_string(), json(number))).collect())
    }

    async fn fleet_page(&self, skip: usize) -> Result<FleetPage, LookupError> {
        self.pages.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(2)).await;
        if self.pages_fail {
            return Err(LookupError::Failed("down".to_owned()));
        }
        let rest = self.fleet.get(skip..).unwrap_or_default();
        let machines = rest.iter().take(self.page).map(|number| (name(*number).to_string(), json(*number)));
        Ok(FleetPage {
            machines: machines.collect(),
            read: rest.len().min(self.page),
            is_last: rest.len() <= self.page,
        })
    }
}

/// Asks for each machine after its delay, so many at once at most, and gives the answers in that order.
async fn storm(tenant: Arc<Tenant>, questions: Vec<(usize, Duration)>, at_once: usize) -> Vec<(usize, Answer)> {
    let metrics = Metrics::register(&Registry::new()).unwrap();
    let cache = MachineCache::start(tenant, Duration::from_secs(300), metrics);
    let permits = Arc::new(Semaphore::new(at_once));
    let ask = |(number, delay): (usize, Duration)| {
        let (cache, permits) = (cache.clone(), Arc::clone(&permits));
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            let _permit = permits.acquire_owned().await.unwrap();
            (number, cache.get(&name(number)).await)
        })
    };
    let mut answers = Vec::new();
    for task in questions.into_iter().map(ask).collect::<Vec<_>>() {
        answers.push(task.await.unwrap());
    }
    answers
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(future)
}

/// Delays that may all be none.
fn questions(machines: usize) -> impl Strategy<Value = Vec<(usize, Duration)>> {
    (0u64..4_000).prop_flat_map(move |spread| {
        let question = (0..machines, 0..=spread).prop_map(|(number, ms)| (number, Duration::from_millis(ms)));
        prop::collection::vec(question, 1..400)
    })
}

fn distinct(questions: &[(usize, Duration)]) -> usize {
    questions.iter().map(|(number, _)| number).collect::<BTreeSet<_>>().len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn whatever_lists_leave_out_each_question_has_the_answer_that_asking_alone_would_bring(
        questions in questions(600),
        known in prop::collection::btree_set(0usize..600, 0..600),
        (unfiltered, unpaged) in (0usize..8, 0usize..8),
        page in 1usize..300,
        pages_fail in any::<bool>(),
    ) {
        let listed = |every: usize| known.iter().copied().filter(move |number| every == 0 || number % every != 0);
        let (filtered, fleet) = (listed(unfiltered).collect(), listed(unpaged).collect());
        let tenant = Arc::new(Tenant { known: known.clone(), filtered, fleet, page, pages_fail, ..Tenant::default() });
        let answers = run(storm(Arc::clone(&tenant), questions.clone(), 1_000));
        prop_assert_eq!(answers.len(), questions.len());
        for (number, answer) in answers {
            let alone = if known.contains(&number) { Ok(json(number)) } else { Err(LookupError::Unknown) };
            prop_assert_eq!(answer, alone);
        }
        let ((gets, filters, pages), distinct) = (tenant.counts(), distinct(&questions));
        prop_assert!(gets <= distinct && filters <= distinct, "{gets} and {filters} for {distinct}");
        prop_assert!(pages == 0 || distinct > 3 * MACHINES_PER_CALL, "{pages} pages for {distinct}");
    }

    #[test]
    fn what_a_filter_brings_never_costs_more_than_one_call_a_machine_and_in_a_storm_not_much_more_than_full_filters(
        questions in questions(600),
        page in 1usize..700,
        unpaged in 0usize..8,
    ) {
        let mut tenant = Tenant::of(600, page);
        tenant.fleet.retain(|number| unpaged == 0 || number % unpaged != 0);
        let tenant = Arc::new(tenant);
        run(storm(Arc::clone(&tenant), questions.clone(), 1_000));
        let (calls, distinct) = (tenant.calls(), distinct(&questions));
        prop_assert!(calls <= distinct, "{calls} for {distinct}");
        let at_once = Arc::new(Tenant { gets: 0.into(), filters: 0.into(), pages: 0.into(), ..Tenant::of(600, page) });
        run(storm(Arc::clone(&at_once), questions.into_iter().map(|(n, _)| (n, Duration::ZERO)).collect(), 1_000));
        let most = distinct.div_ceil(MACHINES_PER_CALL) + 1;
        prop_assert!(at_once.calls() <= most, "{:?} for {distinct}", at_once.counts());
    }
}

#[test]
fn ten_thousand_machines_cost_a_handful_of_calls_where_the_fleet_is_one_page_and_where_it_is_five() {
    for (fleet, most) in [(10_000, 10), (50_000, 25)] {
        let tenant = Arc::new(Tenant::of(fleet, 10_000));
        // Spread over the fleet and over some seconds.
        let question = |n: usize| ((n * 7_919) % fleet, Duration::from_millis(n as u64 / 3));
        let answers = run(storm(Arc::clone(&tenant), (0..10_000).map(question).collect(), 1_000));
        assert!(answers.iter().all(|(number, answer)| *answer == Ok(json(*number))));
        println!("10,000 machines of {fleet}: {:?} calls (one, filter, page)", tenant.counts());
        assert!(tenant.calls() <= most, "{:?}", tenant.counts());
    }
}

#[test]
fn a_fleet_too_large_for_those_who_wait_costs_one_page_and_then_filters() {
    let tenant = Arc::new(Tenant::of(500_000, 10_000));
    let question = |n: usize| ((n * 7_919) % 500_000, Duration::ZERO);
    run(storm(Arc::clone(&tenant), (0..500).map(question).collect(), 1_000));
    assert_eq!(tenant.counts(), (0, 20, 1));
}
