//! `felix rootfs`, `felix shell` and `felix config` as a user meets them: roots of archives, good, damaged and hostile; what
//! is left when the work is interrupted; where settings come from.

mod support;

use flate2::{Compression, write::GzEncoder};
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use support::Ended;
use tar::{EntryType, Header};

/// A directory of this test's own, empty.
fn scratch(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("rootfs-{name}"));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    dir
}

fn felix<S: AsRef<OsStr>>(args: &[S], env: &[(&str, &OsStr)]) -> Ended {
    let mut c = Command::new(env!("CARGO_BIN_EXE_felix"));
    c.args(args).envs(env.iter().copied());
    support::run(&mut c, b"", Duration::from_secs(60)).unwrap()
}

/// Standard output of a felix that succeeds.
#[track_caller]
fn works<S: AsRef<OsStr>>(args: &[S], env: &[(&str, &OsStr)]) -> String {
    let e = felix(args, env);
    assert_eq!(e.code(), Some(0), "{}: {}", e.how(), e.stderr);
    String::from_utf8(e.stdout).unwrap()
}

/// A felix that ends with this status and, last, one sentence with all of `about` in it.
#[track_caller]
fn refused<S: AsRef<OsStr>>(args: &[S], env: &[(&str, &OsStr)], status: i32, about: &[&str]) {
    let e = felix(args, env);
    assert_eq!(e.code(), Some(status), "{}: {}", e.how(), e.stderr);
    let last = e.stderr.lines().last().unwrap_or_default();
    assert!(last.starts_with("felix: "), "{}", e.stderr);
    for a in about {
        assert!(last.contains(a), "{a:?} expected in: {}", e.stderr);
    }
}

/// A tar file under construction, whose names nobody checks.
#[derive(Default)]
struct Tar(Vec<u8>);

impl Tar {
    /// What does not fit the header stands before it, as GNU tar writes it.
    fn raw(mut self, kind: EntryType, name: &str, link: &str, mode: u32, content: &[u8]) -> Tar {
        let mut h = Header::new_gnu();
        let old = h.as_old_mut();
        for (long, field, text) in [
            (EntryType::GNULongName, &mut old.name, name),
            (EntryType::GNULongLink, &mut old.linkname, link),
        ] {
            if text.len() > field.len() {
                self = self.raw(
                    long,
                    "././@LongLink",
                    "",
                    0o644,
                    format!("{text}\0").as_bytes(),
                );
            }
            let n = text.len().min(field.len());
            field[..n].copy_from_slice(&text.as_bytes()[..n]);
        }
        h.set_entry_type(kind);
        h.set_mode(mode);
        h.set_uid(0);
        h.set_gid(0);
        h.set_mtime(1_000_000_000);
        h.set_size(content.len() as u64);
        h.set_cksum();
        self.0.extend(h.as_bytes());
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, name: &str, content: &[u8]) -> Tar {
        self.raw(EntryType::Regular, name, "", 0o644, content)
    }

    fn link(self, name: &str, to: &str) -> Tar {
        self.raw(EntryType::Symlink, name, to, 0o777, b"")
    }

    fn hard(self, name: &str, to: &str) -> Tar {
        self.raw(EntryType::Link, name, to, 0o644, b"")
    }

    fn dir(self, name: &str, mode: u32) -> Tar {
        self.raw(EntryType::Directory, name, "", mode, b"")
    }

    /// A PAX record for what comes next.
    fn pax(self, key: &str, value: &[u8]) -> Tar {
        let rest = key.len() + value.len() + 3;
        let mut len = rest + 1;
        while len != rest + len.to_string().len() {
            len += 1;
        }
        let record = [format!("{len} {key}=").as_bytes(), value, b"\n"].concat();
        self.raw(EntryType::XHeader, "pax", "", 0o644, &record)
    }

    fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut e = GzEncoder::new(Vec::new(), Compression::fast());
    e.write_all(data).unwrap();
    e.finish().unwrap()
}

fn zstd(data: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest)
}

