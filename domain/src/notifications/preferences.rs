//! What a person wants to be told, how, and when not.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::NotificationType;
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::{Tx, paris, users};

/// The channels of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preference {
    pub kind: NotificationType,
    pub in_app: bool,
    pub push: bool,
    pub mail: bool,
}

impl Preference {
    /// What a type does for who has said nothing.
    pub fn usual(kind: NotificationType) -> Self {
        let manner = kind.manner();
        Self { kind, in_app: manner.in_app, push: manner.push, mail: manner.mails() }
    }

    fn check(self) -> Result<()> {
        let manner = self.kind.manner();
        let message = match () {
            () if manner.must_mail() && !self.mail => {
                "a mail that is binding or that the law asks for cannot be switched off"
            }
            () if self.kind == NotificationType::MessageReceived && self.in_app => {
                "messages are shown in their conversation, not among notifications"
            }
            () => return Ok(()),
        };
        Err(Error::Invalid { field: "types", message })
    }
}

/// Hours of Paris in which pushes wait. The app is never late, and what is urgent of a CRITICAL mission never waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    pub enabled: bool,
    pub from: i16,
    pub to: i16,
}

impl Default for QuietHours {
    /// 22 to 7 †.
    fn default() -> Self {
        Self { enabled: true, from: 22, to: 7 }
    }
}

impl QuietHours {
    /// As a row has them, or has none.
    pub(crate) fn of(enabled: Option<bool>, from: Option<i16>, to: Option<i16>) -> Self {
        match (enabled, from, to) {
            (Some(enabled), Some(from), Some(to)) => Self { enabled, from, to },
            _ => Self::default(),
        }
    }

    /// When they end, while they last.
    pub fn end(self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        let hour = i16::from(paris::hour(now));
        let within = match self.from < self.to {
            true => (self.from..self.to).contains(&hour),
            false => hour >= self.from || hour < self.to,
        };
        (self.enabled && within).then(|| paris::next(self.to as i8, 0, now))
    }
}

#[derive(Debug)]
pub struct Preferences {
    pub quiet: QuietHours,
    /// Of every type.
    pub types: Vec<Preference>,
}

pub async fn get(conn: &mut PgConnection, user: UserId) -> Result<Preferences> {
    let rows = sqlx::query!(
        "select type as code, in_app, push, mail from notification_preferences where user_id = $1",
        user.0
    );
    let rows = rows.fetch_all(&mut *conn).await?;
    let types = NotificationType::ALL.iter().map(|kind| {
        let usual = Preference::usual(*kind);
        let own = rows.iter().find(|row| row.code == kind.code());
        own.map_or(usual, |own| Preference {
            kind: *kind,
            in_app: own.in_app,
            push: own.push,
            mail: own.mail || kind.manner().must_mail(),
        })
    });
    let quiet = sqlx::query_as!(
        QuietHours,
        r#"select enabled, from_hour as "from", to_hour as "to" from quiet_hours where user_id = $1"#,
        user.0
    );
    let quiet = quiet.fetch_optional(conn).await?.unwrap_or_default();
    Ok(Preferences { quiet, types: types.collect() })
}

/// Whether a person wants pushes of a type, and when not.
pub async fn get_push(
    conn: &mut PgConnection,
    user: UserId,
    kind: NotificationType,
) -> Result<(bool, QuietHours)> {
    let row = sqlx::query!(
        r#"select p.push as "push?", q.enabled as "enabled?", q.from_hour as "from_hour?", q.to_hour as "to_hour?"
             from (select 1) as one
             left join notification_preferences p on p.user_id = $1 and p.type = $2
             left join quiet_hours q on q.user_id = $1"#,
        user.0,
        kind.code(),
    );
    let row = row.fetch_one(conn).await?;
    let wants = row.push.unwrap_or(kind.manner().push);
    Ok((wants, QuietHours::of(row.enabled, row.from_hour, row.to_hour)))
}

