//! A tar file becomes a tree of files, in a directory that nothing in the file can lead out of.
//!
//! Every path is opened by the kernel with the directory as root (openat2, RESOLVE_IN_ROOT), so that links in the tree lead
//! into it, absolute paths are relative to it, and `..` is refused. Links keep their text: inside the guest it means what it says.
//! Device nodes are left out (felix shows the host's /dev); owners are kept by root only. With `layer`, an archive
//! is a layer of an OCI image: `.wh.NAME` takes away what layers below had.

use crate::error::Error;
use crate::sys::{Errno, files, host};
use std::collections::{BTreeMap, HashSet};
use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::rc::Rc;
use tar::{Archive, Entry, EntryType};

/// How the name of a whiteout begins (OCI image specification, layer).
const WHITEOUT: &[u8] = b".wh.";
/// The whiteout of everything that layers below have in its directory.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// What was left out, for the user to know.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct LeftOut {
    /// Device nodes.
    pub devices: u64,
    /// Files whose owner could not be kept.
    pub owners: u64,
    /// Extended attributes that could not be set.
    pub attributes: u64,
}

/// A tree being made.
#[derive(Debug)]
pub struct Tree {
    root: File,
    /// Owners can be kept.
    chown: bool,
    /// The directory of the last file.
    last: Option<(Vec<u8>, Rc<OwnedFd>)>,
    /// Modes and times of directories, set when nothing more comes into them.
    directories: BTreeMap<Vec<u8>, (u32, i64)>,
    /// What this layer has made, as paths.
    made: HashSet<Vec<u8>>,
    left_out: LeftOut,
}

/// Why an archive cannot become a tree.
enum Trouble {
    /// It cannot be read, or says what cannot be.
    Archive(String),
    /// The tree cannot be written.
    Write(Vec<u8>, Errno),
}

type Done<T> = Result<T, Trouble>;

fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).escape_debug().to_string()
}

fn reading(e: &io::Error) -> Trouble {
    Trouble::Archive(match e.kind() {
        io::ErrorKind::UnexpectedEof => "it ends too soon".into(),
        _ => e.to_string(),
    })
}

fn c(bytes: &[u8]) -> Done<CString> {
    CString::new(bytes).map_err(|_| Trouble::Archive(format!("{}: a NUL in a name", shown(bytes))))
}

/// The components of a path of the archive.
fn components(path: &[u8]) -> Done<Vec<&[u8]>> {
    let parts: Vec<&[u8]> = path
        .split(|b| *b == b'/')
        .filter(|c| !c.is_empty() && *c != b".")
        .collect();
    if parts.contains(&&b".."[..]) {
        return Err(Trouble::Archive(format!(
            "the path {} leads out of it",
            shown(path)
        )));
    }
    Ok(parts)
}

/// What PAX records (pax(1)) say of an entry beside its header.
#[derive(Default)]
struct Pax {
    path: Option<Vec<u8>>,
    uid: Option<u32>,
    gid: Option<u32>,
    mtime: Option<i64>,
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
    /// A sparse file of GNU tar's format 1.0: the map is in the data.
    sparse: bool,
    real_size: Option<u64>,
    /// Sparse in an older format of PAX records.
    old_sparse: bool,
}

impl Pax {
    fn of<R: Read>(entry: &mut Entry<'_, R>) -> Done<Pax> {
        let mut pax = Pax::default();
        let Some(records) = entry.pax_extensions().map_err(|e| reading(&e))? else {
            return Ok(pax);
        };
        for record in records {
            let record = record.map_err(|e| reading(&e))?;
            let value = record.value_bytes();
            let text = std::str::from_utf8(value).unwrap_or_default();
            match record.key_bytes() {
                b"uid" => pax.uid = text.parse().ok(),
                b"gid" => pax.gid = text.parse().ok(),
                b"mtime" => pax.mtime = text.split('.').next().and_then(|s| s.parse().ok()),
                b"GNU.sparse.name" => pax.path = Some(value.to_vec()),
                b"GNU.sparse.major" => pax.sparse = text == "1",
                b"GNU.sparse.realsize" => pax.real_size = text.parse().ok(),
                b"GNU.sparse.numblocks" => pax.old_sparse = true,
                key => {
                    if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                        pax.attributes.push((name.to_vec(), value.to_vec()));
                    }
                }
            }
        }
        Ok(pax)
    }
}