/// A tar file with `inside\n` in `file`, as xz 5.4 compresses it.
const XZ: &str = "\
    fd377a585a000004e6d6b446020021011c00000010cf58cce027ff00675d00331a49d6b63821af01ee6e05733bc0fc80cf37b03ce3d6c8\
    de872d52d54a754f4a8fe50ef0aa4e7777fb022828601b8e3cccd1239a3d5f7ab4f4a77b92d9d0e865e760a0b3ad37fc5bf70ced9ba00e\
    9b3a9430d5cc4821ecf2cfb2b1bbded22498c8777209940000009d169c4a8ca049cf00018301805000009003f4e7b1c467fb0200000000\
    04595a";

fn import(dir: &Path, archive: &[u8]) -> (PathBuf, Ended) {
    let file = dir.join("archive");
    fs::write(&file, archive).unwrap();
    let root = dir.join("root");
    let args = [
        "rootfs".as_ref(),
        "import".as_ref(),
        file.as_os_str(),
        root.as_os_str(),
    ];
    let ended = felix(&args, &[]);
    (root, ended)
}

#[track_caller]
fn imported(dir: &Path, archive: &[u8]) -> PathBuf {
    let (root, e) = import(dir, archive);
    assert_eq!(e.code(), Some(0), "{}: {}", e.how(), e.stderr);
    assert_eq!(names(dir), ["archive", "root"]);
    root
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn every_compression() {
    let plain = Tar::default().file("file", b"inside\n").end();
    let hex = |i: usize| u8::from_str_radix(&XZ[i..i + 2], 16).unwrap();
    let xz: Vec<u8> = (0..XZ.len()).step_by(2).map(hex).collect();
    let (half, rest) = plain.split_at(700);
    // A frame to skip, and frames one after the other, as parallel compressors write them.
    let mut zst = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc".to_vec();
    zst.extend(zstd(half));
    zst.extend(zstd(rest));
    let gz = [gzip(half), gzip(rest)].concat();
    for (name, archive) in [("tar", plain.clone()), ("gz", gz), ("xz", xz), ("zst", zst)] {
        let root = imported(&scratch(name), &archive);
        assert_eq!(fs::read(root.join("file")).unwrap(), b"inside\n", "{name}");
    }
}

#[test]
fn what_is_no_archive_or_damaged_is_refused() {
    let plain = Tar::default().file("a", &[b'x'; 5000]).end();
    let gz = gzip(&plain);
    let mut flipped = gz.clone();
    let crc = flipped.len() - 6;
    flipped[crc] ^= 1;
    let mut header = plain.clone();
    header[10] ^= 1;
    let cases: [(&str, &[u8]); 9] = [
        ("is no tar archive", b"These are notes, and no archive.\n"),
        ("is empty", b""),
        ("bzip2", b"BZh91AY&SY"),
        ("damaged", &gz[..gz.len() - 9]),
        ("damaged", &flipped),
        ("damaged", &header),
        // Inside a file, between files, and before the mark of the end.
        ("ends too soon", &plain[..3000]),
        ("ends too soon", &plain[..512 + 5120]),
        ("damaged", &zstd(&plain)[..30]),
    ];
    for (i, (about, archive)) in cases.into_iter().enumerate() {
        let dir = scratch(&format!("damaged{i}"));
        let (_, e) = import(&dir, archive);
        assert_eq!(e.code(), Some(121), "{i}: {}: {}", e.how(), e.stderr);
        assert!(
            e.stderr.contains(about),
            "{i}: {about:?} expected in: {}",
            e.stderr
        );
        assert_eq!(names(&dir), ["archive"], "{i}");
    }
}

/// Each tries to write `outside/owned`, or to read `outside/secret`, beside the root.
#[test]
fn nothing_of_an_archive_leads_out() {
    let long = "../".repeat(20);
    let outside = scratch("outside");
    let out = outside.to_str().unwrap();
    let short = |name: &str| format!("{long}{}", name.trim_start_matches('/'));
    let t = Tar::default;
    let owned = format!("{out}/owned");
    let refused = [
        t().file("../owned", b"x"),
        t().file("a/../../owned", b"x"),
        t().dir("a/..", 0o777),
        t().file("a", b"x").hard("b", "../outside/secret"),
        t().hard("b", &format!("{out}/secret")),
        t().link("l", out).hard("b", "l/secret"),
        t().link("l", &short(out)).hard("b", "l/secret"),
        t().pax("path", b"../../owned").file("a", b"x"),
        t().file("a", b"x")
            .pax("linkpath", b"../secret")
            .hard("b", "a"),
        // Links that lead nowhere inside.
        t().link("l", out).file("l/owned", b"x"),
        t().link("l", &short(out)).file("l/owned", b"x"),
        t().link("l", &short(out)).dir("l/owned", 0o755),
        t().link("l", "/proc/self/root")
            .link("m", out)
            .file("m/owned", b"x"),
        t().link("l", out).link("l/owned", "x"),
        t().link("l", out)
            .raw(EntryType::Fifo, "l/owned", "", 0o644, b""),
        // The same once more, one link after another.
        t().link("a", "b").link("b", out).file("a/owned", b"x"),
        t().file("a", b"x").file("a/owned", b"x"),
        t().link("l", "l").file("l/owned", b"x"),
    ];
    fs::write(outside.join("secret"), "secret").unwrap();
    for (i, tar) in refused.into_iter().enumerate() {
        let dir = scratch("hostile");
        let (_, e) = import(&dir, &tar.end());
        assert_eq!(e.code(), Some(121), "{i}: {}: {}", e.how(), e.stderr);
        assert_eq!(names(&dir), ["archive"], "{i}");
        assert_eq!(names(&outside), ["secret"], "{i}");
        assert_eq!(fs::metadata(outside.join("secret")).unwrap().nlink(), 1);
    }
    // Kept inside: an absolute path is one of the root's, and a file put over a link replaces the link.
    let kept = t()
        .file("/abs", b"x")
        .link("over", &owned)
        .file("over", b"y")
        .link("dir", out)
        .dir("dir", 0o755)
        .file("dir/owned", b"z");
    let root = imported(&scratch("kept"), &kept.end());
    for (name, content) in [("abs", "x"), ("over", "y"), ("dir/owned", "z")] {
        assert_eq!(
            fs::read_to_string(root.join(name)).unwrap(),
            content,
            "{name}"
        );
    }
    assert_eq!(names(&outside), ["secret"]);
}

#[test]
fn what_files_are_is_kept() {
    let mut holes = vec![0; 1 << 20];
    holes[500_000] = 7;
    // GNU tar's format 1.0: the map, then what is not a hole.
    let mut sparse = b"1\n8192\n5\n".to_vec();
    sparse.resize(512, 0);
    sparse.extend(b"bytes");
    let tar = Tar::default()
        .dir("./", 0o755)
        .dir("shut", 0o555)
        .file("shut/in", b"x")
        .raw(EntryType::Regular, "suid", "", 0o4755, b"x")
        .hard("twin", "suid")
        .link("usr/lib64", "lib")
        .file("deep/er/still", b"x")
        .raw(EntryType::Fifo, "fifo", "", 0o600, b"")
        .raw(EntryType::Char, "dev/null", "", 0o666, b"")
        .raw(EntryType::Block, "dev/sda", "", 0o660, b"")
        .file("holes", &holes)
        .pax("path", "l".repeat(200).as_bytes())
        .file("short", b"long");
    // Several records belong to one header.
    let mut records = Vec::new();
    for (k, v) in [
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "sparse"),
        ("GNU.sparse.realsize", "20000"),
    ] {
        let rest = k.len() + v.len() + 3;
        let len = rest + (rest + 2).to_string().len();
        records.extend(format!("{len} {k}={v}\n").bytes());
    }
    let tar = tar
        .raw(EntryType::XHeader, "pax", "", 0o644, &records)
        .file("GNUSparseFile.1/sparse", &sparse);
    let dir = scratch("kinds");
    let (root, e) = import(&dir, &tar.end());
    assert_eq!(e.code(), Some(0), "{}", e.stderr);
    assert!(e.stderr.contains("2 device nodes"), "{}", e.stderr);
    let mode = |n: &str| {
        fs::symlink_metadata(root.join(n))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    };
    let shut = if fs::metadata("/proc/self").unwrap().uid() == 0 {
        0o555
    } else {
        0o755
    };
    assert_eq!(
        (mode("suid"), mode("shut"), mode("fifo")),
        (0o4755, shut, 0o600)
    );
    let ino = |n: &str| fs::metadata(root.join(n)).unwrap().ino();
    assert_eq!(ino("suid"), ino("twin"));
    assert!(
        fs::metadata(root.join("fifo"))
            .unwrap()
            .file_type()
            .is_fifo()
    );
    assert_eq!(
        fs::read_link(root.join("usr/lib64")).unwrap(),
        Path::new("lib")
    );
    assert_eq!(names(&root.join("dev")), [""; 0]);
    assert_eq!(
        fs::metadata(root.join("shut")).unwrap().mtime(),
        1_000_000_000
    );
    assert_eq!(fs::read(root.join("l".repeat(200))).unwrap(), b"long");
    assert_eq!(fs::read(root.join("holes")).unwrap(), holes);
    assert!(fs::metadata(root.join("holes")).unwrap().blocks() * 512 < 100_000);
    let mut expected = vec![0; 20_000];
    expected[8192..8197].copy_from_slice(b"bytes");
    assert_eq!(fs::read(root.join("sparse")).unwrap(), expected);
}

