//! `felix rootfs`: making, keeping and removing guest roots.

use super::print;
use super::progress::Progress;
use super::settings::RootfsOptions;
use crate::error::Error;
use crate::setup::config::{self, Files};
use crate::setup::create::{self, Wish};
use crate::setup::place::{self, Store};
#[cfg(feature = "pull")]
use crate::setup::pull;
use crate::setup::settings::{Key, Settings};
use crate::setup::tree::LeftOut;
use crate::setup::{Report, import};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Options of `felix rootfs`.
#[derive(Debug, clap::Args)]
pub(super) struct RootfsArgs {
    #[command(subcommand)]
    command: RootfsCommand,
}

const PLACE: &str = "The root's place: a name (kept under rootfs-dir, see `felix config list`), or a path with a slash in it";

/// Make, keep and remove guest roots.
#[derive(Debug, clap::Subcommand)]
enum RootfsCommand {
    /// Make a root of a distribution's packages, by mmdebstrap.
    ///
    /// mmdebstrap (apt install mmdebstrap) fetches the packages that the distribution calls essential or required, and apt; it checks them against the
    /// distribution's keys, which must be on this machine (packages debian-archive-keyring, ubuntu-keyring). Their maintainer scripts run inside the
    /// new root under felix. Without being root, mmdebstrap needs newuidmap (package uidmap). A root that is not finished is not left.
    #[command(after_help = EXIT)]
    Create {
        #[command(flatten)]
        options: RootfsOptions,
        /// The distribution and its suite: debian:SUITE or ubuntu:SUITE.
        #[arg(long, value_name = "NAME:SUITE", default_value = "debian:trixie")]
        distro: String,
        /// Where to fetch packages: an address, or a line of sources.list; else where mmdebstrap thinks best.
        #[arg(long, value_name = "URL")]
        mirror: Vec<OsString>,
        /// More packages, separated by commas.
        #[arg(long, value_name = "PACKAGES", value_delimiter = ',')]
        include: Vec<String>,
        /// The keys that packages are signed by.
        #[arg(long, value_name = "FILE")]
        keyring: Option<PathBuf>,
        #[arg(help = PLACE)]
        dir: OsString,
    },
    /// Make a root of an archive: .tar, .tar.gz, .tar.xz or .tar.zst.
    ///
    /// Owners are kept if root does it; device nodes are left out, as programs see the host's /dev. Nothing in
    /// the archive can be written outside the new root. An import that is interrupted leaves no root.
    #[command(after_help = EXIT)]
    Import {
        #[command(flatten)]
        options: RootfsOptions,
        /// The archive; - for standard input.
        archive: PathBuf,
        #[arg(help = PLACE)]
        dir: OsString,
    },
    /// Make a root of an image of an OCI registry, as Docker and Podman use them: the one for linux/amd64.
    ///
    /// debian:trixie is Docker Hub's; others are named with their registry: HOST[:PORT]/NAME[:TAG], or NAME@sha256:DIGEST. Layers are
    /// checked against their digests. A pull that is interrupted leaves no root. Registries on the loopback are asked by
    /// plain HTTP, others by HTTPS.
    #[cfg(feature = "pull")]
    #[command(after_help = EXIT)]
    Pull {
        #[command(flatten)]
        options: RootfsOptions,
        /// Ask this registry by plain HTTP.
        #[arg(long)]
        plain_http: bool,
        /// An account at the registry; its password is in the variable FELIX_REGISTRY_PASSWORD.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// The image.
        image: String,
        #[arg(help = PLACE)]
        dir: OsString,
    },
    /// List the roots that have a name; a star marks the one that is used if nothing else is said.
    List {
        #[command(flatten)]
        options: RootfsOptions,
    },
    /// Use this root if nothing else is said: sets `rootfs` in the user's configuration file.
    ///
    /// `felix config unset rootfs` takes it back.
    Use {
        #[command(flatten)]
        options: RootfsOptions,
        /// The root's name, or the path of a directory.
        name: OsString,
    },
    /// Remove a root with everything in it.
    Remove {
        #[command(flatten)]
        options: RootfsOptions,
        /// The root's name, or the path of a directory.
        name: OsString,
    },
}

const EXIT: &str = "Exit status: 0 done; 2 wrong usage, or something is at the root's place; 120 the disk is full; \
121 the archive is damaged, its digest wrong, or it leads out of the root; 122 the network or the registry does not answer, or \
refuses; 123 a program of the host's that is needed is missing or failed; 125 the host refused something else.";

/// What was left out, a line each.
fn tell(left: LeftOut) {
    let say = |n: u64, what: &str| {
        if n > 0 {
            eprintln!("felix: note: {n} {what}");
        }
    };
    say(
        left.devices,
        "device nodes left out: programs see the host's /dev",
    );
    say(
        left.owners,
        "files belong to this user, as only root can keep their owners",
    );
    say(left.attributes, "extended attributes could not be set");
}

/// What a finished root is called in the last line.
fn made(dir: &Path) -> Result<(), Error> {
    let about = place::about(dir).map_or(String::new(), |a| format!(" ({a})"));
    print(&format!("{}{about}\n", dir.display()))
}

