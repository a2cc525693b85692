//! What cargo knows of this workspace.

use std::path::Path;

use serde_json::Value;

use crate::command::{Failure, Result, cargo, read};

/// The package that users depend on.
pub(crate) const LIBRARY: &str = "cloakroom";

/// Where the workspace is.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// What `cargo metadata` answers, in the only format that it has.
pub(crate) fn metadata(options: &[&str]) -> Result<Value> {
    let answer = read(cargo(&["metadata", "--format-version", "1"]).args(options))?;
    serde_json::from_slice(&answer).map_err(|error| Failure::new(format!("`cargo metadata` answered no JSON: {error}")))
}

/// The elements of a list in what cargo answers; none where there is no such list.
pub(crate) fn elements<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value[field].as_array().into_iter().flatten()
}

/// The library among the packages that cargo answers. It is the workspace's own: it comes from no registry.
pub(crate) fn library(metadata: &Value) -> Result<&Value> {
    elements(metadata, "packages")
        .find(|package| package["name"] == LIBRARY && package["source"].is_null())
        .ok_or_else(|| Failure::new(format!("the workspace has no package `{LIBRARY}`")))
}
