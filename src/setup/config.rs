//! Configuration files: TOML, one key a setting. The system's is read first, the user's over it.
//!
//! Reading and changing only; what a key means is `settings`'. A change keeps the file's comments and order and is
//! a whole new file renamed into place.

use super::settings::{Key, Kind, Settings, Source, Value};
use super::user_dir;
use crate::error::Error;
use crate::sys::host;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use toml_edit::{Array, Document, DocumentMut, Item};

/// The system's file.
pub const SYSTEM: &str = "/etc/felix/config.toml";

/// The two files, each if there is to be one.
#[derive(Clone, Default, Debug)]
pub struct Files {
    /// The system's.
    pub system: Option<PathBuf>,
    /// The user's.
    pub user: Option<PathBuf>,
}

impl Files {
    /// Where they are: `FELIX_CONFIG_SYSTEM` and `FELIX_CONFIG_USER` name others, or none if empty.
    #[must_use]
    pub fn usual() -> Files {
        // For a set-user-ID program the user has no say.
        if host::secure() {
            return Files {
                system: Some(SYSTEM.into()),
                user: None,
            };
        }
        let place = |variable, usual: Option<PathBuf>| match std::env::var_os(variable) {
            Some(path) => (!path.is_empty()).then(|| path.into()),
            None => usual,
        };
        let user = user_dir("XDG_CONFIG_HOME", ".config").map(|d| d.join("felix/config.toml"));
        Files {
            system: place("FELIX_CONFIG_SYSTEM", Some(SYSTEM.into())),
            user: place("FELIX_CONFIG_USER", user),
        }
    }

    /// What they and the environment say.
    ///
    /// # Errors
    /// If one cannot be read or says something wrong, naming the line.
    pub fn load(&self) -> Result<Settings, Error> {
        let mut settings = Settings::default();
        for file in [&self.system, &self.user].into_iter().flatten() {
            if let Some(text) = read(file)? {
                take(&mut settings, file, &text).map_err(Error::Usage)?;
            }
        }
        if host::secure() {
            return Ok(settings);
        }
        settings
            .take_variables(|name| std::env::var_os(name))
            .map_err(Error::Usage)?;
        Ok(settings)
    }
}

fn read(file: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        // The directory above is a file, or not for this user: there is no configuration to be had.
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => Ok(None),
        // In a directory that is closed to this user: a home left over by su.
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied && fs::metadata(file).is_err() => {
            Ok(None)
        }
        Err(e) if e.kind() == io::ErrorKind::InvalidData => Err(Error::Usage(format!(
            "{}: is no text in UTF-8",
            file.display()
        ))),
        Err(source) => Err(Error::Host {
            what: format!("reading {}", file.display()),
            source,
        }),
    }
}

fn line(text: &str, span: Option<std::ops::Range<usize>>) -> usize {
    let at = span.map_or(0, |s| s.start).min(text.len());
    1 + text.as_bytes()[..at]
        .iter()
        .filter(|b| **b == b'\n')
        .count()
}

fn syntax(file: &Path, text: &str, e: &toml_edit::TomlError) -> String {
    let line = line(text, e.span());
    let what = e.message().lines().next().unwrap_or("is no TOML");
    format!("{}:{line}: {what}", file.display())
}

/// The value of an item as the strings that options have.
fn values(item: &Item, key: Key) -> Result<Vec<OsString>, String> {
    let row = key.row();
    let one = |v: &toml_edit::Value| -> Result<OsString, String> {
        match (v, row.kind) {
            (toml_edit::Value::Boolean(b), Kind::Flag) => Ok(b.value().to_string().into()),
            (_, Kind::Flag) => Err("write true or false, without quotes".into()),
            (toml_edit::Value::String(s), _) => Ok(s.value().into()),
            _ => Err("write a string in quotes".into()),
        }
    };
    match item.as_value() {
        Some(toml_edit::Value::Array(a)) if row.is_list() => a.iter().map(one).collect(),
        Some(v) => Ok(vec![one(v)?]),
        None => Err("is no section; write NAME = VALUE".into()),
    }
}

/// Takes what a file says.
fn take(settings: &mut Settings, file: &Path, text: &str) -> Result<(), String> {
    let document = Document::parse(text).map_err(|e| syntax(file, text, &e))?;
    for (name, item) in document.iter() {
        let key_span = document.key(name).and_then(|k| k.span());
        let line = line(text, key_span.or_else(|| item.span()));
        let source = Source::File(file.to_owned(), line);
        let key = Key::named(name).map_err(|e| format!("{source}: {e}"))?;
        let values = values(item, key).map_err(|e| format!("{source}: {name}: {e}"))?;
        settings.set(key, Value { values, source })?;
    }
    Ok(())
}

/// The values as TOML.
#[must_use]
pub fn toml(key: Key, values: &[OsString]) -> String {
    item(key, values).to_string().trim().to_owned()
}

