//! `felix rootfs pull`, from a registry this test plays, which can also misbehave, and from Debian's docker-registry where that is
//! installed (in ci/test.sh it must be).
#![cfg(feature = "pull")]

mod support;

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::Ended;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
const DOCKER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const TAR: &str = "application/vnd.oci.image.layer.v1.tar";

fn scratch(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("pull-{name}"));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    dir
}

fn digest(data: &[u8]) -> String {
    let hex: String = Sha256::digest(data)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    format!("sha256:{hex}")
}

/// A layer of files; a name that ends with a slash is a directory's.
fn layer(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut h = tar::Header::new_gnu();
        h.set_mode(0o755);
        h.set_size(content.len() as u64);
        if name.ends_with('/') {
            h.set_entry_type(tar::EntryType::Directory);
        }
        tar.append_data(&mut h, name, content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut e = GzEncoder::new(Vec::new(), Compression::fast());
    e.write_all(data).unwrap();
    e.finish().unwrap()
}

fn zstd(data: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest)
}

/// An image as a registry has it.
#[derive(Clone, Default)]
struct Image {
    /// Digest to content.
    blobs: HashMap<String, Vec<u8>>,
    /// Tag or digest to media type and content.
    manifests: HashMap<String, (String, Vec<u8>)>,
}

impl Image {
    fn blob(&mut self, kind: &str, data: Vec<u8>) -> serde_json::Value {
        let d = digest(&data);
        let about = serde_json::json!({"mediaType": kind, "size": data.len(), "digest": d});
        self.blobs.insert(d, data);
        about
    }

    /// An image of these layers for an architecture; its entry in a list.
    fn image(&mut self, arch: &str, layers: Vec<(&str, Vec<u8>)>) -> serde_json::Value {
        let config = serde_json::json!({"os": "linux", "architecture": arch, "rootfs": {"type": "layers", "diff_ids": []}});
        let config = self.blob(CONFIG, config.to_string().into_bytes());
        let layers: Vec<_> = layers.into_iter().map(|(k, l)| self.blob(k, l)).collect();
        let manifest = serde_json::json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        let text = manifest.to_string().into_bytes();
        let d = digest(&text);
        let len = text.len();
        self.manifests.insert(d.clone(), (MANIFEST.into(), text));
        serde_json::json!({"mediaType": MANIFEST, "size": len, "digest": d, "platform": {"os": "linux", "architecture": arch}})
    }

    fn list(&mut self, tag: &str, kind: &str, entries: &[serde_json::Value]) {
        let list = serde_json::json!({"schemaVersion": 2, "mediaType": kind, "manifests": entries});
        let text = list.to_string().into_bytes();
        self.manifests
            .insert(digest(&text), (kind.into(), text.clone()));
        self.manifests.insert(tag.into(), (kind.into(), text));
    }

    fn tag(&mut self, tag: &str, entry: &serde_json::Value) {
        let found = self.manifests[entry["digest"].as_str().unwrap()].clone();
        self.manifests.insert(tag.into(), found);
    }
}

/// The image the tests pull: three layers, in a list behind one for another machine.
fn usual() -> Image {
    let mut i = Image::default();
    let base = layer(&[
        ("bin/", ""),
        ("bin/sh", "sh"),
        ("gone", "x"),
        ("old/", ""),
        ("old/a", "a"),
        ("old/b", "b"),
        ("dir/", ""),
        ("dir/deep", "x"),
        ("kept", "1"),
    ]);
    let second = layer(&[
        (".wh.gone", ""),
        (".wh.dir", ""),
        ("old/new", "n"),
        ("old/.wh..wh..opq", ""),
        ("kept", "2"),
    ]);
    let third = layer(&[
        ("old/.wh.new", ""),
        ("bin/", ""),
        ("bin/hello", "hello"),
        (".wh.never", ""),
    ]);
    let arm = i.image("arm64", vec![(GZIP, gzip(&layer(&[("arm", "")])))]);
    let amd = i.image(
        "amd64",
        vec![
            (GZIP, gzip(&base)),
            (ZSTD, zstd(&second)),
            (TAR, third.clone()),
        ],
    );
    let docker = i.image(
        "amd64",
        vec![
            (DOCKER, gzip(&base)),
            (DOCKER, gzip(&second)),
            (DOCKER, gzip(&third)),
        ],
    );
    i.list("latest", INDEX, &[arm.clone(), amd.clone()]);
    i.list("docker", LIST, &[arm.clone(), docker]);
    i.list("noamd", INDEX, std::slice::from_ref(&arm));
    i.tag("plain", &amd);
    i.tag("arm", &arm);
    i
}

