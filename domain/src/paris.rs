//! Dates as people read them: Europe/Paris, over both clock changes, in French or English.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use time::{Date, Month, OffsetDateTime};

const DAYS: [&str; 7] = ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"];
const MONTHS: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];

/// "lundi 2 mars 2026 à 20 h 00", or in English "Monday 2 March 2026 at 20:00".
pub fn date_and_time(at: OffsetDateTime, locale: &str) -> String {
    let local = local(at);
    if locale == "en" {
        return local.strftime("%A %-d %B %Y at %H:%M").to_string();
    }
    let day = DAYS[local.weekday().to_monday_zero_offset() as usize];
    let month = MONTHS[local.month() as usize - 1];
    let ordinal = if local.day() == 1 { "er" } else { "" };
    format!("{day} {}{ordinal} {month} {} à {}", local.day(), local.year(), time_of_day(at, locale))
}

/// "20 h 00", or in English "20:00".
pub fn time_of_day(at: OffsetDateTime, locale: &str) -> String {
    local(at).strftime(if locale == "en" { "%H:%M" } else { "%H h %M" }).to_string()
}

/// The year that the calendars of Paris show.
pub fn year(at: OffsetDateTime) -> i16 {
    local(at).year()
}

/// The day that the calendars of Paris show.
pub fn day(at: OffsetDateTime) -> Date {
    let local = local(at);
    let month = Month::try_from(local.month().unsigned_abs()).unwrap_or(Month::January);
    Date::from_calendar_date(local.year().into(), month, local.day().unsigned_abs()).unwrap_or(at.date())
}

/// "02/03/2026 10:30:12".
pub fn stamp(at: OffsetDateTime) -> String {
    local(at).strftime("%d/%m/%Y %H:%M:%S").to_string()
}

/// "2 mars 2026".
pub fn day_in_words(date: Date) -> String {
    let ordinal = if date.day() == 1 { "er" } else { "" };
    format!("{}{ordinal} {} {}", date.day(), MONTHS[usize::from(u8::from(date.month())) - 1], date.year())
}

const PARIS: TimeZone = jiff::tz::get!("Europe/Paris");

/// The newest time not after `now` at which the clocks of Paris showed this hour and minute. An hour that a clock change
/// skips counts as the one after it, one that comes twice as its first.
pub fn latest(hour: i8, minute: i8, now: OffsetDateTime) -> OffsetDateTime {
    let today = local(now).date();
    let at = on(today, hour, minute);
    if at <= now { at } else { on(today.yesterday().unwrap_or(today), hour, minute) }
}

/// The first such time after `now`.
pub fn next(hour: i8, minute: i8, now: OffsetDateTime) -> OffsetDateTime {
    let today = local(now).date();
    let at = on(today, hour, minute);
    if at > now { at } else { on(today.tomorrow().unwrap_or(today), hour, minute) }
}

fn on(date: jiff::civil::Date, hour: i8, minute: i8) -> OffsetDateTime {
    let at = date.at(hour, minute, 0, 0).to_zoned(PARIS).map_or(0, |zoned| zoned.timestamp().as_second());
    OffsetDateTime::from_unix_timestamp(at).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// The hour that the clocks of Paris show.
pub fn hour(at: OffsetDateTime) -> i8 {
    local(at).hour()
}

pub(crate) fn local(at: OffsetDateTime) -> Zoned {
    Timestamp::from_second(at.unix_timestamp()).unwrap_or(Timestamp::MAX).to_zoned(PARIS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_year_begins_in_paris() {
        assert_eq!(year(datetime!(2026-12-31 22:59 UTC)), 2026);
        assert_eq!(year(datetime!(2026-12-31 23:00 UTC)), 2027);
        assert_eq!(day(datetime!(2026-06-30 22:00 UTC)), time::macros::date!(2026 - 07 - 01));
        assert_eq!(day_in_words(time::macros::date!(2026 - 08 - 01)), "1er août 2026");
    }

    #[test]
    fn dates_are_read_in_paris() {
        let winter = datetime!(2026-03-02 19:00 UTC);
        assert_eq!(date_and_time(winter, "fr"), "lundi 2 mars 2026 à 20 h 00");
        assert_eq!(date_and_time(winter, "en"), "Monday 2 March 2026 at 20:00");
        assert_eq!(date_and_time(datetime!(2026-07-31 22:30 UTC), "fr"), "samedi 1er août 2026 à 00 h 30");
        // The hour that exists twice, and the one that does not exist.
        let (first, second) = (datetime!(2026-10-25 00:30 UTC), datetime!(2026-10-25 01:30 UTC));
        assert_eq!(time_of_day(first, "fr"), time_of_day(second, "fr"));
        assert_eq!(time_of_day(datetime!(2026-03-29 01:00 UTC), "fr"), "03 h 00");
    }
}
