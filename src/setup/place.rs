//! Where roots are, and how one comes to stand at its place: whole or not at all.
//!
//! A root is made as `.felix-making-NAME.PID/root` beside its place. Its maker holds a lock on that directory, which the kernel drops
//! with the process; whoever makes the next root there removes those that nobody holds. At the end everything is on the disk
//! before the one rename.

use super::settings::{Key, Settings};
use super::{nearest, user_dir};
use crate::error::Error;
use crate::sys::files;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// How the names of directories begin in which roots are made.
const MAKING: &str = ".felix-making-";

/// The directory of the roots that have a name.
#[derive(Debug)]
pub struct Store {
    dir: Option<PathBuf>,
}

/// A root that has a name.
#[derive(Debug)]
pub struct Kept {
    /// Its name.
    pub name: OsString,
    /// Its directory.
    pub dir: PathBuf,
    /// What os-release(5) calls it, if it says.
    pub about: Option<String>,
}

fn is_path(named: &OsStr) -> bool {
    let b = named.as_bytes();
    b.contains(&b'/') || b == b"." || b == b".."
}

impl Store {
    /// Where the settings say.
    #[must_use]
    pub fn of(set: &Settings) -> Store {
        let dir = set.one(Key::RootfsDir).map(PathBuf::from);
        let usual = || user_dir("XDG_DATA_HOME", ".local/share").map(|d| d.join("felix/rootfs"));
        Store {
            dir: dir.or_else(usual),
        }
    }

    /// Where the root of this name, or at this path, is to be.
    ///
    /// # Errors
    /// If there is no place for it.
    pub fn place(&self, named: &OsStr) -> Result<PathBuf, Error> {
        if is_path(named) {
            return std::path::absolute(named)
                .map_err(|e| Error::host(named.display().to_string(), e));
        }
        if named.is_empty() || named.as_bytes().starts_with(b".") {
            return Err(Error::Usage(format!(
                "`{}` is no name for a root: one has at least one character and begins with no dot",
                named.display()
            )));
        }
        match &self.dir {
            Some(dir) => std::path::absolute(dir)
                .map(|d| d.join(named))
                .map_err(|e| Error::host(dir.display().to_string(), e)),
            None => Err(Error::Usage(
                "there is no place for roots with names: neither XDG_DATA_HOME nor HOME is an absolute path; set rootfs-dir, or write a path with a slash".into(),
            )),
        }
    }

    /// The root of this name if there is one, else the directory of this path.
    ///
    /// # Errors
    /// If there is neither.
    pub fn find(&self, named: &OsStr) -> Result<PathBuf, Error> {
        if is_path(named) {
            return Ok(named.into());
        }
        if let Some(kept) = self.place(named).ok().filter(|p| p.is_dir()) {
            return Ok(kept);
        }
        let path = PathBuf::from(named);
        if path.is_dir() {
            return Ok(path);
        }
        let names: Vec<String> = self
            .list()
            .unwrap_or_default()
            .into_iter()
            .filter_map(|k| k.name.into_string().ok())
            .collect();
        let named_text = named.to_string_lossy();
        let why = match nearest(&named_text, names.iter().map(String::as_str)) {
            Some(n) => format!("there is no root of this name, and no such directory; did you mean `{n}`?"),
            None => "there is no root of this name, and no such directory: `felix rootfs list` names the roots there are".into(),
        };
        Err(Error::CannotRun { path, why })
    }

    /// The roots that have a name.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn list(&self) -> Result<Vec<Kept>, Error> {
        let Some(dir) = &self.dir else {
            return Ok(Vec::new());
        };
        let failed = |e| Error::host(format!("reading {}", dir.display()), e);
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(failed(e)),
        };
        let mut out = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let (name, dir) = (entry.file_name(), entry.path());
            if !name.as_bytes().starts_with(b".") && dir.is_dir() {
                let about = about(&dir);
                out.push(Kept { name, dir, about });
            }
        }
        out.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(out)
    }
}

/// A small file inside a root, whose links may be absolute.
#[must_use]
pub fn read_inside(root: &Path, path: &std::ffi::CStr) -> Option<Vec<u8>> {
    let root = File::open(root).ok()?;
    let flags = libc::O_RDONLY | libc::O_NONBLOCK;
    let file = File::from(files::open_inside(root.as_raw_fd(), path, flags).ok()?);
    let mut out = Vec::new();
    file.metadata().ok().filter(fs::Metadata::is_file)?;
    file.take(1 << 20).read_to_end(&mut out).ok()?;
    Some(out)
}

