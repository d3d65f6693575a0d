//! What this host has and lacks for felix, in sentences.
//!
//! Looks, and changes nothing.

use super::settings::SETTINGS;
use super::{binfmt, nearest};
use crate::exec::jit;
use crate::rv64::{Feature, HostIsa};
use crate::sys::{files, host};
use std::ffi::CStr;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::Path;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Weight {
    /// As it should be.
    Good,
    /// Something is slower, or does not work.
    Note,
    /// felix cannot work.
    Bad,
}

/// A sentence.
pub type Finding = (Weight, String);

fn read(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

/// What each extension is good for, those that matter most first.
const WORTH: &[(Feature, &str)] = &[
    (
        Feature::Zbb,
        "byte swaps, rotates and extensions take several instructions",
    ),
    (Feature::Zba, "address arithmetic takes more instructions"),
    (Feature::Zbs, "bit tests take more instructions"),
    (Feature::Zicond, "conditional moves are branches"),
    (Feature::Zacas, "CMPXCHG16B is atomic only to other such"),
    (Feature::Zabha, "atomic operations on bytes are loops"),
    (Feature::Zvkned, "AES instructions are slow"),
    (Feature::Zvbb, "counting bits in vectors is slow"),
];

fn cpu(out: &mut Vec<Finding>) {
    if std::env::consts::ARCH != "riscv64" {
        out.push((
            Weight::Note,
            format!(
                "The CPU is {}, not RISC-V: programs run on the portable engine, which is right but slow.",
                std::env::consts::ARCH
            ),
        ));
        return;
    }
    extensions(jit::probe(), out);
}

/// What of RISC-V the host has and lacks.
fn extensions(isa: HostIsa, out: &mut Vec<Finding>) {
    out.push((
        Weight::Good,
        format!("The CPU is RISC-V ({isa}): programs run as translated code."),
    ));
    match isa.vlen() {
        0 => out.push((
            Weight::Note,
            "There is no V extension: x86 vector instructions are done piece by piece, about half as fast.".into(),
        )),
        n @ ..256 => out.push((
            Weight::Note,
            format!("Vector registers have {n} bits: AVX's operations of 256 bits are done as two."),
        )),
        n => out.push((Weight::Good, format!("Vector registers have {n} bits, enough for AVX."))),
    }
    let lacking = WORTH
        .iter()
        .filter(|(f, _)| !isa.has(*f) && (isa.has_v() || !f.name().starts_with("zv")));
    for (f, cost) in lacking {
        out.push((Weight::Note, format!("There is no {}: {cost}.", f.name())));
    }
}

fn memory(out: &mut Vec<Finding>) {
    match host::page_size() {
        4096 => out.push((
            Weight::Good,
            "Pages are 4096 bytes, as x86-64 programs expect.".into(),
        )),
        n => out.push((
            Weight::Bad,
            format!("Pages are {n} bytes; felix needs a kernel with pages of 4096."),
        )),
    }
    let top = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    // The kernel's own page is at the very top.
    let ends = top.lines().filter(|l| !l.ends_with("[vsyscall]"));
    let ends = ends.filter_map(|l| l.split([' ', '-']).nth(1));
    let end = ends.filter_map(|e| u64::from_str_radix(e, 16).ok()).max();
    match end.map(|e| u64::BITS - (e - 1).leading_zeros()) {
        Some(bits @ 47..) => out.push((
            Weight::Good,
            format!("Programs have addresses of {bits} bits, as on x86-64."),
        )),
        Some(bits) => out.push((
            Weight::Note,
            format!("Programs have addresses of {bits} bits, x86-64 has 47: the few that insist on high ones (some sanitizers and databases) will not run."),
        )),
        None => out.push((Weight::Note, "/proc/self/maps cannot be read: is /proc mounted?".into())),
    }
    if read("/proc/sys/vm/overcommit_memory").as_deref() == Some("2") {
        out.push((
            Weight::Note,
            "vm.overcommit_memory is 2: programs that reserve much address space (Java, Go, node) may not start.".into(),
        ));
    }
    let lowest = read("/proc/sys/vm/mmap_min_addr").and_then(|t| t.parse::<u64>().ok());
    if let Some(n @ 0x40_0001..) = lowest {
        out.push((
            Weight::Bad,
            format!(
                "vm.mmap_min_addr is {n}: programs that are linked to 0x400000 cannot be loaded."
            ),
        ));
    }
}

fn kernel(namespaces: Option<bool>, out: &mut Vec<Finding>) {
    if !Path::new("/proc/self/fd").exists() {
        out.push((Weight::Bad, "/proc is not mounted; felix needs it.".into()));
        return;
    }
    let inside =
        File::open("/").map(|f| files::open_inside(f.as_raw_fd(), c".", libc::O_PATH).is_ok());
    if !inside.is_ok_and(|ok| ok) {
        out.push((
            Weight::Note,
            "The kernel has no openat2 (Linux 5.6): `felix rootfs` cannot make roots here.".into(),
        ));
    }
    match namespaces {
        Some(true) => out.push((
            Weight::Good,
            "User namespaces are allowed: `felix shell` makes you root inside a root.".into(),
        )),
        Some(false) => {
            let knobs = [
                ("/proc/sys/user/max_user_namespaces", "0"),
                ("/proc/sys/kernel/unprivileged_userns_clone", "0"),
                (
                    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
                    "1",
                ),
            ];
            let why = knobs.iter().find(|(f, v)| read(f).as_deref() == Some(v));
            let why = why.map_or(String::new(), |(f, v)| format!(" ({f} is {v})"));
            out.push((
                Weight::Note,
                format!("User namespaces are not allowed{why}: `felix shell` leaves you the user you are, and sandboxes inside (bubblewrap, Steam) do not start."),
            ));
        }
        None => {}
    }
}

fn formats(out: &mut Vec<Finding>) {
    let status = binfmt::status();
    match status.felix {
        Some((felix, true)) => match felix.exists() {
            true => out.push((
                Weight::Good,
                format!("x86-64 programs start by themselves: binfmt_misc has {}.", felix.display()),
            )),
            // With flag F the kernel holds the file it had.
            false => out.push((
                Weight::Note,
                format!("binfmt_misc has {}, which is no longer there; felix binfmt register mends that.", felix.display()),
            )),
        },
        Some((_, false)) => out.push((Weight::Note, "felix is registered with binfmt_misc and disabled.".into())),
        None if std::env::consts::ARCH == "x86_64" => {}
        None => out.push((
            Weight::Note,
            "x86-64 programs need `felix run`: sudo felix binfmt register makes them start by themselves.".into(),
        )),
    }
    if std::env::consts::ARCH != "x86_64" && !status.others.is_empty() {
        out.push((
            Weight::Note,
            format!(
                "binfmt_misc also has {} for x86-64 programs; the last one registered runs them.",
                status.others.join(", ")
            ),
        ));
    }
}

/// The machine an ELF file is for, if it is one.
fn machine(root: &Path, path: &CStr) -> Option<u16> {
    let head = super::place::read_inside(root, path)?;
    let m = head.get(18..20).filter(|_| head.starts_with(b"\x7fELF"))?;
    Some(u16::from_le_bytes([m[0], m[1]]))
}

/// Whether a directory will do as a root.
pub fn root(root: &Path, out: &mut Vec<Finding>) {
    let shown = root.display();
    if !root.is_dir() {
        out.push((
            Weight::Bad,
            format!("The root {shown} is not there; choose another with `felix rootfs use`, or felix config unset rootfs."),
        ));
        return;
    }
    let loaders = [c"lib64/ld-linux-x86-64.so.2", c"lib/ld-musl-x86_64.so.1"];
    let loader = loaders.iter().find_map(|l| machine(root, l));
    let shell = [c"bin/sh", c"usr/bin/sh", c"bin/busybox"]
        .iter()
        .find_map(|s| machine(root, s));
    let about = super::place::about(root).unwrap_or("a system without os-release".into());
    match shell.or(loader) {
        Some(62) => out.push((
            Weight::Good,
            format!("The root {shown} is {about}, for x86-64."),
        )),
        Some(m) => {
            let name = if m == 243 {
                "RISC-V".into()
            } else {
                format!("machine {m}")
            };
            out.push((
                Weight::Bad,
                format!(
                    "The root {shown} is for {name}, not for x86-64: make one with `felix rootfs`."
                ),
            ));
        }
        None => out.push((
            Weight::Note,
            format!("The root {shown} has no shell in /bin: it may not be the root of a system."),
        )),
    }
    if shell == Some(62) && loader.is_none() {
        out.push((
            Weight::Note,
            format!("The root {shown} has no dynamic linker (/lib64/ld-linux-x86-64.so.2): only static programs run."),
        ));
    }
    let missing: Vec<&str> = ["dev", "proc", "sys", "tmp"]
        .into_iter()
        .filter(|d| !root.join(d).is_dir())
        .collect();
    if !missing.is_empty() {
        out.push((
            Weight::Note,
            format!(
                "The root {shown} lacks the directories {}: mkdir makes them.",
                missing.join(", ")
            ),
        ));
    }
}

/// Variables that look like settings and are none.
fn variables(out: &mut Vec<Finding>) {
    let known: Vec<String> = SETTINGS.iter().map(|s| s.variable()).collect();
    let lower: Vec<String> = known.iter().map(|k| k.to_lowercase()).collect();
    for (name, _) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|n| n.starts_with("FELIX_")) else {
            continue;
        };
        if known.iter().any(|k| k == name) {
            continue;
        }
        // The common beginning says nothing.
        let rest = name["FELIX_".len()..].to_lowercase();
        let rests = lower.iter().map(|k| &k["felix_".len()..]);
        if let Some(n) = nearest(&rest, rests) {
            out.push((
                Weight::Note,
                format!(
                    "The variable {name} is no setting; FELIX_{} is one.",
                    n.to_uppercase()
                ),
            ));
        }
    }
}

