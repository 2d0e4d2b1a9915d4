//! With what a server is started again: its saved command line and environment, or what its directory offers.

use std::path::{Path, PathBuf};

use super::base_dir::BaseDir;
use super::identity::{Launch, MARK, is_observer};
use super::start_error::StartError;

/// Where a server's program is, in its base directory.
const PROGRAMS: [&str; 3] = ["bin/observer", "bin/seekdb", "run/seekdb"];

/// Options that a server with data must not be given again. They describe a new database, or set what the
/// server keeps itself: an old value would undo what an administrator has changed since, and seekdb refuses
/// to start over some (`log_disk_size`). `-r` names root services as they once were.
const FOR_A_NEW_SEEKDB: [&str; 6] = [
    "--base-dir",
    "--data-dir",
    "--redo-dir",
    "--parameter",
    "--variable",
    "--role",
];
const FOR_A_NEW_OBSERVER: [&str; 4] = ["-o", "--optstr", "-r", "--rs_list"];

/// Variables by which systemd, and a start from here, speak of the one process that they started.
const OF_ANOTHER_LAUNCH: [&str; 9] = [
    MARK,
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];

/// A program to run, with its arguments and its whole environment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StartCommand {
    pub(super) exe: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) environment: Vec<(String, String)>,
    /// Whether the server will hold the record lock: an observer in the foreground never does.
    pub(super) locks: bool,
}

impl StartCommand {
    /// The command that starts the server of this directory again.
    pub(super) fn of(base: &BaseDir, launch: Option<&Launch>) -> Result<Self, StartError> {
        if !base.is_set_up() {
            return Err(StartError::NotSetUp {
                base_dir: base.path.clone(),
            });
        }
        let saved = launch.map(|launch| launch.exe.clone());
        let exe = match saved.or_else(|| find_program(&base.path)) {
            Some(exe) if exe.is_file() => exe,
            saved => {
                return Err(StartError::NoProgram {
                    base_dir: base.path.clone(),
                    saved,
                });
            }
        };
        Ok(launch.map_or_else(
            || Self::plain(&exe, &base.path),
            |launch| Self::saved(&exe, launch, &base.path),
        ))
    }

    fn plain(exe: &Path, base_dir: &Path) -> Self {
        let libraries = base_dir.join("lib").display().to_string();
        let observer = is_observer(exe);
        Self {
            exe: exe.to_owned(),
            arguments: if observer {
                Vec::new()
            } else {
                base_dir_option(base_dir)
            },
            environment: vec![
                ("LD_LIBRARY_PATH".to_owned(), libraries),
                ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned()),
            ],
            locks: true,
        }
    }

    fn saved(exe: &Path, launch: &Launch, base_dir: &Path) -> Self {
        let observer = is_observer(exe);
        let saved = launch.arguments.get(1..).unwrap_or_default();
        let arguments = if observer {
            without(saved, &FOR_A_NEW_OBSERVER)
        } else {
            // The saved directory may be relative to where the server was started, not to where it works.
            let mut arguments = without(saved, &FOR_A_NEW_SEEKDB);
            arguments.extend(base_dir_option(base_dir));
            arguments
        };
        let foreground = arguments
            .iter()
            .any(|argument| argument == "-N" || argument == "--nodaemon");
        Self {
            exe: exe.to_owned(),
            arguments,
            environment: launch
                .environment
                .iter()
                .filter(|(name, _)| !OF_ANOTHER_LAUNCH.contains(&name.as_str()))
                .cloned()
                .collect(),
            locks: !(observer && foreground),
        }
    }
}

fn base_dir_option(base_dir: &Path) -> Vec<String> {
    vec!["--base-dir".to_owned(), base_dir.display().to_string()]
}

fn find_program(base_dir: &Path) -> Option<PathBuf> {
    PROGRAMS
        .iter()
        .map(|program| base_dir.join(program))
        .find(|program| program.is_file())
}