/// What `usual` is when it has become a root.
#[track_caller]
fn is_usual(root: &Path) {
    let names = |d: &str| {
        let mut n: Vec<String> = fs::read_dir(root.join(d))
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        n.sort();
        n
    };
    assert_eq!(names(""), ["bin", "kept", "old"]);
    assert_eq!(names("bin"), ["hello", "sh"]);
    assert_eq!(names("old"), [""; 0]);
    assert_eq!(fs::read_to_string(root.join("kept")).unwrap(), "2");
}

/// How the registry misbehaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Layers have a wrong bit.
    Flipped,
    /// Manifests are not those of their digests.
    Forged,
    /// Layers stop half way, once or always.
    CutOnce,
    Cut,
    /// A token is asked for.
    Token,
    /// Everything is refused.
    Denied,
    /// Layers go on for ever.
    Endless,
}

struct Registry {
    address: String,
    /// What was asked for.
    asked: Arc<Mutex<Vec<String>>>,
}

fn respond(to: &mut TcpStream, status: &str, headers: &[(&str, &str)], body: &[u8], len: usize) {
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {len}\r\nConnection: close\r\n");
    for (k, v) in headers {
        head.push_str(&format!("{k}: {v}\r\n"));
    }
    // The client may have gone.
    let _ = to
        .write_all(format!("{head}\r\n").as_bytes())
        .and_then(|()| to.write_all(body));
}

impl Registry {
    fn start(image: Image, fault: Fault) -> Registry {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, own) = (asked.clone(), address.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(&mut stream.unwrap(), &image, fault, &own, &log);
            }
        });
        Registry { address, asked }
    }
}

fn serve(to: &mut TcpStream, image: &Image, fault: Fault, own: &str, log: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(to.try_clone().unwrap())
        .lines()
        .map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    let headers: Vec<String> = lines
        .take_while(|l| !l.is_empty())
        .map(|l| l.to_lowercase())
        .collect();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    log.lock().unwrap().push(path.clone());
    let last = path.rsplit('/').next().unwrap_or_default().to_owned();
    if fault == Fault::Denied {
        let body = br#"{"errors":[{"code":"UNAUTHORIZED","message":"no"}]}"#;
        return respond(to, "401 Unauthorized", &[], body, body.len());
    }
    if fault == Fault::Token {
        if path.starts_with("/token?") {
            let body = br#"{"token":"the-token","expires_in":300}"#;
            return respond(to, "200 OK", &[], body, body.len());
        }
        if !headers
            .iter()
            .any(|h| h == "authorization: bearer the-token")
        {
            let ask = format!("Bearer realm=\"http://{own}/token\",service=\"test\"");
            return respond(
                to,
                "401 Unauthorized",
                &[("WWW-Authenticate", &ask)],
                b"",
                0,
            );
        }
    }
    if path.contains("/manifests/") {
        let Some((kind, text)) = image.manifests.get(&last) else {
            let body = br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no"}]}"#;
            return respond(to, "404 Not Found", &[], body, body.len());
        };
        let mut text = text.clone();
        if fault == Fault::Forged && last.starts_with("sha256:") {
            text.push(b' ');
        }
        return respond(to, "200 OK", &[("Content-Type", kind)], &text, text.len());
    }
    let Some(data) = image.blobs.get(&last) else {
        return respond(to, "200 OK", &[], b"", 0);
    };
    let is_layer = !data.starts_with(b"{");
    let earlier = log.lock().unwrap().iter().filter(|p| **p == path).count() > 1;
    match fault {
        Fault::Flipped if is_layer => {
            let mut data = data.clone();
            data[30] ^= 4;
            respond(to, "200 OK", &[], &data, data.len());
        }
        Fault::CutOnce | Fault::Cut if is_layer && (fault == Fault::Cut || !earlier) => {
            respond(to, "200 OK", &[], &data[..data.len() / 2], data.len());
        }
        Fault::Endless if is_layer => {
            let more = [data.as_slice(), &[0; 100_000]].concat();
            respond(to, "200 OK", &[], &more, more.len());
        }
        _ => respond(to, "200 OK", &[], data, data.len()),
    }
}

