//! No dependency of the library declares a newer Rust than the library does. (That our own code does not need a newer
//! one is for clippy's `incompatible_msrv`.) A feature may declare a newer one for the dependencies that it brings, in
//! `[package.metadata.msrv]`, as in `frame-2 = "1.95"`.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde_json::Value;

use super::Done;
use crate::command::{Failure, Result};
use crate::workspace::{elements, library, metadata};

pub(super) fn run() -> Result<Done> {
    let metadata = metadata(&["--all-features"])?;
    let offenders = offenders(&metadata)?;
    for offender in &offenders {
        println!("    {offender}");
    }
    match offenders.first() {
        None => Ok(Done::Fully),
        Some(first) => Err(Failure::new(first.as_str())),
    }
}

/// The normal and build dependencies, direct and not, that need a newer Rust than the library declares. On every
/// platform, and with what other packages of the workspace switch on in them: rather one too many than one too few.
fn offenders(metadata: &Value) -> Result<Vec<String>> {
    let library = library(metadata)?;
    let ours =
        library["rust_version"].as_str().ok_or_else(|| Failure::new("the library declares no `rust-version`"))?;
    let packages: HashMap<&str, &Value> = by_id(elements(metadata, "packages"));
    let nodes: HashMap<&str, &Value> = by_id(elements(&metadata["resolve"], "nodes"));
    let root = library["id"].as_str().unwrap_or_default();

    // For each package by what it is needed first. What is needed by features of a newer Rust comes last, so that what all
    // need has been held against the declared one.
    let mut needed_by = BTreeMap::from([(root, None)]);
    let mut queue = VecDeque::from([(root, ours)]);
    let mut later = BTreeMap::<[u32; 3], Vec<(&str, &str)>>::new();
    let mut offenders = Vec::new();
    while let Some((id, ours)) = queue.pop_front().or_else(|| {
        let (_, next) = later.pop_first()?;
        queue.extend(next.into_iter().filter(|(id, _)| needed_by.insert(id, Some(root)).is_none()));
        queue.pop_front()
    }) {
        let Some((package, node)) = packages.get(id).zip(nodes.get(id)) else {
            return Err(Failure::new(format!("`cargo metadata` tells nothing of {id}")));
        };
        if let Some(theirs) = package["rust_version"].as_str().filter(|theirs| version(theirs) > version(ours)) {
            let way: Vec<_> = std::iter::successors(Some(id), |id| needed_by.get(id).copied().flatten())
                .filter_map(|id| packages[id]["name"].as_str())
                .collect();
            offenders.push(format!(
                "{} {} needs Rust {theirs}, newer than the declared {ours} ({})",
                package["name"].as_str().unwrap_or_default(),
                package["version"].as_str().unwrap_or_default(),
                way.join(" <- "),
            ));
        }
        for dependency in elements(node, "deps").filter(|dependency| is_built(dependency)) {
            let Some(to) = dependency["pkg"].as_str() else { continue };
            if id == root
                && let Some(newer) = newer_rust(library, dependency["name"].as_str().unwrap_or_default())
            {
                later.entry(version(newer)).or_default().push((to, newer));
                continue;
            }
            needed_by.entry(to).or_insert_with(|| {
                queue.push_back((to, ours));
                Some(id)
            });
        }
    }
    Ok(offenders)
}

/// The newer Rust that a dependency of the library may need: if every feature that brings it declares one, the oldest.
fn newer_rust<'a>(library: &'a Value, dependency: &str) -> Option<&'a str> {
    let brings = |entry: &Value| {
        let name = entry.as_str().and_then(|entry| entry.strip_prefix("dep:"));
        name.is_some_and(|name| name.replace('-', "_") == dependency)
    };
    let features = library["features"].as_object()?.iter();
    let bringing = features.filter(|(_, entries)| entries.as_array().into_iter().flatten().any(brings));
    let declared = bringing.map(|(feature, _)| library["metadata"]["msrv"][feature].as_str());
    declared.collect::<Option<Vec<_>>>()?.into_iter().min_by_key(|rust| version(rust))
}

