//! `felix run`, also in the form felix executes itself with for a guest's execve.

use super::settings::RunOptions;
use crate::error::Error;
use crate::exec::Engine;
use crate::exec::interp::InterpEngine;
use crate::exec::jit::{self, JitEngine, Observer, Wishes};
use crate::kernel::Options;
use crate::kernel::exec::{inherited, take_environment, take_limit};
use crate::kernel::fd::{handed_on, keep_stderr};
use crate::kernel::process::KeptFelix;
use crate::kernel::seccomp::Seccomp;
use crate::kernel::vfs::{Fs, Last, Shown};
use crate::run::{GuestMemory, Job};
use crate::rv64::{Feature, HostIsa};
use crate::setup::config::Files;
use crate::setup::place::Store;
use crate::setup::settings::{self, Key, Settings};
use crate::sys::{Errno, proc};
use crate::x86::cpu::{Cpu, CpuError};
use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Options of `felix run`.
#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    settings: RunOptions,
    /// Run without a rootfs, whatever is set: paths are the host's.
    #[arg(long, conflicts_with = "rootfs")]
    no_rootfs: bool,
    /// Internal: the process that FILE itself is for; others append their number.
    #[arg(long, hide = true, default_value_t = 0)]
    profile_owner: i32,
    /// Internal: the path of a program that a guest executes.
    #[arg(long, hide = true)]
    exec_path: Option<OsString>,
    /// Internal: a limit of a program that a guest executes.
    #[arg(long, hide = true)]
    exec_limit: Vec<String>,
    /// Internal: the descriptor of felix's executable.
    #[arg(long, hide = true)]
    exec_self: Option<i32>,
    /// Internal: the descriptor of the seccomp filters a program inherits.
    #[arg(long, hide = true)]
    exec_seccomp: Option<i32>,
    /// Internal: the descriptor of a program that a guest executes.
    #[arg(long, hide = true)]
    exec_fd: Option<i32>,
    /// Internal: the root of a program that a guest executes.
    #[arg(long, hide = true)]
    exec_root: Option<String>,
    /// Internal: the descriptor of the host's /proc.
    #[arg(long, hide = true)]
    exec_proc: Option<i32>,
    /// Internal: the personality of a program that a guest executes.
    #[arg(long, hide = true)]
    exec_personality: Option<u32>,
    /// The program and its arguments.
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "PROGRAM"
    )]
    program: Vec<OsString>,
}

/// What is to be run, and how.
#[derive(Debug, Default)]
pub(super) struct Start {
    /// What is set.
    pub settings: Settings,
    /// The program's root, if it is to have one.
    pub rootfs: Option<PathBuf>,
    /// The program as the guest names it, if that is not `argv[0]`.
    pub path: Option<OsString>,
    /// Its arguments, `argv[0]` first.
    pub argv: Vec<OsString>,
    /// The whole environment, if it is not felix's own.
    pub environment: Option<Vec<Vec<u8>>>,
    /// Where it starts, as the guest names it, if it would not see the directory felix is in.
    pub home: Option<PathBuf>,
    /// The root is to be worked on, not only used: of the host's directories that are not the kernel's it shares none, unless the
    /// settings say so.
    pub closed: bool,
    /// What a guest's execve has decided.
    pub executed: Executed,
}

/// What felix tells itself for a guest's execve.
#[derive(Debug, Default)]
pub(super) struct Executed {
    again: bool,
    profile_owner: i32,
    limits: Vec<String>,
    fd: Option<i32>,
    root: Option<String>,
    proc: Option<i32>,
    felix: Option<i32>,
    seccomp: Option<i32>,
    personality: Option<u32>,
}

/// The host ISA to generate for: what the host has, or the part of it that `list` names.
pub(super) fn host_isa(list: Option<&str>) -> Result<HostIsa, Error> {
    let host = jit::probe();
    let isa = match list {
        None => host,
        Some(list) => list
            .parse::<HostIsa>()
            .map_err(|e| Error::Usage(format!("--host-isa {list}: {e}")))?,
    };
    if isa.runs_on(host) {
        Ok(isa)
    } else {
        Err(Error::Usage(format!(
            "--host-isa {isa}: this host has only {host}"
        )))
    }
}

