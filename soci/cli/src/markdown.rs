//! The command line as Markdown, with one page for the program and one for each command.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::builder::StyledStr;
use clap::{Arg, Command};

const HEAD: &str =
    "<!-- `make docs` writes this page from the definition of the command line. -->\n\n";

/// Writes the pages of `command`, named like manual pages: `soci.md`, `soci-convert.md`.
pub(crate) fn write(command: Command, directory: &Path) -> Result<()> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    write_page(&mut command, "", directory)
}

/// Writes the pages of a command and its subcommands. `above` is the name of the parent command.
fn write_page(command: &mut Command, above: &str, directory: &Path) -> Result<()> {
    let name = if above.is_empty() {
        command.get_name().to_owned()
    } else {
        format!("{above} {}", command.get_name())
    };
    let file = directory.join(file(&name));
    fs::write(&file, page(command, &name))
        .with_context(|| format!("writing {}", file.display()))?;
    for below in command.get_subcommands_mut() {
        write_page(below, &name, directory)?;
    }
    Ok(())
}

fn file(name: &str) -> String {
    format!("{}.md", name.replace(' ', "-"))
}

fn page(command: &mut Command, name: &str) -> String {
    let mut text = format!("{HEAD}# {name}\n\n");
    let about = command.get_long_about().or(command.get_about());
    let _ = writeln!(text, "{}\n", prose(about));
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let _ = writeln!(text, "```text\n{usage}\n```");

    let below = command
        .get_subcommands()
        .filter(|below| !below.is_hide_set());
    section(
        &mut text,
        "Commands",
        below.map(|below| {
            let name = format!("{name} {}", below.get_name());
            format!(
                "- [`{name}`]({}): {}",
                file(&name),
                prose(below.get_about())
            )
        }),
    );
    let shown = |arg: &&Arg| {
        let by_clap = ["help", "version"].contains(&arg.get_id().as_str());
        !arg.is_hide_set() && !by_clap
    };
    section(
        &mut text,
        "Arguments",
        command.get_positionals().filter(shown).map(entry),
    );
    let is_root = !name.contains(' ');
    let options = command.get_arguments().filter(|arg| !arg.is_positional());
    let options = options.filter(|arg| is_root || !arg.is_global_set());
    section(&mut text, "Options", options.filter(shown).map(entry));
    if !is_root {
        text.push_str("\n[`soci`](soci.md) has the options of all commands, and the exit codes.\n");
    }
    if let Some(after) = command.get_after_help() {
        let after = after.to_string();
        let (title, lines) = after.split_once(":\n").unwrap_or(("More", &after));
        let _ = writeln!(text, "\n## {title}\n\n```text\n{}\n```", lines.trim_end());
    }
    text
}

fn section(text: &mut String, title: &str, entries: impl Iterator<Item = String>) {
    let entries: Vec<_> = entries.collect();
    if !entries.is_empty() {
        let _ = writeln!(text, "\n## {title}\n\n{}", entries.join("\n"));
    }
}

/// Renders an argument, such as ``- `--tag <TAG>`: Tag of the image. Default: `1` ``.
fn entry(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let names: Vec<_> = short.into_iter().chain(long).collect();
    let mut name = names.join(", ");
    let has_value = arg.get_action().takes_values();
    let values = arg
        .get_value_names()
        .filter(|_| has_value)
        .unwrap_or_default();
    if arg.is_positional() {
        name = values.first().map(ToString::to_string).unwrap_or_default();
    } else {
        for value in values {
            let _ = write!(name, " <{value}>");
        }
    }
    let required = match arg.is_positional() && !arg.is_required_set() {
        true => " (optional)",
        false => "",
    };
    let mut text = format!(
        "- `{name}`{required}: {}",
        prose(arg.get_long_help().or(arg.get_help()))
    );
    let list = |values: Vec<String>| {
        let values = values.iter().map(|value| format!("`{value}`"));
        values.collect::<Vec<_>>().join(", ")
    };
    if has_value && !arg.is_hide_possible_values_set() {
        let possible = arg.get_possible_values();
        let possible = possible.iter().filter(|value| !value.is_hide_set());
        let possible: Vec<_> = possible.map(|value| value.get_name().to_owned()).collect();
        if !possible.is_empty() {
            let _ = write!(text, ". One of {}", list(possible));
        }
    }
    let defaults = arg.get_default_values().iter();
    let defaults: Vec<_> = defaults
        .map(|value| value.to_string_lossy().into_owned())
        .collect();
    if has_value && !defaults.is_empty() {
        let _ = write!(text, ". Default: {}", list(defaults));
    }
    text
}

/// Returns a help text, escaped so that nothing is interpreted as HTML.
fn prose(text: Option<&StyledStr>) -> String {
    let text = text.map(ToString::to_string).unwrap_or_default();
    text.trim_end().replace('<', "\\<")
}

#[cfg(test)]
mod tests {
    use clap::builder::PossibleValuesParser;

    use super::*;

    #[test]
    fn a_page_has_usage_commands_arguments_and_options() {
        let command = Command::new("soci")
            .about("Does things")
            .after_help("Exit codes:\n  0  success")
            .arg(
                Arg::new("quiet")
                    .long("quiet")
                    .short('q')
                    .global(true)
                    .num_args(0)
                    .help("Say less"),
            )
            .subcommand(
                Command::new("build")
                    .about("Build one")
                    .long_about("Build one\n\nAt <once>.")
                    .arg(
                        Arg::new("layer")
                            .value_name("LAYER")
                            .required(true)
                            .help("Layer"),
                    )
                    .arg(Arg::new("more").value_name("MORE").help("More"))
                    .arg(
                        Arg::new("kind")
                            .long("kind")
                            .value_name("KIND")
                            .value_parser(PossibleValuesParser::new(["a", "b"]))
                            .default_value("a")
                            .help("Kind"),
                    )
                    .arg(Arg::new("secret").long("secret").hide(true)),
            );
        let directory = tempfile::tempdir().expect("a temporary directory");
        write(command, directory.path()).expect("pages");
        let read = |name: &str| fs::read_to_string(directory.path().join(name)).expect(name);
        let wanted = "# soci\n\nDoes things\n\n```text\nsoci [OPTIONS] [COMMAND]\n```\n\n## Commands\n\n\
            - [`soci build`](soci-build.md): Build one\n\n## Options\n\n- `-q, --quiet`: Say less\n\n\
            ## Exit codes\n\n```text\n  0  success\n```\n";
        assert_eq!(read("soci.md"), format!("{HEAD}{wanted}"));
        let wanted = "# soci build\n\nBuild one\n\nAt \\<once>.\n\n```text\nsoci build [OPTIONS] <LAYER> \
            [MORE]\n```\n\n## Arguments\n\n- `LAYER`: Layer\n- `MORE` (optional): More\n\n## Options\n\n\
            - `--kind <KIND>`: Kind. One of `a`, `b`. Default: `a`\n\n\
            [`soci`](soci.md) has the options of all commands, and the exit codes.\n";
        assert_eq!(read("soci-build.md"), format!("{HEAD}{wanted}"));
    }
}