/// Whether a person wants mails of a type.
pub async fn get_mail(conn: &mut PgConnection, user: UserId, kind: NotificationType) -> Result<bool> {
    let own = sqlx::query_scalar!(
        "select mail from notification_preferences where user_id = $1 and type = $2",
        user.0,
        kind.code(),
    );
    let manner = kind.manner();
    Ok(manner.must_mail() || own.fetch_optional(conn).await?.unwrap_or(manner.mails()))
}

/// Replaces all of them; a type that is not named goes back to what is usual.
pub async fn replace(
    tx: &mut Tx,
    user: UserId,
    quiet: QuietHours,
    types: &[Preference],
) -> Result<Preferences> {
    for (n, preference) in types.iter().enumerate() {
        preference.check()?;
        if types[..n].iter().any(|other| other.kind == preference.kind) {
            return Err(Error::Invalid { field: "types", message: "a type is named twice" });
        }
    }
    if quiet.from == quiet.to {
        return Err(Error::Invalid { field: "quietHours", message: "from and to are the same hour" });
    }
    users::lock(tx, user).await?;
    let own: Vec<_> = types.iter().filter(|own| **own != Preference::usual(own.kind)).collect();
    sqlx::query!("delete from notification_preferences where user_id = $1", user.0)
        .execute(&mut **tx)
        .await?;
    sqlx::query!(
        "insert into notification_preferences (user_id, type, in_app, push, mail)
         select $1, * from unnest($2::text[], $3::bool[], $4::bool[], $5::bool[])",
        user.0,
        &own.iter().map(|own| own.kind.code().to_owned()).collect::<Vec<_>>(),
        &own.iter().map(|own| own.in_app).collect::<Vec<_>>(),
        &own.iter().map(|own| own.push).collect::<Vec<_>>(),
        &own.iter().map(|own| own.mail).collect::<Vec<_>>(),
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "insert into quiet_hours (user_id, enabled, from_hour, to_hour) values ($1, $2, $3, $4)
         on conflict (user_id) do update
            set enabled = excluded.enabled, from_hour = excluded.from_hour, to_hour = excluded.to_hour",
        user.0,
        quiet.enabled,
        quiet.from,
        quiet.to,
    )
    .execute(&mut **tx)
    .await?;
    get(tx, user).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;
    use time::macros::datetime;

    #[test]
    fn a_night_ends_at_seven_in_paris_over_both_clock_changes() {
        let quiet = QuietHours::default();
        for (ten, length) in [
            (datetime!(2026-01-10 21:00 UTC), 9),
            (datetime!(2026-07-10 20:00 UTC), 9),
            // The clocks go forward, and back.
            (datetime!(2026-03-28 21:00 UTC), 8),
            (datetime!(2026-10-24 20:00 UTC), 10),
        ] {
            let seven = ten + Duration::hours(length);
            assert_eq!(quiet.end(ten - Duration::SECOND), None);
            let mut now = ten;
            while now < seven {
                assert_eq!(quiet.end(now), Some(seven), "{now}");
                now += Duration::minutes(30);
            }
            assert_eq!(quiet.end(seven), None);
        }
        assert_eq!(QuietHours { enabled: false, ..quiet }.end(datetime!(2026-01-10 23:00 UTC)), None);
    }

    #[test]
    fn hours_may_lie_within_a_day_and_end_in_an_hour_that_is_skipped() {
        let noon = QuietHours { enabled: true, from: 12, to: 14 };
        assert_eq!(noon.end(datetime!(2026-01-10 11:30 UTC)), Some(datetime!(2026-01-10 13:00 UTC)));
        assert_eq!(noon.end(datetime!(2026-01-10 10:59 UTC)), None);
        assert_eq!(noon.end(datetime!(2026-01-10 13:00 UTC)), None);
        let short = QuietHours { enabled: true, from: 23, to: 2 };
        assert_eq!(short.end(datetime!(2026-03-29 00:30 UTC)), Some(datetime!(2026-03-29 01:00 UTC)));
    }
}
