//! Waves of invitations: how many people are asked, and when, by urgency.

use time::{Duration, OffsetDateTime};

use crate::missions::{Mission, UrgencyLevel};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wave {
    /// From 1, in each round anew.
    pub number: i16,
    pub people: i64,
    /// After the beginning of the round.
    pub after: Duration,
}

/// People @ minutes.
const fn table(urgency: UrgencyLevel) -> &'static [(i64, i64)] {
    match urgency {
        UrgencyLevel::Critical => &[(3, 0), (10, 10), (50, 30)],
        UrgencyLevel::High => &[(3, 0), (10, 30), (50, 120)],
        UrgencyLevel::Medium => &[(3, 0), (10, 180), (50, 480)],
        UrgencyLevel::Low => &[(3, 0), (25, 1440)],
    }
}

/// How long after the last wave a client learns that nobody was found.
const PATIENCE: Duration = Duration::hours(12);

pub fn find(urgency: UrgencyLevel, number: i16) -> Option<Wave> {
    let (people, minutes) = *table(urgency).get(usize::try_from(number).ok()?.checked_sub(1)?)?;
    Some(Wave { number, people, after: Duration::minutes(minutes) })
}

impl Wave {
    /// The wave behind this one, and how long after it.
    pub fn next(self, urgency: UrgencyLevel) -> Option<(Self, Duration)> {
        let next = find(urgency, self.number + 1)?;
        Some((next, next.after - self.after))
    }

    /// How many people the wave asks: never fewer than three for each slot that is free.
    pub fn size(self, mission: &Mission) -> i64 {
        self.people.max(3 * i64::from(mission.slots - mission.filled))
    }
}

/// When a round that begins now is called unfilled.
pub fn unfilled_at(urgency: UrgencyLevel, now: OffsetDateTime) -> OffsetDateTime {
    let last = table(urgency).last().map_or(0, |(_, minutes)| *minutes);
    now + Duration::minutes(last) + PATIENCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_follow_each_other_at_the_times_of_the_table() {
        for (urgency, expected) in [
            (UrgencyLevel::Critical, &[(3, 0), (10, 10), (50, 30)][..]),
            (UrgencyLevel::High, &[(3, 0), (10, 30), (50, 120)]),
            (UrgencyLevel::Medium, &[(3, 0), (10, 180), (50, 480)]),
            (UrgencyLevel::Low, &[(3, 0), (25, 1440)]),
        ] {
            let mut wave = find(urgency, 1);
            let mut minutes = 0;
            let mut number = 0;
            for (people, after) in expected {
                number += 1;
                let sent = wave.unwrap();
                assert_eq!((sent.number, sent.people, minutes), (number, *people, *after));
                let next = sent.next(urgency);
                minutes += next.map_or(0, |(_, pause)| pause.whole_minutes());
                wave = next.map(|(next, _)| next);
            }
            assert_eq!(wave, None, "the last one");
            assert_eq!(find(urgency, 0), None);
            let now = OffsetDateTime::UNIX_EPOCH;
            assert_eq!(unfilled_at(urgency, now) - now, Duration::minutes(minutes) + Duration::hours(12));
        }
    }
}
