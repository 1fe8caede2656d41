//! A topic with a cache: read once, added to, and never taken for another. The broker is librdkafka's in-process one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod support;

use std::path::{Path, PathBuf};

use cordon_records::Topic;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use support::World;

const ALL: [&str; 6] = ["--rules", "new", "--config", "cordon.yaml", "-o", "json"];

/// What standard error says of the cache.
fn cached(world: &World, cache: &Path) -> (String, String) {
    let cache = cache.display().to_string();
    let args: Vec<&str> = ALL.iter().copied().chain(["--cache", &cache]).collect();
    let (code, out, err) = world.says(&args);
    assert_eq!(code, 0, "{err}");
    (out, err)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_read_into_the_cache_once_and_what_has_come_since_is_added() {
    let world = World::open();
    world.enriched("High", 0..20).await;
    world.send(Topic::Enriched, "m1", None).await;
    world.send(Topic::Enriched, "m3", Some(b"{garbage".to_vec())).await;
    let cache = world.path("cache");
    let without = world.says(&ALL).1;
    for says in ["0 records known, 20 read", "20 records known, 0 read"] {
        let (out, err) = cached(&world, &cache);
        assert_eq!(out, without, "{err}");
        assert!(err.contains(says), "{err}");
    }
    for round in 1..20 {
        world.enriched("High", 20 + round..21 + round).await;
        world.enriched("Low", 50 + round..51 + round).await;
        let (out, err) = cached(&world, &cache);
        assert_eq!(out, world.says(&ALL).1, "{err}");
    }
    let batches = |cache: &Path| -> usize {
        let index = std::fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path().join("index")).next().unwrap();
        let text = std::fs::read_to_string(index).unwrap();
        let index: Value = serde_json::from_str(text.split_once('\n').unwrap().1).unwrap();
        index["batches"].as_array().unwrap().len()
    };
    assert!(batches(&cache) < 18, "many small batches are read again as one: {}", batches(&cache));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_made_anew_and_one_of_another_cluster_are_not_taken_for_what_is_in_the_cache() {
    let (one, two) = (World::open(), World::open());
    one.enriched("High", 0..20).await;
    two.enriched("Low", 0..30).await;
    two.enriched("High", 0..5).await;
    let cache = one.path("cache");
    let entries =
        || -> Vec<PathBuf> { std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).collect() };
    let cluster = |out: &str| -> String {
        let document: Value = serde_json::from_str(out).unwrap();
        document["manifest"]["inputs"][0]["cluster"].as_str().unwrap().to_owned()
    };
    let first = cluster(&cached(&one, &cache).0);
    let [of_one] = &entries()[..] else { panic!("{:?}", entries()) };
    let (out, _) = cached(&two, &cache);
    assert_eq!(out, two.says(&ALL).1);
    let [of_two] = &entries().into_iter().filter(|entry| entry != of_one).collect::<Vec<_>>()[..] else {
        panic!("{:?}", entries())
    };
    // As if the other topic had stood under this name, and had been deleted and made anew.
    for file in std::fs::read_dir(of_one).unwrap().map(|file| file.unwrap()) {
        std::fs::copy(file.path(), of_two.join(file.file_name())).unwrap();
    }
    let index = std::fs::read_to_string(of_two.join("index")).unwrap();
    let index = index.split_once('\n').unwrap().1.replace(&first, &cluster(&out));
    let sum = cordon_records::text::hex(Sha256::digest(&index).iter());
    std::fs::write(of_two.join("index"), format!("{sum}\n{index}")).unwrap();
    let (again, err) = cached(&two, &cache);
    assert!(again == out && err.contains("0 records known, 35 read"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cached_range_of_a_manifest_is_that_range_whatever_the_cache_holds_besides() {
    let world = World::open();
    world.enriched("High", 0..20).await;
    let (first, cache) = (world.says(&ALL).1, world.path("cache"));
    world.write("first.json", &first);
    world.enriched("High", 20..40).await;
    cached(&world, &cache);
    assert_eq!(world.document(&ALL).1["records"], 40);
    let cache = cache.display().to_string();
    let again: Vec<&str> = ALL.iter().copied().chain(["--manifest", "first.json", "--cache", &cache]).collect();
    assert_eq!(world.says(&again).1, first);
}