/// What the host has for translated code; `None` if there is to be none.
fn isa(set: &Settings) -> Result<Option<HostIsa>, Error> {
    match set.text(Key::Engine) {
        Some("interp") => Ok(None),
        None if !cfg!(target_arch = "riscv64") => Ok(None),
        _ => host_isa(set.text(Key::HostIsa)).map(Some),
    }
}

fn engine(start: &Start, isa: Option<HostIsa>) -> Result<Box<dyn Engine + Send>, Error> {
    let set = &start.settings;
    let files = set.one(Key::Profile).is_some() || set.flag(Key::PerfMap);
    let Some(isa) = isa else {
        if files {
            return Err(Error::Usage(
                "--profile and --perf-map are about translated code: they need --engine jit".into(),
            ));
        }
        return Ok(Box::new(InterpEngine::new(Arc::new(GuestMemory))));
    };
    let observer = if files || set.flag(Key::Stats) {
        Some(observer(start)?)
    } else {
        None
    };
    match JitEngine::observed(Arc::new(GuestMemory), isa, observer) {
        Ok(engine) => Ok(Box::new(engine)),
        Err(e) if cfg!(target_arch = "riscv64") => Err(Error::Host {
            what: "no memory for translated code".into(),
            source: e,
        }),
        Err(_) => Err(Error::Usage(
            "--engine jit: translated code runs on RISC-V only; use --engine interp".into(),
        )),
    }
}

fn observer(start: &Start) -> Result<Arc<Observer>, Error> {
    let set = &start.settings;
    let program = start.path.as_ref().or(start.argv.first());
    let program = program.map(PathBuf::from).unwrap_or_default();
    let name = program.file_name().unwrap_or_default();
    let profile = set.one(Key::Profile).map(PathBuf::from);
    if profile.is_some() {
        crate::sys::signal::catch_endings();
    }
    Observer::new(Wishes {
        program: name.to_string_lossy().into_owned(),
        profile,
        owner: start.executed.profile_owner,
        perf_map: set.flag(Key::PerfMap),
    })
    .map_err(|source| Error::Host {
        what: "--profile or --perf-map: cannot make the file".into(),
        source,
    })
}

fn file_system(start: &Start) -> Result<Fs, Error> {
    if let Some(text) = &start.executed.root {
        return Fs::handed_on(text).map_err(host("--exec-root"));
    }
    let given = start.settings.list(Key::Bind);
    let Some(dir) = &start.rootfs else {
        return if given.is_empty() {
            Ok(Fs::host())
        } else {
            Err(Error::Usage("--bind needs --rootfs".into()))
        };
    };
    let shown = |binds: &[OsString], optional| -> Vec<Shown> {
        (binds.iter().filter_map(|b| settings::bind(b)))
            .map(|b| Shown {
                host: b.host,
                guest: b.guest,
                read_only: b.read_only,
                optional,
            })
            .collect()
    };
    // Of two at the same place the later is shown.
    let shown = [shown(&start.shared(), true), shown(given, false)].concat();
    Fs::rooted(dir, &shown).map_err(|(path, e)| Error::CannotRun {
        path,
        why: format!("cannot be used for the rootfs: {e}"),
    })
}

impl Start {
    /// What the root shares with the host by itself, as values of `--bind`.
    fn shared(&self) -> Vec<OsString> {
        const KERNEL: [&str; 3] = ["/dev", "/proc", "/sys"];
        const SESSION: [&str; 2] = ["/run", "/tmp"];
        let mut all: Vec<PathBuf> = KERNEL.map(PathBuf::from).into();
        if self.settings.flag_or(Key::Share, !self.closed) {
            all.extend(SESSION.map(PathBuf::from));
        }
        let home = std::env::var_os("HOME").map(PathBuf::from);
        if self.settings.flag_or(Key::ShareHome, !self.closed)
            && let Some(home) = home.filter(|h| h.is_absolute() && h.parent().is_some())
            // It may be shared already, or lie in the root.
            && !all.iter().any(|dir| home.starts_with(dir))
            && !self.rootfs.iter().any(|root| home.starts_with(root))
        {
            all.push(home);
        }
        (all.into_iter())
            .map(|dir| {
                let mut bind = dir.clone().into_os_string();
                bind.push(":");
                bind.push(dir);
                bind
            })
            .collect()
    }
}

fn host(what: &str) -> impl Fn(Errno) -> Error {
    let what = what.to_string();
    move |e| Error::Host {
        what: what.clone(),
        source: e.io(),
    }
}

