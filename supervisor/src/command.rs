//! The command of a process: its words, directory and environment.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use plugbay_manifest::ProcessEntry;
use tokio::process::Command;

use crate::proc_table::RUN_VARIABLE;

/// Variables of the host that its processes do not see: they may hold secrets of its configuration.
const HOST_VARIABLE_PREFIX: &str = "PLUGBAY_HOST__";

/// An instance of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instance {
    /// From 0.
    pub(crate) index: u16,
    pub(crate) port: Option<u16>,
}

/// The words of a command line.
///
/// # Errors
/// The problem.
pub(crate) fn words(line: &str) -> Result<Vec<String>, String> {
    match shlex::split(line) {
        None => Err("a quotation mark is not closed, or the line ends with a backslash".to_owned()),
        Some(words) if words.is_empty() => Err("the line is empty".to_owned()),
        Some(words) => Ok(words),
    }
}

/// The command of a run.
pub(crate) fn command(
    entry: &ProcessEntry,
    id: &str,
    directory: &Path,
    instance: Option<Instance>,
    run: &str,
    variables: &[(String, String)],
) -> Result<Command, String> {
    let words = words(&entry.cmd)?;
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null());
    let directory: PathBuf = entry.cwd.as_ref().map_or_else(|| directory.to_owned(), |cwd| directory.join(cwd));
    if !directory.as_os_str().is_empty() {
        command.current_dir(directory);
    }
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with(HOST_VARIABLE_PREFIX)) {
            command.env_remove(name);
        }
    }
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    set_both(&mut command, "PROCESS_ID", id);
    if let Some(instance) = instance {
        set_both(&mut command, "CLUSTER_INSTANCE", &instance.index.to_string());
        if let Some(port) = instance.port {
            set_both(&mut command, "CLUSTER_PORT", &port.to_string());
        }
    }
    command.envs(&entry.env).env(RUN_VARIABLE, run);
    if let Some(added) = &entry.path {
        let own = entry.env.get("PATH").map(Into::into).or_else(|| std::env::var_os("PATH"));
        let path = match own {
            Some(mut path) => {
                path.push(":");
                path.push(added);
                path
            }
            None => added.into(),
        };
        command.env("PATH", path);
    }
    #[cfg(unix)]
    command.process_group(0);
    Ok(command)
}

/// Sets a variable under Pup's name and Plugbay's.
fn set_both(command: &mut Command, name: &str, value: &str) {
    command.env(format!("PUP_{name}"), value).env(format!("PLUGBAY_{name}"), value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(command: &Command, name: &str) -> Option<String> {
        let (_, value) = command.as_std().get_envs().find(|(key, _)| *key == name)?;
        Some(value?.to_str()?.to_owned())
    }

    #[test]
    fn command_has_words_directory_and_variables() {
        let mut entry = ProcessEntry::new("web", "deno run 'a b.ts'");
        entry.cwd = Some("app".into());
        entry.path = Some("/opt/bin".into());
        entry.env = [("PATH".to_owned(), "/bin".to_owned())].into();
        let instance = Some(Instance { index: 1, port: Some(8_001) });
        let command = command(&entry, "web-2", Path::new("/srv"), instance, "run", &[]).expect("a command line");
        let std = command.as_std();
        assert_eq!(std.get_program(), "deno");
        assert!(std.get_args().eq(["run", "a b.ts"]));
        assert_eq!(std.get_current_dir(), Some(Path::new("/srv/app")));
        for (name, expected) in [
            ("PUP_PROCESS_ID", "web-2"),
            ("PLUGBAY_PROCESS_ID", "web-2"),
            ("PUP_CLUSTER_INSTANCE", "1"),
            ("PUP_CLUSTER_PORT", "8001"),
            ("PATH", "/bin:/opt/bin"),
            ("PLUGBAY_RUN", "run"),
        ] {
            assert_eq!(variable(&command, name).as_deref(), Some(expected), "{name}");
        }
    }

    #[test]
    fn command_line_that_cannot_be_split_has_a_reason() {
        assert!(words("a 'b").expect_err("not closed").contains("quotation mark"));
        assert!(words(" ").expect_err("no word").contains("empty"));
    }
}
