//! `felix run`, also in the form felix executes itself with for a guest's execve.

use crate::error::Error;
use crate::exec::Engine;
use crate::exec::interp::InterpEngine;
use crate::exec::jit::{self, JitEngine, Observer, Wishes};
use crate::kernel::Options;
use crate::kernel::exec::{inherited, take_environment, take_limit};
use crate::kernel::fd::keep_stderr;
use crate::kernel::vfs::{Fs, Last};
use crate::run::{GuestMemory, Job};
use crate::rv64::{Feature, HostIsa};
use crate::x86::cpu::{Cpu, CpuError};
use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::Arc;

/// What runs the guest's code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum EngineKind {
    /// The portable engine.
    Interp,
    /// Translation to RISC-V code.
    Jit,
}

/// Options of `felix run`.
#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    /// Directory that is the program's root.
    #[arg(long, env = "FELIX_ROOTFS", value_name = "DIR")]
    rootfs: Option<PathBuf>,
    /// Show a host directory inside the rootfs.
    #[arg(long, value_name = "HOST:GUEST")]
    bind: Vec<OsString>,
    /// What runs the code: jit on RISC-V, interp elsewhere, unless said otherwise.
    #[arg(long, value_enum)]
    engine: Option<EngineKind>,
    /// The CPU to show the program: max (all there is), x86-64, x86-64-v2, x86-64-v3, and features to add or hide, as in
    /// x86-64-v2,+bmi1 or -sse4_2; `felix list` names them.
    #[arg(
        long,
        env = "FELIX_CPU",
        value_name = "CPU",
        allow_hyphen_values = true
    )]
    cpu: Option<String>,
    /// Host ISA extensions to use instead of those found.
    #[arg(long, value_name = "LIST")]
    host_isa: Option<String>,
    /// Print statistics at the end.
    #[arg(long)]
    stats: bool,
    /// Print every system call.
    #[arg(long)]
    strace: bool,
    /// Write a profile of translated code to FILE, FILE.folded and FILE.json at the end.
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Write /tmp/perf-PID.map, by which Linux perf names translated code.
    #[arg(long)]
    perf_map: bool,
    /// Internal: the process that FILE itself is for; others append their number.
    #[arg(long, hide = true, default_value_t = 0)]
    profile_owner: i32,
    /// Set a variable in the program's environment.
    #[arg(long, value_name = "K=V")]
    env: Vec<OsString>,
    /// Internal: the path of a program that a guest executes.
    #[arg(long, hide = true)]
    exec_path: Option<OsString>,
    /// Internal: a limit of a program that a guest executes.
    #[arg(long, hide = true)]
    exec_limit: Vec<String>,
    /// Internal: the descriptor of a program that a guest executes.
    #[arg(long, hide = true)]
    exec_fd: Option<i32>,
    /// The program and its arguments.
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "PROGRAM"
    )]
    program: Vec<OsString>,
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
fn isa(args: &RunArgs) -> Result<Option<HostIsa>, Error> {
    let wanted = args.engine.unwrap_or(if cfg!(target_arch = "riscv64") {
        EngineKind::Jit
    } else {
        EngineKind::Interp
    });
    match wanted {
        EngineKind::Interp => Ok(None),
        EngineKind::Jit => host_isa(args.host_isa.as_deref()).map(Some),
    }
}

