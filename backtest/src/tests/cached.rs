//! With a cache, without one, and from one that is there already, the result is the same; and no cache is believed that is not
//! what was written.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::made::{Files, rule};
use super::same::odd;
use crate::corpus::Records;
use crate::progress::{Progress, Size};

/// Alerts of a company, with odd ones and lines that are none among them.
fn lines(seed: u64, alerts: u64) -> String {
    let from: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
    let made = Records::new(seed, alerts, from).map(|it| serde_json::to_string(&it).unwrap());
    let mut lines: Vec<String> = made.zip(0..).map(|(text, number)| odd(&text, number)).collect();
    lines.insert(lines.len() / 2, "garbage\n\n{\"id\":1}".to_owned());
    lines.join("\n") + "\n"
}

const CONDITIONS: [&str; 12] = [
    "alert.severity == \"High\" && alert.status != \"Resolved\"",
    "alert.category == \"Ransomware\" || alert.title.contains(\"Ransom\")",
    "machine.machineTags.exists(t, t == \"VIP\") && alert.evidence.exists(e, e.ipAddress != \"\")",
    "alert.evidence.exists(e, e.entityType == \"Process\" && e.processCommandLine.contains(\"7\"))",
    "size(alert.evidence) > 3 && has(machine.osBuild) && machine.osBuild > 20000",
    "size(users) > 0 && users[0].startsWith(\"user1\")",
    "now - alert.lastEventTime < duration(\"1h\") && alert.severity == \"Medium\"",
    "alert.incidentId % 7 == 3",
    "alert.mitreTechniques.exists(t, t.startsWith(\"T1486\")) && alert.category == \"Nothing\" && machine.isAadJoined",
    "alert.evidence.exists(e, has(e.sha1) && e.sha1.startsWith(\"00\")) || alert.detectorId.startsWith(\"0\")",
    "alert.firstEventTime > timestamp(\"2026-06-20T00:00:00Z\") && machine.exposureLevel in [\"Medium\", \"High\"]",
    "alert.title == \"x\" && alert.evidence[7].sha256 == \"\"",
];

/// Writes rules of these conditions; gives their folder.
fn rules(files: &Files, folder: &str, conditions: &[&str]) -> String {
    for (number, when) in conditions.iter().enumerate() {
        files.write(&format!("{folder}/{number}.yaml"), &rule(&format!("r{number}"), when));
    }
    files.path(folder).display().to_string()
}

