//! The settings: one row each, from which come the option, the variable, the key of a configuration file, and the help.
//!
//! A setting named `host-isa` is the option `--host-isa`, the variable `FELIX_HOST_ISA` and the key `host-isa`. The strongest
//! source that names it decides, lists included: nothing adds up. Knows no files (`config`) and no command line.

use super::nearest;
use crate::rv64::{Feature, HostIsa};
use crate::x86::cpu::Cpu;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// What a setting holds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// true or false.
    Flag,
    /// One of these.
    Choice(&'static [&'static str]),
    /// The path of a file or directory; in a configuration file an absolute one.
    Path,
    /// The name of a kept root, or the path of a directory; empty for none.
    Root,
    /// Text that the function accepts.
    Text(fn(&str) -> Result<(), String>),
    /// Any number of strings that the function accepts.
    List(fn(&OsStr) -> Result<(), String>),
}

/// The commands that have a setting as an option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// What runs guest programs.
    Run,
    /// What makes and keeps roots.
    Rootfs,
}

/// A row of the table.
#[derive(Debug)]
pub struct Setting {
    /// The key, and the option without its dashes.
    pub name: &'static str,
    /// Its index.
    pub key: Key,
    /// What it holds.
    pub kind: Kind,
    /// What to call its value in help; empty for flags.
    pub value_name: &'static str,
    /// What holds where nothing is set, in words.
    pub default: &'static str,
    /// Where it is an option.
    pub scope: Scope,
    /// One sentence.
    pub help: &'static str,
}

macro_rules! settings {
    ($($key:ident $name:literal $kind:expr, $value:literal, $scope:ident, $default:literal, $help:literal;)*) => {
        /// A setting.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Key {
            $(#[doc = $help] $key,)*
        }

        /// All settings.
        pub const SETTINGS: &[Setting] = &[
            $(Setting {
                name: $name,
                key: Key::$key,
                kind: $kind,
                value_name: $value,
                default: $default,
                scope: Scope::$scope,
                help: $help,
            },)*
        ];
    };
}

settings! {
    Rootfs "rootfs" Kind::Root, "NAME|DIR", Run, "none: the host's files",
        "The program's root: one that `felix rootfs list` names, or a directory";
    Bind "bind" Kind::List(check_bind), "HOST:GUEST[:ro]", Run, "none",
        "Show a host directory inside the rootfs; with :ro the program can change nothing there";
    Share "share" Kind::Flag, "", Run, "true; in felix shell false",
        "Show the host's /run and /tmp inside the rootfs; /dev, /proc and /sys always are";
    ShareHome "share-home" Kind::Flag, "", Run, "true; in felix shell false",
        "Show your home directory, as $HOME names it, inside the rootfs";
    Engine "engine" Kind::Choice(&["interp", "jit"]), "ENGINE", Run, "jit on RISC-V, interp elsewhere",
        "What runs the code: interp (the portable engine) or jit (translated code)";
    Cpu "cpu" Kind::Text(check_cpu), "CPU", Run, "max, with SHA only where the host has Zvknha",
        "The CPU to show the program: max (all there is), x86-64, x86-64-v2, x86-64-v3, and features to add or hide, as in x86-64-v2,+bmi1 or -sse4_2; `felix list` names them";
    HostIsa "host-isa" Kind::Text(check_isa), "LIST", Run, "what this host has",
        "Host ISA extensions to use instead of those found, as in gc,zba,zbb,zbs,v128";
    Env "env" Kind::List(check_env), "NAME=VALUE", Run, "none",
        "Set a variable in the program's environment";
    Strace "strace" Kind::Flag, "", Run, "false",
        "Print every system call";
    Stats "stats" Kind::Flag, "", Run, "false",
        "Print statistics at the end";
    Profile "profile" Kind::Path, "FILE", Run, "none",
        "Write a profile of translated code to FILE, FILE.folded and FILE.json at the end";
    PerfMap "perf-map" Kind::Flag, "", Run, "false",
        "Write /tmp/perf-PID.map, by which Linux perf names translated code";
    Log "log" Kind::Text(check_log), "LEVEL", Run, "warn",
        "What to say on standard error: error, warn, info, debug, or a filter by module as in felix::exec=debug";
    RootfsDir "rootfs-dir" Kind::Path, "DIR", Rootfs, "~/.local/share/felix/rootfs",
        "Directory in which roots are kept by name";
}

