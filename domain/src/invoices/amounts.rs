//! Lines, VAT by rate, and what goes back: integers only, each rounded once, half up, and what was rounded adds up.

use serde::{Deserialize, Serialize};

use crate::surcharges::PriceLine;
use crate::{money, totals};

/// What a quantity counts; the codes are those of UN/ECE recommendation 20.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Unit {
    Piece,
    Minute,
    Hour,
    Day,
    LumpSum,
}

impl Unit {
    pub fn code(self) -> &'static str {
        match self {
            Self::Piece => "C62",
            Self::Minute => "MIN",
            Self::Hour => "HUR",
            Self::Day => "DAY",
            Self::LumpSum => "LS",
        }
    }
}

/// Whether prices contain VAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prices {
    Net,
    /// VAT is taken out, so that the total is exactly the sum of the lines: what a card was charged.
    Gross,
}

/// A line that is to be invoiced: so many units at a price for `base_quantity` of them. A discount has a negative quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLine {
    pub description: String,
    pub quantity_milli: i64,
    pub unit: Unit,
    pub base_quantity: i64,
    /// Millionths of a euro: a quarter of an hourly rate is no whole number of cents.
    pub unit_price_micros: i64,
    pub vat_bps: i32,
    /// What it comes to, where that was agreed on before.
    pub agreed_cents: Option<i64>,
}

impl NewLine {
    /// One thing at its price.
    pub fn flat(description: impl Into<String>, price_cents: i64, vat_bps: i32) -> Self {
        Self::of(description, 1_000, Unit::LumpSum, price_cents, vat_bps)
    }

    /// So many units at the price of one.
    pub fn of(
        description: impl Into<String>,
        quantity_milli: i64,
        unit: Unit,
        unit_price_cents: i64,
        vat_bps: i32,
    ) -> Self {
        Self {
            description: description.into(),
            quantity_milli,
            unit,
            base_quantity: 1,
            unit_price_micros: unit_price_cents * MICROS_PER_CENT,
            vat_bps,
            agreed_cents: None,
        }
    }

    /// A line of a shift's price: its minutes, priced by the hour. Comes to the same cents.
    pub fn shift(line: &PriceLine, hourly_rate_cents: i64, vat_bps: i32) -> Self {
        Self {
            description: line.rate.label().to_owned(),
            quantity_milli: line.minutes * 1_000,
            unit: Unit::Minute,
            base_quantity: 60,
            // Exact: a cent is ten thousand millionths, as one is ten thousand basis points.
            unit_price_micros: hourly_rate_cents * i64::from(line.bps),
            vat_bps,
            agreed_cents: Some(line.amount_cents),
        }
    }

    /// A line of a contract or quote: its quantity was rounded to be written, its amount holds.
    pub fn contracted(line: &totals::Line) -> Self {
        let unit = match line.unit.trim().to_lowercase().as_str() {
            "h" | "heure" | "heures" => Unit::Hour,
            "j" | "jour" | "jours" => Unit::Day,
            "min" | "minute" | "minutes" => Unit::Minute,
            "forfait" => Unit::LumpSum,
            _ => Unit::Piece,
        };
        let (description, milli) = (line.description.clone(), line.quantity_milli);
        Self {
            agreed_cents: Some(line.amount_cents),
            ..Self::of(description, milli, unit, line.unit_price_cents, line.vat_bps)
        }
    }

    /// What is taken off, in cents.
    pub fn discount(description: impl Into<String>, cents: i64, vat_bps: i32) -> Self {
        Self { quantity_milli: -1_000, ..Self::flat(description, cents, vat_bps) }
    }

    /// What it comes to, with VAT or without it as its price is.
    pub fn amount_cents(&self) -> i64 {
        self.agreed_cents.unwrap_or_else(|| self.priced_cents())
    }

    fn priced_cents(&self) -> i64 {
        money::rounded(
            i128::from(self.quantity_milli) * i128::from(self.unit_price_micros),
            1_000 * i128::from(self.base_quantity.max(1)) * i128::from(MICROS_PER_CENT),
        )
    }
}

const MICROS_PER_CENT: i64 = 10_000;

/// A line as it stands on the paper, without VAT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    pub description: String,
    pub quantity_milli: i64,
    pub unit: Unit,
    pub base_quantity: i64,
    pub unit_price_micros: i64,
    pub net_cents: i64,
    pub vat_bps: i32,
}

/// What a rate applies to, and what it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VatLine {
    pub bps: i32,
    pub base_cents: i64,
    pub vat_cents: i64,
}

impl VatLine {
    fn gross(&self) -> i64 {
        self.base_cents + self.vat_cents
    }
}

/// Lines and VAT of an invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amounts {
    pub lines: Vec<Line>,
    /// By rate, the lowest first.
    pub vat: Vec<VatLine>,
}

/// Net and VAT.
pub fn sums(vat: &[VatLine]) -> (i64, i64) {
    (vat.iter().map(|line| line.base_cents).sum(), vat.iter().map(|line| line.vat_cents).sum())
}