impl Tree {
    /// A tree in the directory `root`, which is there.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn new(root: &Path) -> Result<Tree, Error> {
        let root = File::open(root).map_err(|e| Error::host(root.display().to_string(), e))?;
        Ok(Tree {
            root,
            chown: host::ids()[1] == 0,
            last: None,
            directories: BTreeMap::new(),
            made: HashSet::new(),
            left_out: LeftOut::default(),
        })
    }

    /// Puts a tar file into the tree. `name` is what to call it.
    ///
    /// # Errors
    /// If it is damaged or hostile, or there is no room.
    pub fn add(&mut self, tar: impl Read, name: &str, layer: bool) -> Result<(), Error> {
        self.made.clear();
        self.read(tar, layer).map_err(|t| match t {
            Trouble::Archive(why) => Error::Damaged(format!(
                "{name}: the archive is damaged or not to be trusted: {why}; nothing is kept of it"
            )),
            Trouble::Write(path, e) => {
                Error::host(format!("{name}: making {}", shown(&path)), e.io())
            }
        })
    }

    /// Sets what directories are to look like. What was left out.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn finish(mut self) -> Result<LeftOut, Error> {
        // Those inside come before those around them.
        for (path, (mode, mtime)) in std::mem::take(&mut self.directories).into_iter().rev() {
            let set = |t: &mut Tree| -> Done<()> {
                let Ok(dir) = t.inside(&path, libc::O_RDONLY | libc::O_DIRECTORY) else {
                    // A later layer took it away.
                    return Ok(());
                };
                let mode = if t.chown { mode } else { mode | 0o700 };
                let file = File::from(dir);
                file.set_permissions(fs::Permissions::from_mode(mode))
                    .map_err(|e| Trouble::Write(path.clone(), Errno::of(&e)))?;
                let _ = files::set_times(file.as_raw_fd(), c".", mtime);
                Ok(())
            };
            set(&mut self).map_err(|t| match t {
                Trouble::Write(path, e) => Error::host(format!("making {}", shown(&path)), e.io()),
                Trouble::Archive(why) => Error::Damaged(why),
            })?;
        }
        Ok(self.left_out)
    }

    fn read(&mut self, tar: impl Read, layer: bool) -> Done<()> {
        let ended = std::cell::Cell::new(false);
        let mut archive = Archive::new(SeesEnd {
            inner: tar,
            ended: &ended,
        });
        for entry in archive.entries().map_err(|e| reading(&e))? {
            let mut entry = entry.map_err(|e| reading(&e))?;
            self.entry(&mut entry, layer)?;
        }
        if ended.get() {
            return Err(Trouble::Archive("it ends too soon".into()));
        }
        // Checksums are at the end.
        io::copy(&mut archive.into_inner().inner, &mut io::sink()).map_err(|e| reading(&e))?;
        Ok(())
    }

    /// Opens a path with the tree as root.
    fn inside(&self, path: &[u8], flags: i32) -> Result<OwnedFd, Errno> {
        let path = CString::new([b"./", path].concat()).map_err(|_| Errno::EINVAL)?;
        files::open_inside(self.root.as_raw_fd(), &path, flags)
    }

    /// The directory that `parts` name, made if need be.
    fn directory(&mut self, parts: &[&[u8]]) -> Done<Rc<OwnedFd>> {
        let path = parts.join(&b'/');
        if let Some((p, fd)) = &self.last
            && *p == path
        {
            return Ok(fd.clone());
        }
        let fd = Rc::new(self.open_or_make(parts)?);
        self.last = Some((path, fd.clone()));
        Ok(fd)
    }

    fn open_or_make(&mut self, parts: &[&[u8]]) -> Done<OwnedFd> {
        let path = parts.join(&b'/');
        let flags = libc::O_PATH | libc::O_DIRECTORY;
        match self.inside(&path, flags) {
            Ok(fd) => Ok(fd),
            Err(Errno::ENOENT) => {
                let Some((name, above)) = parts.split_last() else {
                    return Err(Trouble::Write(path, Errno::ENOENT));
                };
                let above = self.open_or_make(above)?;
                match files::mkdir(above.as_raw_fd(), &c(name)?, 0o755) {
                    Ok(()) => {}
                    Err(Errno::EEXIST) => {
                        return Err(Trouble::Archive(format!(
                            "{} lies behind a link that leads nowhere",
                            shown(&path)
                        )));
                    }
                    Err(e) => return Err(Trouble::Write(path, e)),
                }
                self.inside(&path, flags)
                    .map_err(|e| Trouble::Write(path, e))
            }
            Err(Errno::ENOTDIR | Errno::ELOOP) => Err(Trouble::Archive(format!(
                "{} is to be a directory and is none",
                shown(&path)
            ))),
            Err(e) => Err(Trouble::Write(path, e)),
        }
    }

    /// Takes away what is at `name`, whatever it is.
    fn clear(&mut self, dir: RawFd, name: &CStr, path: &[u8]) -> Done<()> {
        let failed = |e| Trouble::Write(path.to_vec(), e);
        match files::unlink(dir, name) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(Errno::EISDIR | Errno::EPERM) => {
                let link = format!("/proc/self/fd/{dir}");
                let whole = Path::new(&link).join(std::ffi::OsStr::from_bytes(name.to_bytes()));
                fs::remove_dir_all(whole).map_err(|e| failed(Errno::of(&e)))
            }
            Err(e) => Err(failed(e)),
        }
    }

    fn whiteout(&mut self, above: &[&[u8]], name: &[u8]) -> Done<()> {
        let path = above.join(&b'/');
        let Ok(dir) = self.inside(&path, libc::O_RDONLY | libc::O_DIRECTORY) else {
            // Nothing below had it.
            return Ok(());
        };
        self.last = None;
        let hidden = if name == OPAQUE {
            let list = fs::read_dir(format!("/proc/self/fd/{}", dir.as_raw_fd()));
            let failed = |e: &io::Error| Trouble::Write(path.clone(), Errno::of(e));
            let mut names = Vec::new();
            for entry in list.map_err(|e| failed(&e))? {
                names.push(
                    entry
                        .map_err(|e| failed(&e))?
                        .file_name()
                        .as_bytes()
                        .to_vec(),
                );
            }
            names
        } else {
            vec![name[WHITEOUT.len()..].to_vec()]
        };
        for name in hidden {
            if name.is_empty() || name == b"." || name == b".." {
                return Err(Trouble::Archive(format!(
                    "a whiteout of `{}`",
                    shown(&name)
                )));
            }
            let mut full: Vec<&[u8]> = above.to_vec();
            full.push(&name);
            let full = full.join(&b'/');
            // What this layer itself has made stays.
            if !self.made.contains(&full) {
                self.clear(dir.as_raw_fd(), &c(&name)?, &full)?;
            }
        }
        Ok(())
    }

    fn entry<R: Read>(&mut self, entry: &mut Entry<'_, R>, layer: bool) -> Done<()> {
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader) {
            return Ok(());
        }
        let pax = Pax::of(entry)?;
        let path = match pax.path.clone() {
            Some(p) => p,
            None => entry.path_bytes().into_owned(),
        };
        let parts = components(&path)?;
        let header = entry.header();
        let number = |n: io::Result<u64>| n.ok().and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        let mode = header.mode().map_err(|e| reading(&e))? & 0o7777;
        let owner = (
            pax.uid.unwrap_or_else(|| number(header.uid())),
            pax.gid.unwrap_or_else(|| number(header.gid())),
        );
        let mtime = pax.mtime.unwrap_or_else(|| {
            header
                .mtime()
                .ok()
                .and_then(|t| i64::try_from(t).ok())
                .unwrap_or(0)
        });
        let Some((name, above)) = parts.split_last() else {
            // The root itself.
            if kind.is_dir() {
                self.directories.insert(Vec::new(), (mode, mtime));
                self.own(self.root.as_raw_fd(), c".", owner, b"/")?;
            }
            return Ok(());
        };
        if layer && name.starts_with(WHITEOUT) {
            return self.whiteout(above, name);
        }
        for n in 1..=parts.len() {
            if layer {
                self.made.insert(parts[..n].join(&b'/'));
            }
        }
        let full = parts.join(&b'/');
        let cname = c(name)?;
        let directory = self.directory(above)?;
        let dir = directory.as_raw_fd();
        let failed = |e| Trouble::Write(full.clone(), e);
        match kind {
            EntryType::Directory => {
                match files::mkdir(dir, &cname, 0o755) {
                    Ok(()) => {}
                    Err(Errno::EEXIST) => self.keep_directory(dir, &cname, &full)?,
                    Err(e) => return Err(failed(e)),
                }
                self.own(dir, &cname, owner, &full)?;
                self.directories.insert(full, (mode, mtime));
                return Ok(());
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                self.clear(dir, &cname, &full)?;
                let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW;
                let file = host::openat(dir, &cname, flags, 0o600).map_err(failed)?;
                let mut file = File::from(file);
                if pax.old_sparse && !pax.sparse {
                    return Err(Trouble::Archive(format!(
                        "{}: a sparse file of an old kind; make the archive with --sparse-version=1.0",
                        shown(&full)
                    )));
                }
                write(entry, &mut file, &pax, &full)?;
                self.own(dir, &cname, owner, &full)?;
                self.attributes(&file, &pax);
                file.set_permissions(fs::Permissions::from_mode(mode))
                    .map_err(|e| failed(Errno::of(&e)))?;
            }
            EntryType::Symlink => {
                let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                self.clear(dir, &cname, &full)?;
                files::symlink(&c(&target)?, dir, &cname).map_err(failed)?;
                self.own(dir, &cname, owner, &full)?;
                self.last = None;
            }
            EntryType::Link => {
                let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                self.hard_link(dir, &cname, &target, &full)?;
                return Ok(());
            }
            EntryType::Fifo => {
                self.clear(dir, &cname, &full)?;
                files::fifo(dir, &cname, mode).map_err(failed)?;
                self.own(dir, &cname, owner, &full)?;
            }
            EntryType::Char | EntryType::Block => {
                self.left_out.devices += 1;
                return Ok(());
            }
            other => {
                return Err(Trouble::Archive(format!(
                    "{}: an entry of unknown kind {:#x}",
                    shown(&full),
                    other.as_byte()
                )));
            }
        }
        let _ = files::set_times(dir, &cname, mtime);
        Ok(())
    }

    /// Something is where a directory is to be: a directory, or a link to one inside, stays.
    fn keep_directory(&mut self, dir: RawFd, name: &CStr, path: &[u8]) -> Done<()> {
        if self.inside(path, libc::O_PATH | libc::O_DIRECTORY).is_ok() {
            return Ok(());
        }
        self.clear(dir, name, path)?;
        self.last = None;
        files::mkdir(dir, name, 0o755).map_err(|e| Trouble::Write(path.to_vec(), e))
    }

    fn hard_link(&mut self, dir: RawFd, name: &CStr, target: &[u8], path: &[u8]) -> Done<()> {
        let parts = components(target)?;
        let nothing = || {
            Trouble::Archive(format!(
                "{} is a link to {}, which is not there",
                shown(path),
                shown(target)
            ))
        };
        let (last, above) = parts.split_last().ok_or_else(nothing)?;
        let from = self
            .inside(&above.join(&b'/'), libc::O_PATH | libc::O_DIRECTORY)
            .map_err(|_| nothing())?;
        let old = c(last)?;
        let id = |d, n: &CStr| {
            host::fstatat(d, n, libc::AT_SYMLINK_NOFOLLOW).map(|s| (s.st_dev, s.st_ino))
        };
        let Ok(wanted) = id(from.as_raw_fd(), &old) else {
            return Err(nothing());
        };
        if id(dir, name) == Ok(wanted) {
            return Ok(());
        }
        self.clear(dir, name, path)?;
        files::link(from.as_raw_fd(), &old, dir, name).map_err(|e| Trouble::Write(path.to_vec(), e))
    }

    fn own(&mut self, dir: RawFd, name: &CStr, (uid, gid): (u32, u32), path: &[u8]) -> Done<()> {
        if !self.chown {
            self.left_out.owners += u64::from((uid, gid) != (0, 0));
            return Ok(());
        }
        match files::chown(dir, name, uid, gid) {
            Ok(()) => Ok(()),
            // In a user namespace that does not have this owner.
            Err(Errno::EINVAL | Errno::EPERM) => {
                self.left_out.owners += 1;
                Ok(())
            }
            Err(e) => Err(Trouble::Write(path.to_vec(), e)),
        }
    }

    fn attributes(&mut self, file: &File, pax: &Pax) {
        for (name, value) in &pax.attributes {
            let set = CString::new(name.as_slice())
                .is_ok_and(|name| files::set_xattr(file.as_raw_fd(), &name, value).is_ok());
            self.left_out.attributes += u64::from(!set);
        }
    }
}