fn engine(args: &RunArgs, isa: Option<HostIsa>) -> Result<Box<dyn Engine + Send>, Error> {
    let files = args.profile.is_some() || args.perf_map;
    let Some(isa) = isa else {
        if files {
            return Err(Error::Usage(
                "--profile and --perf-map are about translated code: they need --engine jit".into(),
            ));
        }
        return Ok(Box::new(InterpEngine::new(Arc::new(GuestMemory))));
    };
    let observer = if files || args.stats {
        Some(observer(args)?)
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

fn observer(args: &RunArgs) -> Result<Arc<Observer>, Error> {
    let program = args.exec_path.as_ref().or(args.program.first());
    let program = program.map(PathBuf::from).unwrap_or_default();
    let name = program.file_name().unwrap_or_default();
    if args.profile.is_some() {
        crate::sys::signal::catch_endings();
    }
    Observer::new(Wishes {
        program: name.to_string_lossy().into_owned(),
        profile: args.profile.clone(),
        owner: args.profile_owner,
        perf_map: args.perf_map,
    })
    .map_err(|source| Error::Host {
        what: "--profile or --perf-map: cannot make the file".into(),
        source,
    })
}

/// `HOST:GUEST`, split at the last colon.
fn bind(text: &OsStr) -> Result<(PathBuf, PathBuf, bool), Error> {
    let b = text.as_bytes();
    match b.iter().rposition(|c| *c == b':') {
        Some(i) if i > 0 && b.get(i + 1) == Some(&b'/') => Ok((
            PathBuf::from(OsStr::from_bytes(&b[..i])),
            PathBuf::from(OsStr::from_bytes(&b[i + 1..])),
            false,
        )),
        _ => Err(Error::Usage(format!(
            "--bind {}: write HOST:GUEST with an absolute guest path",
            text.display()
        ))),
    }
}

fn file_system(args: &RunArgs) -> Result<Fs, Error> {
    let Some(dir) = &args.rootfs else {
        return if args.bind.is_empty() {
            Ok(Fs::host())
        } else {
            Err(Error::Usage("--bind needs --rootfs".into()))
        };
    };
    let mut binds: Vec<(PathBuf, PathBuf, bool)> = ["/proc", "/dev", "/sys"]
        .map(|p| (p.into(), p.into(), true))
        .into();
    for b in &args.bind {
        binds.push(bind(b)?);
    }
    Fs::rooted(dir, &binds).map_err(|(path, e)| Error::CannotRun {
        path,
        why: format!("cannot be used for the rootfs: {e}"),
    })
}

/// The options in force, as arguments for the next felix.
fn again(args: &RunArgs) -> Vec<OsString> {
    let mut out: Vec<OsString> = Vec::new();
    let mut option = |name: &str, value: &OsStr| out.extend([name.into(), value.into()]);
    if let Some(r) = &args.rootfs {
        // The guest may be elsewhere by then.
        let r = r.canonicalize().unwrap_or_else(|_| r.clone());
        option("--rootfs", r.as_os_str());
    }
    for b in &args.bind {
        let full = bind(b).ok().and_then(|(h, g, _)| {
            let mut full = h.canonicalize().ok()?.into_os_string();
            full.push(":");
            full.push(g);
            Some(full)
        });
        option("--bind", full.as_deref().unwrap_or(b));
    }
    match args.engine {
        Some(EngineKind::Interp) => option("--engine", OsStr::new("interp")),
        Some(EngineKind::Jit) => option("--engine", OsStr::new("jit")),
        None => {}
    }
    if let Some(cpu) = &args.cpu {
        option("--cpu", OsStr::new(cpu));
    }
    if let Some(i) = &args.host_isa {
        option("--host-isa", OsStr::new(i));
    }
    if let Some(p) = &args.profile {
        let p = std::path::absolute(p).unwrap_or_else(|_| p.clone());
        option("--profile", p.as_os_str());
        let owner = match args.profile_owner {
            0 => crate::sys::host::getpid(),
            n => n,
        };
        option("--profile-owner", OsStr::new(&owner.to_string()));
    }
    if args.perf_map {
        out.push("--perf-map".into());
    }
    if args.stats {
        out.push("--stats".into());
    }
    if args.strace {
        out.push("--strace".into());
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

pub(super) fn run(args: RunArgs) -> Result<Infallible, Error> {
    let (mut envp, wrapper) = take_environment(args.exec_path.is_some());
    for e in &args.env {
        let e = e.as_bytes().to_vec();
        let Some(eq) = e.iter().position(|b| *b == b'=') else {
            return Err(Error::Usage("--env: write NAME=VALUE".into()));
        };
        envp.retain(|old| !old.starts_with(&e[..=eq]));
        envp.push(e);
    }
    let fs = file_system(&args)?;
    let again = again(&args);
    let felix = std::env::current_exe().map_err(|e| Error::Host {
        what: "cannot find felix's own executable".into(),
        source: e,
    })?;
    let options = Options {
        felix: felix.into_os_string(),
        again,
        wrapper,
        strace: args.strace,
        stats: args.stats,
    };
    let isa = isa(&args)?;
    let has = |f| isa.is_some_and(|isa| isa.has(f));
    let usual = Cpu::usual(has(Feature::Zvknha) || has(Feature::Zvknhb));
    let cpu = match &args.cpu {
        Some(text) => Cpu::parse(text, usual)
            .map_err(|e: CpuError| Error::Usage(format!("--cpu {text}: {e}")))?,
        None => usual,
    };
    cpu.show();
    let engine = engine(&args, isa)?;
    if args.stats || args.strace {
        keep_stderr();
    }
    if let Some(wrong) = args.exec_limit.iter().find(|l| !take_limit(l)) {
        return Err(Error::Usage(format!("--exec-limit {wrong}: no limit")));
    }
    let mut argv = args.program;
    let file = match args.exec_fd {
        None => None,
        Some(n) => Some(inherited(n).map_err(|e| Error::Host {
            what: "--exec-fd".into(),
            source: e.io(),
        })?),
    };
    let path = match args.exec_path {
        Some(p) => p,
        None => {
            let found = search(&fs, &argv[0], &envp);
            if fs.is_rooted() {
                fs.enter().map_err(|e| Error::Host {
                    what: "cannot enter the rootfs".into(),
                    source: e.io(),
                })?;
            }
            found
        }
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
        },
        engine,
    )
}
