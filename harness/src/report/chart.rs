//! How fast a campaign went, as a line for each shard.

use super::{duration, number, rounded};
use crate::campaign::Sample;
use crate::campaign::summary::Summary;
use maud::{Markup, html};
use std::fmt::Write;

/// The picture's size, and the room for its axes.
const SIZE: (f64, f64) = (900.0, 240.0);
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 28.0;
const TOP: f64 = 12.0;
/// More points than this say no more.
const POINTS: usize = 240;

/// Seconds, and cases per second until then since the point before.
type Point = (f64, f64);

fn rates(samples: &[Sample]) -> Vec<Point> {
    let step = samples.len().div_ceil(POINTS).max(1);
    let mut last = (0.0, 0);
    let mut out = Vec::new();
    for s in samples.iter().skip(step - 1).step_by(step) {
        let seconds = s.elapsed - last.0;
        // Two samples at the end of a run may lie close together.
        if seconds < 0.2 {
            continue;
        }
        out.push((s.elapsed, s.cases.saturating_sub(last.1) as f64 / seconds));
        last = (s.elapsed, s.cases);
    }
    out
}

/// A round number not below `n`.
fn ceiling(n: f64) -> f64 {
    let unit = 10f64.powf(n.max(1.0).log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    let step = steps.into_iter().find(|s| s * unit >= n);
    step.unwrap_or(10.0) * unit
}

/// See the module's head.
pub fn section(now: &Summary) -> Markup {
    let lines: Vec<Vec<Point>> = now.samples.iter().map(|s| rates(s)).collect();
    let points = || lines.iter().flatten();
    let seconds = points().map(|p| p.0).fold(1.0, f64::max);
    let top = ceiling(points().map(|p| p.1).fold(1.0, f64::max));
    let x = |s: f64| LEFT + s / seconds * (SIZE.0 - LEFT - 16.0);
    let y = |r: f64| TOP + (1.0 - r / top) * (SIZE.1 - BOTTOM - TOP);
    let path = |line: &[Point]| {
        let mut d = String::new();
        for (i, (s, r)) in line.iter().enumerate() {
            let command = if i == 0 { 'M' } else { 'L' };
            let _ = write!(d, "{command}{:.1} {:.1}", x(*s), y(*r));
        }
        d
    };
    html! {
        section #rate {
            h2 { "Rate" }
            p.about { "Cases per second over the time the campaign ran, a line for each shard." }
            svg viewBox={ "0 0 " (SIZE.0) " " (SIZE.1) } role="img"
                aria-label="cases per second over time" {
                @for i in 0..=4 {
                    @let r = top * f64::from(i) / 4.0;
                    line.grid x1=(LEFT) x2=(SIZE.0 - 16.0) y1=(y(r)) y2=(y(r)) {}
                    text.axis x=(LEFT - 8.0) y=(y(r) + 4.0) text-anchor="end" {
                        (number(rounded(r)))
                    }
                }
                @for i in 0..=4 {
                    @let s = seconds * f64::from(i) / 4.0;
                    text.axis x=(x(s)) y=(SIZE.1 - 8.0) text-anchor=(["start", "middle", "middle", "middle", "end"][i as usize]) {
                        (duration(rounded(s)))
                    }
                }
                @for line in &lines {
                    path.line d=(path(line)) {}
                    @for (s, r) in line.iter().filter(|_| line.len() <= 40) {
                        circle.dot cx=(format!("{:.1}", x(*s))) cy=(format!("{:.1}", y(*r))) r="3" {
                            title { (duration(rounded(*s))) ": " (number(rounded(*r))) " cases/s" }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_between_samples() {
        let sample = |elapsed, cases| Sample {
            at: 0,
            elapsed,
            cases,
        };
        let all = [sample(1.0, 100), sample(2.0, 300), sample(2.01, 301)];
        assert_eq!(rates(&all), [(1.0, 100.0), (2.0, 200.0)]);
        assert_eq!(ceiling(2300.0), 2500.0);
        assert_eq!(ceiling(1000.0), 1000.0);
    }
}
