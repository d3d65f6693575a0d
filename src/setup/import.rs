//! A root from an archive: `felix rootfs import`.

use super::place::Making;
use super::tree::{LeftOut, Tree};
use super::{Report, unpack};
use crate::error::Error;
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Tells how much has been read.
struct Counted<'a, 'b, R> {
    inner: R,
    report: &'a RefCell<&'b mut dyn Report>,
}

impl<R: Read> Read for Counted<'_, '_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.report.borrow_mut().advance(n as u64);
        Ok(n)
    }
}

/// Adds an archive to a tree; `name` is what to call it, `len` how long it is, if that is known.
pub(super) fn add(
    tree: &mut Tree,
    source: impl Read,
    (name, len): (&str, Option<u64>),
    layer: bool,
    report: &mut dyn Report,
) -> Result<(), Error> {
    report.begin(&format!("unpacking {name}"), len);
    let report = RefCell::new(report);
    let counted = Counted {
        inner: source,
        report: &report,
    };
    let tar = unpack::open(counted).map_err(|e| match e.kind() {
        io::ErrorKind::InvalidData => Error::Damaged(format!("{name}: {e}")),
        _ => Error::host(format!("reading {name}"), e),
    })?;
    tree.add(tar, name, layer)?;
    report.borrow_mut().end();
    Ok(())
}

/// Makes a root at `place` of the archive; `-` is standard input.
///
/// # Errors
/// If the archive cannot be read, is damaged or leads out of the root, or there is no room.
pub fn import(archive: &Path, place: &Path, report: &mut dyn Report) -> Result<LeftOut, Error> {
    let name = archive.display().to_string();
    let (source, len): (Box<dyn Read>, _) = if archive.as_os_str() == "-" {
        (Box::new(io::stdin().lock()), None)
    } else {
        let file = File::open(archive).map_err(|e| Error::host(name.clone(), e))?;
        let about = file.metadata().map_err(|e| Error::host(name.clone(), e))?;
        if about.is_dir() {
            return Err(Error::Usage(format!(
                "{name} is a directory, not an archive"
            )));
        }
        (Box::new(file), Some(about.len()))
    };
    let making = Making::begin(place)?;
    let mut tree = Tree::new(&making.root())?;
    add(&mut tree, source, (&name, len), false, report)?;
    let left_out = tree.finish()?;
    making.finish()?;
    Ok(left_out)
}