#[test]
fn an_import_that_is_killed_leaves_no_root() {
    let dir = scratch("killed");
    let root = dir.join("root");
    let tar = Tar::default()
        .file("a", b"x")
        .file("b", &[1; 400_000])
        .end();
    let args = [
        "rootfs".as_ref(),
        "import".as_ref(),
        "-".as_ref(),
        root.as_os_str(),
    ];
    for signal in ["-INT", "-KILL"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_felix"))
            .args(args)
            .env("FELIX_CONFIG_USER", "")
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&tar[..200_000]).unwrap();
        // It has made the first file by now or will soon: it has read what there is beyond a pipe's room.
        let begun = || names(&dir).iter().any(|n| n.starts_with(".felix-making-"));
        while !begun() {
            std::thread::sleep(Duration::from_millis(2));
        }
        let kill = format!("kill {signal} {}", child.id());
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
        assert!(!child.wait().unwrap().success());
        assert!(!root.exists() && begun());
    }
    imported(&dir, &tar);
}

#[test]
fn something_at_the_place_stays() {
    let dir = scratch("taken");
    let tar = Tar::default().file("a", b"x").end();
    imported(&dir, &tar);
    let (root, e) = import(&dir, &tar);
    assert_eq!(e.code(), Some(2), "{}", e.stderr);
    assert_eq!(names(&root), ["a"]);
}

