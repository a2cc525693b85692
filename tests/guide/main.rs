//! What the guide says beyond its examples, which are tests themselves.

mod costs;
#[allow(unreachable_pub, reason = "the guide shows it as a store that others can use")]
mod store;

use std::fs;
use std::path::{Path, PathBuf};

use cloakroom::conformance::store_laws;
use store::MapStore;

// The store that the guide shows keeps every law.
store_laws!(map, || async { Ok::<_, cloakroom::Error>(MapStore::default()) });

#[test]
fn the_guide_shows_this_very_store() {
    assert!(include_str!("../../docs/guide/stores.md").contains(include_str!("store.rs")));
}

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_dir(root.join("docs/guide")).expect("the guide").map(|entry| entry.expect("a page").path());
    guide.chain([root.join("README.md")]).collect()
}

#[test]
fn every_page_is_in_the_documentation() {
    let module = include_str!("../../src/guide.rs");
    for page in pages().into_iter().filter(|page| page.parent().is_some_and(|folder| folder.ends_with("guide"))) {
        let name = page.file_name().and_then(|name| name.to_str()).expect("a name");
        assert!(module.contains(&format!("docs/guide/{name}")), "{name}");
    }
}

/// Links to files: `](file)`, and definitions, `[name]: file`.
#[test]
fn links_between_files_lead_somewhere() {
    for page in pages() {
        let text = fs::read_to_string(&page).expect("text");
        let inline = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let defined = text.lines().filter(|line| line.starts_with('[')).filter_map(|line| line.split_once("]: "));
        for link in inline.chain(defined.map(|(_, file)| file)) {
            let file = page.parent().expect("a folder").join(link);
            assert!(link.contains("://") || file.exists(), "{} links to {link}", page.display());
        }
    }
}
