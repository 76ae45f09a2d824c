//! Levels: derived from what a talent has done and how it was judged, and told the first time each is reached.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::error::Result;
use crate::ids::UserId;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(type_name = "talent_level", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Level {
    Nouveau,
    Confirme,
    Super,
}

/// Missions whose work was accepted, and the average rating in hundredths of a star.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    pub missions: i32,
    pub rating: i16,
}

impl Level {
    const ALL: [Self; 3] = [Self::Nouveau, Self::Confirme, Self::Super];

    /// What it takes †.
    pub fn needs(self) -> Record {
        match self {
            Self::Nouveau => Record { missions: 0, rating: 0 },
            Self::Confirme => Record { missions: 3, rating: 400 },
            Self::Super => Record { missions: 10, rating: 450 },
        }
    }

    pub fn of(record: Record) -> Self {
        let has = |level: &Self| {
            let needs = level.needs();
            record.missions >= needs.missions && record.rating >= needs.rating
        };
        Self::ALL.into_iter().rev().find(has).unwrap_or(Self::Nouveau)
    }

    pub fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|level| *level > self)
    }
}

/// Notes the level that a talent stands at now. Returns it where it is reached for the first time; whoever has jumped over one
/// has reached that one too. Call it after what changed the record, whose row is then the caller's until the commit.
pub async fn note(conn: &mut PgConnection, talent: UserId, now: OffsetDateTime) -> Result<Option<Level>> {
    let record = sqlx::query_as!(
        Record,
        "select total_missions as missions, average_rating as rating from profiles where user_id = $1",
        talent.0
    );
    let level = Level::of(record.fetch_one(&mut *conn).await?);
    let reached: Vec<_> =
        Level::ALL.into_iter().filter(|one| *one > Level::Nouveau && *one <= level).collect();
    if reached.is_empty() {
        return Ok(None);
    }
    let new = sqlx::query_scalar!(
        r#"insert into levels_reached (user_id, level, reached_at)
           select $1, level, $3 from unnest($2::talent_level[]) as reached (level)
           on conflict (user_id, level) do nothing
           returning level as "level: Level""#,
        talent.0,
        &reached as &[Level],
        now,
    );
    Ok(new.fetch_all(conn).await?.into_iter().max())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn level(missions: i32, rating: i16) -> Level {
        Level::of(Record { missions, rating })
    }

    #[test]
    fn levels_begin_exactly_where_they_say() {
        assert_eq!(level(0, 0), Level::Nouveau);
        assert_eq!(
            (level(2, 500), level(3, 399), level(3, 400)),
            (Level::Nouveau, Level::Nouveau, Level::Confirme)
        );
        assert_eq!(
            (level(9, 500), level(10, 449), level(10, 450)),
            (Level::Confirme, Level::Confirme, Level::Super)
        );
        assert_eq!(Level::Nouveau.next(), Some(Level::Confirme));
        assert_eq!(Level::Super.next(), None);
    }

    proptest! {
        #[test]
        fn nobody_falls_by_doing_more_or_better(missions in 0..200_i32, rating in 0..=500_i16, more in 0..50_i32, better in 0..=100_i16) {
            prop_assert!(level(missions + more, (rating + better).min(500)) >= level(missions, rating));
        }
    }
}
