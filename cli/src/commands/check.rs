//! Holds the configuration in the environment against the standards of the field.

use std::process::ExitCode;

use cloakroom::{Config, Standard};

use crate::failure::Failure;
use crate::output::line;

pub(super) fn run(asvs: u8, aal: u8) -> Result<ExitCode, Failure> {
    let mut findings = Config::default().overlaid_by_env()?.findings();
    findings.retain(|finding| {
        finding.level
            <= match finding.standard {
                Standard::OwaspAsvs5 => asvs,
                _ => aal,
            }
    });
    for finding in &findings {
        line(finding)?;
    }
    if findings.is_empty() {
        line(format!(
            "the configuration meets OWASP ASVS 5.0 at level {asvs} and NIST SP 800-63B-4 at AAL{aal}, as far as it decides"
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}
