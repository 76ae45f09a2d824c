//! Lines of a price, and what they add up to: each line is rounded once, VAT once per rate.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::money;

/// The French rates, in basis points.
pub const VAT_RATES: [i32; 4] = [0, 550, 1_000, 2_000];

/// What can be paid at once by card, in cents.
pub const MOST_CENTS: i64 = 99_999_999;

/// A line as it stands on paper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    pub description: String,
    /// Thousandths of the unit.
    pub quantity_milli: i64,
    pub unit: String,
    pub unit_price_cents: i64,
    pub vat_bps: i32,
    pub amount_cents: i64,
}

impl Line {
    pub fn new(
        description: String,
        quantity_milli: i64,
        unit: String,
        unit_price_cents: i64,
        vat_bps: i32,
    ) -> Self {
        let amount_cents = money::line(quantity_milli, unit_price_cents);
        Self { description, quantity_milli, unit, unit_price_cents, vat_bps, amount_cents }
    }
}

/// What is taxed at one rate, and the tax.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VatGroup {
    pub rate_bps: i32,
    /// Without VAT, after the discount.
    pub base_cents: i64,
    pub vat_cents: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Without VAT, before the discount.
    pub subtotal_cents: i64,
    pub discount_cents: i64,
    /// In the order of the rates.
    pub vat: Vec<VatGroup>,
    pub vat_cents: i64,
    /// With VAT.
    pub total_cents: i64,
}

/// Adds lines without VAT up. The discount lowers each rate's base in proportion; what rounding leaves over goes to the higher
/// rates, so that the bases add up to the discounted subtotal.
pub fn total(lines: &[Line], discount_cents: i64) -> Result<Totals> {
    if lines.iter().any(|line| !VAT_RATES.contains(&line.vat_bps)) {
        return Err(Error::Invalid { field: "lines", message: "vatBps is 0, 550, 1000 or 2000" });
    }
    let subtotal_cents: i64 = lines.iter().map(|line| line.amount_cents).sum();
    if !(0..=subtotal_cents).contains(&discount_cents) {
        return Err(Error::Invalid { field: "discountCents", message: "is at most the sum of the lines" });
    }
    let mut vat = Vec::new();
    let (mut before, mut given) = (0, 0);
    for rate_bps in VAT_RATES {
        let at_rate = || lines.iter().filter(|line| line.vat_bps == rate_bps);
        if at_rate().next().is_none() {
            continue;
        }
        let net: i64 = at_rate().map(|line| line.amount_cents).sum();
        before += net;
        let given_by_now = part(discount_cents, before, subtotal_cents);
        let base_cents = net - (given_by_now - given);
        given = given_by_now;
        vat.push(VatGroup { rate_bps, base_cents, vat_cents: money::share(base_cents, rate_bps) });
    }
    let vat_cents: i64 = vat.iter().map(|group| group.vat_cents).sum();
    let total_cents = subtotal_cents - discount_cents + vat_cents;
    if subtotal_cents > MOST_CENTS || total_cents > MOST_CENTS {
        return Err(Error::Invalid { field: "lines", message: "add up to 999,999.99 € at most" });
    }
    Ok(Totals { subtotal_cents, discount_cents, vat, vat_cents, total_cents })
}

/// `amount × of / whole`, half up.
fn part(amount: i64, of: i64, whole: i64) -> i64 {
    if whole == 0 { 0 } else { money::rounded(i128::from(amount) * i128::from(of), i128::from(whole)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(milli: i64, price: i64, vat_bps: i32) -> Line {
        Line::new("Atelier".into(), milli, "h".into(), price, vat_bps)
    }

    #[test]
    fn lines_and_vat_are_rounded_once_each() {
        // 1.5 × 3.33 = 4.995, half up; twice, and not 2 × 4.995.
        let totals =
            total(&[line(1_500, 333, 2_000), line(1_500, 333, 2_000), line(1_000, 101, 550)], 0).unwrap();
        assert_eq!(totals.subtotal_cents, 500 + 500 + 101);
        let groups: Vec<_> = totals.vat.iter().map(|g| (g.rate_bps, g.base_cents, g.vat_cents)).collect();
        assert_eq!(groups, [(550, 101, 6), (2_000, 1_000, 200)], "5.555 is 6");
        assert_eq!(totals.total_cents, 1_101 + 206);
    }

    #[test]
    fn a_discount_is_spread_over_the_rates() {
        let totals =
            total(&[line(1_000, 100, 0), line(1_000, 100, 1_000), line(1_000, 100, 2_000)], 100).unwrap();
        let bases: Vec<_> = totals.vat.iter().map(|group| group.base_cents).collect();
        assert_eq!(bases, [67, 66, 67], "200 in all");
        assert_eq!(totals.total_cents, 200 + 7 + 13);
        let free = total(&[line(1_000, 100, 2_000)], 100).unwrap();
        assert_eq!((free.vat_cents, free.total_cents), (0, 0));
    }

    #[test]
    fn what_does_not_add_up_is_refused() {
        assert!(total(&[line(1_000, 100, 0)], 101).is_err());
        assert!(total(&[line(1_000, 100, 0)], -1).is_err());
        assert!(total(&[line(1_000, 100, 1_960)], 0).is_err(), "a rate of the past");
        assert!(total(&[line(1_000, MOST_CENTS, 0)], 0).is_ok());
        assert!(total(&[line(1_000, MOST_CENTS, 550)], 0).is_err());
    }
}