fn by_id<'a>(values: impl Iterator<Item = &'a Value>) -> HashMap<&'a str, &'a Value> {
    values.filter_map(|value| Some((value["id"].as_str()?, value))).collect()
}

/// Whether a user of the library builds this dependency; what only its tests need is none of theirs.
fn is_built(dependency: &Value) -> bool {
    elements(dependency, "dep_kinds").any(|kind| kind["kind"] != "dev")
}

/// A `rust-version` in an order: one to three numbers.
fn version(text: &str) -> [u32; 3] {
    let mut numbers = text.split('.').map(|number| number.parse().unwrap_or(0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(version("1.100") > version("1.89.1"));
        assert!(version("1.89") == version("1.89.0"));
        assert!(version("2") > version("1.89"));
    }

    #[test]
    fn the_way_to_an_offender_is_told_and_what_only_tests_need_is_left_out() {
        let package = |id: &str, rust: Option<&str>, source: Option<&str>| {
            let name = if id == "root" { "cloakroom" } else { id };
            json!({"id": id, "name": name, "version": "1.2.3", "rust_version": rust, "source": source})
        };
        let dependency = |id: &str, kind: Option<&str>| json!({"pkg": id, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [
                package("root", Some("1.89"), None),
                package("old", Some("1.60"), Some("registry")),
                package("none", None, Some("registry")),
                package("new", Some("1.90"), Some("registry")),
                package("newer", Some("1.100"), Some("registry")),
            ],
            "resolve": {"nodes": [
                {"id": "root", "deps": [dependency("old", None), dependency("newer", Some("dev"))]},
                {"id": "old", "deps": [dependency("none", Some("build")), dependency("old", None)]},
                {"id": "none", "deps": [dependency("new", None)]},
                {"id": "new", "deps": []},
                {"id": "newer", "deps": []},
            ]},
        });
        let expected = "new 1.2.3 needs Rust 1.90, newer than the declared 1.89 (new <- none <- old <- cloakroom)";
        assert_eq!(offenders(&metadata).expect("it is well formed"), [expected]);
    }

    #[test]
    fn a_feature_may_need_a_newer_rust_for_what_it_alone_brings() {
        let package = |id: &str, rust: &str| json!({"id": id, "name": id, "version": "1.0.0", "rust_version": rust});
        let dependency = |id: &str| json!({"pkg": id, "name": id, "dep_kinds": [{"kind": null}]});
        let mut metadata = json!({
            "packages": [
                {
                    "id": "root", "name": "cloakroom", "version": "1.0.0", "rust_version": "1.89", "source": null,
                    "features": {"frame-2": ["dep:frame-core"], "other-1": ["dep:shared"], "frame": ["frame-2"]},
                    "metadata": {"msrv": {"frame-2": "1.95"}},
                },
                package("frame_core", "1.95"), package("deep", "1.94"), package("shared", "1.90"),
            ],
            "resolve": {"nodes": [
                {"id": "root", "deps": [dependency("frame_core"), dependency("shared")]},
                {"id": "frame_core", "deps": [dependency("deep"), dependency("shared")]},
                {"id": "deep", "deps": []}, {"id": "shared", "deps": []},
            ]},
        });
        let told = |metadata: &Value| offenders(metadata).expect("it is well formed").join("; ");
        assert_eq!(told(&metadata), "shared 1.0.0 needs Rust 1.90, newer than the declared 1.89 (shared <- cloakroom)");
        metadata["packages"][3]["rust_version"] = json!("1.89");
        assert_eq!(told(&metadata), "");
        metadata["packages"][2]["rust_version"] = json!("1.96");
        assert_eq!(
            told(&metadata),
            "deep 1.0.0 needs Rust 1.96, newer than the declared 1.95 (deep <- frame_core <- cloakroom)"
        );
        metadata["packages"][0]["metadata"] = json!(null);
        assert!(told(&metadata).contains("frame_core 1.0.0 needs Rust 1.95, newer than the declared 1.89"));
    }
}
