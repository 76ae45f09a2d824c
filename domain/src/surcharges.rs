//! What a shift costs: its minutes at the hourly rate, and what night, Sundays and public holidays add to it.

use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::{money, paris};

/// What a line of a price is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Rate {
    Base,
    Night,
    Sunday,
    Holiday,
}

impl Rate {
    pub const ALL: [Self; 4] = [Self::Base, Self::Night, Self::Sunday, Self::Holiday];

    /// Of the hourly rate, in basis points †. They add up: an hour of a Sunday night costs 175 %.
    pub fn bps(self) -> i32 {
        match self {
            Self::Base => 10_000,
            Self::Night => 2_500,
            Self::Sunday => 5_000,
            Self::Holiday => 10_000,
        }
    }

    /// As it stands on paper.
    pub fn label(self) -> &'static str {
        match self {
            Self::Base => "Heures de mission",
            Self::Night => "Majoration de nuit (21 h – 6 h)",
            Self::Sunday => "Majoration du dimanche",
            Self::Holiday => "Majoration de jour férié",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PriceLine {
    pub rate: Rate,
    pub minutes: i64,
    /// Of one hour: the hourly rate, or the part of it that is added.
    pub bps: i32,
    pub amount_cents: i64,
}

/// The price of a shift; its lines, each rounded once, add up to the total.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    pub hourly_rate_cents: i64,
    pub lines: Vec<PriceLine>,
    pub total_cents: i64,
}

/// The price of the whole minutes from `start` to `end`, by the clocks of Paris. Minutes are those that pass: the night of a clock
/// change is an hour shorter or longer.
pub fn price(start: OffsetDateTime, end: OffsetDateTime, hourly_rate_cents: i64) -> Price {
    let mut minutes = [0_i64; Rate::ALL.len()];
    let mut known: Option<(Date, bool)> = None;
    for minute in 0..(end - start).whole_minutes().max(0) {
        let local = paris::local(start + Duration::minutes(minute));
        let (date, weekday) = (local.date(), local.weekday());
        let holiday = match known {
            Some((day, holiday)) if day == date => holiday,
            _ => is_public_holiday(date),
        };
        known = Some((date, holiday));
        let night = !(6..21).contains(&local.hour());
        for (count, applies) in minutes.iter_mut().zip([true, night, weekday == Weekday::Sunday, holiday]) {
            *count += i64::from(applies);
        }
    }
    let lines: Vec<_> = Rate::ALL
        .into_iter()
        .zip(minutes)
        .filter(|(_, minutes)| *minutes > 0)
        .map(|(rate, minutes)| PriceLine {
            rate,
            minutes,
            bps: rate.bps(),
            amount_cents: cost(minutes, hourly_rate_cents, rate.bps()),
        })
        .collect();
    let total_cents = lines.iter().map(|line| line.amount_cents).sum();
    Price { hourly_rate_cents, lines, total_cents }
}

fn cost(minutes: i64, hourly_rate_cents: i64, bps: i32) -> i64 {
    let per_minute = i128::from(hourly_rate_cents) * i128::from(bps);
    money::rounded(i128::from(minutes) * per_minute, 60 * i128::from(money::WHOLE_BPS))
}

/// Code du travail, L3133-1.
fn is_public_holiday(date: Date) -> bool {
    let fixed = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)];
    // Easter Monday, Ascension Day, Whit Monday.
    let movable = [1, 39, 50];
    let easter = easter(date.year());
    fixed.contains(&(date.month(), date.day()))
        || movable.into_iter().any(|days| easter.checked_add(jiff::Span::new().days(days)).ok() == Some(date))
}