#[test]
fn a_full_disk_is_one_sentence() {
    let dir = scratch("full");
    let disk = dir.join("disk");
    fs::create_dir(&disk).unwrap();
    fs::write(
        dir.join("archive"),
        Tar::default().file("a", &[1; 300_000]).end(),
    )
    .unwrap();
    let script = "mount -t tmpfs -o size=128k none disk && $0 rootfs import archive disk/root; s=$?; ls -A disk; exit $s";
    let mut c = Command::new("unshare");
    c.args(["-r", "-m", "sh", "-c", script, env!("CARGO_BIN_EXE_felix")])
        .current_dir(&dir);
    let possible = Command::new("unshare").args(["-r", "-m", "true"]).output();
    if !possible.is_ok_and(|o| o.status.success()) {
        println!("left out: this machine allows no user namespaces");
        return;
    }
    let e = support::run(&mut c, b"", Duration::from_secs(30)).unwrap();
    assert_eq!(e.code(), Some(120), "{}: {}", e.how(), e.stderr);
    assert!(
        e.stderr.lines().last().unwrap().contains("no space left"),
        "{}",
        e.stderr
    );
    assert_eq!(e.stdout, b"", "the disk is not empty");
}

/// A store and a configuration file of the test's own.
struct Home {
    dir: PathBuf,
    store: PathBuf,
    config: PathBuf,
}

