//! A figure and how it is shown.

use std::fmt::Write as _;

/// Values of one thing measured several times.
pub(crate) struct Figure {
    name: String,
    unit: &'static str,
    values: Vec<f64>,
    limit: Option<f64>,
}

impl Figure {
    /// `values`, none of them a number that is not one; the median is held to `limit`.
    pub(crate) fn new(
        name: &str,
        unit: &'static str,
        values: Vec<f64>,
        limit: Option<f64>,
    ) -> Self {
        assert!(!values.is_empty(), "{name} was not measured");
        let mut values = values;
        values.sort_by(f64::total_cmp);
        Self {
            name: name.to_owned(),
            unit,
            values,
            limit,
        }
    }

    /// The middle value, of an even number the mean of the two in the middle.
    fn median(&self) -> f64 {
        let half = self.values.len() / 2;
        if self.values.len() % 2 == 1 {
            self.values[half]
        } else {
            f64::midpoint(self.values[half - 1], self.values[half])
        }
    }

    /// Whether the limit is met; `None` where there is none.
    pub(crate) fn is_met(&self) -> Option<bool> {
        self.limit.map(|limit| self.median() <= limit)
    }

    fn show(&self, value: f64) -> String {
        match self.unit {
            "s" => format!("{value:.2} s"),
            "" => format!("{value:.0}"),
            unit => format!("{value:.1} {unit}"),
        }
    }
}

/// One line a figure.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut text = String::new();
    let mut line = |columns: [&str; 5]| {
        let [name, median, range, limit, met] = columns;
        writeln!(
            text,
            "{name:<52} {median:>10} {range:>20} {limit:>10}  {met}"
        )
        .unwrap();
    };
    line(["", "median", "min - max", "limit", ""]);
    for figure in figures {
        let (first, last) = (figure.values[0], figure.values[figure.values.len() - 1]);
        let range = match figure.values.len() {
            1 => String::new(),
            _ => format!("{} - {}", figure.show(first), figure.show(last)),
        };
        let limit = figure
            .limit
            .map(|limit| figure.show(limit))
            .unwrap_or_default();
        let met = match figure.is_met() {
            Some(true) => "met",
            Some(false) => "NOT MET",
            None => "",
        };
        line([
            &figure.name,
            &figure.show(figure.median()),
            &range,
            &limit,
            met,
        ]);
    }
    text
}
