//! Plots as SVG: bars in groups, and lines over a logarithmic axis.

use std::fmt::Write;

const COLOURS: [&str; 8] = ["#0b6e4f", "#6fb98f", "#c1666b", "#d4b483", "#48639c", "#9e788f", "#5c5c5c", "#e4b363"];
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 300.0;

/// A name and its values.
pub(crate) type Series = (&'static str, Vec<f64>);

/// How values become heights.
#[derive(Clone, Copy)]
pub(crate) enum Scale {
    Linear,
    /// From this value on, for values of different magnitudes.
    Logarithmic(f64),
}

impl Scale {
    /// The share of the height that a value takes where this is the greatest.
    fn share(self, value: f64, most: f64) -> f64 {
        match self {
            Self::Linear => value / most,
            Self::Logarithmic(least) => (value / least).max(1.0).ln() / (most / least).max(10.0).ln(),
        }
    }

    fn steps(self, most: f64) -> Vec<f64> {
        match self {
            Self::Linear => steps(most),
            Self::Logarithmic(least) => {
                (0..).map(|number| least * 10_f64.powi(number)).take_while(|value| *value <= most).collect()
            }
        }
    }
}

/// One bar for each series in each group.
pub(crate) fn bars(title: &str, unit: &str, scale: Scale, groups: &[&str], series: &[Series]) -> String {
    let most = series.iter().flat_map(|(_, values)| values).copied().fold(1.0, f64::max);
    let up = |value: f64| scale.share(value, most) * (BOTTOM - TOP);
    let mut svg = begin(title, unit, &scale.steps(most), |value| BOTTOM - up(value), series);
    let group = (WIDTH - LEFT - 20.0) / groups.len() as f64;
    let bar = group * 0.85 / series.len().max(1) as f64;
    for (index, name) in groups.iter().enumerate() {
        let start = LEFT + group * index as f64;
        text(&mut svg, start + group / 2.0, BOTTOM + 16.0, "middle", name);
        for (number, (_, values)) in series.iter().enumerate() {
            let value = values.get(index).copied().unwrap_or(0.0).max(0.0);
            let height = up(value);
            let (x, y) = (start + group * 0.075 + bar * number as f64, BOTTOM - height);
            let _ = writeln!(
                svg,
                "<rect x='{x:.1}' y='{y:.1}' width='{:.1}' height='{height:.1}' fill='{}'/>",
                bar * 0.9,
                colour(number)
            );
        }
    }
    svg + "</svg>\n"
}

/// A line for each series over the same points, which are far apart.
pub(crate) fn lines(title: &str, unit: &str, points: &[f64], series: &[Series]) -> String {
    let most = series.iter().flat_map(|(_, values)| values).copied().fold(1.0, f64::max);
    let up = |value: f64| BOTTOM - value / most * (BOTTOM - TOP);
    let mut svg = begin(title, unit, &steps(most), up, series);
    let (first, last) = (points.first().copied().unwrap_or(1.0).ln(), points.last().copied().unwrap_or(10.0).ln());
    let along = |point: f64| LEFT + 20.0 + (point.ln() - first) / (last - first).max(0.1) * (WIDTH - LEFT - 60.0);
    for point in points {
        text(&mut svg, along(*point), BOTTOM + 16.0, "middle", &crate::report::number(*point));
    }
    for (number, (_, values)) in series.iter().enumerate() {
        let places: Vec<String> =
            points.iter().zip(values).map(|(point, value)| format!("{:.1},{:.1}", along(*point), up(*value))).collect();
        let _ = writeln!(
            svg,
            "<polyline points='{}' fill='none' stroke='{}' stroke-width='2'/>",
            places.join(" "),
            colour(number)
        );
    }
    svg + "</svg>\n"
}

/// The frame, the axis of values, and which colour is whose.
fn begin(title: &str, unit: &str, steps: &[f64], up: impl Fn(f64) -> f64, series: &[Series]) -> String {
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' font-family='sans-serif' font-size='11'>\n\
         <rect width='{WIDTH}' height='{HEIGHT}' fill='#ffffff'/>\n"
    );
    text(&mut svg, LEFT, 20.0, "start", &format!("{title} ({unit})"));
    for step in steps {
        let y = up(*step);
        let _ = writeln!(svg, "<line x1='{LEFT}' x2='{}' y1='{y:.1}' y2='{y:.1}' stroke='#dddddd'/>", WIDTH - 20.0);
        text(&mut svg, LEFT - 6.0, y + 4.0, "end", &crate::report::number(*step));
    }
    for (number, (name, _)) in series.iter().enumerate() {
        let (x, y) = (LEFT + 205.0 * (number % 4) as f64, BOTTOM + 30.0 + 16.0 * (number / 4) as f64);
        let _ = writeln!(svg, "<rect x='{x}' y='{y}' width='10' height='10' fill='{}'/>", colour(number));
        text(&mut svg, x + 14.0, y + 9.0, "start", name);
    }
    svg
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let _ = writeln!(svg, "<text x='{x:.1}' y='{y:.1}' text-anchor='{anchor}'>{text}</text>");
}

fn colour(number: usize) -> &'static str {
    COLOURS[number % COLOURS.len()]
}

/// Round numbers up to the greatest value.
fn steps(most: f64) -> Vec<f64> {
    let size = 10_f64.powf(most.log10().floor());
    let step = if most / size > 5.0 {
        size * 2.0
    } else if most / size > 2.0 {
        size
    } else {
        size / 2.0
    };
    (0..).map(|number| step * f64::from(number)).take_while(|value| *value <= most).collect()
}
