//! What needs no store: `keygen`, `check`, `completions`, `man`.

use crate::workshop::{printed, run, text, tool};

#[test]
fn a_secret_is_fresh_and_long_enough() {
    let (one, other) = (printed(&["keygen"]), printed(&["keygen"]));
    assert_ne!(one, other);
    assert_eq!(one.trim().len(), 64, "48 bytes in base64");
    assert!(cloakroom::Secrets::new([one.trim()]).is_ok());
}

#[test]
fn a_configuration_is_held_against_the_standards() {
    let output = run(&["check"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stdout),
        "NIST SP 800-63B-4, 2.1.3 (AAL1): SESSION_ABSOLUTE: a session lives 365 days in all; at most 30 days are \
         advised\n"
    );
    let output =
        tool(&["check", "--aal", "3", "--asvs", "3"]).env("SESSION_LIFETIME", "aal3").output().expect("the tool runs");
    assert!(output.status.success(), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("at level 3 and NIST SP 800-63B-4 at AAL3"));

    let output =
        tool(&["check"]).envs([("SESSION", "cookie"), ("SESSION_LIFETIME", "aal1")]).output().expect("the tool runs");
    let findings = text(&output.stdout);
    assert!(findings.contains("OWASP ASVS 5.0, 7.4.1 (level 1): SESSION:"), "{findings}");
    assert!(findings.contains("OWASP ASVS 5.0, 7.5.2 (level 2): SESSION:"), "{findings}");
}

#[test]
fn what_the_environment_says_wrongly_is_told() {
    let output = tool(&["check"]).env("SESSION_IDLE", "soon").output().expect("the tool runs");
    assert!(!output.status.success());
    assert!(text(&output.stderr).starts_with("cloakroom: SESSION_IDLE: "), "{}", text(&output.stderr));
}

#[test]
fn every_command_is_completed_and_in_the_manual() {
    let manual = printed(&["man"]);
    for shell in ["bash", "zsh", "fish"] {
        let completions = printed(&["completions", shell]);
        for command in ["stats", "list", "show", "revoke", "sweep", "keygen", "check", "copy", "watch"] {
            assert!(completions.contains(command), "{shell}: {command}");
            assert!(manual.contains(&format!(".SH \"{}\"", command.to_uppercase())), "{command}");
        }
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    use std::process::Stdio;
    let mut child = tool(&["man"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the tool runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the tool ends");
    assert!(output.status.success(), "{}", text(&output.stderr));
}
