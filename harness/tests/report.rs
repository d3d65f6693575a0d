//! The report of a small campaign: its structure, and what a browser makes of it.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a campaign and writes its report.
fn report(top: &Path) -> PathBuf {
    let campaign = |dir: &str, seed: &str| {
        let mut c = Command::new(env!("CARGO_BIN_EXE_harness"));
        c.args([
            "campaign",
            "--engines",
            "broken",
            "--oracles",
            "native",
            "--seed",
            seed,
        ]);
        c.args([
            "--cases", "1024", "--lanes", "2", "--round", "256", "--jobs", "1", "--out",
        ]);
        let out = c.arg(top.join(dir)).output().expect("the harness starts");
        assert_eq!(out.status.code(), Some(1), "{out:?}");
    };
    campaign("before", "1");
    campaign("now", "2");
    let page = top.join("report.html");
    let mut c = Command::new(env!("CARGO_BIN_EXE_harness"));
    c.arg("report")
        .arg(top.join("now"))
        .arg("--html")
        .arg(&page);
    c.arg("--before").arg(top.join("before"));
    let out = c.output().expect("the harness starts");
    assert!(out.status.success(), "{out:?}");
    page
}

/// The content of each element `<tag ...>...</tag>`, without the elements inside.
fn texts(html: &str, tag: &str) -> Vec<String> {
    let (open, close) = (format!("<{tag}"), format!("</{tag}>"));
    let mut out = Vec::new();
    for part in html.split(&open).skip(1) {
        let Some((_, body)) = part.split_once('>') else {
            continue;
        };
        let body = body.split(&close).next().unwrap_or_default();
        let text: String = body
            .split('<')
            .map(|p| p.split_once('>').map_or(p, |(_, t)| t))
            .collect();
        out.push(text.trim().to_owned());
    }
    out
}

fn count(html: &str, what: &str) -> usize {
    html.matches(what).count()
}

/// The families of the matrix and the number of its columns.
fn matrix(html: &str) -> (Vec<String>, usize) {
    let matrix = html
        .split("<table class=\"matrix\">")
        .nth(1)
        .expect("a matrix");
    let matrix = matrix.split("</table>").next().unwrap_or_default();
    let families = matrix.split("<tbody>").nth(1).unwrap_or_default();
    let columns = count(matrix, "<th class=\"width");
    (texts(families, "th"), columns)
}

#[test]
fn a_report_has_all_sections_and_the_whole_matrix() {
    let top = tempfile::tempdir().unwrap();
    let html = std::fs::read_to_string(report(top.path())).unwrap();
    let mut out = String::new();
    for h in texts(&html, "h1").iter().chain(&texts(&html, "h2")) {
        let _ = writeln!(out, "{h}");
    }
    // What is covered depends on the CPU's features, the causes do not; the key ends where the count begins.
    let summaries = texts(&html, "summary");
    for key in summaries.iter().filter(|k| k.starts_with("broken.")) {
        let end = key.find(|c: char| c.is_ascii_digit()).unwrap_or(key.len());
        let _ = writeln!(out, "difference: {}", &key[..end]);
    }
    let (families, columns) = matrix(&html);
    let _ = writeln!(out, "families: {}\nforms: {columns}", families.join(" "));
    let _ = writeln!(out, "charts: {}", count(&html, "<svg"));
    insta::assert_snapshot!("structure", out);
    assert_eq!(count(&html, "<td class=\"cell "), families.len() * columns);
    // All in one file, and nothing runs.
    for outside in ["http://", "https://", "<script", "<link", "<img", "url("] {
        assert!(!html.contains(outside), "{outside}");
    }
}

/// What cannot be tested without a browser; chromium is Debian's.
#[test]
fn a_browser_shows_the_page_without_errors() {
    let found = Command::new("chromium").arg("--version").output();
    if !found.is_ok_and(|o| o.status.success()) {
        assert!(
            std::env::var_os("FELIX_CI").is_none_or(|v| v != "1"),
            "no chromium: ci/setup.sh installs it"
        );
        return;
    }
    let top = tempfile::tempdir().unwrap();
    let page = report(top.path());
    let picture = page.with_extension("png");
    let browse = |what: &str| {
        Command::new("chromium")
            // Tests are run by root, in containers too.
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
            ])
            .args([
                "--enable-logging=stderr",
                "--hide-scrollbars",
                "--window-size=1400,2600",
            ])
            .arg(format!(
                "--user-data-dir={}",
                top.path().join("profile").display()
            ))
            .arg(what)
            .arg(format!("file://{}", page.display()))
            .output()
            .expect("chromium starts")
    };
    let dom = browse("--dump-dom");
    let log = String::from_utf8_lossy(&dom.stderr).into_owned();
    assert!(!log.contains("CONSOLE"), "{log}");
    let html = String::from_utf8_lossy(&dom.stdout).into_owned();
    let (families, columns) = matrix(&html);
    assert_eq!(
        count(&html, "<td class=\"cell "),
        families.len() * columns,
        "{log}"
    );
    let shot = browse(&format!("--screenshot={}", picture.display()));
    assert!(shot.status.success(), "{shot:?}");
    // A page that shows nothing is a small picture.
    let size = std::fs::metadata(&picture).map_or(0, |m| m.len());
    assert!(size > 50_000, "{size} bytes");
}
