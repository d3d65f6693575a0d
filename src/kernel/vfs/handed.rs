//! A root handed on to the felix that is executed for a guest's next program: by descriptors, and a text that says what each
//! is.
//!
//! Not by paths: whom the guest has become may be somebody to whom the way to the root is closed, as homes are to apt's `_apt`;
//! and where the root is real they lead elsewhere.

use super::mark::Mark;
use super::{Base, Bind, Fs, Home, Id, Root, View, components};
use crate::kernel::fd;
use crate::sys::Errno;
use serde::{Deserialize, Serialize};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, RwLock};

/// Paths as the bytes they are: serde takes only text for one.
pub(super) mod path {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::{Path, PathBuf};

    pub fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        path.as_os_str().as_bytes().serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        let bytes = Vec::<u8>::deserialize(from)?;
        Ok(OsString::from_vec(bytes).into())
    }
}

/// A directory that is open.
#[derive(Serialize, Deserialize)]
struct Place {
    number: RawFd,
    id: Id,
    /// A host path; for a `Base` the guest's.
    path: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Shown {
    place: Place,
    guest: Vec<u8>,
    parent: Id,
    hidden: Vec<u8>,
    read_only: bool,
    optional: bool,
}

#[derive(Serialize, Deserialize)]
struct Rooted {
    root: Place,
    binds: Vec<Shown>,
    base: Option<Place>,
}

#[derive(Serialize, Deserialize)]
struct State {
    home: Option<Home>,
    /// `None` if the root is real.
    rooted: Option<Rooted>,
    /// Then, see `Mark`.
    mark: Option<(RawFd, Id)>,
}

/// What `Fs::hand_on` gives.
#[derive(Clone, Debug)]
pub struct HandedOn {
    /// For `Fs::handed_on`.
    pub text: String,
    /// What is to stay open over the exec.
    pub descriptors: Vec<RawFd>,
}

impl Rooted {
    fn of(root: &Root, base: Option<&Base>) -> Rooted {
        let bind = |b: &Bind| Shown {
            place: Place {
                number: b.fd.as_raw_fd(),
                id: b.id,
                path: b.host.clone(),
            },
            guest: b.guest.clone(),
            parent: b.parent,
            hidden: b.hidden.clone(),
            read_only: b.read_only,
            optional: b.optional,
        };
        Rooted {
            root: Place {
                number: root.fd.as_raw_fd(),
                id: root.id,
                path: root.host.clone(),
            },
            binds: root.binds.iter().map(bind).collect(),
            base: base.map(|b| Place {
                number: b.fd.as_raw_fd(),
                id: b.id,
                path: b.guest.clone(),
            }),
        }
    }

    fn places(&self) -> impl Iterator<Item = &Place> {
        let binds = self.binds.iter().map(|b| &b.place);
        [&self.root].into_iter().chain(binds).chain(&self.base)
    }

    /// Takes the descriptors over.
    fn view(self) -> Result<View, Errno> {
        let open = |place: &Place| fd::adopt(place.number).map(Arc::new);
        let bind = |b: Shown| {
            let name = components(&b.guest).next_back().unwrap_or_default();
            Ok(Bind {
                fd: open(&b.place)?,
                id: b.place.id,
                host: b.place.path,
                name,
                guest: b.guest,
                parent: b.parent,
                hidden: b.hidden,
                read_only: b.read_only,
                optional: b.optional,
            })
        };
        let root = Root {
            fd: open(&self.root)?,
            id: self.root.id,
            host: self.root.path,
            binds: self
                .binds
                .into_iter()
                .map(bind)
                .collect::<Result<_, Errno>>()?,
        };
        let base = self.base.map(|base| -> Result<_, Errno> {
            Ok(Arc::new(Base {
                fd: open(&base)?,
                id: base.id,
                on: root.on(&base.path),
                guest: base.path,
            }))
        });
        let base = base.transpose()?;
        Ok(View::Rooted(Arc::new(root), base))
    }
}

impl Fs {
    /// What the next felix is to be told; `None` if guest paths are host paths.
    ///
    /// # Errors
    /// EINVAL if it cannot be said: there may be no next felix then, it would be without the root.
    pub fn hand_on(&self) -> Result<Option<HandedOn>, Errno> {
        let (rooted, mark) = match self.view() {
            View::Host => return Ok(None),
            View::Rooted(root, base) => (Some(Rooted::of(&root, base.as_deref())), None),
            View::Entered(mark) => (None, mark.map(|m| m.handle())),
        };
        let places = rooted.iter().flat_map(Rooted::places).map(|p| p.number);
        let descriptors = places.chain(mark.map(|(number, _)| number)).collect();
        let state = State {
            home: self.home().cloned(),
            rooted,
            mark,
        };
        let bytes = postcard::to_stdvec(&state).map_err(|_| Errno::EINVAL)?;
        let text = bytes.iter().map(|b| format!("{b:02x}")).collect();
        Ok(Some(HandedOn { text, descriptors }))
    }

    /// What the felix before has handed on.
    ///
    /// # Errors
    /// EINVAL if it is none; errors of fcntl(2) for its descriptors.
    pub fn handed_on(text: &str) -> Result<Fs, Errno> {
        let digits = text.as_bytes().chunks(2).map(|two| {
            let two = std::str::from_utf8(two).ok()?;
            u8::from_str_radix(two, 16).ok()
        });
        let bytes: Option<Vec<u8>> = digits.collect();
        let state: Option<State> = bytes.and_then(|b| postcard::from_bytes(&b).ok());
        let State { home, rooted, mark } = state.ok_or(Errno::EINVAL)?;
        let view = match rooted {
            Some(rooted) => rooted.view()?,
            None => View::Entered(mark.map(|(n, of)| Mark::again(n, of)).transpose()?),
        };
        Ok(Fs {
            view: RwLock::new(view),
            home: home.map(Arc::new),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn paths_need_not_be_text() {
        let path = |p: &[u8]| std::path::PathBuf::from(OsStr::from_bytes(p));
        let home = Home {
            namespace: (1, 2),
            root: (3, 4),
            dir: path(b"/a root\xff"),
            shown: vec![super::super::Shown {
                host: path(b"/\xfe"),
                guest: path(b"/\xfd"),
                read_only: true,
                optional: false,
            }],
        };
        let bytes = postcard::to_stdvec(&home).unwrap();
        assert_eq!(postcard::from_bytes::<Home>(&bytes), Ok(home));
    }
}