fn pull(image: &str, root: &Path, more: &[&str], env: &[(&str, &str)]) -> Ended {
    let mut c = Command::new(env!("CARGO_BIN_EXE_felix"));
    c.args(["rootfs", "pull"])
        .args(more)
        .arg(image)
        .arg(root)
        .envs(env.iter().copied());
    for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        c.env_remove(proxy);
    }
    support::run(&mut c, b"", Duration::from_secs(60)).unwrap()
}

#[track_caller]
fn pulled(image: &str, dir: &Path) {
    let root = dir.join("root");
    let e = pull(image, &root, &[], &[]);
    assert_eq!(e.code(), Some(0), "{}: {}", e.how(), e.stderr);
    is_usual(&root);
    assert_eq!(fs::read_dir(dir).unwrap().count(), 1);
}

#[test]
fn the_image_for_this_machine_is_taken_layer_by_layer() {
    let r = Registry::start(usual(), Fault::None);
    for tag in ["latest", "docker", "plain"] {
        pulled(&format!("{}/some/image:{tag}", r.address), &scratch(tag));
    }
    let latest = digest(&usual().manifests["latest"].1);
    pulled(
        &format!("{}/some/image@{latest}", r.address),
        &scratch("digest"),
    );
}

#[test]
fn a_token_is_fetched_where_one_is_asked_for() {
    let r = Registry::start(usual(), Fault::Token);
    pulled(&format!("{}/some/image", r.address), &scratch("token"));
    let asked = r.asked.lock().unwrap();
    assert!(
        asked
            .iter()
            .any(|p| p.starts_with("/token?") && p.contains("some/image")
                || p.contains("some%2Fimage")),
        "{asked:?}"
    );
}

#[test]
fn a_transfer_that_breaks_off_is_tried_again() {
    let r = Registry::start(usual(), Fault::CutOnce);
    pulled(&format!("{}/some/image", r.address), &scratch("once"));
}

#[test]
fn what_goes_wrong_is_one_sentence_and_leaves_nothing() {
    let nobody = {
        let l = TcpListener::bind("127.0.0.1:0").unwrap();
        l.local_addr().unwrap().to_string()
    };
    let at = |fault| Registry::start(usual(), fault).address;
    let good = at(Fault::None);
    for (name, image, status, about) in [
        (
            "flipped",
            format!("{}/i", at(Fault::Flipped)),
            121,
            "digest",
        ),
        ("forged", format!("{}/i", at(Fault::Forged)), 121, "digest"),
        (
            "endless",
            format!("{}/i", at(Fault::Endless)),
            121,
            "longer",
        ),
        ("cut", format!("{}/i", at(Fault::Cut)), 122, "broke off"),
        (
            "denied",
            format!("{}/i", at(Fault::Denied)),
            122,
            "strangers",
        ),
        ("nobody", format!("{nobody}/i"), 122, "cannot be reached"),
        ("notag", format!("{good}/i:nothing"), 122, "no such image"),
        ("noamd", format!("{good}/i:noamd"), 122, "linux/amd64"),
        ("arm", format!("{good}/i:arm"), 122, "linux/arm64"),
        ("name", "Not A Name".into(), 2, "no name of an image"),
    ] {
        let dir = scratch(name);
        let e = pull(&image, &dir.join("root"), &[], &[]);
        assert_eq!(e.code(), Some(status), "{name}: {}: {}", e.how(), e.stderr);
        let errors: Vec<&str> = e
            .stderr
            .lines()
            .filter(|l| l.starts_with("felix: "))
            .collect();
        assert_eq!(errors.len(), 1, "{name}: {}", e.stderr);
        assert!(
            errors[0].contains(about),
            "{name}: {about:?} expected in: {}",
            e.stderr
        );
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0, "{name}");
    }
}

