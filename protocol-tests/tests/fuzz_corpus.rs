//! The fuzz bodies in an ordinary test run: the committed corpus, and seeded random inputs made from it.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]
#![allow(clippy::indexing_slicing, reason = "test code")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use uplinkd::fuzzing::TARGETS;
use uplinkd::random::Random;

/// Random inputs for each target, unless `UPLINKD_FUZZ_ROUNDS` says otherwise.
const ROUNDS: u64 = 3000;

#[test]
fn the_corpus_breaks_no_promise() {
    for (name, body) in TARGETS {
        let seeds = corpus(name);
        assert!(!seeds.is_empty(), "fuzz/corpus/{name} is empty");
        for (path, bytes) in seeds {
            // The harness shows the panic itself; the file that caused it would be missing.
            assert!(
                catch_unwind(|| body(&bytes)).is_ok(),
                "fuzz/corpus: {}",
                path.display()
            );
        }
    }
}

#[test]
fn random_inputs_break_no_promise() {
    let rounds = std::env::var("UPLINKD_FUZZ_ROUNDS")
        .ok()
        .map(|text| text.parse().unwrap());
    for (name, body) in TARGETS {
        let seeds: Vec<Vec<u8>> = corpus(name).into_iter().map(|(_, bytes)| bytes).collect();
        for round in 0..rounds.unwrap_or(ROUNDS) {
            let bytes = mutate(&seeds, round);
            assert!(
                catch_unwind(|| body(&bytes)).is_ok(),
                "{name}, round {round}; to keep it, put these octets into fuzz/corpus/{name}/: {}",
                bytes
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect::<String>()
            );
        }
    }
}

#[test]
fn every_body_has_a_target_and_the_other_way_round() {
    let bodies: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let names = fs::read_dir(fuzz().join("fuzz_targets"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files: BTreeSet<String> = names
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(bodies, files);
    for (name, _) in TARGETS {
        let text = fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(
            text.contains(&format!("uplinkd::fuzzing::{name}(data)")),
            "{name}: {text}"
        );
        let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
        assert!(
            manifest.contains(&format!("name = \"{name}\"\n")),
            "{name} is not in fuzz/Cargo.toml"
        );
    }
}

/// A seed or two, cut, joined, and with some octets changed; now and then nothing but noise.
fn mutate(seeds: &[Vec<u8>], round: u64) -> Vec<u8> {
    let mut random = Random::new(round);
    let pick = |random: &mut Random| {
        let index = usize::try_from(random.below(seeds.len() as u64)).unwrap();
        seeds[index].clone()
    };
    let mut bytes = pick(&mut random);
    match random.below(4) {
        0 => {
            let length = usize::try_from(random.below(200)).unwrap();
            bytes = vec![0; length];
            random.fill(&mut bytes);
        }
        1 => bytes.extend(pick(&mut random)),
        2 => {
            let end = usize::try_from(random.below(bytes.len() as u64 + 1)).unwrap();
            bytes.truncate(end);
        }
        _ => {}
    }
    for _ in 0..random.below(6) {
        if bytes.is_empty() {
            break;
        }
        let at = usize::try_from(random.below(bytes.len() as u64)).unwrap();
        match random.below(3) {
            0 => bytes[at] = random.u64().to_le_bytes()[0],
            1 => bytes[at] ^= 1 << random.below(8),
            _ => drop(bytes.remove(at)),
        }
    }
    bytes
}

fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = fuzz().join("corpus").join(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .into_iter()
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("fuzz")
}
