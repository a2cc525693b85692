//! Completions for shells, and the manual page.

use std::io::{Write, stdout};

use clap::CommandFactory;

use crate::arguments::Arguments;
use crate::failure::Failure;

pub(super) fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "cloakroom", &mut text);
    print(&text)
}

/// One page for the command and all that it can do.
pub(super) fn manual() -> Result<(), Failure> {
    let mut text = Vec::new();
    let command = Arguments::command().disable_help_subcommand(true);
    let page = clap_mangen::Man::new(command.clone());
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    for subcommand in command.get_subcommands() {
        writeln!(text, ".SH \"{}\"", subcommand.get_name().to_uppercase())?;
        let page = clap_mangen::Man::new(subcommand.clone());
        // A page's sections become those of a part of this one.
        let mut part = Vec::new();
        page.render_synopsis_section(&mut part)?;
        page.render_description_section(&mut part)?;
        page.render_options_section(&mut part)?;
        text.extend(String::from_utf8_lossy(&part).replace(".SH ", ".SS ").into_bytes());
    }
    print(&text)
}

fn print(text: &[u8]) -> Result<(), Failure> {
    stdout().lock().write_all(text)?;
    Ok(())
}