fn list(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

struct Bench {
    files: Files,
    cache: String,
    flags: Vec<String>,
}

impl Bench {
    fn new(lines: &str) -> Self {
        let files = Files::new(&[]);
        std::fs::write(files.path("records.ndjson"), lines).unwrap();
        let (new, old) = (rules(&files, "new", &CONDITIONS), rules(&files, "old", &CONDITIONS[2..7]));
        let flags = ["--rules", &new, "--against", &old].map(str::to_owned).to_vec();
        let cache = files.path("cache").display().to_string();
        Self { files, cache, flags }
    }

    fn run(&self, more: &[&str]) -> String {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
        match self.files.backtest(&flags) {
            Ok(document) => serde_json::to_string_pretty(&document).unwrap(),
            Err(error) => error.to_string(),
        }
    }

    fn without(&self) -> String {
        self.run(&[])
    }

    fn with(&self) -> String {
        self.run(&["--cache", &self.cache])
    }

    /// The files of the cache, but for its lock.
    fn kept(&self) -> Vec<PathBuf> {
        let mut kept: Vec<PathBuf> = list(Path::new(&self.cache)).iter().flat_map(|entry| list(entry)).collect();
        kept.retain(|path| !path.ends_with("lock"));
        kept.sort();
        kept
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]
    #[test]
    fn a_result_is_the_same_without_a_cache_with_a_new_one_and_from_one_that_is_there(
        seed in any::<u64>(), windowed in any::<bool>(),
    ) {
        let mut bench = Bench::new(&lines(seed, 250));
        if windowed {
            bench.flags.extend(["--from", "2026-06-20", "--to", "2026-07-20T07:00Z"].map(str::to_owned));
        }
        let without = bench.without();
        prop_assert!(without.contains("\"unreadable\""), "{}", without);
        prop_assert_eq!(&bench.with(), &without, "a new cache");
        prop_assert_eq!(&bench.with(), &without, "a cache that is there");
    }
}

#[test]
fn a_cache_that_is_damaged_anywhere_is_made_anew() {
    let bench = Bench::new(&lines(7, 100));
    let without = bench.without();
    assert_eq!(bench.with(), without);
    let kept = bench.kept();
    assert!(kept.len() > 2, "{kept:?}");
    for path in kept.iter().filter(|path| path.exists()) {
        let whole = std::fs::read(path).unwrap();
        for fifth in 0..5 {
            let mut bytes = std::fs::read(path).unwrap_or_default();
            let at = bytes.len() * fifth / 5;
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 0x10;
            }
            // Where a rebuilt segment has another name, what is there already is damaged no more.
            if path.exists() {
                std::fs::write(path, &bytes).unwrap();
            }
            assert_eq!(bench.with(), without, "{} at {at}", path.display());
        }
        if path.exists() {
            std::fs::write(path, &whole[..whole.len() / 2]).unwrap();
            assert_eq!(bench.with(), without, "half of {}", path.display());
        }
    }
    for path in bench.kept().iter().filter(|path| path.exists()) {
        std::fs::remove_file(path).unwrap();
        assert_eq!(bench.with(), without, "without {}", path.display());
    }
}

#[test]
fn a_file_that_has_changed_is_read_again_also_where_its_time_and_size_are_the_same() {
    let bench = Bench::new(&lines(7, 150));
    let path = bench.files.path("records.ndjson");
    let first = bench.with();
    let text = std::fs::read_to_string(&path).unwrap();
    let time = std::fs::metadata(&path).unwrap().modified().unwrap();
    std::fs::write(&path, text.replace("\"severity\":\"High\"", "\"severity\":\"Wigh\"")).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    let changed = bench.without();
    assert_ne!(changed, first);
    assert_eq!(bench.with(), changed);
    std::fs::write(&path, text.clone() + &lines(8, 20)).unwrap();
    assert_eq!(bench.with(), bench.without());
    std::fs::write(&path, &text).unwrap();
    assert_eq!(bench.with(), first);
}

#[test]
fn a_file_that_was_only_touched_is_known_by_its_content() {
    let bench = Bench::new(&lines(7, 150));
    let first = bench.with();
    let before = bench.kept();
    let path = bench.files.path("records.ndjson");
    let text = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, &text).unwrap();
    assert_eq!(bench.with(), first);
    assert_eq!(bench.kept(), before, "segments were not written again");
}

#[test]
fn a_cache_of_another_version_or_of_another_file_is_made_anew() {
    let bench = Bench::new(&lines(7, 150));
    let without = bench.without();
    assert_eq!(bench.with(), without);
    let index = bench.kept().into_iter().find(|path| path.ends_with("index")).unwrap();
    let text = std::fs::read_to_string(&index).unwrap();
    let (_, json) = text.split_once('\n').unwrap();
    for (from, to) in [
        ("\"format\":", "\"format\":9"),
        ("\"alert.severity\"", "\"alert.severityy\""),
        ("\"reading\":\"", "\"reading\":\"0"),
        ("records.ndjson", "other.ndjson"),
    ] {
        let other = json.replacen(from, to, 1);
        assert_ne!(other, json);
        // Its sum is right, and its records are gone: were it believed, there were none.
        let other = serde_json::from_str::<serde_json::Value>(&other).map(|mut it| {
            it["batches"][0]["segments"] = serde_json::json!([]);
            it.to_string()
        });
        let other = other.unwrap();
        std::fs::write(&index, format!("{}\n{other}", crate::cache::sum(other.as_bytes()))).unwrap();
        assert_eq!(bench.with(), without, "{to}");
    }
}

