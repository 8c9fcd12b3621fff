//! Draws a curve as SVG: losses by step, or MRR@10 by epoch.

use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
/// Space around the curve: left, top, right, bottom.
const MARGIN: [f64; 4] = [64.0, 32.0, 24.0, 44.0];
/// Points of a curve; more are averaged.
const MAX_POINTS: usize = 360;
const TICKS: usize = 5;

/// Returns an SVG of `values` over `x`. A curve with more than 360 points is drawn by means of equally many neighbors.
pub fn curve(title: &str, x_name: &str, points: &[(f64, f64)]) -> String {
    let points = averaged(points);
    let (x_range, y_range) = (range(points.iter().map(|p| p.0)), range(points.iter().map(|p| p.1)));
    let [left, top, right, bottom] = MARGIN;
    let place = |value: f64, (low, high): (f64, f64)| (value - low) / (high - low);
    let x = |value| left + place(value, x_range) * (WIDTH - left - right);
    let y = |value| HEIGHT - bottom - place(value, y_range) * (HEIGHT - top - bottom);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
         <text x=\"{left}\" y=\"20\" font-size=\"14\">{title}</text>\n"
    );
    for tick in 0..=TICKS {
        let at = |(low, high): (f64, f64)| low + (high - low) * tick as f64 / TICKS as f64;
        let (tick_x, tick_y) = (at(x_range), at(y_range));
        let (label_x, label_y) = (x(tick_x), y(tick_y));
        let (end, below, name) = (WIDTH - right, HEIGHT - bottom + 18.0, short(tick_y));
        let _ = writeln!(
            svg,
            "<line x1=\"{left}\" x2=\"{end}\" y1=\"{label_y:.1}\" y2=\"{label_y:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>\
             <text x=\"{label_x:.1}\" y=\"{below:.1}\" text-anchor=\"middle\">{tick_x:.0}</text>",
            left - 8.0,
            label_y + 4.0,
        );
    }
    let line: Vec<String> = points.iter().map(|p| format!("{:.1},{:.1}", x(p.0), y(p.1))).collect();
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#06c\" stroke-width=\"1.5\"/>\n\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{x_name}</text>\n</svg>",
        line.join(" "),
        (WIDTH + left - right) / 2.0,
        HEIGHT - 8.0
    );
    svg
}

fn averaged(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let size = points.len().div_ceil(MAX_POINTS).max(1);
    let mean = |part: &[(f64, f64)]| {
        let count = part.len() as f64;
        let (x, y) = part.iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
        (x / count, y / count)
    };
    points.chunks(size).map(mean).collect()
}

/// Returns the least and the greatest value; a range of one value, or none, is widened.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    if low > high {
        (0.0, 1.0)
    } else if low == high {
        (low - 0.5, high + 0.5)
    } else {
        (low, high)
    }
}

/// Writes a number with three significant digits.
fn short(value: f64) -> String {
    let digits = if value == 0.0 { 0 } else { (2 - value.abs().log10().floor() as i32).clamp(0, 6) as usize };
    format!("{value:.digits$}")
}
