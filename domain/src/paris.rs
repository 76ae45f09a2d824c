//! Dates as people in France read them: Europe/Paris, over both clock changes.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use time::OffsetDateTime;

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

/// "lundi 2 mars 2026 à 20 h 00"
pub fn long(at: OffsetDateTime) -> String {
    let local = local(at);
    let day = DAYS[local.weekday().to_monday_zero_offset() as usize];
    let month = MONTHS[local.month() as usize - 1];
    let ordinal = if local.day() == 1 { "er" } else { "" };
    format!("{day} {}{ordinal} {month} {} à {}", local.day(), local.year(), time_of_day(at))
}

/// "20 h 00"
pub fn time_of_day(at: OffsetDateTime) -> String {
    let local = local(at);
    format!("{:02} h {:02}", local.hour(), local.minute())
}

fn local(at: OffsetDateTime) -> Zoned {
    const PARIS: TimeZone = jiff::tz::get!("Europe/Paris");
    Timestamp::from_second(at.unix_timestamp()).unwrap_or(Timestamp::MAX).to_zoned(PARIS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn dates_are_read_in_paris() {
        assert_eq!(long(datetime!(2026-03-02 19:00 UTC)), "lundi 2 mars 2026 à 20 h 00");
        assert_eq!(long(datetime!(2026-07-31 22:30 UTC)), "samedi 1er août 2026 à 00 h 30");
        // The hour that exists twice, and the one that does not exist.
        assert_eq!(
            time_of_day(datetime!(2026-10-25 00:30 UTC)),
            time_of_day(datetime!(2026-10-25 01:30 UTC))
        );
        assert_eq!(time_of_day(datetime!(2026-03-29 01:00 UTC)), "03 h 00");
    }
}
