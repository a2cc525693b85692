//! The file store under processes that write at once, are killed, are of two versions, and never stop.

use std::process::Command;

/// Runs a command of this program, which fails if a promise is broken.
fn stress(arguments: &[&str]) {
    let run = Command::new(env!("CARGO_BIN_EXE_stress")).args(arguments).output().expect("it starts");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "stress {}: {said}{}", arguments.join(" "), String::from_utf8_lossy(&run.stderr));
}

/// 4 processes, 10,000 increments each.
// behaviour 49
#[test]
fn increments_of_several_processes_all_count() {
    stress(&["increments"]);
}

/// A second store of the same process releases no lock of the first.
#[test]
fn increments_count_while_each_process_opens_the_file_again_and_again() {
    stress(&["reopened"]);
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    stress(&["kills", "--rounds", "100"]);
}

#[test]
fn this_version_and_the_next_work_on_one_file() {
    stress(&["deploy"]);
}

/// A million of them.
#[test]
fn sessions_with_short_lives_do_not_make_the_file_grow() {
    stress(&["churn"]);
}

/// Long enough to see that it works; the command runs for minutes.
#[test]
fn a_short_soak_loses_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = format!("file:{}", folder.path().join("session.db").display());
    stress(&["soak", &place, "--seconds", "8"]);
}