/// The program: ci/setup.sh's, or the machine's.
fn docker_registry() -> Option<PathBuf> {
    let ours = support::target_dir().join("felix-ci/registry/usr/bin/docker-registry");
    [ours, "docker-registry".into()]
        .into_iter()
        .find(|p| Command::new(p).arg("--version").output().is_ok())
}

/// Debian's docker-registry on a port of its own.
struct Debian {
    child: Child,
    address: String,
}

impl Drop for Debian {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Debian {
    fn start(dir: &Path, auth: &str) -> Debian {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let config = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n{auth}",
            dir.join("store").display()
        );
        fs::write(dir.join("config.yml"), config).unwrap();
        let log = fs::File::create(dir.join("log")).unwrap();
        let child = Command::new(docker_registry().unwrap())
            .args(["serve".as_ref(), dir.join("config.yml").as_os_str()])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let me = Debian { child, address };
        let started = Instant::now();
        while TcpStream::connect(&me.address).is_err() {
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "{}",
                fs::read_to_string(dir.join("log")).unwrap()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        me
    }

    /// One request; its status and Location.
    fn ask(&self, what: &str, path: &str, headers: &str, body: &[u8]) -> (u32, String) {
        let mut s = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "{what} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            self.address,
            body.len()
        );
        s.write_all(head.as_bytes()).unwrap();
        s.write_all(body).unwrap();
        let mut text = String::new();
        s.read_to_string(&mut text).unwrap();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        let at = text.lines().find_map(|l| l.strip_prefix("Location: "));
        (status, at.unwrap_or_default().to_owned())
    }

    fn push(&self, name: &str, image: &Image, headers: &str) {
        for (digest, data) in &image.blobs {
            let (s, at) = self.ask("POST", &format!("/v2/{name}/blobs/uploads/"), headers, b"");
            assert_eq!(s, 202);
            let path = at
                .trim_start_matches("http://")
                .trim_start_matches(&self.address);
            let sep = if path.contains('?') { '&' } else { '?' };
            let kind = format!("{headers}Content-Type: application/octet-stream\r\n");
            assert_eq!(
                self.ask("PUT", &format!("{path}{sep}digest={digest}"), &kind, data)
                    .0,
                201
            );
        }
        // The parts of lists first.
        let mut all: Vec<_> = image.manifests.iter().collect();
        all.sort_by_key(|(_, (kind, _))| kind != MANIFEST);
        for (tag, (kind, text)) in all {
            let kind = format!("{headers}Content-Type: {kind}\r\n");
            let (s, _) = self.ask("PUT", &format!("/v2/{name}/manifests/{tag}"), &kind, text);
            assert_eq!(s, 201, "{tag}");
        }
    }
}

/// True if there is no docker-registry here, as there must be in ci/test.sh.
fn no_docker_registry() -> bool {
    let missing = docker_registry().is_none();
    assert!(
        !missing || !support::in_ci(),
        "docker-registry is missing: ci/setup.sh installs it"
    );
    if missing {
        println!("left to ci/test.sh: no docker-registry");
    }
    missing
}

/// The layers of the Debian image: packages, each layer's needing those before it.
const PACKAGES: [&[&str]; 3] = [
    &["base-files", "base-passwd", "libc6", "libc-bin"],
    &["bash", "libtinfo6", "dash", "debianutils"],
    &[
        "coreutils",
        "libselinux1",
        "libpcre2-8-0",
        "libacl1",
        "libattr1",
        "libgmp10",
        "libssl3t64",
        "libzstd1",
        "zlib1g",
        "libsystemd0",
        "libcap2",
        "sed",
        "grep",
    ],
];
/// Of each layer's directory: what a later layer takes away, whole or in part.
const REMOVED: &str = "etc/removed";
const EMPTIED: &str = "etc/emptied";

