//! `felix binfmt` and `felix doctor`: felix and its host.

use super::print;
use super::run;
use super::settings::RunOptions;
use crate::error::Error;
use crate::setup::binfmt;
use crate::setup::doctor::{self, Weight};
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};

/// Have the kernel start felix for x86-64 programs (binfmt_misc).
///
/// Then ./program starts like any other, also from scripts and inside chroots and containers: felix is found from
/// everywhere (flag F), set-user-ID programs keep their meaning (C). With felix started so the settings of the
/// configuration files hold. Until the next boot; for always, put the line that --dry-run prints into
/// /etc/binfmt.d/felix.conf.
#[derive(Debug, clap::Subcommand)]
pub(super) enum BinfmtCommand {
    /// Register this felix, in place of another. Needs root.
    Register {
        /// Only print the line that would be written.
        #[arg(long)]
        dry_run: bool,
    },
    /// Take felix out. Needs root.
    Unregister,
    /// Say what is registered for x86-64 programs.
    ///
    /// Exit status 0 if felix is registered and enabled, else 1.
    Status,
}

fn own_path() -> Result<PathBuf, Error> {
    std::env::current_exe().map_err(|e| Error::host("cannot find felix's own executable", e))
}

/// Runs one of them.
pub(super) fn binfmt(command: BinfmtCommand) -> Result<ExitCode, Error> {
    match command {
        BinfmtCommand::Register { dry_run } => {
            let felix = own_path()?;
            if dry_run {
                print(&format!("{}\n", binfmt::line(&felix)?))?;
            } else {
                binfmt::register(&felix)?;
                print(&format!(
                    "registered {} as {}\n",
                    felix.display(),
                    binfmt::NAME
                ))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        BinfmtCommand::Unregister => {
            let was = binfmt::unregister()?;
            print(if was {
                "unregistered\n"
            } else {
                "felix was not registered\n"
            })?;
            Ok(ExitCode::SUCCESS)
        }
        BinfmtCommand::Status => {
            let s = binfmt::status();
            let mut text = match &s.felix {
                Some((felix, on)) => {
                    let on = if *on { "enabled" } else { "disabled" };
                    format!(
                        "{} is registered and {on}: {}\n",
                        binfmt::NAME,
                        felix.display()
                    )
                }
                None if s.available => "felix is not registered\n".into(),
                None => "felix is not registered: binfmt_misc is not mounted, or off\n".into(),
            };
            for other in &s.others {
                text.push_str(&format!("{other} is registered for x86-64 programs, too; the last registered runs them\n"));
            }
            print(&text)?;
            let on = s.available && s.felix.is_some_and(|(_, on)| on);
            Ok(ExitCode::from(u8::from(!on)))
        }
    }
}

/// Say whether this host can run felix, and how well.
///
/// One sentence a line: `ok`, `note` where something is slower or missing, `bad` where felix cannot work. Exit status 1
/// if anything is bad.
#[derive(Debug, clap::Args)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    settings: RunOptions,
    /// Internal: succeed if a user namespace can be had.
    #[arg(long, hide = true)]
    try_namespace: bool,
}

/// Whether a process like this one may make a user namespace; tried, in another process.
fn namespaces() -> Option<bool> {
    let status = super::rootfs::another_felix()
        .ok()?
        .args(["doctor", "--try-namespace"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok()?;
    Some(status.success())
}

pub(super) fn doctor(args: DoctorArgs) -> Result<ExitCode, Error> {
    if args.try_namespace {
        let had = crate::sys::users::become_root("").is_ok();
        return Ok(ExitCode::from(u8::from(!had)));
    }
    let settings = args.settings.settings()?;
    let (root, missing) = match run::rootfs(&settings) {
        Ok(root) => (root, None),
        Err(e) => (None, Some(e)),
    };
    let mut found = doctor::examine(root.as_deref(), namespaces());
    if let Some(e) = missing {
        found.push((
            Weight::Bad,
            format!("The root that is set is not there: {e}."),
        ));
    }
    let mut text = String::new();
    for (weight, sentence) in &found {
        let mark = match weight {
            Weight::Good => "ok  ",
            Weight::Note => "note",
            Weight::Bad => "bad ",
        };
        text.push_str(&format!("{mark}  {sentence}\n"));
    }
    let bad = found.iter().any(|f| f.0 == Weight::Bad);
    text.push_str(if bad {
        "felix cannot work here as things are.\n"
    } else {
        "felix can work here.\n"
    });
    print(&text)?;
    Ok(ExitCode::from(u8::from(bad)))
}

/// What felix is to do when the kernel has started it for a program; see `setup::binfmt`.
pub(super) fn started_by_kernel(fd: i32) -> Result<std::convert::Infallible, Error> {
    let Some((path, argv)) = binfmt::arguments(std::env::args_os().collect()) else {
        return Err(Error::Usage(
            "started by binfmt_misc without a program".into(),
        ));
    };
    run::started_by_kernel(fd, path, argv)
}
