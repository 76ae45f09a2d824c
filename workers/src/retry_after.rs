//! How long a service asks us to wait.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// A service may not put a job off for longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// `Retry-After`: seconds, or a date.
pub fn asked(headers: &HeaderMap, now: OffsetDateTime) -> Option<Duration> {
    read(headers.get(RETRY_AFTER)?.to_str().ok()?, now)
}

/// As [`asked`], of the header's value.
pub fn read(value: &str, now: OffsetDateTime) -> Option<Duration> {
    let value = value.trim();
    let pause = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => (OffsetDateTime::parse(value, &Rfc2822).ok()? - now).try_into().unwrap_or_default(),
    };
    Some(pause.clamp(Duration::from_secs(1), LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_by_date() {
        let now = datetime!(2026-01-01 12:00 UTC);
        let pause = |value: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            asked(&headers, now).map(|pause| pause.as_secs())
        };
        assert_eq!(pause("30"), Some(30));
        assert_eq!(pause("Thu, 01 Jan 2026 12:01:00 GMT"), Some(60));
        assert_eq!(pause("Thu, 01 Jan 2026 11:00:00 GMT"), Some(1));
        assert_eq!(pause("86400"), Some(3600));
        assert_eq!(pause("soon"), None);
        assert_eq!(asked(&HeaderMap::new(), now), None);
    }
}