/// The arguments without these options and their values: `--name value`, `--name=value`, `-n value`, `-nvalue`.
fn without(arguments: &[String], options: &[&str]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if options.contains(&argument.as_str()) {
            arguments.next();
            continue;
        }
        let dropped = options.iter().any(|option| {
            let rest = argument.strip_prefix(option);
            rest.is_some_and(|rest| !option.starts_with("--") || rest.starts_with('='))
        });
        if !dropped {
            kept.push(argument.clone());
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(exe: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Launch {
        Launch {
            exe: exe.to_owned(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            environment: environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    fn base(files: &[&str]) -> (tempfile::TempDir, BaseDir) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        for file in files {
            let file = dir.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        let base = BaseDir::open(dir.path()).unwrap_or_else(|error| panic!("{}", error.reason()));
        (dir, base)
    }

    #[test]
    fn a_saved_seekdb_keeps_its_port_and_mode_and_loses_what_makes_a_new_database() {
        let (_dir, base) = base(&["etc/seekdb.data_version.bin", "bin/seekdb"]);
        let exe = base.path.join("bin/seekdb");
        let arguments = [
            "seekdb",
            "--nodaemon",
            "-P",
            "2881",
            "--base-dir",
            "ob",
            "--parameter",
            "log_disk_size=2G",
            "--parameter=memory_limit=1G",
            "--data-dir=/data",
            "--role",
            "PRIMARY",
        ];
        let environment = [
            ("LD_LIBRARY_PATH", "/lib"),
            ("NOTIFY_SOCKET", "/run/notify"),
            ("SLACKTIDE_START", "1.1.1"),
        ];
        let command =
            StartCommand::of(&base, Some(&launch(&exe, &arguments, &environment))).unwrap();
        let base_dir = base.path.to_str().unwrap();
        assert_eq!(
            command.arguments,
            ["--nodaemon", "-P", "2881", "--base-dir", base_dir]
        );
        assert_eq!(
            command.environment,
            [("LD_LIBRARY_PATH".to_owned(), "/lib".to_owned())]
        );
        assert!(command.locks);
    }

    #[test]
    fn a_saved_observer_loses_parameters_and_root_services() {
        let (_dir, base) = base(&["etc/observer.config.bin", "bin/observer"]);
        let exe = base.path.join("bin/observer");
        let arguments = [
            "observer",
            "-r",
            "10.0.0.1:2882:2881",
            "-p",
            "2881",
            "-o",
            "memory_limit=8G",
            "-ocpu_count=4",
            "-N",
        ];
        let command = StartCommand::of(&base, Some(&launch(&exe, &arguments, &[]))).unwrap();
        assert_eq!(command.arguments, ["-p", "2881", "-N"]);
        assert!(!command.locks);
    }

    #[test]
    fn without_a_saved_launch_the_program_of_the_directory_is_run() {
        let (_dir, base) = base(&["etc/observer.config.bin", "bin/observer"]);
        let command = StartCommand::of(&base, None).unwrap();
        assert_eq!(command.exe, base.path.join("bin/observer"));
        assert!(command.arguments.is_empty() && command.locks);
        let libraries = base.path.join("lib").display().to_string();
        assert_eq!(
            command.environment[0],
            ("LD_LIBRARY_PATH".to_owned(), libraries)
        );
    }

    #[test]
    fn a_directory_without_a_database_or_a_program_is_not_started() {
        let (_dir, empty) = base(&["bin/observer"]);
        assert!(matches!(
            StartCommand::of(&empty, None),
            Err(StartError::NotSetUp { .. })
        ));
        let (_dir, bare) = base(&["etc/observer.config.bin"]);
        assert!(matches!(
            StartCommand::of(&bare, None),
            Err(StartError::NoProgram { .. })
        ));
        let moved = launch(Path::new("/nowhere/observer"), &["observer"], &[]);
        let error = StartCommand::of(&bare, Some(&moved)).unwrap_err();
        assert!(error.to_string().contains("/nowhere/observer"), "{error}");
    }
}
