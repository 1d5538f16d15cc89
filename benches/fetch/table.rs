//! Medians and spread, as lines of a table in Markdown.

use std::fmt;

/// A figure from several runs.
pub(crate) struct Spread {
    low: f64,
    median: f64,
    high: f64,
}

impl Spread {
    /// `None` of nothing.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut figures: Vec<_> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        let middle = figures.len() / 2;
        let median = match figures.len() % 2 {
            0 => (figures.get(middle.checked_sub(1)?)? + figures.get(middle)?) / 2.0,
            _ => *figures.get(middle)?,
        };
        Some(Self {
            low: *figures.first()?,
            median,
            high: *figures.last()?,
        })
    }

    pub(crate) fn median(&self) -> f64 {
        self.median
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { low, median, high } = *self;
        let show = |figure: f64| match figure {
            figure if figure >= 100.0 => format!("{figure:.0}"),
            figure if figure >= 10.0 => format!("{figure:.1}"),
            figure if figure >= 0.2 => format!("{figure:.2}"),
            figure if figure >= 0.02 => format!("{figure:.3}"),
            figure => format!("{figure:.4}"),
        };
        if show(low) == show(high) {
            return f.write_str(&show(median));
        }
        write!(f, "{} ({}–{})", show(median), show(low), show(high))
    }
}

/// One line: a program at a row's work.
pub(crate) struct Line {
    pub(crate) program: String,
    pub(crate) figures: Figures,
    /// What `fetch` has in relation to this, and what it is meant to have at most.
    pub(crate) against: Option<(Spread, Option<f64>)>,
}

pub(crate) enum Figures {
    Measured {
        /// Seconds.
        wall: Spread,
        /// Microseconds for a request.
        cpu: Spread,
        /// MiB.
        memory: Spread,
    },
    /// Seconds, by calculation.
    Ideal(f64),
    /// What was measured is in the relation.
    Bound,
    /// Why there are none.
    Missing(String),
}

pub(crate) const HEAD: &str = "\
| | | wall, s | CPU, µs a request | memory, MiB | fetch ÷ this | at most | |
|---|---|--:|--:|--:|--:|--:|---|";

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells = match &self.figures {
            Figures::Measured { wall, cpu, memory } => format!("{wall} | {cpu} | {memory}"),
            Figures::Ideal(wall) => format!("{wall:.2} | | "),
            Figures::Bound => " | | ".to_owned(),
            Figures::Missing(why) => format!("{why} | | "),
        };
        write!(f, "| | {} | {cells} |", self.program)?;
        match &self.against {
            Some((ratio, Some(bound))) => {
                let kept = if ratio.median() <= *bound {
                    "✓"
                } else {
                    "✗"
                };
                write!(f, " {ratio} | {bound:.2} | {kept} |")
            }
            Some((ratio, None)) => write!(f, " {ratio} | | |"),
            None => f.write_str(" | | |"),
        }
    }
}
