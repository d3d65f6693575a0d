//! The rules of the code base that a compiler does not know: which layer may use which, where unsafe
//! code is, how files begin and how long they are, what lies at the top level.
//!
//! Reads the tracked files only.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The layers, from the bottom. A module uses modules of lower layers, and nothing beside or above it.
const LAYERS: &[&[&str]] = &[
    &["sys", "error"],
    &["x86", "rv64"],
    &["ir", "mem", "loader"],
    &["lift", "opt", "helper"],
    &["kernel", "lower", "interp"],
    &["exec", "personality"],
    &["run", "replay", "setup"],
    &["cli", "main"],
];

/// Uses that the layers forbid and that are allowed all the same: the file or folder, what it uses, why.
const ALLOWED: &[(&str, &str, &str)] = &[(
    "src/sys",
    "x86",
    "addresses, faults and the register file are the vocabulary of what sys does for guests; \
         they are facts without behaviour",
)];

/// Files that are tables, one row a line: no limit on their length.
const TABLES: &[&str] = &["src/rv64/table.rs"];
/// Lines of any other file.
const LONGEST: usize = 900;

/// What lies at the top.
const TOP: &[&str] = &[
    ".ci",
    ".gitignore",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "ci",
    "clippy.toml",
    "corpus",
    "harness",
    "riscv-qemu",
    "rustfmt.toml",
    "src",
    "tests",
];

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The tracked files and those about to be, relative to the top.
fn files() -> Vec<PathBuf> {
    let out = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(top())
        .output()
        .expect("git is needed to know which files are tracked");
    assert!(out.status.success(), "git ls-files failed");
    let list = String::from_utf8(out.stdout).expect("names are UTF-8");
    let files: Vec<PathBuf> = list
        .split('\0')
        .filter(|n| !n.is_empty() && top().join(n).is_file())
        .map(PathBuf::from)
        .collect();
    assert!(files.len() > 100, "too few files to be all of them");
    files
}

fn read(file: &Path) -> String {
    fs::read_to_string(top().join(file)).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

/// The Rust files with their content.
fn rust() -> Vec<(PathBuf, String)> {
    let is_rust = |f: &PathBuf| f.extension().is_some_and(|e| e == "rs");
    files()
        .into_iter()
        .filter(is_rust)
        .map(|f| (f.clone(), read(&f)))
        .collect()
}

#[track_caller]
fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

/// A line without its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// The module of `src` that a file belongs to.
fn module(file: &Path) -> Option<String> {
    let first = file.strip_prefix("src").ok()?.components().next()?;
    let name = first.as_os_str().to_str()?;
    Some(name.strip_suffix(".rs").unwrap_or(name).to_owned())
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|l| l.contains(&module))
}

/// The modules after each `crate::`, also in `crate::{a, b::c}`.
fn uses(source: &str) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    let ident = |s: &str| -> String {
        s.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    for (n, line) in source.lines().enumerate() {
        for rest in code(line).split("crate::").skip(1) {
            let Some(list) = rest.strip_prefix('{') else {
                out.push((n + 1, ident(rest)));
                continue;
            };
            let mut depth = 0;
            let parts = list.split(|c| {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                c == ',' && depth == 0
            });
            out.extend(parts.map(|p| (n + 1, ident(p.trim()))));
        }
    }
    out.retain(|(_, m)| !m.is_empty());
    out
}

#[test]
fn layers() {
    let mut wrong = Vec::new();
    let mut needed = vec![false; ALLOWED.len()];
    for (file, source) in rust() {
        let Some(me) = module(&file) else { continue };
        if me == "lib" {
            continue;
        }
        let Some(mine) = layer(&me) else {
            wrong.push(format!("{}: {me} is in no layer", file.display()));
            continue;
        };
        for (line, other) in uses(&source) {
            if other == me || layer(&other).is_some_and(|l| l < mine) {
                continue;
            }
            // Macros of the crate root and the like have no layer: there are none.
            let pardon = ALLOWED
                .iter()
                .position(|(from, to, _)| file.starts_with(from) && *to == other);
            match pardon {
                Some(i) => needed[i] = true,
                None => wrong.push(format!("{}:{line}: {me} uses {other}", file.display())),
            }
        }
    }
    for ((from, to, _), needed) in ALLOWED.iter().zip(needed) {
        if !needed {
            wrong.push(format!("{from} no longer uses {to}: take it from ALLOWED"));
        }
    }
    none("a module uses what is beside or above it", &wrong);
}

#[test]
fn the_layers_test_sees_uses() {
    let source = "use crate::{a, b::{c, d}, e};\nlet x = crate::f::g(); // crate::h\n";
    let found: Vec<String> = uses(source).into_iter().map(|(_, m)| m).collect();
    assert_eq!(found, ["a", "b", "e", "f"]);
}

/// True if `word` occurs as a word.
fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|w| w == word)
}

#[test]
fn unsafe_code_is_in_sys() {
    let word = concat!("un", "safe");
    let mut wrong = Vec::new();
    for (file, source) in rust() {
        if file.starts_with("src/sys") || file.starts_with("harness/src/sys.rs") {
            continue;
        }
        for (n, line) in source.lines().enumerate() {
            // Strings do speak of it.
            let outside = code(line).split('"').step_by(2).collect::<String>();
            if has_word(&outside, word) {
                wrong.push(format!("{}:{}", file.display(), n + 1));
            }
        }
    }
    none("unsafe code outside src/sys", &wrong);
}