/// What a root calls itself: PRETTY_NAME of os-release(5).
#[must_use]
pub fn about(root: &Path) -> Option<String> {
    let text = [c"etc/os-release", c"usr/lib/os-release"]
        .into_iter()
        .find_map(|p| read_inside(root, p))?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let line = text.lines().find_map(|l| l.strip_prefix("PRETTY_NAME="))?;
    let name = line.trim().trim_matches(['"', '\'']);
    Some(name.chars().filter(|c| !c.is_control()).collect())
}

/// A root under way. Dropped before it is finished, it is removed.
#[derive(Debug)]
pub struct Making {
    place: PathBuf,
    top: PathBuf,
    /// The lock; see the module's head.
    lock: File,
}

impl Making {
    /// Begins a root that is to stand at `place`, where nothing, or an empty directory, may be.
    ///
    /// # Errors
    /// If there is something, or the directory above cannot be written.
    pub fn begin(place: &Path) -> Result<Making, Error> {
        let taken = match fs::read_dir(place) {
            Ok(mut entries) => entries.next().is_some(),
            Err(e) => e.kind() != io::ErrorKind::NotFound,
        };
        if taken {
            return Err(Error::Usage(format!(
                "{}: something is there already; take another place, or remove it first",
                place.display()
            )));
        }
        let (Some(above), Some(name)) = (place.parent(), place.file_name()) else {
            return Err(Error::Usage(format!(
                "{}: a root needs a directory of its own",
                place.display()
            )));
        };
        let failed = |what: &str, e| Error::host(format!("{what} {}", above.display()), e);
        fs::create_dir_all(above).map_err(|e| failed("making", e))?;
        sweep(above);
        let mut hidden = OsString::from(MAKING);
        hidden.push(name);
        hidden.push(format!(".{}", std::process::id()));
        let top = above.join(hidden);
        loop {
            fs::create_dir(&top).map_err(|e| failed("writing to", e))?;
            let lock = File::open(&top).and_then(|f| f.lock().map(|()| f));
            let lock = lock.map_err(|e| failed("locking a directory in", e))?;
            // Between the two someone may have swept it away.
            let same = |m: fs::Metadata| {
                fs::metadata(&top).is_ok_and(|n| (n.dev(), n.ino()) == (m.dev(), m.ino()))
            };
            if lock.metadata().is_ok_and(same) {
                let place = place.to_owned();
                let making = Making { place, top, lock };
                fs::create_dir(making.root()).map_err(|e| failed("writing to", e))?;
                let mode = fs::Permissions::from_mode(0o755);
                fs::set_permissions(making.root(), mode).map_err(|e| failed("writing to", e))?;
                return Ok(making);
            }
        }
    }

    /// The directory that will be the root.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.top.join("root")
    }

    /// A directory for what is needed only meanwhile.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        &self.top
    }

    /// Where it will stand.
    #[must_use]
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Puts the root at its place.
    ///
    /// # Errors
    /// If something has come to stand there meanwhile, or the disk is full.
    pub fn finish(self) -> Result<(), Error> {
        let place = self.place.display().to_string();
        files::sync_file_system(self.lock.as_raw_fd())
            .map_err(|e| Error::host(format!("writing {place}"), e.io()))?;
        fs::rename(self.root(), &self.place)
            .map_err(|e| Error::host(format!("putting the root at {place}"), e))
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        let _ = remove_tree(&self.top);
    }
}

/// Removes what killed makers have left.
fn sweep(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if !entry.file_name().as_bytes().starts_with(MAKING.as_bytes()) {
            continue;
        }
        let path = entry.path();
        if let Ok(f) = File::open(&path)
            && f.try_lock().is_ok()
        {
            let _ = remove_tree(&path);
        }
    }
}

