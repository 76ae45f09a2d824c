//! A session as an entry of a calendar (RFC 5545), for the mail that says that it is certain.

use domain::bookings::Booking;
use time::OffsetDateTime;

/// Octets of a line; longer ones go on in the next, after a blank.
const LINE: usize = 75;

/// One event, in UTC: calendars show it in their own zone.
pub fn entry(booking: &Booking, link: &str, now: OffsetDateTime) -> String {
    let lines = [
        "BEGIN:VCALENDAR".to_owned(),
        "VERSION:2.0".into(),
        "PRODID:-//SocioPulse//Bookings//FR".into(),
        "BEGIN:VEVENT".into(),
        format!("UID:booking-{}@sociopulse", booking.id),
        format!("DTSTAMP:{}", utc(now)),
        format!("DTSTART:{}", utc(booking.starts_at)),
        format!("DTEND:{}", utc(booking.ends_at)),
        format!("SUMMARY:{}", escaped(&booking.title)),
        format!("DESCRIPTION:{}", escaped(&booking.option_name)),
        format!("URL:{link}"),
        "STATUS:CONFIRMED".into(),
        "END:VEVENT".into(),
        "END:VCALENDAR".into(),
    ];
    lines.iter().map(|line| folded(line)).collect()
}

fn utc(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Ended, and broken where it is too long, but never within a character.
fn folded(line: &str) -> String {
    let (mut out, mut used) = (String::new(), 0);
    for c in line.chars() {
        if used + c.len_utf8() > LINE {
            out.push_str("\r\n ");
            used = 1;
        }
        out.push(c);
        used += c.len_utf8();
    }
    out + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_stays_one_text() {
        assert_eq!(escaped("Chant, danse; \\ et\nfête\u{7}"), "Chant\\, danse\\; \\\\ et\\nfête");
    }

    #[test]
    fn long_lines_are_folded_between_characters() {
        let folded = folded(&format!("SUMMARY:{}", "é".repeat(100)));
        assert!(folded.ends_with("\r\n") && folded.lines().all(|line| line.len() <= LINE));
        assert_eq!(folded.replace("\r\n ", ""), format!("SUMMARY:{}\r\n", "é".repeat(100)));
    }
}