/// The files of these packages in the Debian root, and a few of the layer's own, as a layer.
fn layer_of(packages: &[&str], number: usize) -> Vec<u8> {
    let root = support::rootfs();
    let mut tar = tar::Builder::new(Vec::new());
    tar.follow_symlinks(false);
    let mut names = std::collections::BTreeSet::new();
    for package in packages {
        let info = root.join("var/lib/dpkg/info");
        let list = [format!("{package}.list"), format!("{package}:amd64.list")]
            .iter()
            .find_map(|l| fs::read_to_string(info.join(l)).ok());
        let list = list.unwrap_or_else(|| panic!("{package} is not in the Debian root"));
        names.extend(list.lines().map(|l| l.trim_start_matches('/').to_owned()));
    }
    for extra in ["etc/passwd", "etc/group"] {
        names.insert(extra.to_owned());
    }
    for name in names.iter().filter(|n| !n.is_empty() && *n != ".") {
        let file = root.join(name);
        let Ok(m) = file.symlink_metadata() else {
            // Documentation is left out of it.
            continue;
        };
        if m.is_dir() || m.is_file() || m.is_symlink() {
            tar.append_path_with_name(&file, name).unwrap();
        }
    }
    let mut own = |name: &str, content: &str| {
        let mut h = tar::Header::new_gnu();
        h.set_mode(0o644);
        h.set_size(content.len() as u64);
        tar.append_data(&mut h, name, content.as_bytes()).unwrap();
    };
    match number {
        0 => {
            own(REMOVED, "below");
            own(&format!("{EMPTIED}/below"), "below");
        }
        1 => {
            own("etc/.wh.removed", "");
            own(&format!("{EMPTIED}/.wh..wh..opq"), "");
            own(&format!("{EMPTIED}/above"), "above");
        }
        _ => own("etc/issue", "of the last layer\n"),
    }
    tar.into_inner().unwrap()
}

/// What is run in the root that was pulled.
const SCRIPT: &str = r#"
cd /; cat /etc/issue /etc/debian_version; id -u; bash --version | head -n 1
ls /etc/emptied; ls /etc/removed; echo $?
declare -A a=([x]=1 [y]=2); for k in "${!a[@]}"; do echo "$k=${a[$k]}"; done | sort
f() { local n=$1; ((n < 2)) && echo $n || echo $(($(f $((n - 1))) + $(f $((n - 2))))); }; f 9
printf '%s
' {a..e}{1..3} | sed -n '3~4p' | grep -v c | tr a-z A-Z | paste -sd,
(exit 3) | cat; echo "${PIPESTATUS[@]}"; trap 'echo trapped' EXIT
cd /usr/lib && pwd && cd - && ls -l /bin /lib64 | sed 's/.* -> //'
read -r first rest <<<"one two three"; echo "$rest"; [[ $rest =~ (t[a-z]+)$ ]] && echo "${BASH_REMATCH[1]}"
wc -l </etc/passwd; sha256sum /usr/bin/bash; kill -l | head -n 2; exit 7
"#;

