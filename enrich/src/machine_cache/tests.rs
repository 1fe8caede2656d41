use std::collections::BTreeSet;
use std::sync::Mutex;

use cordon_defender::MACHINES_PER_CALL;
use prometheus::Registry;

use super::*;

mod memory;
mod storms;

/// An API that knows some machines and writes down how it is asked.
#[derive(Default)]
struct Api {
    known: BTreeSet<&'static str>,
    list: Option<LookupError>,
    page: Option<Result<FleetPage, LookupError>>,
    ignores_filter: bool,
    panics: bool,
    asked: Mutex<Vec<String>>,
}

fn machine(id: &str) -> Verbatim {
    Verbatim::parse(&format!(r#"{{"id":"{id}"}}"#)).unwrap()
}

fn id(id: &str) -> MachineId {
    MachineId::new(id).unwrap()
}

impl MachineLookup for Api {
    async fn machine(&self, id: &MachineId) -> Answer {
        self.asked.lock().unwrap().push(id.to_string());
        assert!(!self.panics, "asked to panic");
        tokio::time::sleep(Duration::from_millis(100)).await;
        if self.known.contains(id.as_str()) { Ok(machine(id.as_str())) } else { Err(LookupError::Unknown) }
    }

    async fn machines(&self, ids: &[MachineId]) -> Result<Vec<(String, Verbatim)>, LookupError> {
        self.asked.lock().unwrap().push(format!("list of {}", ids.len()));
        tokio::time::sleep(Duration::from_millis(100)).await;
        if let Some(failure) = &self.list {
            return Err(failure.clone());
        }
        let wanted = |known: &&&str| self.ignores_filter || ids.iter().any(|id| id.as_str() == **known);
        let upper = self.known.iter().filter(wanted).map(|known| known.to_ascii_uppercase());
        Ok(upper.map(|known| (known.clone(), machine(&known))).collect())
    }

    async fn fleet_page(&self, skip: usize) -> Result<FleetPage, LookupError> {
        self.asked.lock().unwrap().push(format!("page from {skip}"));
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.page.clone().unwrap_or_else(|| Err(LookupError::Rejected("no pages".into())))
    }
}

fn start(api: Api) -> (MachineCache, Arc<Api>) {
    let api = Arc::new(api);
    let metrics = Metrics::register(&Registry::new()).unwrap();
    (MachineCache::start(Arc::clone(&api), Duration::from_secs(300), metrics), api)
}

fn asked(api: &Api) -> Vec<String> {
    std::mem::take(&mut *api.asked.lock().unwrap())
}

async fn all(cache: &MachineCache, ids: &[&str]) -> Vec<Answer> {
    let mut tasks = Vec::new();
    for name in ids {
        let (cache, id) = (cache.clone(), id(name));
        tasks.push(tokio::spawn(async move { cache.get(&id).await }));
    }
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

#[tokio::test(start_paused = true)]
async fn alerts_of_one_machine_share_one_call_and_later_ones_none() {
    let (cache, api) = start(Api { known: ["a"].into(), ..Api::default() });
    assert_eq!(all(&cache, &["a"; 50]).await, vec![Ok(machine("a")); 50]);
    assert_eq!(all(&cache, &["a"]).await, [Ok(machine("a"))]);
    assert_eq!(asked(&api), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_remembered_machine_is_asked_for_again_after_its_time() {
    let (cache, api) = start(Api { known: ["a"].into(), ..Api::default() });
    all(&cache, &["a"]).await.remove(0).unwrap();
    tokio::time::advance(Duration::from_secs(299)).await;
    all(&cache, &["a"]).await.remove(0).unwrap();
    assert_eq!(asked(&api), ["a"]);
    tokio::time::advance(Duration::from_secs(2)).await;
    all(&cache, &["a"]).await.remove(0).unwrap();
    assert_eq!(asked(&api), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn machines_asked_for_together_are_one_list_call_and_the_case_of_ids_does_not_matter() {
    let (cache, api) = start(Api { known: ["a", "b"].into(), ..Api::default() });
    assert_eq!(all(&cache, &["a", "b"]).await, [Ok(machine("A")), Ok(machine("B"))]);
    assert_eq!(asked(&api), ["list of 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_batch_leaves_at_once_and_the_rest_in_the_next() {
    let (cache, api) = start(Api { ignores_filter: true, ..Api::default() });
    let names: Vec<String> = (0..=MACHINES_PER_CALL).map(|n| format!("m{n}")).collect();
    all(&cache, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let asked = asked(&api);
    assert_eq!(asked.iter().filter(|call| call.starts_with("list")).count(), 1, "{asked:?}");
    assert_eq!(asked.iter().filter(|call| call.starts_with('m')).count(), MACHINES_PER_CALL + 1, "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_list_leaves_out_is_asked_for_alone() {
    for list in [None, Some(LookupError::Unknown), Some(LookupError::Rejected("no filter".into()))] {
        let ignores_filter = list.is_none();
        let (cache, api) = start(Api { known: ["a", "z"].into(), list, ignores_filter, ..Api::default() });
        let answers = all(&cache, &["a", "b"]).await;
        assert!(answers[0].is_ok(), "{answers:?}");
        assert_eq!(answers[1], Err(LookupError::Unknown));
        let asked = asked(&api);
        assert!(asked.contains(&"list of 2".to_owned()) && asked.contains(&"b".to_owned()), "{asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_list_fails_everybody_once_and_is_not_remembered() {
    let failure = LookupError::Failed("down".into());
    let (cache, api) = start(Api { list: Some(failure.clone()), ..Api::default() });
    assert_eq!(all(&cache, &["a", "b"]).await, [Err(failure.clone()), Err(failure.clone())]);
    assert_eq!(all(&cache, &["a", "b"]).await, [Err(failure.clone()), Err(failure)]);
    assert_eq!(asked(&api), ["list of 2", "list of 2"]);
}

#[tokio::test(start_paused = true)]
async fn that_a_machine_is_unknown_is_remembered_for_half_a_minute() {
    let (cache, api) = start(Api::default());
    assert_eq!(all(&cache, &["a"; 3]).await, vec![Err(LookupError::Unknown); 3]);
    assert_eq!(all(&cache, &["a"]).await, [Err(LookupError::Unknown)]);
    assert_eq!(asked(&api), ["a"]);
    tokio::time::advance(UNKNOWN_TTL).await;
    assert_eq!(all(&cache, &["a"]).await, [Err(LookupError::Unknown)]);
    assert_eq!(asked(&api), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_given_up_still_fills_the_cache() {
    let (cache, api) = start(Api { known: ["a"].into(), ..Api::default() });
    assert!(tokio::time::timeout(Duration::from_millis(50), cache.get(&id("a"))).await.is_err());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(cache.get(&id("a")).await, Ok(machine("a")));
    assert_eq!(asked(&api), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_lookup_fails_its_questions_and_leaves_none_waiting() {
    let (cache, _api) = start(Api { panics: true, ..Api::default() });
    for _ in 0..2 {
        assert!(matches!(all(&cache, &["a"]).await.remove(0), Err(LookupError::Failed(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn questions_that_come_while_a_call_is_out_share_the_next() {
    let (cache, api) = start(Api { known: ["a", "b", "c"].into(), ..Api::default() });
    let start = Instant::now();
    let first = {
        let cache = cache.clone();
        tokio::spawn(async move { cache.get(&id("a")).await })
    };
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(all(&cache, &["b", "c"]).await.iter().all(Result::is_ok));
    assert!(first.await.unwrap().is_ok());
    assert_eq!(asked(&api), ["a", "list of 2"]);
    assert_eq!(start.elapsed(), Duration::from_millis(200), "they wait for the first, 100 ms");
}

/// So many that their filters are worth a page.
fn many() -> Vec<String> {
    (0..100).map(|n| format!("m{n}")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_page_that_fails_costs_nobody_an_answer_and_no_other_is_tried_for_a_while() {
    let (cache, api) = start(Api { ignores_filter: true, ..Api::default() });
    let names = many();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    assert!(all(&cache, &names).await.iter().all(|answer| *answer == Err(LookupError::Unknown)));
    tokio::time::advance(UNKNOWN_TTL).await;
    assert!(all(&cache, &names).await.iter().all(|answer| *answer == Err(LookupError::Unknown)));
    let asked = asked(&api);
    let count = |what: &str| asked.iter().filter(|call| call.starts_with(what)).count();
    assert_eq!((count("page"), count("list"), count("m")), (1, 8, 200), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_may_not_be_had_now_tells_those_who_wait_for_it() {
    for failure in [LookupError::Busy { after: Duration::from_secs(7) }, LookupError::Refused("no".into())] {
        let (cache, api) = start(Api { page: Some(Err(failure.clone())), ..Api::default() });
        let names = many();
        let answers = all(&cache, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
        assert!(answers.iter().all(|answer| *answer == Err(failure.clone())), "{answers:?}");
        assert_eq!(asked(&api), ["page from 0"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_came_with_a_page_is_remembered_and_one_that_did_not_is_asked_for() {
    let names = many();
    let listed = names.iter().map(|name| (name.to_ascii_uppercase(), machine(name)));
    let others = (0..50).map(|n| (format!("other{n}"), machine("other")));
    let page = FleetPage { machines: listed.chain(others).collect(), read: 150, is_last: true };
    let (cache, api) = start(Api { known: ["new"].into(), page: Some(Ok(page)), ..Api::default() });
    assert!(all(&cache, &names.iter().map(String::as_str).collect::<Vec<_>>()).await.iter().all(Result::is_ok));
    assert_eq!(all(&cache, &["other7", "OTHER8"]).await, [Ok(machine("other")), Ok(machine("other"))]);
    assert_eq!(asked(&api), ["page from 0"]);
    assert_eq!(all(&cache, &["new"]).await, [Ok(machine("new"))]);
    assert_eq!(asked(&api), ["new"]);
}
