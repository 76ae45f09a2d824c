//! Euros in cents, rates in basis points: integers only, each rounded once, half up.

/// One whole, in basis points.
pub const WHOLE_BPS: i32 = 10_000;

/// `numerator / denominator`, half up. Amounts are never negative here: what goes back is an amount of its own.
pub(crate) fn rounded(numerator: i128, denominator: i128) -> i64 {
    let cents = (2 * numerator + denominator).div_euclid(2 * denominator);
    i64::try_from(cents).unwrap_or(i64::MAX)
}

/// A part of an amount.
pub fn share(cents: i64, bps: i32) -> i64 {
    rounded(i128::from(cents) * i128::from(bps), i128::from(WHOLE_BPS))
}

/// A quantity in thousandths at its unit price.
pub fn line(quantity_milli: i64, unit_price_cents: i64) -> i64 {
    rounded(i128::from(quantity_milli) * i128::from(unit_price_cents), 1_000)
}

/// What of an amount that contains VAT is net, and what is the VAT: together they are the amount.
pub fn included_vat(gross_cents: i64, bps: i32) -> (i64, i64) {
    let whole = i128::from(WHOLE_BPS);
    let net = rounded(i128::from(gross_cents) * whole, whole + i128::from(bps));
    (net, gross_cents - net)
}

/// What the platform keeps of what was paid, and what its talent gets: together they are the amount.
pub fn split(cents: i64, commission_bps: i32) -> (i64, i64) {
    let fee = share(cents, commission_bps);
    (fee, cents - fee)
}

/// "1 234,50 €", or in English "€1,234.50". The spaces do not break.
pub fn in_words(cents: i64, locale: &str) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let (euros, cents) = (cents.unsigned_abs() / 100, cents.unsigned_abs() % 100);
    let (thousands, point) = if locale == "en" { (",", ".") } else { ("\u{202f}", ",") };
    let digits = euros.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push_str(thousands);
        }
        grouped.push(digit);
    }
    match locale {
        "en" => format!("{sign}€{grouped}{point}{cents:02}"),
        _ => format!("{sign}{grouped}{point}{cents:02}\u{a0}€"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::{Decimal, RoundingStrategy};

    use super::*;

    fn oracle(value: Decimal) -> i64 {
        let cents = value.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
        i64::try_from(cents).unwrap()
    }

    #[test]
    fn a_fee_is_rounded_half_up() {
        assert_eq!(split(333, 1_500), (50, 283));
        assert_eq!(split(10, 1_500), (2, 8), "1.5 is 2");
        assert_eq!(split(333, 0), (0, 333));
    }

    #[test]
    fn amounts_are_read_as_people_write_them() {
        assert_eq!(in_words(123_450, "fr"), "1\u{202f}234,50\u{a0}€");
        assert_eq!(in_words(123_450, "en"), "€1,234.50");
        assert_eq!(in_words(5, "fr"), "0,05\u{a0}€");
        assert_eq!(in_words(-100_000_000, "en"), "-€1,000,000.00");
    }

    proptest! {
        #[test]
        fn parts_and_lines_are_what_decimals_say(cents in 0..10_000_000_000_i64, bps in 0..=10_000_i32, milli in 0..10_000_000_i64) {
            let (amount, rate) = (Decimal::from(cents), Decimal::new(i64::from(bps), 4));
            prop_assert_eq!(share(cents, bps), oracle(amount * rate));
            prop_assert_eq!(line(milli, cents), oracle(Decimal::new(milli, 3) * amount));
            let (net, vat) = included_vat(cents, bps);
            prop_assert_eq!(net, oracle(amount / (Decimal::ONE + rate)));
            prop_assert_eq!(net + vat, cents);
            let (fee, payout) = split(cents, bps);
            prop_assert_eq!(fee + payout, cents);
        }
    }
}