#[test]
fn nothing_is_unfinished_or_left_out() {
    let words = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("dbg", "!("),
        concat!("#[", "ignore"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
    ];
    let mut wrong = Vec::new();
    for (file, source) in rust() {
        for (n, line) in source.lines().enumerate() {
            if let Some(w) = words.iter().find(|w| line.contains(**w)) {
                wrong.push(format!("{}:{}: {w}", file.display(), n + 1));
            }
        }
    }
    none("unfinished, or a test that does not run", &wrong);
}

#[test]
fn files_have_heads_and_a_bound() {
    let mut wrong = Vec::new();
    for (file, source) in rust() {
        let name = file.display().to_string();
        if !source.starts_with("//! ") {
            wrong.push(format!("{name}: does not begin by saying what it is (//!)"));
        }
        let lines = source.lines().count();
        if lines > LONGEST && !TABLES.contains(&name.as_str()) {
            wrong.push(format!("{name}: {lines} lines, at most {LONGEST}"));
        }
    }
    none("files", &wrong);
}

#[test]
fn the_top_level_is_fixed() {
    let mut wrong = Vec::new();
    for file in files() {
        let first = file
            .components()
            .next()
            .map(|c| c.as_os_str().display().to_string());
        let first = first.unwrap_or_default();
        if !TOP.contains(&first.as_str()) && !wrong.contains(&first) {
            wrong.push(first);
        }
    }
    none("unknown at the top level", &wrong);
}

/// The packages of Cargo.lock: name to dependencies.
fn lock() -> BTreeMap<String, Vec<String>> {
    let text = read(Path::new("Cargo.lock"));
    let mut all = BTreeMap::<String, Vec<String>>::new();
    for package in text.split("[[package]]").skip(1) {
        let name = package
            .lines()
            .find_map(|l| l.strip_prefix("name = "))
            .unwrap_or_default();
        let dependencies = package
            .lines()
            .skip_while(|l| !l.starts_with("dependencies"))
            .skip(1)
            .take_while(|l| !l.starts_with(']'))
            .filter_map(|l| l.trim().trim_matches([',', '"']).split(' ').next())
            .map(str::to_owned);
        all.entry(name.trim_matches('"').to_owned())
            .or_default()
            .extend(dependencies);
    }
    all
}

/// This machine, as rustc names it.
fn host() -> String {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let out = Command::new(rustc).arg("-vV").output().expect("rustc");
    let text = String::from_utf8(out.stdout).expect("rustc's text is UTF-8");
    let line = text.lines().find_map(|l| l.strip_prefix("host: "));
    line.expect("rustc -vV names the host").to_owned()
}

/// felix is MIT or Apache-2.0; Unicorn is GPL-2.0 and belongs to the harness alone.
#[test]
fn felix_links_nothing_under_the_gpl() {
    let lock = lock();
    let mut reached = vec!["felix".to_owned()];
    let mut i = 0;
    while let Some(name) = reached.get(i) {
        let more: Vec<String> = lock.get(name).cloned().unwrap_or_default();
        for d in more {
            if !reached.contains(&d) {
                reached.push(d);
            }
        }
        i += 1;
    }
    assert!(
        reached.len() > 10,
        "Cargo.lock was not understood: {reached:?}"
    );
    assert!(lock["harness"].iter().any(|d| d.starts_with("unicorn")));
    let wrong: Vec<String> = reached
        .into_iter()
        .filter(|n| n.contains("unicorn") || n == "harness")
        .collect();
    none("felix depends on", &wrong);
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        // Packages for other systems have not been downloaded.
        .args(["--filter-platform", &host()])
        .current_dir(top())
        .output()
        .expect("cargo");
    let text = String::from_utf8(out.stdout).expect("cargo's JSON is UTF-8");
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_str(&text).expect("cargo's JSON");
    let mut wrong = Vec::new();
    for p in metadata["packages"].as_array().expect("packages") {
        let (name, license) = (p["name"].as_str(), p["license"].as_str());
        let (name, license) = (name.unwrap_or_default(), license.unwrap_or("none"));
        let gpl_only = license.contains("GPL") && !license.contains(" OR ");
        if gpl_only && name != "harness" && !name.starts_with("unicorn") {
            wrong.push(format!("{name}: {license}"));
        }
    }
    none("under the GPL, and not Unicorn", &wrong);
}

/// Nothing may depend on the machine it was written on.
#[test]
fn no_paths_of_a_machine() {
    let words = [
        concat!("/ro", "ot/."),
        concat!("/ho", "me/"),
        concat!("/wo", "rk/"),
        concat!("/tmp/", "wt"),
        concat!("static.", "crates.io"),
        concat!("index.", "crates.io"),
        concat!("deb.", "debian.org"),
        concat!("registry", "+http"),
    ];
    let mut wrong = Vec::new();
    for file in files() {
        let Ok(text) = fs::read_to_string(top().join(&file)) else {
            continue;
        };
        for (n, line) in text.lines().enumerate() {
            // Cargo writes where packages come from into its lock.
            let crates_io = concat!("registry", "+https://github.com/rust-lang/crates.io-index");
            if line == format!("source = \"{crates_io}\"") {
                continue;
            }
            if let Some(w) = words.iter().find(|w| line.contains(**w)) {
                wrong.push(format!("{}:{}: {w}", file.display(), n + 1));
            }
        }
    }
    none("paths or names of one machine", &wrong);
}