/// Notes when the end of the data was asked for: an archive has an end of its own.
struct SeesEnd<'a, R> {
    inner: R,
    ended: &'a std::cell::Cell<bool>,
}

impl<R: Read> Read for SeesEnd<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.ended.set(n == 0 && !buf.is_empty());
        Ok(n)
    }
}

/// Reads until `buf` is full or the data ends.
fn fill(from: &mut impl Read, buf: &mut [u8]) -> Done<usize> {
    let mut n = 0;
    while n < buf.len() {
        match from.read(&mut buf[n..]) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(reading(&e)),
        }
    }
    Ok(n)
}

/// Writes an entry's content; blocks of zeros become holes.
fn write<R: Read>(entry: &mut Entry<'_, R>, file: &mut File, pax: &Pax, path: &[u8]) -> Done<()> {
    let failed = |e: io::Error| Trouble::Write(path.to_vec(), Errno::of(&e));
    let mut buf = vec![0; 1 << 16];
    if pax.sparse {
        let size = pax.real_size.unwrap_or(0);
        for (mut at, mut left) in sparse_map(entry)? {
            if at.checked_add(left).is_none_or(|end| end > size) {
                return Err(Trouble::Archive(format!(
                    "{}: a sparse file beyond its size",
                    shown(path)
                )));
            }
            while left > 0 {
                let want = usize::try_from(left).unwrap_or(buf.len()).min(buf.len());
                let n = fill(entry, &mut buf[..want])?;
                if n < want {
                    return Err(Trouble::Archive("it ends too soon".into()));
                }
                file.write_all_at(&buf[..n], at).map_err(failed)?;
                (at, left) = (at + n as u64, left - n as u64);
            }
        }
        return file.set_len(size).map_err(failed);
    }
    let (mut at, size) = (0u64, entry.size());
    let is_sparse = entry.header().entry_type() == EntryType::GNUSparse;
    loop {
        let n = fill(entry, &mut buf)?;
        if n == 0 {
            break;
        }
        for block in buf[..n].chunks(4096) {
            if block.len() == 4096 && block.iter().all(|b| *b == 0) {
                // Seeking past it is what makes a hole.
                io::Seek::seek(file, io::SeekFrom::Current(4096)).map_err(failed)?;
            } else {
                file.write_all(block).map_err(failed)?;
            }
        }
        at += n as u64;
    }
    if at != size && !is_sparse {
        return Err(Trouble::Archive("it ends too soon".into()));
    }
    file.set_len(at).map_err(failed)
}

/// The map at the start of the data of GNU tar's sparse format 1.0: decimal numbers, one a line, in whole blocks of 512.
fn sparse_map(data: &mut impl Read) -> Done<Vec<(u64, u64)>> {
    let mut block = [0; 512];
    let mut text = Vec::new();
    let mut next = || -> Done<u64> {
        loop {
            if let Some(i) = text.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = text.drain(..=i).collect();
                let digits = std::str::from_utf8(&line[..i]).ok();
                return digits
                    .and_then(|d| d.parse().ok())
                    .ok_or_else(|| Trouble::Archive("a sparse file's map is no numbers".into()));
            }
            if text.len() > 32 || fill(data, &mut block)? < 512 {
                return Err(Trouble::Archive("a sparse file's map does not end".into()));
            }
            text.extend_from_slice(&block);
        }
    };
    let count = next()?;
    let mut map = Vec::new();
    for _ in 0..count {
        let pair = (next()?, next()?);
        // A map that a file of this size cannot have would only fill memory.
        if map.len() > 1 << 20 {
            return Err(Trouble::Archive("a sparse file's map does not end".into()));
        }
        map.push(pair);
    }
    Ok(map)
}