fn item(key: Key, values: &[OsString]) -> Item {
    let text = |v: &OsString| v.to_string_lossy().into_owned();
    let row = key.row();
    match values {
        [v] if matches!(row.kind, Kind::Flag) => toml_edit::value(v == "true"),
        values if row.is_list() => toml_edit::value(values.iter().map(text).collect::<Array>()),
        values => toml_edit::value(values.first().map(text).unwrap_or_default()),
    }
}

/// Sets a key in a file, or takes it out; makes the file if need be.
///
/// # Errors
/// If the values are wrong or the file cannot be changed.
pub fn change(file: &Path, key: Key, values: Option<&[OsString]>) -> Result<(), Error> {
    let row = key.row();
    for v in values.unwrap_or_default() {
        let wrong = |why| Error::Usage(format!("{}: `{}` {why}", row.name, v.display()));
        row.check(v, true).map_err(wrong)?;
        v.to_str()
            .ok_or_else(|| wrong("is no text in UTF-8".into()))?;
    }
    let text = read(file)?.unwrap_or_default();
    let mut document: DocumentMut = text
        .parse()
        .map_err(|e| Error::Usage(syntax(file, &text, &e)))?;
    match values {
        None => {
            document.remove(row.name);
        }
        Some(values) => {
            let mut new = item(key, values);
            // What stands behind a value, a comment mostly, stays.
            if let (Some(new), Some(old)) = (
                new.as_value_mut(),
                document.get(row.name).and_then(Item::as_value),
            ) {
                *new.decor_mut() = old.decor().clone();
            }
            document[row.name] = new;
        }
    }
    let failed = |source| Error::Host {
        what: format!("writing {}", file.display()),
        source,
    };
    replace(file, document.to_string().as_bytes()).map_err(failed)
}

/// Writes a file as a whole: the old one or the new one is there, whatever happens.
fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    // What a link leads to is replaced, not the link.
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let dir = file.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(dir)?;
    let mut new = file.clone().into_os_string();
    new.push(format!(".{}.new", std::process::id()));
    let written = fs::File::create(&new).and_then(|mut f| {
        f.write_all(content)?;
        f.sync_all()
    });
    let done = written.and_then(|()| fs::rename(&new, &file));
    if done.is_err() {
        let _ = fs::remove_file(&new);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let name = format!("felix-config-{}-{name}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[track_caller]
    fn wrong(text: &str, about: &[&str]) {
        let why = take(&mut Settings::default(), Path::new("/c.toml"), text).unwrap_err();
        for a in about {
            assert!(why.contains(a), "{a:?} expected in: {why}");
        }
        assert_eq!(why.lines().count(), 1, "{why}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        wrong("\nengin = \"jit\"", &["/c.toml:2: ", "`engine`"]);
        wrong("# x\n\nengine = \"jot\"", &["/c.toml:3: ", "`jit`"]);
        wrong("stats = \"yes\"", &["/c.toml:1: ", "true or false"]);
        wrong("cpu = 3", &["/c.toml:1: ", "quotes"]);
        wrong("cpu = [\"max\"]", &["/c.toml:1: ", "quotes"]);
        wrong("[cpu]\nx = 1", &["/c.toml:1: ", "section"]);
        wrong("stats = true\ncpu = \"max", &["/c.toml:2: "]);
        wrong("cpu = \"max\"\ncpu = \"max\"", &["/c.toml:2: "]);
    }

    #[test]
    fn the_user_is_stronger_than_the_system() {
        let dir = scratch("order");
        let [system, user] = ["system", "user"].map(|n| dir.join(n));
        fs::write(&system, "cpu = \"x86-64\"\nbind = [\"/a:/a\", \"/b:/b\"]\n").unwrap();
        fs::write(&user, "# mine\ncpu = \"x86-64-v2\"\n").unwrap();
        let files = Files {
            system: Some(system.clone()),
            user: Some(user.clone()),
        };
        let s = files.load().unwrap();
        assert_eq!(s.text(Key::Cpu), Some("x86-64-v2"));
        assert_eq!(s.get(Key::Cpu).unwrap().source, Source::File(user, 2));
        assert_eq!(s.list(Key::Bind), ["/a:/a", "/b:/b"]);
        assert_eq!(s.get(Key::Bind).unwrap().source, Source::File(system, 2));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_change_keeps_the_rest_of_the_file() {
        let dir = scratch("change");
        let file = dir.join("new/config.toml");
        change(&file, Key::Stats, Some(&["true".into()])).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "stats = true\n");
        fs::write(
            &file,
            "# one\ncpu = \"max\" # two\n\n# three\nstats = true\n",
        )
        .unwrap();
        change(&file, Key::Cpu, Some(&["x86-64".into()])).unwrap();
        let pairs = ["/a:/a".into(), "/b:/b".into()];
        change(&file, Key::Bind, Some(&pairs)).unwrap();
        change(&file, Key::Stats, None).unwrap();
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            "# one\ncpu = \"x86-64\" # two\nbind = [\"/a:/a\", \"/b:/b\"]\n"
        );
        let before = fs::read_to_string(&file).unwrap();
        assert!(change(&file, Key::Engine, Some(&["jot".into()])).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), before);
        fs::remove_dir_all(dir).unwrap();
    }
}
