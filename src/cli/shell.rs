//! `felix shell`: a login inside a guest root, or one command there.

use super::run::{self, Start};
use super::settings::RunOptions;
use crate::error::Error;
use crate::setup::settings::Key;
use crate::setup::shell;
use crate::sys::{host, users};
use std::convert::Infallible;
use std::ffi::OsString;
use std::path::Path;

/// Work inside a guest root: a login shell, or a command.
///
/// Inside you are root: as you are outside, or in a user namespace where the host allows one; what is made there belongs to
/// you. With ranges in /etc/subuid and /etc/subgid and newuidmap (package uidmap) other users exist too, as package managers
/// want them. Otherwise you are the user you are. The environment is a login's: of the host's variables only
/// TERM, COLORTERM, TZ, DISPLAY, WAYLAND_DISPLAY and those of proxies are kept, and --env adds to them. If the root has no /etc/resolv.conf of its own it gets the host's.
///
/// What works on the root, as a package manager does, has nothing to do with the host's /run, /tmp and home directories: here
/// the root has its own, and only what felix run starts shares them. --share and --share-home show them here as well.
#[derive(Debug, clap::Args)]
pub(super) struct ShellArgs {
    #[command(flatten)]
    settings: RunOptions,
    /// Stay the user you are.
    #[arg(long)]
    no_root: bool,
    /// A command to run instead of the login shell, after `--`.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Becomes root if the host allows; says so if not.
fn become_root() {
    let [_, euid, ..] = host::ids();
    if euid == 0 {
        return;
    }
    let name = std::env::var("USER").unwrap_or_default();
    match users::become_root(&name) {
        Ok(users::Users::Range) => {}
        Ok(users::Users::RootOnly) => eprintln!(
            "felix: note: no other users than root inside, as there is no newuidmap with ranges in /etc/subuid and /etc/subgid; for apt: -o APT::Sandbox::User=root"
        ),
        Err(e) => eprintln!(
            "felix: note: this host allows no user namespace ({e}), so you are not root inside; sudo felix shell is"
        ),
    }
}

pub(super) fn shell(args: ShellArgs) -> Result<Infallible, Error> {
    let settings = args.settings.settings()?;
    super::start_log(&settings);
    let Some(root) = run::rootfs(&settings)? else {
        return Err(Error::Usage(
            "no root to work in: name one with --rootfs, or choose one with `felix rootfs use`; `felix rootfs` makes them".into(),
        ));
    };
    let root = root.canonicalize().map_err(|e| Error::CannotRun {
        path: root.clone(),
        why: format!("cannot be used for the rootfs: {e}"),
    })?;
    // As the user named it, if that is a name.
    let named = settings.one(Key::Rootfs).map(Path::new);
    let name = named
        .and_then(Path::file_name)
        .or(root.file_name())
        .map_or_else(|| "felix".into(), |n| n.to_string_lossy().into_owned());
    shell::resolve_names(&root, Path::new("/etc/resolv.conf"))?;
    if !args.no_root {
        become_root();
    }
    let [_, euid, ..] = host::ids();
    let user = shell::user(&root, euid);
    let environment = shell::environment(&root, &name, &user, |k| std::env::var_os(k));
    let (path, argv) = if args.command.is_empty() {
        // A dash before its name tells a shell that it is a login's.
        let base = Path::new(&user.shell).file_name().unwrap_or_default();
        let mut zeroth = OsString::from("-");
        zeroth.push(base);
        (Some(user.shell.clone()), vec![zeroth])
    } else {
        (None, args.command)
    };
    run::run_it(Start {
        settings,
        rootfs: Some(root),
        path,
        argv,
        environment: Some(environment),
        home: Some(user.home),
        closed: true,
        ..Start::default()
    })
}
