//! The page says which function of the engine each one of the model stands for: they exist.

use std::fs;
use std::path::Path;

/// The names in backticks of a cell of a table.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn defines(source: &str, function: &str) -> bool {
    let name = function.rsplit("::").next().unwrap_or(function);
    ["(", "<"].iter().any(|after| source.contains(&format!("fn {name}{after}")))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_functions_on_the_page_exist() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let engine_of_the_model: String =
        ["process", "engine/mod", "engine/open", "engine/renew", "engine/slots", "engine/end"]
            .iter()
            .map(|file| read(&package.join(format!("src/{file}.rs"))))
            .collect();
    let mut rows = 0;
    for line in read(&package.join("README.md")).lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, model, engine, file, _] = cells[..] else { panic!("a row of three cells: {line}") };
        let file = names(file).next().expect("a file in the third column");
        let source = read(&package.parent().expect("the workspace").join(file));
        for function in names(engine) {
            assert!(defines(&source, function), "{file} has no function `{function}` any more");
        }
        for function in names(model) {
            assert!(defines(&engine_of_the_model, function), "the model has no function `{function}` any more");
        }
        rows += 1;
    }
    assert!(rows >= 15, "the table has {rows} rows only");
}