/// Takes over the way to the host's /proc from a program whose root may have none.
fn inherit_ways(executed: &Executed) -> Result<(), Error> {
    let Some(n) = executed.proc else {
        return Ok(());
    };
    proc::keep(inherited(n).map_err(host("--exec-proc"))?);
    proc::root_changes();
    Ok(())
}

/// The settings in force, as arguments for the next felix.
fn again(start: &Start) -> Vec<OsString> {
    let set = &start.settings;
    let mut out: Vec<OsString> = Vec::new();
    let mut option = |name: &str, value: &OsStr| {
        let mut text = OsString::from(format!("--{name}="));
        text.push(value);
        out.push(text);
    };
    for row in settings::SETTINGS {
        let values = set.list(row.key);
        match row.key {
            // Seen to.
            Key::Rootfs | Key::Bind | Key::Share | Key::ShareHome | Key::RootfsDir | Key::Env => {}
            Key::Profile => {
                if let Some(p) = set.one(Key::Profile) {
                    let p = std::path::absolute(p).unwrap_or_else(|_| p.into());
                    option(row.name, p.as_os_str());
                    let owner = match start.executed.profile_owner {
                        0 => crate::sys::host::getpid(),
                        n => n,
                    };
                    option("profile-owner", OsStr::new(&owner.to_string()));
                }
            }
            _ => {
                for v in values.iter().filter(|v| !v.is_empty()) {
                    option(row.name, v);
                }
            }
        }
    }
    out
}

/// Looks a name without a slash up in PATH, as a shell does (path names inside the guest).
fn search(fs: &Fs, name: &OsStr, env: &[Vec<u8>]) -> OsString {
    if name.as_bytes().contains(&b'/') || name.is_empty() {
        return name.into();
    }
    let path = env
        .iter()
        .find_map(|e| e.strip_prefix(b"PATH="))
        .unwrap_or(b"/usr/local/bin:/usr/bin:/bin");
    for dir in path.split(|b| *b == b':') {
        let full = [
            if dir.is_empty() { b"." } else { dir },
            b"/",
            name.as_bytes(),
        ]
        .concat();
        let found = fs
            .resolve(libc::AT_FDCWD, &full, Last::Follow)
            .and_then(|at| crate::sys::host::fstatat(at.fd(), &at.name, 0));
        if found.is_ok_and(|s| s.st_mode & libc::S_IFMT == libc::S_IFREG && s.st_mode & 0o111 != 0)
        {
            return OsString::from_vec(full);
        }
    }
    name.into()
}

/// The root that the settings name, if any.
pub(super) fn rootfs(set: &Settings) -> Result<Option<PathBuf>, Error> {
    match set.one(Key::Rootfs) {
        None => Ok(None),
        Some(named) => Store::of(set).find(named).map(Some),
    }
}

/// felix's own environment, as the program is to see it.
pub(super) fn environment(set: &Settings, mut envp: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    for e in set.list(Key::Env) {
        let e = e.as_bytes().to_vec();
        let name = e.iter().position(|b| *b == b'=').map_or(0, |n| n + 1);
        envp.retain(|old| !old.starts_with(&e[..name]));
        envp.push(e);
    }
    envp
}

pub(super) fn run(args: RunArgs) -> Result<Infallible, Error> {
    let again = args.exec_path.is_some();
    let settings = if again {
        args.settings.alone()?
    } else {
        args.settings.settings()?
    };
    super::start_log(&settings);
    let rootfs = if again || args.no_rootfs {
        None
    } else {
        rootfs(&settings)?
    };
    run_it(Start {
        rootfs,
        settings,
        path: args.exec_path,
        argv: args.program,
        environment: None,
        home: None,
        closed: false,
        executed: Executed {
            again,
            profile_owner: args.profile_owner,
            limits: args.exec_limit,
            fd: args.exec_fd,
            root: args.exec_root,
            proc: args.exec_proc,
            felix: args.exec_self,
            seccomp: args.exec_seccomp,
            personality: args.exec_personality,
        },
    })
}