/// Easter Sunday by Butcher's rule for the Gregorian calendar.
fn easter(year: i16) -> Date {
    let y = i32::from(year);
    let (century, of_century) = (y / 100, y % 100);
    let golden = y % 19;
    let epact = (19 * golden + century - century / 4 - (century - (century + 8) / 25 + 1) / 3 + 15) % 30;
    let to_sunday = (32 + 2 * (century % 4) + 2 * (of_century / 4) - epact - of_century % 4) % 7;
    let correction = (golden + 11 * epact + 22 * to_sunday) / 451;
    let day = epact + to_sunday - 7 * correction + 114;
    Date::new(year, (day / 31) as i8, (day % 31 + 1) as i8).unwrap_or(Date::ZERO)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;
    use rust_decimal::{Decimal, RoundingStrategy};
    use time::macros::datetime;

    use super::*;

    fn minutes(start: OffsetDateTime, end: OffsetDateTime, rate: Rate) -> i64 {
        let price = price(start, end, 2_500);
        price.lines.iter().find(|line| line.rate == rate).map_or(0, |line| line.minutes)
    }

    #[test]
    fn a_night_shift_has_its_night_hours() {
        // In winter Paris is an hour ahead of UTC.
        let (evening, morning) = (datetime!(2026-03-02 21:00 UTC), datetime!(2026-03-03 05:00 UTC));
        assert_eq!(minutes(evening, morning, Rate::Night), 8 * 60, "22:00 to 06:00");
        let (evening, morning) = (datetime!(2026-03-02 19:00 UTC), datetime!(2026-03-03 07:00 UTC));
        assert_eq!(minutes(evening, morning, Rate::Night), 9 * 60, "20:00 to 08:00");
    }

    #[test]
    fn a_night_is_as_long_as_it_is() {
        // 22:00 to 06:00 by the clock: seven hours when the clocks go forward, nine when they go back.
        let spring = (datetime!(2026-03-28 21:00 UTC), datetime!(2026-03-29 04:00 UTC));
        assert_eq!(minutes(spring.0, spring.1, Rate::Night), 7 * 60);
        let autumn = (datetime!(2026-10-24 20:00 UTC), datetime!(2026-10-25 05:00 UTC));
        assert_eq!(minutes(autumn.0, autumn.1, Rate::Night), 9 * 60);
        assert_eq!(minutes(autumn.0, autumn.1, Rate::Sunday), 7 * 60, "midnight to six, an hour twice");
    }

    #[test]
    fn surcharges_add_up() {
        // Whit Monday's eve, 20:00 to 08:00: Sunday until midnight, holiday after it, night from nine to six.
        let price = price(datetime!(2026-05-24 18:00 UTC), datetime!(2026-05-25 06:00 UTC), 2_000);
        let amounts: Vec<_> =
            price.lines.iter().map(|line| (line.rate, line.minutes, line.amount_cents)).collect();
        assert_eq!(
            amounts,
            [
                (Rate::Base, 720, 24_000),
                (Rate::Night, 540, 4_500),
                (Rate::Sunday, 240, 4_000),
                (Rate::Holiday, 480, 16_000),
            ]
        );
        assert_eq!(price.total_cents, 48_500);
    }

    #[test]
    fn movable_feasts_are_where_the_calendar_has_them() {
        for (year, month, day) in [(2024, 3, 31), (2025, 4, 20), (2026, 4, 5), (2038, 4, 25), (2285, 3, 22)] {
            assert_eq!(easter(year), date(year, month, day));
        }
        assert!(is_public_holiday(date(2026, 5, 14)), "Ascension Day");
        assert!(!is_public_holiday(date(2026, 4, 5)), "Easter Sunday is a Sunday");
    }

    proptest! {
        /// The oracle looks at each quarter of an hour by UTC offset instead of time zone, and counts in decimals.
        #[test]
        fn prices_are_what_decimals_say(quarter in 0..70_080_i32, quarters in 1..=48_i32, rate in 1_200..=10_000_i64) {
            let start = datetime!(2026-01-01 00:00 UTC) + Duration::minutes(15) * quarter;
            let price = price(start, start + Duration::minutes(15) * quarters, rate);
            let mut hours = [Decimal::ZERO; 4];
            for n in 0..quarters {
                let at = start + Duration::minutes(15) * n;
                let summer = [
                    (datetime!(2026-03-29 01:00 UTC), datetime!(2026-10-25 01:00 UTC)),
                    (datetime!(2027-03-28 01:00 UTC), datetime!(2027-10-31 01:00 UTC)),
                ];
                let ahead = if summer.iter().any(|(from, to)| (*from..*to).contains(&at)) { 2 } else { 1 };
                let local = at + Duration::hours(ahead);
                let day = (u8::from(local.month()), local.day());
                let holidays = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)];
                let movable = match local.year() {
                    2026 => [(4, 6), (5, 14), (5, 25)],
                    _ => [(3, 29), (5, 6), (5, 17)],
                };
                let applies = [
                    true,
                    local.hour() < 6 || local.hour() >= 21,
                    local.weekday() == time::Weekday::Sunday,
                    holidays.contains(&day) || movable.contains(&day),
                ];
                for (sum, applies) in hours.iter_mut().zip(applies) {
                    *sum += if applies { Decimal::new(25, 2) } else { Decimal::ZERO };
                }
            }
            let factors = [Decimal::ONE, Decimal::new(25, 2), Decimal::new(50, 2), Decimal::ONE];
            let total: Decimal = hours
                .into_iter()
                .zip(factors)
                .map(|(hours, factor)| (hours * Decimal::from(rate) * factor)
                    .round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero))
                .sum();
            prop_assert_eq!(Decimal::from(price.total_cents), total);
        }
    }
}
