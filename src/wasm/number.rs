//! Numbers to text and back, by JavaScript.

use js_sys::Number;

/// A text of so many digits reads as the same f32, whatever its value is.
const MAX_F32_DIGITS: u8 = 9;
const DECIMAL: u8 = 10;

/// Returns the shortest text that reads as the number.
pub(crate) fn text(number: f64) -> String {
    Number::from(number).to_string_with_radix(DECIMAL).map(String::from).unwrap_or_default()
}

/// Returns the shortest text that reads as the number, as the native [`to_string`](ToString::to_string) does.
pub(crate) fn text_f32(number: f32) -> String {
    let exact = Number::from(f64::from(number));
    for digits in 6..=MAX_F32_DIGITS {
        let short = exact.to_precision(digits).map(|text| parse(&String::from(text)));
        if let Ok(short) = short
            && short as f32 == number
        {
            return text(short);
        }
    }
    text(f64::from(number))
}

/// Reads a number in the syntax of JSON. A number that is too large becomes infinite.
pub(crate) fn parse(text: &str) -> f64 {
    Number::parse_float(text)
}