impl Home {
    fn new(name: &str) -> Home {
        let dir = scratch(name);
        Home {
            store: dir.join("store"),
            config: dir.join("config.toml"),
            dir,
        }
    }

    fn env(&self) -> [(&str, &OsStr); 2] {
        [
            ("FELIX_ROOTFS_DIR", self.store.as_os_str()),
            ("FELIX_CONFIG_USER", self.config.as_os_str()),
        ]
    }

    /// A root of that name, whose shell writes `hi` and ends with status 7.
    fn root(&self, name: &str) {
        let passwd = b"root:x:0:0::/root:/bin/greet\n";
        let archive = self.dir.join("greet.tar");
        let tar = Tar::default()
            .raw(
                EntryType::Regular,
                "bin/greet",
                "",
                0o755,
                &support::elf(None),
            )
            .file("etc/passwd", passwd)
            .file("usr/lib/os-release", b"PRETTY_NAME=\"Greeting Linux\"\n");
        fs::write(&archive, tar.end()).unwrap();
        works(
            &["rootfs", "import", archive.to_str().unwrap(), name],
            &self.env(),
        );
    }
}

#[test]
fn roots_are_kept_used_and_removed_by_name() {
    let home = Home::new("store");
    assert_eq!(works(&["rootfs", "list"], &home.env()), "");
    home.root("one");
    home.root("two");
    let listed = works(&["rootfs", "list"], &home.env());
    assert_eq!(listed.lines().count(), 2);
    assert!(
        listed.contains("  one ") && listed.contains("Greeting Linux"),
        "{listed}"
    );
    works(&["rootfs", "use", "two"], &home.env());
    let listed = works(&["rootfs", "list"], &home.env());
    assert!(listed.contains("* two "), "{listed}");
    // Without --rootfs the one in use; with it another; a path as well; none.
    let two = home.store.join("two");
    for args in [
        vec!["run", "/bin/greet"],
        vec!["run", "--rootfs", "one", "greet"],
        vec!["run", "--rootfs", two.to_str().unwrap(), "greet"],
        vec!["shell"],
        vec!["shell", "--rootfs=one"],
        vec!["shell", "--", "greet"],
    ] {
        let e = felix(&args, &home.env());
        assert_eq!(
            (e.code(), e.stdout.as_slice()),
            (Some(7), &b"hi\n"[..]),
            "{args:?}: {}",
            e.stderr
        );
    }
    refused(
        &["run", "--no-rootfs", "/bin/greet"],
        &home.env(),
        127,
        &["/bin/greet"],
    );
    refused(
        &["run", "--rootfs", "tow", "/bin/greet"],
        &home.env(),
        126,
        &["`two`"],
    );
    works(&["rootfs", "remove", "two"], &home.env());
    assert_eq!(names(&home.store), ["one"]);
    refused(&["run", "/bin/greet"], &home.env(), 126, &["two"]);
    refused(&["rootfs", "remove", "two"], &home.env(), 126, &["two"]);
    works(&["config", "unset", "rootfs"], &home.env());
    refused(
        &["shell"],
        &home.env(),
        2,
        &["--rootfs", "felix rootfs use"],
    );
}