impl Key {
    /// The row.
    #[must_use]
    pub fn row(self) -> &'static Setting {
        &SETTINGS[self as usize]
    }

    /// The key of this name; otherwise a sentence with the nearest.
    pub fn named(name: &str) -> Result<Key, String> {
        match SETTINGS.iter().find(|s| s.name == name) {
            Some(s) => Ok(s.key),
            None => Err(match nearest(name, SETTINGS.iter().map(|s| s.name)) {
                Some(n) => format!("there is no setting `{name}`; did you mean `{n}`?"),
                None => format!("there is no setting `{name}`; `felix config list` names them"),
            }),
        }
    }
}

impl Setting {
    /// The environment variable.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("FELIX_{}", self.name.to_uppercase().replace('-', "_"))
    }

    /// True if it holds any number of values.
    #[must_use]
    pub fn is_list(&self) -> bool {
        matches!(self.kind, Kind::List(_))
    }

    /// What is wrong with a value, in words that follow the value; no relative path may come from a file.
    pub fn check(&self, value: &OsStr, from_file: bool) -> Result<(), String> {
        let text = || {
            value
                .to_str()
                .ok_or_else(|| "is no text in UTF-8".to_owned())
        };
        let choice = |all: &[&'static str]| -> Result<(), String> {
            let value = text()?;
            if all.contains(&value) {
                return Ok(());
            }
            let hint = match nearest(value, all.iter().copied()) {
                Some(n) => format!("; did you mean `{n}`?"),
                None => String::new(),
            };
            Err(format!("is none of {}{hint}", all.join(", ")))
        };
        match self.kind {
            Kind::Flag => choice(&["true", "false"]),
            Kind::Choice(all) => choice(all),
            Kind::Text(check) => check(text()?),
            Kind::List(check) => check(value),
            Kind::Path if value.is_empty() => Err("is empty; write a path".into()),
            Kind::Path | Kind::Root => {
                let path = PathBuf::from(value);
                let is_name = matches!(self.kind, Kind::Root) && !value.as_bytes().contains(&b'/');
                if from_file && !path.is_absolute() && !is_name {
                    return Err("is a relative path; write an absolute one".into());
                }
                Ok(())
            }
        }
    }
}

fn check_cpu(text: &str) -> Result<(), String> {
    Cpu::parse(text, Cpu::usual(true))
        .map(|_| ())
        .map_err(|e| format!("is no CPU: {e}"))
}

fn check_isa(text: &str) -> Result<(), String> {
    text.parse::<HostIsa>().map(|_| ()).map_err(|e| {
        let hint = match nearest(&e.0, Feature::ALL.iter().map(|f| f.name())) {
            Some(n) => format!("; did you mean `{n}`?"),
            None => String::new(),
        };
        format!("is no list of RISC-V extensions: {e}{hint}")
    })
}

fn check_log(text: &str) -> Result<(), String> {
    // A word that is no level would be taken for a module's name.
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let word = text.chars().all(|c| c.is_ascii_alphabetic());
    if word && text != "felix" && !LEVELS.contains(&text.to_lowercase().as_str()) {
        let hint = match nearest(text, LEVELS) {
            Some(n) => format!("; did you mean `{n}`?"),
            None => String::new(),
        };
        return Err(format!("is none of {}{hint}", LEVELS.join(", ")));
    }
    tracing_subscriber::EnvFilter::try_new(text)
        .map(|_| ())
        .map_err(|e| format!("is no filter: {e}"))
}

