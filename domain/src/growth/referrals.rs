//! Referrals: who came by whose code, and which of them count. The row is made with the account, by the database (0031).

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::error::Result;
use crate::ids::UserId;
use crate::page::{Cursor, Page};

/// How many referrals count for one referrer †.
const MOST: i64 = 50;

#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "referral_status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReferralStatus {
    /// Until the invitee has shown who they are.
    Pending,
    Confirmed,
    /// Shown, when the referrer had as many as count.
    Capped,
}

/// A referral, as its referrer sees it.
#[derive(Debug)]
pub struct Referral {
    pub invitee_id: UserId,
    pub first_name: Option<String>,
    pub last_initial: Option<String>,
    pub status: ReferralStatus,
    pub created_at: OffsetDateTime,
    pub decided_at: Option<OffsetDateTime>,
}

/// Somebody's, newest first.
pub async fn list(
    conn: &mut PgConnection,
    referrer: UserId,
    page: Page,
) -> Result<(Vec<Referral>, Option<Cursor>)> {
    let (after, after_id) = page.after.map(|cursor| (cursor.created_at, cursor.id)).unzip();
    let rows = sqlx::query_as!(
        Referral,
        r#"select r.invitee_id as "invitee_id: _", p.first_name, left(p.last_name, 1) as last_initial, r.status as "status: _",
                  r.created_at, r.decided_at
             from referrals r join profiles p on p.user_id = r.invitee_id
            where r.referrer_id = $1 and ($2::timestamptz is null or (r.created_at, r.invitee_id) < ($2, $3))
            order by r.created_at desc, r.invitee_id desc limit $4"#,
        referrer.0,
        after,
        after_id,
        page.rows(),
    );
    let rows = rows.fetch_all(conn).await?;
    Ok(page.cut(rows, |row| Cursor { created_at: row.created_at, id: row.invitee_id.0 }))
}

pub async fn find_referrer(conn: &mut PgConnection, invitee: UserId) -> Result<Option<UserId>> {
    let referrer = sqlx::query_scalar!(
        r#"select referrer_id as "referrer: UserId" from referrals where invitee_id = $1"#,
        invitee.0
    );
    Ok(referrer.fetch_optional(conn).await?)
}

/// The invitee has shown who they are: their referral counts from now on, or the cap is reached. Returns the referrer of one that
/// counts, once.
pub async fn confirm(
    conn: &mut PgConnection,
    invitee: UserId,
    now: OffsetDateTime,
) -> Result<Option<UserId>> {
    let Some(referrer) = find_referrer(&mut *conn, invitee).await? else { return Ok(None) };
    // Their row, behind which the referrals of one referrer are counted one after the other.
    sqlx::query!("select id from users where id = $1 for no key update", referrer.0)
        .fetch_one(&mut *conn)
        .await?;
    let decided = sqlx::query_scalar!(
        r#"update referrals
              set decided_at = $3,
                  status = case when (select count(*) from referrals where referrer_id = $2 and status = 'CONFIRMED') < $4
                                then 'CONFIRMED' else 'CAPPED' end::referral_status
            where invitee_id = $1 and status = 'PENDING'
           returning status as "status: ReferralStatus""#,
        invitee.0,
        referrer.0,
        now,
        MOST,
    );
    let decided = decided.fetch_optional(conn).await?;
    Ok(decided.filter(|status| *status == ReferralStatus::Confirmed).map(|_| referrer))
}