#[test]
fn settings_come_from_the_strongest_source() {
    let home = Home::new("config");
    let system = home.dir.join("system.toml");
    fs::write(&system, "cpu = \"x86-64\"\nstrace = true\n").unwrap();
    let mut env = home.env().to_vec();
    env.push(("FELIX_CONFIG_SYSTEM", system.as_os_str()));
    let get = |env: &[(&str, &OsStr)]| works(&["config", "get", "cpu"], env);
    assert_eq!(
        get(&env),
        format!("cpu = \"x86-64\"  # {}:1\n", system.display())
    );
    works(&["config", "set", "cpu", "x86-64-v2"], &env);
    assert_eq!(
        get(&env),
        format!("cpu = \"x86-64-v2\"  # {}:1\n", home.config.display())
    );
    env.push(("FELIX_CPU", "x86-64-v3".as_ref()));
    assert_eq!(get(&env), "cpu = \"x86-64-v3\"  # FELIX_CPU\n");
    // What programs see, by the dynamic linker's own words; strace is the system file's.
    let levels = |args: &[&str]| {
        let mut all = vec!["run", "--strace=false"];
        all.extend(args);
        all.extend(["/lib64/ld-linux-x86-64.so.2", "--help"]);
        let text = works(&all, &env);
        let yes = |l: &&str| l.contains("x86-64-v") && l.contains("supported");
        text.lines().filter(yes).count()
    };
    assert_eq!(levels(&[]), 2);
    assert_eq!(levels(&["--cpu", "x86-64-v2"]), 1);
    let e = felix(&["run", "/bin/true"], &env);
    assert!(
        e.stderr.contains("execve") || e.stderr.contains("exit_group"),
        "{}",
        e.stderr
    );
    // Every setting is listed, and what is printed can be read back.
    let list = works(&["config", "list"], &env);
    assert_eq!(
        list.matches("#   ").count(),
        felix::setup::settings::SETTINGS.len()
    );
    fs::write(&home.config, &list).unwrap();
    works(&["config", "list"], &env);
}

#[test]
fn wrong_settings_are_refused_with_the_nearest_right_one() {
    let home = Home::new("wrong");
    let place = home.config.to_str().unwrap();
    for (text, about) in [
        ("\nengin = \"jit\"\n", [":2: ", "`engine`"]),
        ("engine = \"jot\"\n", [":1: ", "`jit`"]),
        ("cpu = \"max\"\nstats = 1\n", [":2: ", "true or false"]),
        ("cpu = \"max\n", [":1: ", ""]),
        ("rootfs = \"a/b\"\n", [":1: ", "absolute"]),
    ] {
        fs::write(&home.config, text).unwrap();
        refused(
            &["run", "/bin/true"],
            &home.env(),
            2,
            &[place, about[0], about[1]],
        );
    }
    fs::remove_file(&home.config).unwrap();
    let mut env = home.env().to_vec();
    env.push(("FELIX_ENGINE", "intrep".as_ref()));
    refused(
        &["run", "/bin/true"],
        &env,
        2,
        &["FELIX_ENGINE", "`interp`"],
    );
    refused(
        &["run", "--engine", "jti", "/bin/true"],
        &home.env(),
        2,
        &["--engine", "`jit`"],
    );
    refused(
        &["config", "set", "egnine", "jit"],
        &home.env(),
        2,
        &["`engine`"],
    );
    refused(
        &["config", "set", "engine", "jti"],
        &home.env(),
        2,
        &["`jit`"],
    );
    refused(
        &["config", "get", "colour"],
        &home.env(),
        2,
        &["felix config list"],
    );
    assert!(!home.config.exists());
}

#[test]
fn a_root_of_packages_needs_mmdebstrap() {
    let dir = scratch("create");
    let root = dir.join("root");
    let args = ["rootfs".as_ref(), "create".as_ref(), root.as_os_str()];
    let env = [("PATH", dir.as_os_str())];
    refused(&args, &env, 123, &["apt install mmdebstrap"]);
    // One that fails half way, and says why as apt does.
    let tool = dir.join("mmdebstrap");
    fs::write(
        &tool,
        "#!/bin/sh\necho 'E: no such suite' >&2\nprintf half\nexit 1\n",
    )
    .unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    refused(&args, &env, 123, &["mmdebstrap failed: no such suite"]);
    refused(
        &["rootfs", "create", "--distro", "debain:trixie", "x"],
        &[],
        2,
        &["`debian`"],
    );
    assert_eq!(names(&dir), ["mmdebstrap"]);
}