impl Amounts {
    pub fn of(lines: &[NewLine], prices: Prices) -> Self {
        let rates = rates(lines.iter().map(|line| line.vat_bps));
        // What came before of a line's rate: rounding the sums leaves no cent over.
        let mut before = vec![0_i64; rates.len()];
        let lines: Vec<Line> = lines
            .iter()
            .map(|line| {
                let sum = &mut before[rates.iter().position(|bps| *bps == line.vat_bps).unwrap_or(0)];
                let so_far = *sum;
                *sum += line.amount_cents();
                let (net_cents, unit_price_micros) = match prices {
                    Prices::Net => (*sum - so_far, line.unit_price_micros),
                    Prices::Gross => (
                        net(*sum, line.vat_bps) - net(so_far, line.vat_bps),
                        net(line.unit_price_micros, line.vat_bps),
                    ),
                };
                Line {
                    description: line.description.clone(),
                    quantity_milli: line.quantity_milli,
                    unit: line.unit,
                    base_quantity: line.base_quantity,
                    unit_price_micros,
                    net_cents,
                    vat_bps: line.vat_bps,
                }
            })
            .collect();
        let vat = rates.iter().zip(before).map(|(&bps, sum)| {
            let base_cents = if prices == Prices::Gross { net(sum, bps) } else { sum };
            let vat_cents = if prices == Prices::Gross { sum - base_cents } else { money::share(sum, bps) };
            VatLine { bps, base_cents, vat_cents }
        });
        Self { vat: vat.collect(), lines }
    }

    /// A part of what was invoiced, after another part of it has gone back: each rate's share. What stays is taxed as if it had never
    /// been more, as the ledger splits it; all parts together are the whole.
    pub fn part_of(invoiced: &[VatLine], before_cents: i64, part_cents: i64, reference: &str) -> Self {
        let (earlier, now) = (shares(invoiced, before_cents), shares(invoiced, before_cents + part_cents));
        let vat: Vec<_> = invoiced
            .iter()
            .zip(earlier.into_iter().zip(now))
            .map(|(line, (earlier, now))| {
                let gross = line.gross();
                let base_cents = net(gross - earlier, line.bps) - net(gross - now, line.bps);
                VatLine { bps: line.bps, base_cents, vat_cents: now - earlier - base_cents }
            })
            .filter(|line| line.gross() != 0)
            .collect();
        let lines = vat.iter().map(|line| Line {
            description: format!("Remboursement partiel de la facture {reference}"),
            quantity_milli: 1_000 * line.base_cents.signum(),
            unit: Unit::LumpSum,
            base_quantity: 1,
            unit_price_micros: line.base_cents.abs() * MICROS_PER_CENT,
            net_cents: line.base_cents,
            vat_bps: line.bps,
        });
        Self { lines: lines.collect(), vat }
    }
}

fn net(gross: i64, bps: i32) -> i64 {
    money::included_vat(gross, bps).0
}

fn rates(all: impl Iterator<Item = i32>) -> Vec<i32> {
    let mut rates: Vec<_> = all.collect();
    rates.sort_unstable();
    rates.dedup();
    rates
}