#[test]
fn a_cache_is_for_its_owner_alone() {
    let bench = Bench::new(&lines(7, 150));
    bench.with();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for path in bench.kept() {
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700), "{}", path.display());
    }
}

#[test]
fn where_there_can_be_no_cache_the_result_is_the_same() {
    let mut bench = Bench::new(&lines(7, 150));
    let without = bench.without();
    bench.cache = bench.files.write("a file", "no folder");
    assert_eq!(bench.with(), without);
}

/// Who waits, and counts what is read for them.
#[derive(Debug, Default)]
struct Counting {
    readings: AtomicU32,
    notes: Mutex<Vec<String>>,
}

impl Progress for Counting {
    fn begin(&self, _: Size) {
        self.readings.fetch_add(1, Ordering::Relaxed);
    }
    fn advance(&self, _: u64, _: u64) {}
    fn end(&self) {}
    fn note(&self, text: &str) {
        self.notes.lock().unwrap().push(text.to_owned());
    }
}

impl Bench {
    /// The result an hour after the file's time, how often the file was read for it, and what was said of the cache.
    fn an_hour_later(&self) -> (String, u32, String) {
        let time = std::fs::metadata(self.files.path("records.ndjson")).unwrap().modified().unwrap();
        let now = Timestamp::try_from(time).unwrap() + SignedDuration::from_hours(1);
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).chain(["--cache", &self.cache]).collect();
        let counting = Counting::default();
        let document = self.files.backtest_at(now, &flags, &counting).unwrap();
        let notes = counting.notes.into_inner().unwrap().join("\n");
        (serde_json::to_string_pretty(&document).unwrap(), counting.readings.into_inner(), notes)
    }
}

