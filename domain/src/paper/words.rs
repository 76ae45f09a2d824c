//! Amounts, days and quantities as a French document writes them.

use time::Date;

use crate::invoices::Unit;
use crate::money;
use crate::paris;

/// "1 234,50 €".
pub fn euros(cents: i64) -> String {
    money::in_words(cents, "fr")
}

/// "2 mars 2026".
pub fn day(date: Date) -> String {
    paris::day_in_words(date)
}

/// "20 %", "5,5 %".
pub fn percent(bps: i32) -> String {
    format!("{}\u{a0}%", decimals(i64::from(bps), 2, 0))
}

/// "7 h 20".
pub fn hours(minutes: i64) -> String {
    match minutes % 60 {
        0 => format!("{}\u{a0}h", minutes / 60),
        rest => format!("{}\u{a0}h\u{a0}{rest:02}", minutes / 60),
    }
}

/// A quantity with its unit: "7 h 20", "1,5 h", "3", "Forfait".
pub fn quantity(milli: i64, unit: Unit) -> String {
    let number = decimals(milli, 3, 0);
    match unit {
        Unit::Minute if milli % 1_000 == 0 => hours(milli / 1_000),
        Unit::Minute => format!("{number}\u{a0}min"),
        Unit::Hour => format!("{number}\u{a0}h"),
        Unit::Day => format!("{number}\u{a0}j"),
        Unit::LumpSum if milli.abs() == 1_000 => "Forfait".to_owned(),
        Unit::LumpSum | Unit::Piece => number,
    }
}

/// "1,5".
pub fn thousandths(milli: i64) -> String {
    decimals(milli, 3, 0)
}

/// A price in millionths of a euro: "25,00 €", or with as many places as it needs.
pub fn price(micros: i64) -> String {
    format!("{}\u{a0}€", decimals(micros, 6, 2))
}

/// A number of so many decimal places, written with as few of them as it has, and at least `least`.
fn decimals(value: i64, places: u32, least: usize) -> String {
    let one = 10_i64.pow(places);
    let sign = if value < 0 { "-" } else { "" };
    let (whole, rest) =
        (value.unsigned_abs() / one.unsigned_abs(), value.unsigned_abs() % one.unsigned_abs());
    let digits = format!("{rest:0width$}", width = places as usize);
    let kept = digits.trim_end_matches('0').len().max(least);
    let whole = grouped(whole);
    match &digits[..kept.min(digits.len())] {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole},{fraction}"),
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_in_french() {
        assert_eq!(percent(2_000), "20\u{a0}%");
        assert_eq!(percent(550), "5,5\u{a0}%");
        assert_eq!(quantity(440_000, Unit::Minute), "7\u{a0}h\u{a0}20");
        assert_eq!(quantity(480_000, Unit::Minute), "8\u{a0}h");
        assert_eq!(quantity(1_500, Unit::Hour), "1,5\u{a0}h");
        assert_eq!(quantity(2_000, Unit::Piece), "2");
        assert_eq!(quantity(1_000, Unit::LumpSum), "Forfait");
        assert_eq!(price(25_000_000), "25,00\u{a0}€");
        assert_eq!(price(6_252_500), "6,2525\u{a0}€");
        assert_eq!(price(1_234_500_000), "1\u{202f}234,50\u{a0}€");
    }
}