/// Divides an amount among the rates in proportion to what was invoiced at each, to the cent.
fn shares(invoiced: &[VatLine], cents: i64) -> Vec<i64> {
    let whole: i64 = invoiced.iter().map(VatLine::gross).sum();
    let up_to = |gross: i64| match whole {
        0 => 0,
        _ => money::rounded(i128::from(cents) * i128::from(gross), i128::from(whole)),
    };
    let mut sum = 0;
    invoiced
        .iter()
        .map(|line| {
            let before = up_to(sum);
            sum += line.gross();
            up_to(sum) - before
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::{Decimal, RoundingStrategy};
    use time::macros::datetime;

    use super::*;
    use crate::surcharges;

    fn cents(value: Decimal) -> i64 {
        // Half up, also below zero: that is towards the greater.
        let rounded = (value + Decimal::new(5, 1)).floor();
        i64::try_from(rounded).unwrap()
    }

    fn half_away(value: Decimal) -> i64 {
        i64::try_from(value.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero)).unwrap()
    }

    #[test]
    fn a_shift_is_invoiced_to_the_cent() {
        // Sunday night, 7 h 20 at an odd rate.
        let price =
            surcharges::price(datetime!(2026-03-01 19:40 UTC), datetime!(2026-03-02 03:00 UTC), 2_501);
        let lines: Vec<_> = price.lines.iter().map(|line| NewLine::shift(line, 2_501, 0)).collect();
        let amounts: Vec<_> = lines.iter().map(NewLine::priced_cents).collect();
        let priced: Vec<_> = price.lines.iter().map(|line| line.amount_cents).collect();
        assert_eq!(amounts, priced);
        let whole = Amounts::of(&lines, Prices::Gross);
        assert_eq!(sums(&whole.vat), (price.total_cents, 0));
    }

    #[test]
    fn vat_stands_by_rate() {
        let lines = [
            NewLine::of("Atelier", 1_500, Unit::Hour, 3_333, 2_000),
            NewLine::flat("Livre", 1_001, 550),
            NewLine::discount("Remise", 500, 2_000),
        ];
        let net = Amounts::of(&lines, Prices::Net);
        let nets: Vec<_> = net.lines.iter().map(|line| line.net_cents).collect();
        assert_eq!(nets, [5_000, 1_001, -500], "1.5 hours at 33.33 are 49.995");
        let by_rate: Vec<_> =
            net.vat.iter().map(|line| (line.bps, line.base_cents, line.vat_cents)).collect();
        assert_eq!(by_rate, [(550, 1_001, 55), (2_000, 4_500, 900)]);
        let gross = Amounts::of(&lines, Prices::Gross);
        let (net, vat) = sums(&gross.vat);
        assert_eq!(net + vat, 5_000 + 1_001 - 500);
    }

    fn line() -> impl Strategy<Value = NewLine> {
        let rate = prop_oneof![Just(0), Just(550), Just(1_000), Just(2_000)];
        (1..100_000_i64, 0..2_000_000_000_i64, prop_oneof![Just(1_i64), Just(60)], rate).prop_map(
            |(quantity_milli, unit_price_micros, base_quantity, vat_bps)| NewLine {
                description: "x".into(),
                quantity_milli,
                unit: Unit::Piece,
                base_quantity,
                unit_price_micros,
                vat_bps,
                agreed_cents: None,
            },
        )
    }

    proptest! {
        #[test]
        fn amounts_are_what_decimals_say(lines in prop::collection::vec(line(), 1..12)) {
            let exact = |line: &NewLine| {
                Decimal::new(line.quantity_milli, 3) * Decimal::new(line.unit_price_micros, 4) / Decimal::from(line.base_quantity)
            };
            let (net, gross) = (Amounts::of(&lines, Prices::Net), Amounts::of(&lines, Prices::Gross));
            for (line, priced) in lines.iter().zip(&net.lines) {
                prop_assert_eq!(priced.net_cents, half_away(exact(line)));
            }
            for (amounts, contains) in [(&net, false), (&gross, true)] {
                for vat in &amounts.vat {
                    let of_rate = || lines.iter().zip(&amounts.lines).filter(|(line, _)| line.vat_bps == vat.bps);
                    let sum: i64 = of_rate().map(|(line, _)| half_away(exact(line))).sum();
                    let rate = Decimal::new(vat.bps.into(), 4);
                    let nets: i64 = of_rate().map(|(_, priced)| priced.net_cents).sum();
                    prop_assert_eq!(nets, vat.base_cents, "lines add up to their rate");
                    if contains {
                        prop_assert_eq!(vat.base_cents, half_away(Decimal::from(sum) / (Decimal::ONE + rate)));
                        prop_assert_eq!(vat.gross(), sum);
                        for (line, priced) in of_rate() {
                            let exact = Decimal::from(half_away(exact(line))) / (Decimal::ONE + rate);
                            prop_assert!((Decimal::from(priced.net_cents) - exact).abs() <= Decimal::ONE);
                        }
                    } else {
                        prop_assert_eq!(vat.base_cents, sum);
                        prop_assert_eq!(vat.vat_cents, half_away(Decimal::from(sum) * rate));
                    }
                }
            }
        }

        #[test]
        fn discounts_are_what_decimals_say(price in 0..10_000_000_i64, off in 0..10_000_000_i64) {
            let lines = [NewLine::flat("a", price, 2_000), NewLine::discount("b", off.min(price), 2_000)];
            let amounts = Amounts::of(&lines, Prices::Gross);
            let exact = Decimal::from(price - off.min(price)) / Decimal::new(12, 1);
            prop_assert_eq!(sums(&amounts.vat).0, cents(exact));
        }

        #[test]
        fn what_goes_back_in_parts_is_the_whole(lines in prop::collection::vec(line(), 1..6), cuts in prop::collection::vec(1..100_u32, 1..6)) {
            let invoiced = Amounts::of(&lines, Prices::Net).vat;
            let (net, vat) = sums(&invoiced);
            let (whole, weight) = (net + vat, cuts.iter().sum::<u32>());
            let (mut before, mut back) = (0, vec![(0, 0); invoiced.len()]);
            for (n, cut) in cuts.iter().enumerate() {
                let part = if n + 1 == cuts.len() { whole - before } else { whole / i64::from(weight) * i64::from(*cut) };
                let amounts = Amounts::part_of(&invoiced, before, part, "FAC-2026-00001");
                let (net, vat) = sums(&amounts.vat);
                prop_assert_eq!(net + vat, part);
                for line in &amounts.vat {
                    let at = invoiced.iter().position(|of| of.bps == line.bps).unwrap();
                    back[at].0 += line.base_cents;
                    back[at].1 += line.vat_cents;
                }
                before += part;
            }
            let all: Vec<_> = invoiced.iter().map(|line| (line.base_cents, line.vat_cents)).collect();
            prop_assert_eq!(back, all);
        }
    }
}