fn list(set: &Settings) -> Result<(), Error> {
    let used = set.one(Key::Rootfs);
    let mut text = String::new();
    for kept in Store::of(set).list()? {
        let star = if used == Some(&kept.name) || used == Some(kept.dir.as_os_str()) {
            '*'
        } else {
            ' '
        };
        let about = kept.about.as_deref().unwrap_or("unknown");
        let name = kept.name.display();
        text.push_str(&format!(
            "{star} {name:20} {about:40} {}\n",
            kept.dir.display()
        ));
    }
    print(&text)
}

/// A root that is there: of this name, or at this path.
fn existing(set: &Settings, named: &OsString) -> Result<PathBuf, Error> {
    let dir = Store::of(set).find(named)?;
    if dir.is_dir() {
        return Ok(dir);
    }
    Err(Error::Usage(format!(
        "{}: there is no such directory",
        dir.display()
    )))
}

/// Lines of a script that failed to show.
const LAST_LINES: usize = 20;

/// A felix to start; under qemu-user that takes qemu, as for any felix that felix starts.
pub(super) fn another_felix() -> std::io::Result<Command> {
    let felix = std::env::current_exe()?;
    Ok(match std::env::var_os("FELIX_EXEC_WRAPPER") {
        Some(wrapper) => {
            let mut c = Command::new(wrapper);
            c.arg(felix);
            c
        }
        None => Command::new(felix),
    })
}

/// Runs a script in a root, by another felix.
fn inside(root: &Path, script: &str, report: &mut dyn Report) -> Result<(), Error> {
    let failed = |e| Error::host("configuring packages", e);
    report.begin("configuring packages: their scripts run under felix", None);
    let mut command = another_felix().map_err(failed)?;
    let (from, to) = std::io::pipe().map_err(failed)?;
    command
        // Whatever is set: scripts of packages have no business in the host's directories.
        .args(["shell", "--share=false", "--share-home=false"])
        .args(["--env", "LC_ALL=C.UTF-8", "--rootfs"])
        .arg(root)
        .args(["--", "/bin/sh", "-c", script])
        .stdin(Stdio::null())
        .stdout(to.try_clone().map_err(failed)?)
        .stderr(to);
    let mut child = command.spawn().map_err(failed)?;
    // It holds the ends to write to, and while it is there the reading would not end.
    drop(command);
    let mut last = VecDeque::new();
    for line in BufReader::new(from).split(b'\n') {
        let line = line.map_err(failed)?;
        report.advance(line.len() as u64 + 1);
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(line);
    }
    let status = child.wait().map_err(failed)?;
    if status.success() {
        report.end();
        return Ok(());
    }
    for line in last {
        eprintln!("{}", String::from_utf8_lossy(&line));
    }
    Err(Error::Tool(format!(
        "configuring the packages inside the root failed ({status}); what is above is the end of what dpkg and apt said; nothing is kept"
    )))
}

pub(super) fn rootfs(args: RootfsArgs) -> Result<(), Error> {
    match args.command {
        RootfsCommand::Create {
            options,
            distro,
            mirror,
            include,
            keyring,
            dir,
        } => {
            let mut wish = Wish::new(&distro)?;
            (wish.mirrors, wish.include, wish.keyring) = (mirror, include, keyring);
            let dir = Store::of(&options.settings()?).place(&dir)?;
            let made_of = create::create(&wish, &dir, &mut Progress::default(), &mut inside)?;
            tell(made_of);
            made(&dir)
        }
        RootfsCommand::Import {
            options,
            archive,
            dir,
        } => {
            let dir = Store::of(&options.settings()?).place(&dir)?;
            tell(import::import(&archive, &dir, &mut Progress::default())?);
            made(&dir)
        }
        #[cfg(feature = "pull")]
        RootfsCommand::Pull {
            options,
            plain_http,
            user,
            image,
            dir,
        } => {
            let dir = Store::of(&options.settings()?).place(&dir)?;
            let account = match user {
                None => None,
                Some(user) => match std::env::var("FELIX_REGISTRY_PASSWORD") {
                    Ok(word) => Some((user, word)),
                    Err(_) => {
                        return Err(Error::Usage(
                            "--user needs its password in the variable FELIX_REGISTRY_PASSWORD"
                                .into(),
                        ));
                    }
                },
            };
            tell(pull::pull(
                &image,
                &dir,
                plain_http,
                account,
                &mut Progress::default(),
            )?);
            made(&dir)
        }
        RootfsCommand::List { options } => list(&options.settings()?),
        RootfsCommand::Use { options, name } => {
            let set = options.settings()?;
            let dir = existing(&set, &name)?;
            let kept = Store::of(&set).list()?.into_iter().any(|k| k.dir == dir);
            let value = if kept {
                name
            } else {
                let full = dir.canonicalize();
                full.map_err(|e| Error::host(dir.display().to_string(), e))?
                    .into()
            };
            let file = Files::usual().user.ok_or_else(|| {
                Error::Usage("there is no configuration file of the user's: neither XDG_CONFIG_HOME nor HOME is an absolute path, or FELIX_CONFIG_USER is empty".into())
            })?;
            config::change(&file, Key::Rootfs, Some(&[value]))
        }
        RootfsCommand::Remove { options, name } => {
            let set = options.settings()?;
            place::remove(&existing(&set, &name)?)
        }
    }
}
