//! What a login inside a root needs: who one is there, the environment, names resolved as on the host.
//!
//! Runs nothing: `cli` runs what comes out. Writes one file in the root, /etc/resolv.conf, and only where there is none
//! of the root's own.

use super::place::read_inside;
use crate::error::Error;
use crate::sys::{Errno, files};
use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A line of the root's passwd(5).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// Login name.
    pub name: OsString,
    /// Home directory.
    pub home: PathBuf,
    /// Login shell.
    pub shell: OsString,
}

/// Variables of the host's that mean the same inside.
const KEPT: &[&str] = &[
    "TERM",
    "COLORTERM",
    "TZ",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "http_proxy",
    "https_proxy",
    "ftp_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
];

/// Where a login's programs are.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How felix's resolv.conf begins, so that it is known again.
const MARK: &str = "# The host's, written by felix shell; remove this line to keep changes.\n";

fn inside(root: &Path, path: &OsStr, flags: i32) -> Result<(), Errno> {
    let root = File::open(root).map_err(|e| Errno::of(&e))?;
    let path = CString::new(path.as_bytes()).map_err(|_| Errno::ENOENT)?;
    files::open_inside(root.as_raw_fd(), &path, flags).map(drop)
}

/// The user of this number in the root; one that the root does not know gets /bin/sh in /.
#[must_use]
pub fn user(root: &Path, uid: u64) -> User {
    let text = read_inside(root, c"etc/passwd").unwrap_or_default();
    let uid = uid.to_string();
    let os = |b: &[u8]| OsString::from_vec(b.to_vec());
    let found = text.split(|b| *b == b'\n').find_map(|line| {
        let f: Vec<&[u8]> = line.split(|b| *b == b':').collect();
        let [name, _, number, _, _, home, shell] = f[..] else {
            return None;
        };
        (number == uid.as_bytes()).then(|| User {
            name: os(name),
            home: os(home).into(),
            shell: os(shell),
        })
    });
    let mut user = found.unwrap_or(User {
        name: if uid == "0" {
            "root".into()
        } else {
            uid.into()
        },
        home: "/".into(),
        shell: OsString::new(),
    });
    let shells = [user.shell.clone(), "/bin/bash".into(), "/bin/sh".into()];
    let there = |s: &&OsString| !s.is_empty() && inside(root, s, libc::O_PATH).is_ok();
    user.shell = shells
        .iter()
        .find(there)
        .cloned()
        .unwrap_or("/bin/sh".into());
    user
}

/// The environment of a login of `user` in the root, which the prompt calls `name`.
#[must_use]
pub fn environment(
    root: &Path,
    name: &str,
    user: &User,
    host: impl Fn(&str) -> Option<OsString>,
) -> Vec<Vec<u8>> {
    let mut env: Vec<(&str, OsString)> = vec![
        ("HOME", user.home.clone().into()),
        ("USER", user.name.clone()),
        ("LOGNAME", user.name.clone()),
        ("SHELL", user.shell.clone()),
        ("PATH", PATH.into()),
        ("LANG", "C.UTF-8".into()),
        // Debian's and Ubuntu's bashrc show this one, others' leave PS1 alone.
        ("debian_chroot", name.into()),
        ("PS1", format!("({name})\\u@\\h:\\w\\$ ").into()),
    ];
    for k in KEPT {
        if let Some(v) = host(k) {
            env.push((k, v));
        }
    }
    for (_, term) in env.iter_mut().filter(|(k, _)| *k == "TERM") {
        if !knows_terminal(root, term) {
            *term = "xterm".into();
        }
    }
    env.into_iter()
        .map(|(k, v)| [k.as_bytes(), b"=", v.as_bytes()].concat())
        .collect()
}

/// True if the root's terminfo(5) has this terminal.
fn knows_terminal(root: &Path, term: &OsStr) -> bool {
    let Some(first) = term.as_bytes().first() else {
        return false;
    };
    let sound = term
        .as_bytes()
        .iter()
        .all(|b| b.is_ascii_graphic() && *b != b'/');
    let dirs = [
        "usr/share/terminfo",
        "usr/lib/terminfo",
        "lib/terminfo",
        "etc/terminfo",
    ];
    sound
        && dirs.iter().any(|d| {
            let file = format!("{d}/{}/{}", char::from(*first), term.display());
            inside(root, OsStr::new(&file), libc::O_PATH).is_ok()
        })
}

