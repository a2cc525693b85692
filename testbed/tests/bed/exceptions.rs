//! What a framework cannot do, and why.

use std::fs::OpenOptions;
use std::io::Write;

use super::Bed;

/// A scenario that does not hold under a framework. The testbed answers 501 there, never silence.
struct Exception {
    framework: &'static str,
    /// The module of the scenario, and its name; without a name all of the module.
    scenario: (&'static str, Option<&'static str>),
    /// A request of the scenario, which answers 501.
    refused: (&'static str, &'static str),
    /// A sentence for the table of what holds.
    reason: &'static str,
}

const EXCEPTIONS: &[Exception] = &[];

/// Runs a scenario, or sees that what its framework cannot do is refused.
pub(crate) fn hold(bed: &Bed, module: &str, name: &str, scenario: fn(&Bed)) {
    let exception = EXCEPTIONS.iter().find(|exception| {
        let (its_module, its_name) = exception.scenario;
        exception.framework == bed.framework && its_module == module && its_name.is_none_or(|its| its == name)
    });
    match exception {
        Some(Exception { refused: (method, path), reason, .. }) => {
            let answer = bed.visitor().raw(method, path, b"");
            assert_eq!(
                (answer.status, &*answer.error()),
                (501, "unsupported"),
                "{path} is said to be refused: {reason}"
            );
        }
        None => scenario(bed),
    }
    note(bed, module, name, exception.map_or("", |exception| exception.reason));
}

/// Writes down what held, for the table in the documentation: where `SCENARIO_RESULTS` says.
fn note(bed: &Bed, module: &str, name: &str, reason: &str) {
    let Some(path) = std::env::var_os("SCENARIO_RESULTS") else { return };
    let line = format!("{}\t{}\t{module}\t{name}\t{reason}\n", bed.framework, bed.kind_of_store());
    let mut file = OpenOptions::new().create(true).append(true).open(path).expect("the results can be opened");
    file.write_all(line.as_bytes()).expect("the results can be written");
}
