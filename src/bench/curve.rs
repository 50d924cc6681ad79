//! Curves as SVG (<https://www.w3.org/TR/SVG2/>), within a page and without a script.

use std::fmt::Write as _;

use crate::report::Markup;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 300.0;
/// Room around the curves: left, right, top, bottom.
const ROOM: (f64, f64, f64, f64) = (64.0, 16.0, 16.0, 44.0);
/// Lines that look different; more begin again.
const LOOKS: usize = 6;

/// How values become places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// Evenly.
    Linear,
    /// Each factor of the same width: for times, and for clients that are doubled.
    Log,
    /// For percentiles: 90, 99 and 99.9 % at the same distances.
    Tail,
}

impl Scale {
    fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log => value.max(1e-3).log10(),
            Self::Tail => -(1.0 - value).max(1e-5).log10(),
        }
    }
}

/// One line of a chart.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) dashed: bool,
    /// Which of the looks it has.
    pub(super) look: usize,
    pub(super) points: Vec<(f64, f64)>,
}

/// A chart.
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) across: (&'static str, Scale),
    pub(super) upwards: (&'static str, Scale),
    /// Values that are written below, with their words.
    pub(super) marks: Vec<(f64, String)>,
    pub(super) lines: Vec<Line>,
    /// Whether each point is marked: not, where there are many.
    pub(super) dots: bool,
}

/// From the least to the most value, as places.
struct Span {
    scale: Scale,
    from: f64,
    to: f64,
}

impl Span {
    fn of(scale: Scale, values: impl Iterator<Item = f64>) -> Self {
        let places = values.map(|value| scale.place(value));
        let (mut from, mut to) = places.fold((f64::MAX, f64::MIN), |(from, to), place| {
            (from.min(place), to.max(place))
        });
        if from > to {
            (from, to) = (0.0, 1.0);
        }
        match scale {
            Scale::Linear => from = from.min(0.0),
            // Whole decades, or half of one.
            Scale::Log => (from, to) = ((from * 2.0).floor() / 2.0, (to * 2.0).ceil() / 2.0),
            Scale::Tail => {}
        }
        if to - from < 1e-9 {
            to = from + 1.0;
        }
        Self { scale, from, to }
    }

    /// From 0 to 1.
    fn part(&self, value: f64) -> f64 {
        (self.scale.place(value) - self.from) / (self.to - self.from)
    }

    /// Round values within.
    fn marks(&self) -> Vec<f64> {
        if self.scale == Scale::Linear {
            let step = round_step((self.to - self.from) / 5.0);
            return (0..=10)
                .map(|number| f64::from(number) * step)
                .filter(|value| *value <= self.to + step * 1e-9)
                .collect();
        }
        let mut marks = Vec::new();
        for decade in -3..=6 {
            for factor in [1.0, 3.0] {
                let value = factor * 10f64.powi(decade);
                let place = self.scale.place(value);
                if place >= self.from - 1e-9 && place <= self.to + 1e-9 {
                    marks.push(value);
                }
            }
        }
        marks
    }
}

/// 1, 2 or 5 times a power of ten, not less than `step`.
fn round_step(step: f64) -> f64 {
    let decade = 10f64.powf(step.max(1e-9).log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    let found = factors.into_iter().find(|f| f * decade >= step * 0.999_999);
    found.unwrap_or(10.0) * decade
}

impl Chart {
    /// Draws it, with a legend.
    pub(super) fn show(&self, page: &mut Markup) {
        let lines = || self.lines.iter().flat_map(|line| &line.points);
        if lines().next().is_none() {
            return;
        }
        let across = Span::of(self.across.1, lines().map(|(x, _)| *x));
        let upwards = Span::of(self.upwards.1, lines().map(|(_, y)| *y));
        page.open("figure", &[]);
        page.element("figcaption", &[], &self.title);
        self.legend(page);
        page.open(
            "svg",
            &[
                ("viewBox", &format!("0 0 {WIDTH} {HEIGHT}")),
                ("role", "img"),
                ("aria-label", &self.title),
            ],
        );
        self.axes(page, &across, &upwards);
        for line in &self.lines {
            line.show(page, self.dots, |x, y| place(&across, &upwards, x, y));
        }
        page.close("svg");
        page.close("figure");
    }

    fn legend(&self, page: &mut Markup) {
        page.open("ul", &[("class", "legend")]);
        for line in &self.lines {
            page.open("li", &[]);
            page.open("svg", &[("viewBox", "0 0 30 10"), ("aria-hidden", "true")]);
            page.open("path", &[("d", "M0 5H30"), ("class", &line.class())]);
            page.close("path");
            page.close("svg");
            page.text(&line.name);
            page.close("li");
        }
        page.close("ul");
    }

    fn axes(&self, page: &mut Markup, across: &Span, upwards: &Span) {
        let (left, right, _, bottom) = ROOM;
        let floor = HEIGHT - bottom;
        for value in upwards.marks() {
            let y = place(across, upwards, 0.0, value).1;
            rule(page, (left, y), (WIDTH - right, y));
            word(page, (left - 6.0, y + 4.0), "end", &number(value));
        }
        for (value, words) in &self.marks {
            let x = place(across, upwards, *value, 1.0).0;
            rule(page, (x, floor), (x, floor + 5.0));
            word(page, (x, floor + 18.0), "middle", words);
        }
        word(page, (left, 11.0), "start", self.upwards.0);
        word(page, (WIDTH - right, HEIGHT - 6.0), "end", self.across.0);
    }
}

fn place(across: &Span, upwards: &Span, x: f64, y: f64) -> (f64, f64) {
    let (left, right, top, bottom) = ROOM;
    (
        left + across.part(x) * (WIDTH - left - right),
        HEIGHT - bottom - upwards.part(y) * (HEIGHT - top - bottom),
    )
}

fn rule(page: &mut Markup, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let path = format!("M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}");
    page.open("path", &[("class", "rule"), ("d", &path)]);
    page.close("path");
}

fn word(page: &mut Markup, (x, y): (f64, f64), anchor: &'static str, words: &str) {
    let (x, y) = (format!("{x:.1}"), format!("{y:.1}"));
    page.element(
        "text",
        &[("x", &x), ("y", &y), ("text-anchor", anchor)],
        words,
    );
}

fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

impl Line {
    fn class(&self) -> String {
        let dashed = if self.dashed { " dashed" } else { "" };
        format!("line look{}{dashed}", self.look % LOOKS)
    }

    fn show(&self, page: &mut Markup, dots: bool, place: impl Fn(f64, f64) -> (f64, f64)) {
        let mut path = String::new();
        for (index, (x, y)) in self.points.iter().enumerate() {
            let (x, y) = place(*x, *y);
            let letter = if index == 0 { 'M' } else { 'L' };
            // Writing to a String cannot fail.
            let _ = write!(path, "{letter}{x:.1} {y:.1}");
        }
        page.open("path", &[("class", &self.class()), ("d", &path)]);
        page.close("path");
        for (x, y) in self.points.iter().filter(|_| dots) {
            let (at_x, at_y) = place(*x, *y);
            let (at_x, at_y) = (format!("{at_x:.1}"), format!("{at_y:.1}"));
            let class = format!("dot look{}", self.look % LOOKS);
            page.open(
                "circle",
                &[
                    ("cx", &at_x),
                    ("cy", &at_y),
                    ("r", "3.5"),
                    ("class", &class),
                ],
            );
            page.element("title", &[], &format!("{}: {}", self.name, number(*y)));
            page.close("circle");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_within() {
        let span = Span::of(Scale::Linear, [3.0, 87.0].into_iter());
        assert_eq!(span.marks(), [0.0, 20.0, 40.0, 60.0, 80.0]);
        let span = Span::of(Scale::Log, [1.0, 100.0].into_iter());
        assert_eq!(span.marks(), [1.0, 3.0, 10.0, 30.0, 100.0]);
        assert_eq!(number(0.300), "0.3");
    }

    #[test]
    fn every_place_is_within_the_picture() {
        for scale in [Scale::Linear, Scale::Log, Scale::Tail] {
            for values in [vec![0.5], vec![0.0, 0.0], vec![0.0, 0.9, 1.0]] {
                let span = Span::of(scale, values.iter().copied());
                for value in values {
                    let part = span.part(value);
                    assert!(
                        (-0.001..=1.001).contains(&part),
                        "{scale:?} {value}: {part}"
                    );
                }
            }
        }
    }

    #[test]
    fn tails_are_stretched() {
        let place = |part| Scale::Tail.place(part);
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(close(place(0.9), 1.0) && close(place(0.99), 2.0) && close(place(0.999), 3.0));
        assert!(place(1.0).is_finite());
    }

    #[test]
    fn a_chart_without_values_is_none() {
        let mut page = Markup::default();
        let chart = Chart {
            title: "nothing".to_owned(),
            across: ("x", Scale::Linear),
            upwards: ("y", Scale::Linear),
            marks: Vec::new(),
            lines: Vec::new(),
            dots: true,
        };
        chart.show(&mut page);
        assert!(page.finish().is_empty());
    }
}