#[test]
fn binfmt_says_what_it_would_write() {
    let line = works(&["binfmt", "register", "--dry-run"], &[]);
    let parts: Vec<&str> = line.trim().split(':').collect();
    assert_eq!(parts.len(), 8, "{line}");
    assert_eq!((parts[6], parts[7]), (env!("CARGO_BIN_EXE_felix"), "POCF"));
    if cfg!(target_arch = "x86_64") {
        refused(
            &["binfmt", "register"],
            &[],
            2,
            &["runs x86-64 programs itself"],
        );
    }
}

/// The kernel starts felix for a program that nothing else is for: in a user namespace, which has a binfmt_misc of its own.
#[test]
fn the_kernel_starts_felix() {
    let dir = scratch("binfmt");
    // What is in the padding of an ELF file's first bytes matters to nobody but the rule made here.
    let mut program = support::elf(None);
    program[9..16].copy_from_slice(b"FELIXTS");
    fs::write(dir.join("program"), program).unwrap();
    fs::set_permissions(dir.join("program"), fs::Permissions::from_mode(0o755)).unwrap();
    let line = works(&["binfmt", "register", "--dry-run"], &[]);
    let mut parts: Vec<String> = line.trim().split(':').map(str::to_owned).collect();
    let padding: String = b"FELIXTS".iter().map(|b| format!("\\x{b:02x}")).collect();
    parts[4].replace_range(36..64, &padding);
    let script = "mount -t binfmt_misc none /proc/sys/fs/binfmt_misc || exit 99; \
        printf '%s' \"$1\" >/proc/sys/fs/binfmt_misc/register && $0 binfmt status; \
        ./program; echo $?; sh -c './program one two'; \
        echo -1 >/proc/sys/fs/binfmt_misc/felix-x86_64; $0 binfmt status";
    let mut c = Command::new("unshare");
    c.args([
        "-r",
        "-m",
        "sh",
        "-c",
        script,
        env!("CARGO_BIN_EXE_felix"),
        &parts.join(":"),
    ])
    .current_dir(&dir);
    let e = support::run(&mut c, b"", Duration::from_secs(30)).unwrap();
    if e.code() == Some(99) || e.stderr.contains("unshare") {
        // Linux 6.7 has one for each user namespace; older ones are no failure of felix.
        println!("left out: {}", e.stderr);
        return;
    }
    let text = String::from_utf8(e.stdout.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].contains("registered and enabled"),
        "{text}{}",
        e.stderr
    );
    assert_eq!(
        lines[1..],
        ["hi", "7", "hi", "felix is not registered"],
        "{}",
        e.stderr
    );
    assert_eq!(e.code(), Some(1));
}

#[test]
fn the_doctor_speaks_in_sentences() {
    let home = Home::new("doctor");
    home.root("sick");
    let say = |root: &str| {
        let e = felix(&["doctor", "--rootfs", root], &home.env());
        (e.code(), String::from_utf8(e.stdout).unwrap())
    };
    let (_, text) = say("sick");
    assert!(
        text.contains("Pages are ") && text.contains("no shell in /bin"),
        "{text}"
    );
    assert!(
        text.lines()
            .rev()
            .skip(1)
            .all(|l| ["ok  ", "note", "bad "].contains(&&l[..4]) && l.ends_with('.')),
        "{text}"
    );
    let (status, text) = say("none");
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("bad "), "{text}");
}

/// Help alone must be enough: every command has some, and says what its arguments are.
#[test]
fn every_command_has_help() {
    for command in [
        &["config", "list"][..],
        &["config", "get"],
        &["config", "set"],
        &["config", "unset"],
        &["rootfs", "create"],
        &["rootfs", "import"],
        &["rootfs", "list"],
        &["rootfs", "use"],
        &["rootfs", "remove"],
        &["shell"],
        &["run"],
        &["binfmt", "register"],
        &["binfmt", "status"],
        &["doctor"],
    ] {
        let mut args = command.to_vec();
        args.push("--help");
        let text = works(&args, &[]);
        assert!(
            text.lines().count() > 5 && text.contains("Usage: felix"),
            "{text}"
        );
    }
}