/// Makes names resolve inside as they do on the host, unless the root has a resolv.conf of its own.
///
/// # Errors
/// If it cannot be written.
pub fn resolve_names(root: &Path, host: &Path) -> Result<(), Error> {
    let Ok(text) = fs::read_to_string(host) else {
        return Ok(());
    };
    let new = format!("{MARK}{text}");
    match read_inside(root, c"etc/resolv.conf") {
        Some(old) if old == new.as_bytes() => return Ok(()),
        Some(old) if !old.trim_ascii().is_empty() && !old.starts_with(MARK.as_bytes()) => {
            return Ok(());
        }
        // Empty, an old one of felix's, none, or a link that leads nowhere.
        _ => {}
    }
    let top = File::open(root).map_err(|e| Error::host(root.display().to_string(), e))?;
    let Ok(etc) = files::open_inside(top.as_raw_fd(), c"etc", libc::O_RDONLY | libc::O_DIRECTORY)
    else {
        return Ok(());
    };
    let etc = PathBuf::from(format!("/proc/self/fd/{}", etc.as_raw_fd())).canonicalize();
    let written = etc.and_then(|etc| {
        let file = etc.join(format!(".resolv.conf.{}", std::process::id()));
        let mut f = File::create_new(&file)?;
        f.write_all(new.as_bytes())?;
        f.set_permissions(fs::Permissions::from_mode(0o644))?;
        fs::rename(&file, etc.join("resolv.conf"))
    });
    written.map_err(|e| Error::host("writing the root's /etc/resolv.conf", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_finds_its_user_and_names() {
        let dir = std::env::temp_dir().join(format!("felix-shell-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        for d in ["etc", "bin", "usr/share/terminfo/x"] {
            fs::create_dir_all(dir.join(d)).unwrap();
        }
        let passwd = "root:x:0:0:root:/root:/usr/bin/fish\nu:x:1000:1000::/h/u:/bin/dash\n";
        fs::write(dir.join("etc/passwd"), passwd).unwrap();
        for f in ["bin/dash", "bin/sh", "usr/share/terminfo/x/xterm-kitty"] {
            fs::write(dir.join(f), "").unwrap();
        }
        let root = user(&dir, 0);
        assert_eq!(
            (root.name.as_os_str(), root.shell.as_os_str()),
            (OsStr::new("root"), OsStr::new("/bin/sh"))
        );
        let u = user(&dir, 1000);
        assert_eq!(
            (u.home.as_path(), u.shell.as_os_str()),
            (Path::new("/h/u"), OsStr::new("/bin/dash"))
        );
        assert_eq!(user(&dir, 5).name, "5");

        let env = |term: &'static str| {
            environment(&dir, "t", &root, move |k| {
                (k == "TERM").then(|| term.into())
            })
        };
        assert!(env("xterm-kitty").contains(&b"TERM=xterm-kitty".to_vec()));
        assert!(env("foot").contains(&b"TERM=xterm".to_vec()));
        assert!(env("foot").contains(&b"debian_chroot=t".to_vec()));

        let resolv = dir.join("etc/resolv.conf");
        let host = dir.join("host.conf");
        fs::write(&host, "nameserver 192.0.2.1\n").unwrap();
        std::os::unix::fs::symlink("../run/nowhere", &resolv).unwrap();
        resolve_names(&dir, &host).unwrap();
        assert_eq!(
            fs::read_to_string(&resolv).unwrap(),
            format!("{MARK}nameserver 192.0.2.1\n")
        );
        fs::write(&host, "nameserver 192.0.2.2\n").unwrap();
        resolve_names(&dir, &host).unwrap();
        assert!(fs::read_to_string(&resolv).unwrap().contains("192.0.2.2"));
        fs::write(&resolv, "nameserver 192.0.2.9\n").unwrap();
        resolve_names(&dir, &host).unwrap();
        assert_eq!(
            fs::read_to_string(&resolv).unwrap(),
            "nameserver 192.0.2.9\n"
        );
        fs::remove_dir_all(dir).unwrap();
    }
}