fn check_env(value: &OsStr) -> Result<(), String> {
    match value.as_bytes().iter().position(|b| *b == b'=') {
        Some(n) if n > 0 => Ok(()),
        _ => Err("has no name and value; write NAME=VALUE".into()),
    }
}

fn check_bind(value: &OsStr) -> Result<(), String> {
    bind(value).map(|_| ()).ok_or_else(|| {
        "is no pair of directories; write HOST:GUEST or HOST:GUEST:ro with an absolute guest path"
            .into()
    })
}

/// What a value of `--bind` says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bind {
    /// The host's directory.
    pub host: PathBuf,
    /// Where the guest sees it.
    pub guest: PathBuf,
    /// The guest may not write there.
    pub read_only: bool,
}

/// The parts of `HOST:GUEST` or `HOST:GUEST:ro`, of which the guest's path has no colon.
#[must_use]
pub fn bind(value: &OsStr) -> Option<Bind> {
    let all = value.as_bytes();
    let pair = all.strip_suffix(b":ro");
    let (b, read_only) = (pair.unwrap_or(all), pair.is_some());
    let i = b.iter().rposition(|c| *c == b':').filter(|i| *i > 0)?;
    let path = |b: &[u8]| PathBuf::from(OsStr::from_bytes(b));
    (b.get(i + 1) == Some(&b'/')).then(|| Bind {
        host: path(&b[..i]),
        guest: path(&b[i + 1..]),
        read_only,
    })
}

/// Where a value comes from, the weakest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// Nothing is set.
    Default,
    /// A configuration file and the line.
    File(PathBuf, usize),
    /// A variable of felix's environment.
    Variable(String),
    /// An option of the command.
    Option(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File(path, line) => write!(f, "{}:{line}", path.display()),
            Source::Variable(name) => f.write_str(name),
            Source::Option(name) => write!(f, "--{name}"),
        }
    }
}

/// The value of a setting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Value {
    /// One; any number for a list.
    pub values: Vec<OsString>,
    /// Where from.
    pub source: Source,
}

/// What is set, from everywhere.
#[derive(Clone, Default, Debug)]
pub struct Settings {
    set: Vec<Option<Value>>,
}

impl Settings {
    /// Sets a value after checking it. What was set before is weaker.
    ///
    /// # Errors
    /// A sentence that names the source and what would be right.
    pub fn set(&mut self, key: Key, value: Value) -> Result<(), String> {
        let row = key.row();
        let from_file = matches!(value.source, Source::File(..));
        for v in &value.values {
            row.check(v, from_file).map_err(|why| match &value.source {
                Source::Default => format!("{}: `{}` {why}", row.name, v.display()),
                s @ Source::File(..) => format!("{s}: {}: `{}` {why}", row.name, v.display()),
                s => format!("{s} {}: {why}", v.display()),
            })?;
        }
        self.set.resize(SETTINGS.len(), None);
        self.set[key as usize] = Some(value);
        Ok(())
    }

