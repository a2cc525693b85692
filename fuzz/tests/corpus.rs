//! Every input of the corpus, those too that a fuzzer once found something with, in the ordinary build.

use std::fs;
use std::path::{Path, PathBuf};

use cloakroom_fuzz::TARGETS;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    files.sort();
    files
}

#[test]
fn the_corpus_is_as_it_should_be() {
    for (name, target) in TARGETS {
        let inputs = files(&corpus().join(name));
        assert!(!inputs.is_empty(), "{name} has no corpus");
        for input in inputs {
            println!("{}", input.display());
            target(&fs::read(&input).expect("it can be read"));
        }
    }
}

#[test]
fn every_corpus_has_its_target() {
    for directory in files(&corpus()) {
        let name = directory.file_name().and_then(|name| name.to_str()).expect("text");
        assert!(cloakroom_fuzz::target(name).is_some(), "{name} is no target; there are: {}", cloakroom_fuzz::names());
    }
}