/// An image like those of distributions, of a real Debian: layers as they come, one with whiteouts, one with zstd.
#[test]
fn a_debian_image_runs_its_shell() {
    if no_docker_registry() {
        return;
    }
    if let Some(why) = support::no_native_programs() {
        println!("left out: {why}");
        return;
    }
    let dir = scratch("image");
    let mut image = Image::default();
    let layers: Vec<_> = (PACKAGES.iter().enumerate())
        .map(|(n, packages)| (n, layer_of(packages, n)))
        .map(|(n, tar)| match n {
            1 => (ZSTD, zstd(&tar)),
            _ => (GZIP, gzip(&tar)),
        })
        .collect();
    let entry = image.image("amd64", layers);
    let other = image.image("riscv64", vec![(GZIP, gzip(&layer(&[("bin/", "")])))]);
    image.list("latest", INDEX, &[other, entry]);
    let r = Debian::start(&dir, "");
    r.push("distribution/debian", &image, "");
    let root = dir.join("root");
    let e = pull(
        &format!("{}/distribution/debian", r.address),
        &root,
        &[],
        &[],
    );
    assert_eq!(e.code(), Some(0), "{}: {}", e.how(), e.stderr);
    drop(r);

    let mut native = Command::new("chroot");
    native.arg(&root).args(["/bin/bash", "-c", SCRIPT]);
    native
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let cpu = support::riscv_cpu();
    if cpu.is_some()
        && let Some(why) = support::no_riscv()
    {
        panic!("{why}");
    }
    let mut felix = Command::new(support::felix(cpu.as_deref()));
    support::on_cpu(&mut felix, cpu.as_deref());
    felix
        .args(["shell", "--env", "LANG=", "--rootfs"])
        .arg(&root);
    felix.args(["--", "/bin/bash", "-c", SCRIPT]);
    let limit = Duration::from_secs(300);
    let native = support::run(&mut native, b"", limit).unwrap();
    let ours = support::run(&mut felix, b"", limit).unwrap();
    assert_eq!(
        native.code(),
        Some(7),
        "{}: {}",
        native.how(),
        native.stderr
    );
    assert_eq!(
        String::from_utf8_lossy(&ours.stdout),
        String::from_utf8_lossy(&native.stdout),
        "{}",
        ours.stderr
    );
    assert_eq!(ours.code(), Some(7), "{}", ours.how());
    let said = String::from_utf8_lossy(&native.stdout).into_owned();
    assert!(
        said.contains("of the last layer") && said.contains("above"),
        "{said}"
    );
    assert!(!said.contains("below"), "{said}");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn from_debians_registry() {
    if no_docker_registry() {
        return;
    }
    let dir = scratch("debian");
    let r = Debian::start(&dir, "");
    let image = usual();
    r.push("some/image", &image, "");
    for tag in ["latest", "docker", "plain"] {
        pulled(
            &format!("{}/some/image:{tag}", r.address),
            &scratch(&format!("debian-{tag}")),
        );
    }
    // A layer that has changed on the registry's disk.
    let out = scratch("debian-bad");
    let victim = gzip(&layer(&[("x", "y")]));
    let mut other = Image::default();
    let entry = other.image("amd64", vec![(GZIP, victim.clone())]);
    other.tag("latest", &entry);
    r.push("bad", &other, "");
    let hex = digest(&victim)["sha256:".len()..].to_owned();
    let file = dir.join(format!(
        "store/docker/registry/v2/blobs/sha256/{}/{hex}/data",
        &hex[..2]
    ));
    let mut data = fs::read(&file).unwrap();
    data[15] ^= 1;
    fs::write(&file, data).unwrap();
    let e = pull(&format!("{}/bad", r.address), &out.join("root"), &[], &[]);
    assert_eq!(e.code(), Some(121), "{}", e.stderr);
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
    drop(r);

    // With an account: user `me`, password `word`, as htpasswd -B writes it.
    let dir = scratch("debian-auth");
    let hash = "$2b$05$abcdefghijklmnopqrstuuQDoL5Sa/TtfS/XN4AY/jgq.HBbO1BTu";
    fs::write(dir.join("htpasswd"), format!("me:{hash}\n")).unwrap();
    let auth = format!(
        "auth:\n  htpasswd:\n    realm: test\n    path: {}\n",
        dir.join("htpasswd").display()
    );
    let r = Debian::start(&dir, &auth);
    r.push("mine", &image, "Authorization: Basic bWU6d29yZA==\r\n");
    let name = format!("{}/mine", r.address);
    let out = scratch("debian-mine");
    let e = pull(&name, &out.join("root"), &[], &[]);
    assert_eq!(e.code(), Some(122), "{}", e.stderr);
    let e = pull(
        &name,
        &out.join("root"),
        &["--user", "me"],
        &[("FELIX_REGISTRY_PASSWORD", "wrong")],
    );
    assert_eq!(e.code(), Some(122), "{}", e.stderr);
    let e = pull(
        &name,
        &out.join("root"),
        &["--user", "me"],
        &[("FELIX_REGISTRY_PASSWORD", "word")],
    );
    assert_eq!(e.code(), Some(0), "{}", e.stderr);
    is_usual(&out.join("root"));
}