/// Gives a file the time that it had.
fn dated(path: &Path, time: SystemTime) {
    std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn a_file_that_is_as_it_was_is_not_read_and_one_that_the_file_system_knows_as_another_is() {
    let bench = Bench::new(&lines(7, 150));
    let path = bench.files.path("records.ndjson");
    let (first, readings, _) = bench.an_hour_later();
    assert_eq!(readings, 1);
    let (again, readings, told) = bench.an_hour_later();
    assert!(again == first && readings == 0 && told.contains("1 files known, 0 read"), "{readings} {told}");
    let (text, time) = (std::fs::read_to_string(&path).unwrap(), std::fs::metadata(&path).unwrap().modified().unwrap());
    // Another file of the same content, time and size; then the same file, of which something else was changed.
    std::fs::write(bench.files.path("other"), &text).unwrap();
    dated(&bench.files.path("other"), time);
    std::fs::rename(bench.files.path("other"), &path).unwrap();
    let (again, readings, told) = bench.an_hour_later();
    assert!(again == first && readings == 1 && told.contains("1 files known, 0 read"), "{readings} {told}");
    assert_eq!(bench.an_hour_later().1, 0, "what it is now is noted");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!((bench.an_hour_later().1, bench.an_hour_later().1), (1, 0));
    // Other content in the same file, and then another file, of the same time and size.
    let changed = text.replace("\"severity\":\"High\"", "\"severity\":\"Wigh\"");
    std::fs::write(&path, &changed).unwrap();
    dated(&path, time);
    let (again, _, told) = bench.an_hour_later();
    assert!(again == bench.without() && again != first && told.contains("0 files known, 1 read"), "{told}");
    std::fs::write(bench.files.path("other"), &text).unwrap();
    dated(&bench.files.path("other"), time);
    std::fs::rename(bench.files.path("other"), &path).unwrap();
    assert_eq!(bench.an_hour_later().0, first);
}

/// Makes a lock as old as one that nobody has used for years.
fn aged(folder: &Path) {
    let time: SystemTime = Timestamp::from_second(0).unwrap().into();
    dated(&folder.join("lock"), time);
}

/// Writes files into a folder, whose lock is then old.
fn abandoned(folder: &Path, files: &[(&str, &[u8])]) {
    for (name, bytes) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    aged(folder);
}

#[test]
fn what_nobody_uses_is_deleted_and_nothing_that_is_not_the_caches() {
    let bench = Bench::new(&lines(7, 150));
    bench.with();
    let root = Path::new(&bench.cache);
    let ours = list(root).remove(0);
    let index = std::fs::read(ours.join("index")).unwrap();
    let named = |letter: &str| root.join(letter.repeat(32));
    let segment = ("00000001-00000", &b"x"[..]);
    // Somebody else's, under another name and under one like ours; ours with something of somebody else's in it.
    abandoned(&root.join("dpkg"), &[("lock", b"used"), segment]);
    abandoned(&named("a"), &[("lock", b""), segment]);
    abandoned(&named("b"), &[("lock", b"used"), segment, ("status", b"x")]);
    abandoned(&named("c"), &[("lock", b"used"), segment, ("index", &index)]);
    abandoned(&named("d"), &[("lock", b"used"), ("00000001-00000/status", b"x")]);
    let elsewhere = bench.files.path("elsewhere");
    abandoned(&elsewhere, &[("lock", b"used"), segment]);
    std::os::unix::fs::symlink(&elsewhere, named("e")).unwrap();
    std::fs::create_dir(named("f")).unwrap();
    std::os::unix::fs::symlink(elsewhere.join("lock"), named("f").join("lock")).unwrap();
    // Killed before its first index; and in use, though for long.
    abandoned(&named("0"), &[("lock", b"used"), segment, ("index.part", b"x")]);
    abandoned(&named("1"), &[("lock", b"used"), segment]);
    let held = std::fs::File::open(named("1").join("lock")).unwrap();
    held.lock().unwrap();
    aged(&ours);
    let all = || list(root).iter().chain([&elsewhere]).flat_map(|folder| list(folder)).collect::<BTreeSet<_>>();
    let before = all();
    let mut other = Bench::new(&lines(8, 20));
    other.cache = bench.cache.clone();
    assert_eq!(other.with(), other.without());
    let after = all();
    let gone = |path: &&PathBuf| path.starts_with(&ours) || path.starts_with(named("0"));
    assert_eq!(before.difference(&after).collect::<Vec<_>>(), before.iter().filter(gone).collect::<Vec<_>>());
    assert!(!ours.exists() && !named("0").exists());
    assert_eq!(std::fs::read(named("a").join("lock")).unwrap(), b"", "nothing is written into it either");
}

#[test]
fn what_an_earlier_run_left_unfinished_is_deleted_when_the_cache_is_opened_and_where_it_cannot_be_written() {
    let bench = Bench::new(&lines(7, 150));
    let first = bench.with();
    let (kept, ours) = (bench.kept(), list(Path::new(&bench.cache)).remove(0));
    for name in ["00000007-00000", "index.part"] {
        std::fs::write(ours.join(name), "alerts").unwrap();
    }
    std::fs::write(ours.join("notes"), "somebody's").unwrap();
    assert_eq!(bench.with(), first);
    assert!(ours.join("notes").exists());
    std::fs::remove_file(ours.join("notes")).unwrap();
    assert_eq!(bench.kept(), kept, "although nothing was written this time");
    // The second segment of what is read next cannot be made.
    let path = bench.files.path("records.ndjson");
    std::fs::write(&path, lines(8, 150)).unwrap();
    std::fs::create_dir(ours.join("00000002-00001")).unwrap();
    assert_eq!(bench.with(), bench.without());
    std::fs::remove_dir(ours.join("00000002-00001")).unwrap();
    assert_eq!(bench.kept(), kept, "what was written of it is deleted, and what stood before stands");
}