/// Removes a root. It disappears from its place at once.
///
/// # Errors
/// If something is mounted in it, or it cannot be removed.
pub fn remove(dir: &Path) -> Result<(), Error> {
    let shown = dir.display();
    let failed = |e| Error::host(format!("removing {shown}"), e);
    let real = dir.canonicalize().map_err(failed)?;
    if let Some(point) = mounted_inside(&real) {
        return Err(Error::Usage(format!(
            "{}: something is mounted there, so {shown} is not removed; unmount it first",
            point.display()
        )));
    }
    let (Some(above), Some(name)) = (real.parent(), real.file_name()) else {
        return Err(Error::Usage(format!(
            "{shown}: the host's root is not removed"
        )));
    };
    sweep(above);
    let mut gone = OsString::from(MAKING);
    gone.push(name);
    gone.push(format!(".{}.old", std::process::id()));
    let gone = above.join(gone);
    fs::rename(&real, &gone).map_err(failed)?;
    remove_tree(&gone).map_err(failed)
}

/// A mount point at or below `dir` (proc_pid_mountinfo(5)).
fn mounted_inside(dir: &Path) -> Option<PathBuf> {
    let text = fs::read("/proc/self/mountinfo").ok()?;
    let points = text.split(|b| *b == b'\n').filter_map(|line| {
        let field = line.split(|b| *b == b' ').nth(4)?;
        Some(PathBuf::from(OsStr::from_bytes(&unescape(field))))
    });
    points.into_iter().find(|p| p.starts_with(dir))
}

/// `\040` and the like, as the kernel writes spaces in paths.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        let octal = tail.get(..3).and_then(|d| std::str::from_utf8(d).ok());
        match octal.and_then(|d| u8::from_str_radix(d, 8).ok()) {
            Some(b) if *first == b'\\' => {
                out.push(b);
                rest = &tail[3..];
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

/// remove_dir_all, also where directories do not let their owner in.
fn remove_tree(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            open_up(dir);
            fs::remove_dir_all(dir)
        }
        other => other,
    }
}

fn open_up(dir: &Path) {
    let _ = fs::set_permissions(dir, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            open_up(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let name = format!("felix-place-{}-{name}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn a_root_appears_whole_or_not_at_all() {
        let dir = scratch("atomic");
        let place = dir.join("r");
        let making = Making::begin(&place).unwrap();
        fs::write(making.root().join("file"), "x").unwrap();
        assert!(!place.exists());
        drop(making);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);

        let making = Making::begin(&place).unwrap();
        fs::write(making.root().join("file"), "x").unwrap();
        making.finish().unwrap();
        assert_eq!(fs::read(place.join("file")).unwrap(), b"x");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        assert!(matches!(Making::begin(&place), Err(Error::Usage(_))));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn what_a_killed_maker_left_goes_and_a_living_ones_stays() {
        let dir = scratch("sweep");
        let dead = dir.join(".felix-making-x.1");
        fs::create_dir_all(dead.join("root/etc")).unwrap();
        let alive = Making::begin(&dir.join("alive")).unwrap();
        assert!(!dead.exists());
        sweep(&dir);
        assert!(alive.root().is_dir());
        drop(alive);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn names_and_paths() {
        let dir = scratch("names");
        let store = Store {
            dir: Some(dir.clone()),
        };
        fs::create_dir_all(dir.join("trixie/usr/lib")).unwrap();
        fs::create_dir_all(dir.join("trixie/etc")).unwrap();
        fs::write(
            dir.join("trixie/usr/lib/os-release"),
            "ID=x\nPRETTY_NAME=\"A Linux\"\n",
        )
        .unwrap();
        // Absolute, and yet the root's own.
        std::os::unix::fs::symlink("/usr/lib/os-release", dir.join("trixie/etc/os-release"))
            .unwrap();
        assert_eq!(
            store.find(OsStr::new("trixie")).unwrap(),
            dir.join("trixie")
        );
        let why = store.find(OsStr::new("trixe")).unwrap_err().to_string();
        assert!(why.contains("`trixie`"), "{why}");
        assert_eq!(store.place(OsStr::new("new")).unwrap(), dir.join("new"));
        assert!(store.place(OsStr::new(".hidden")).is_err());
        let kept = store.list().unwrap();
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0].about.as_deref(), Some("A Linux"));
        remove(&dir.join("trixie")).unwrap();
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        assert_eq!(unescape(b"/a\\040b"), b"/a b");
        fs::remove_dir_all(dir).unwrap();
    }
}
