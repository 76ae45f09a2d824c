//! What makes people stay: points for what they do, a level for how they do it, tags, and who brought whom.

pub mod leaderboard;
pub mod levels;
pub mod points;
pub mod referrals;
pub mod tags;

use sqlx::PgConnection;

use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::users::Role;
use levels::{Level, Record};

/// Where somebody stands.
#[derive(Debug)]
pub struct Growth {
    pub points: i32,
    pub referral_code: String,
    pub tags: Vec<String>,
    pub on_leaderboard: bool,
    pub pending_referrals: i64,
    pub confirmed_referrals: i64,
    /// Of a talent.
    pub record: Option<Record>,
}

impl Growth {
    pub fn level(&self) -> Option<Level> {
        self.record.map(Level::of)
    }
}

pub async fn get(conn: &mut PgConnection, user: UserId) -> Result<Growth> {
    let row = sqlx::query!(
        r#"select u.role as "role: Role", u.points, u.referral_code, u.tags, u.on_leaderboard, p.total_missions, p.average_rating,
                  (select count(*) from referrals where referrer_id = u.id and status = 'PENDING') as "pending!",
                  (select count(*) from referrals where referrer_id = u.id and status = 'CONFIRMED') as "confirmed!"
             from users u join profiles p on p.user_id = u.id
            where u.id = $1"#,
        user.0,
    );
    let row = row.fetch_optional(conn).await?.ok_or(Error::NotFound("user"))?;
    let record = Record { missions: row.total_missions, rating: row.average_rating };
    Ok(Growth {
        points: row.points,
        referral_code: row.referral_code,
        tags: row.tags,
        on_leaderboard: row.on_leaderboard,
        pending_referrals: row.pending,
        confirmed_referrals: row.confirmed,
        record: Some(record).filter(|_| row.role == Role::Talent),
    })
}