    /// The value, if it is set.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<&Value> {
        self.set.get(key as usize)?.as_ref()
    }

    /// The one value, if it is set and not empty.
    #[must_use]
    pub fn one(&self, key: Key) -> Option<&OsStr> {
        let first = self.get(key)?.values.first()?;
        (!first.is_empty()).then_some(first.as_os_str())
    }

    /// The one value as text.
    #[must_use]
    pub fn text(&self, key: Key) -> Option<&str> {
        self.one(key)?.to_str()
    }

    /// All values of a list.
    #[must_use]
    pub fn list(&self, key: Key) -> &[OsString] {
        self.get(key).map_or(&[], |v| &v.values)
    }

    /// A flag that is false unless it is set.
    #[must_use]
    pub fn flag(&self, key: Key) -> bool {
        self.flag_or(key, false)
    }

    /// A flag, or what holds where it is not set.
    #[must_use]
    pub fn flag_or(&self, key: Key, default: bool) -> bool {
        self.text(key).map_or(default, |v| v == "true")
    }

    /// Takes what the environment says. Lists are separated by semicolons.
    ///
    /// # Errors
    /// As `set`.
    pub fn take_variables(
        &mut self,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<(), String> {
        for row in SETTINGS {
            let name = row.variable();
            let Some(value) = variable(&name) else {
                continue;
            };
            // An empty variable is one that is not set, but for the rootfs, where it says that there is none.
            if value.is_empty() && !matches!(row.kind, Kind::Root) {
                continue;
            }
            let values = if row.is_list() {
                let parts = value.as_bytes().split(|b| *b == b';');
                parts.map(|p| OsString::from_vec(p.to_vec())).collect()
            } else {
                vec![value]
            };
            let source = Source::Variable(name);
            self.set(row.key, Value { values, source })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_at_their_keys_and_have_no_two_names() {
        for (i, s) in SETTINGS.iter().enumerate() {
            assert_eq!(s.key as usize, i);
            assert_eq!(Key::named(s.name), Ok(s.key));
            assert!(!s.help.is_empty() && !s.help.ends_with('.'), "{}", s.name);
            assert_eq!(s.value_name.is_empty(), matches!(s.kind, Kind::Flag));
        }
    }

    #[track_caller]
    fn refused(key: Key, value: &str, about: &str) {
        let mut s = Settings::default();
        let value = Value {
            values: vec![value.into()],
            source: Source::File("/f".into(), 3),
        };
        let why = s.set(key, value).unwrap_err();
        assert!(why.contains(about) && why.starts_with("/f:3: "), "{why}");
        assert_eq!(s.get(key), None);
    }

    #[test]
    fn wrong_values_are_refused_with_the_nearest_right_one() {
        refused(Key::Engine, "jti", "did you mean `jit`?");
        refused(Key::Strace, "ture", "did you mean `true`?");
        refused(Key::Cpu, "x86-64-v12", "x86-64-v2");
        refused(Key::HostIsa, "gc,zbx", "did you mean `zb");
        refused(Key::Log, "wran", "did you mean `warn`?");
        refused(Key::Bind, "/only", "HOST:GUEST");
        refused(Key::Bind, "/a:/b:rw", "HOST:GUEST:ro");
        refused(Key::Bind, "/a:ro", "HOST:GUEST:ro");
        refused(Key::Env, "=x", "NAME=VALUE");
        refused(Key::RootfsDir, "roots", "absolute");
        refused(Key::Rootfs, "some/dir", "absolute");
        assert!(Key::named("egnine").unwrap_err().contains("`engine`"));
    }

    #[test]
    fn a_bind_may_be_read_only() {
        let bind = |v: &str| bind(OsStr::new(v)).map(|b| (b.host, b.guest, b.read_only));
        let parts = |h: &str, g: &str, ro| Some((h.into(), g.into(), ro));
        assert_eq!(bind("/a:/b"), parts("/a", "/b", false));
        assert_eq!(bind("/a:/b:ro"), parts("/a", "/b", true));
        assert_eq!(bind("/a:c:/b:ro"), parts("/a:c", "/b", true));
        assert_eq!(bind("/a:ro:/ro"), parts("/a:ro", "/ro", false));
        assert_eq!(bind("/a:ro"), None);
    }

    #[test]
    fn the_stronger_source_replaces_a_list() {
        let mut s = Settings::default();
        let values = vec!["/a:/a".into(), "/b:/b".into()];
        let source = Source::Default;
        s.set(Key::Bind, Value { values, source }).unwrap();
        s.take_variables(|n| (n == "FELIX_BIND").then(|| "/c:/c;/d:/d".into()))
            .unwrap();
        assert_eq!(s.list(Key::Bind), ["/c:/c", "/d:/d"]);
        let from = &s.get(Key::Bind).unwrap().source;
        assert_eq!(from.to_string(), "FELIX_BIND");
    }
}