/// Everything; `namespaces` is whether a user namespace could be had, if that is known.
#[must_use]
pub fn examine(rootfs: Option<&Path>, namespaces: Option<bool>) -> Vec<Finding> {
    let mut out = Vec::new();
    cpu(&mut out);
    memory(&mut out);
    kernel(namespaces, &mut out);
    formats(&mut out);
    match rootfs {
        Some(dir) => root(dir, &mut out),
        None if std::env::consts::ARCH == "x86_64" => {}
        None => out.push((
            Weight::Note,
            "No root is set: without one only static x86-64 programs find what they need; `felix rootfs` makes one, `felix rootfs use` sets it.".into(),
        )),
    }
    variables(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_lacks_is_said() {
        let say = |isa: &str| {
            let mut out = Vec::new();
            extensions(isa.parse().unwrap(), &mut out);
            out
        };
        let bare = say("gc");
        let text = |all: &[Finding]| {
            all.iter()
                .map(|f| f.1.as_str())
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert!(text(&bare).contains("no V extension") && text(&bare).contains("no zbb"));
        assert!(!text(&bare).contains("zvkned"));
        let full = say("gc,zba,zbb,zbs,zicond,zacas,zabha,zvkned,zvbb,v256");
        assert!(full.iter().all(|f| f.0 == Weight::Good), "{full:?}");
        assert!(text(&say("rva23u64")).contains("128 bits"));
    }

    #[test]
    fn roots_are_judged() {
        let dir = std::env::temp_dir().join(format!("felix-doctor-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("bin")).unwrap();
        let worst = || {
            let mut out = Vec::new();
            root(&dir, &mut out);
            out.iter().map(|f| f.0).max().unwrap()
        };
        assert_eq!(worst(), Weight::Note);
        let elf = |machine: u8| {
            let mut head = b"\x7fELF\x02\x01\x01".to_vec();
            head.resize(18, 0);
            head.extend([machine, 0]);
            head
        };
        fs::write(dir.join("bin/sh"), elf(243)).unwrap();
        assert_eq!(worst(), Weight::Bad);
        for d in ["dev", "proc", "sys", "tmp", "lib64"] {
            fs::create_dir_all(dir.join(d)).unwrap();
        }
        fs::write(dir.join("bin/sh"), elf(62)).unwrap();
        fs::write(dir.join("lib64/ld-linux-x86-64.so.2"), elf(62)).unwrap();
        assert_eq!(worst(), Weight::Good);
        fs::remove_dir_all(dir).unwrap();
    }
}