/// Runs the program that binfmt_misc has started felix for: already open, and named as the guest is to see it.
pub(super) fn started_by_kernel(
    fd: i32,
    path: OsString,
    argv: Vec<OsString>,
) -> Result<Infallible, Error> {
    let settings = Files::usual().load()?;
    super::start_log(&settings);
    let mut start = Start {
        rootfs: rootfs(&settings)?,
        settings,
        path: Some(path.clone()),
        argv,
        executed: Executed {
            fd: Some(fd),
            ..Executed::default()
        },
        ..Start::default()
    };
    // A program that is not to be seen in the root is one of the host's.
    let fs = file_system(&start)?;
    let host = Path::new(&path).canonicalize();
    let seen = host
        .ok()
        .and_then(|h| fs.guest_path(h.as_os_str().as_bytes()));
    match seen {
        Some(seen) if fs.is_rooted() => start.path = Some(OsString::from_vec(seen)),
        _ => start.rootfs = None,
    }
    drop(fs);
    run_it(start)
}

/// What to execute for felix itself. Where it has no name, programs are executed by descriptor, or in place. Started by the kernel
/// felix may lie outside a chroot, where its path leads elsewhere and the link to it does not.
fn own_path(executed: &Executed) -> OsString {
    if !executed.again && executed.fd.is_some() {
        return "/proc/self/exe".into();
    }
    OsString::from_vec(proc::read_link("self/exe").unwrap_or_default())
}

/// Runs a program until it ends, and felix with it.
pub(super) fn run_it(mut start: Start) -> Result<Infallible, Error> {
    // First: the numbers of felix's descriptors follow from one of them.
    let limits = &start.executed.limits;
    if let Some(wrong) = limits.iter().find(|l| !take_limit(l)) {
        return Err(Error::Usage(format!("--exec-limit {wrong}: no limit")));
    }
    let set = &start.settings;
    let (own, wrapper) = take_environment(start.executed.again);
    let envp = environment(set, start.environment.take().unwrap_or(own));
    inherit_ways(&start.executed)?;
    let fs = file_system(&start)?;
    let kept = start.executed.felix.and_then(|n| inherited(n).ok());
    let options = Options {
        felix: own_path(&start.executed),
        kept_felix: Mutex::new(kept.and_then(KeptFelix::new)),
        again: again(&start),
        wrapper,
        strace: set.flag(Key::Strace),
        stats: set.flag(Key::Stats),
    };
    let isa = isa(set)?;
    let has = |f| isa.is_some_and(|isa| isa.has(f));
    let usual = Cpu::usual(has(Feature::Zvknha) || has(Feature::Zvknhb));
    let cpu = match set.text(Key::Cpu) {
        Some(text) => Cpu::parse(text, usual)
            .map_err(|e: CpuError| Error::Usage(format!("--cpu {text}: {e}")))?,
        None => usual,
    };
    cpu.show();
    crate::helper::show_processors(crate::sys::host::processors());
    let engine = engine(&start, isa)?;
    if options.stats || options.strace {
        keep_stderr();
    }
    let seccomp = match start.executed.seccomp {
        None => Seccomp::default(),
        Some(n) => handed_on(n)
            .and_then(|bytes| Seccomp::from_bytes(&bytes))
            .map_err(host("--exec-seccomp"))?,
    };
    let mut argv = start.argv;
    let file = match start.executed.fd {
        None => None,
        Some(n) => Some(inherited(n).map_err(host("--exec-fd"))?),
    };
    if !start.executed.again {
        enter(&fs, start.home.as_deref())?;
    }
    let path = match start.path {
        Some(p) => p,
        None => search(&fs, &argv[0], &envp),
    };
    if argv.is_empty() {
        argv.push(path.clone());
    }
    crate::run::run(
        Job {
            fs,
            options,
            path,
            file,
            argv,
            envp,
            seccomp,
            personality: start.executed.personality,
        },
        engine,
    )
}

/// Goes where the program starts: where felix is, if it is to be seen inside; else `home`, else `/`.
fn enter(fs: &Fs, home: Option<&Path>) -> Result<(), Error> {
    if !fs.is_rooted() {
        return Ok(());
    }
    let seen = fs.getcwd().is_ok_and(|d| d.starts_with(b"/"));
    fs.enter().map_err(host("cannot enter the rootfs"))?;
    if let Some(home) = home.filter(|_| !seen) {
        // A user whose home is not there, or closed, starts in /.
        let dir = fs
            .resolve(libc::AT_FDCWD, home.as_os_str().as_bytes(), Last::Follow)
            .and_then(|at| at.open(libc::O_PATH | libc::O_DIRECTORY));
        if let Ok(dir) = dir {
            let _ = crate::sys::host::fchdir(dir.as_raw_fd());
        }
    }
    Ok(())
}
