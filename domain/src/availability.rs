//! When a talent can work: weekly slots on the wall clock in Paris, and dated exceptions.
//!
//! What was declared is kept as it was written, and beside it as ranges, which `is_available` asks in PostgreSQL.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::postgres::types::PgRange;
use sqlx::types::Json;
use time::OffsetDateTime;

use crate::clock;
use crate::error::{Error, Result};
use crate::ids::UserId;

const DAY: i32 = 24 * 60;
const WEEK: i32 = 7 * DAY;

/// A slot of every week. One that ends at or before its start goes on into the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeeklySlot {
    /// 1 is Monday.
    pub weekday: i16,
    /// Minutes since midnight.
    pub from: i16,
    /// Minutes since midnight.
    pub to: i16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    #[serde(with = "time::serde::rfc3339")]
    pub from: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub to: OffsetDateTime,
    pub available: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Availability {
    pub weekly: Vec<WeeklySlot>,
    pub exceptions: Vec<Exception>,
}

/// What the talent has declared; nothing when it never has.
pub async fn get(conn: &mut PgConnection, talent: UserId) -> Result<Availability> {
    let declared = sqlx::query!(
        r#"select weekly as "weekly: Json<Vec<WeeklySlot>>", exceptions as "exceptions: Json<Vec<Exception>>"
             from availability where talent_id = $1"#,
        talent.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(declared.map_or_else(Availability::default, |row| Availability {
        weekly: row.weekly.0,
        exceptions: row.exceptions.0,
    }))
}

/// Replaces all that the talent had declared.
pub async fn replace(conn: &mut PgConnection, talent: UserId, mut new: Availability) -> Result<Availability> {
    for exception in &mut new.exceptions {
        exception.from = clock::to_micros(exception.from);
        exception.to = clock::to_micros(exception.to);
    }
    if new.exceptions.iter().any(|exception| exception.to <= exception.from) {
        return Err(Error::Invalid { field: "exceptions", message: "each ends after it begins" });
    }
    let periods = |available| -> Vec<PgRange<OffsetDateTime>> {
        let chosen = new.exceptions.iter().filter(|exception| exception.available == available);
        chosen.map(|exception| PgRange::from(exception.from..exception.to)).collect()
    };
    let week: Vec<PgRange<i32>> = new.weekly.iter().flat_map(minutes_of_the_week).collect();
    sqlx::query!(
        "insert into availability (talent_id, weekly, exceptions, week, closed, opened)
         select $1, $2, $3,
                coalesce((select range_agg(minutes) from unnest($4::int4range[]) as slots (minutes)), '{}'),
                coalesce((select range_agg(period) from unnest($5::tstzrange[]) as away (period)), '{}'),
                coalesce((select range_agg(period) from unnest($6::tstzrange[]) as there (period)), '{}')
         on conflict (talent_id) do update set weekly = excluded.weekly, exceptions = excluded.exceptions,
             week = excluded.week, closed = excluded.closed, opened = excluded.opened",
        talent.0,
        Json(&new.weekly) as _,
        Json(&new.exceptions) as _,
        week as _,
        periods(false) as _,
        periods(true) as _,
    )
    .execute(conn)
    .await?;
    Ok(new)
}

/// A slot in minutes from Monday 00:00, in this week and in those beside it: nothing that a mission asks for has to wrap.
fn minutes_of_the_week(slot: &WeeklySlot) -> impl Iterator<Item = PgRange<i32>> + use<> {
    let start = (i32::from(slot.weekday) - 1) * DAY + i32::from(slot.from);
    let length = (i32::from(slot.to) - i32::from(slot.from) - 1).rem_euclid(DAY) + 1;
    [-WEEK, 0, WEEK].into_iter().map(move |week| PgRange::from(week + start..week + start + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn this_week(weekday: i16, from: i16, to: i16) -> PgRange<i32> {
        minutes_of_the_week(&WeeklySlot { weekday, from, to }).nth(1).unwrap()
    }

    #[test]
    fn a_slot_may_go_over_midnight() {
        assert_eq!(this_week(1, 480, 960), (480..960).into());
        assert_eq!(this_week(7, 1320, 360), (9960..10440).into());
        assert_eq!(this_week(2, 0, 0), (1440..2880).into(), "from midnight to midnight is the whole day");
        assert_eq!(this_week(1, 1439, 0), (1439..1440).into());
    }
}
