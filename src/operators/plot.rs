//! Small plots, as SVG within the page.

use std::fmt::Write;

/// One bar for each value, the newest at the right, with a title that says what they are. The largest value is the height.
pub(super) fn bars(title: &str, values: &[f64], unit: &str) -> String {
    const WIDTH: f64 = 240.0;
    const HEIGHT: f64 = 48.0;
    let largest = values.iter().copied().fold(0.0, f64::max);
    let step = WIDTH / values.len().max(1) as f64;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" preserveAspectRatio=\"none\" aria-label=\"{title}: at most \
         {}{unit}\">",
        number(largest)
    );
    for (n, value) in values.iter().enumerate().filter(|(_, value)| **value > 0.0) {
        let height = (value / largest * HEIGHT).max(1.0);
        let (x, y, width) = (n as f64 * step, HEIGHT - height, (step - 1.0).max(0.5));
        // Writing to a string does not fail.
        let _ = write!(svg, "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>");
    }
    svg.push_str("</svg>");
    svg
}

/// A number as short as it can be told.
pub(super) fn number(value: f64) -> String {
    let digits = if value >= 10.0 || value.fract() == 0.0 { 0 } else { 1 + usize::from(value < 1.0) };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_is_as_high_as_the_plot_and_nothing_is_no_bar() {
        let svg = bars("logins", &[0.0, 2.0, 4.0], "");
        assert_eq!(svg.matches("<rect").count(), 2);
        assert!(svg.contains("height=\"48.0\"") && svg.contains("height=\"24.0\""), "{svg}");
        assert!(svg.contains("aria-label=\"logins: at most 4\""), "{svg}");
        assert!(bars("logins", &[0.0; 3], "").contains("at most 0"));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.0, 0.04, 2.25, 3.0, 12.7].map(number), ["0", "0.04", "2.2", "3", "13"]);
    }
}
