//! Digests of what members left unread: found by the clock, so that a send pays nothing for them.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::error::Result;
use crate::ids::{ConversationId, UserId};

/// Left unread this long, a message is worth a mail †.
pub const UNREAD_FOR: Duration = Duration::minutes(15);

/// A member to be told by mail of one conversation.
#[derive(Debug)]
#[must_use = "who is marked as told is told"]
pub struct Unread {
    pub user: UserId,
    pub conversation: ConversationId,
}

/// Looks at the next messages written up to `until`, about `limit` of them, and marks who is to be told of them; nothing
/// when all have been looked at.
///
/// Each message is looked at once, when it is old enough to be sure that none with an earlier time is still being
/// committed. Whoever was told and has not read that far since is not told again.
pub async fn mark_next(
    conn: &mut PgConnection,
    until: OffsetDateTime,
    limit: i64,
) -> Result<Option<Vec<Unread>>> {
    let after = sqlx::query_scalar!(
        "select done_up_to from unread_digest_progress where done_up_to < $1 for update",
        until
    );
    let Some(after) = after.fetch_optional(&mut *conn).await? else { return Ok(None) };
    let up_to = sqlx::query_scalar!(
        "update unread_digest_progress
            set done_up_to = coalesce((select created_at from messages where created_at > $1 and created_at <= $2
                                           order by created_at offset $3 limit 1), $2)
         returning done_up_to",
        after,
        until,
        limit,
    );
    let up_to = up_to.fetch_one(&mut *conn).await?;
    let unread = sqlx::query_as!(
        Unread,
        r#"with newest as (
               select conversation_id, max(seq) as seq from messages
                where created_at > $1 and created_at <= $2 and kind = 'TEXT' group by conversation_id
           )
           insert into unread_digests as d (user_id, conversation_id, seq)
           select u.id, n.conversation_id, n.seq
             from newest n
            cross join conversation_members(n.conversation_id) as member
             join users u on u.id = member
             left join read_marks r on r.user_id = u.id and r.conversation_id = n.conversation_id
            where n.seq > coalesce(r.seq, 0) and u.status not in ('SUSPENDED', 'BANNED') and u.email_verified_at is not null
              and coalesce((select p.mail from notification_preferences p where p.user_id = u.id and p.type = 'MESSAGE_RECEIVED'), true)
           on conflict (user_id, conversation_id) do update set seq = excluded.seq
            where d.seq <= (select r.seq from read_marks r
                             where r.user_id = d.user_id and r.conversation_id = d.conversation_id)
           returning user_id as "user: UserId", conversation_id as "conversation: ConversationId""#,
        after,
        up_to,
    );
    Ok(Some(unread.fetch_all(conn).await?))
}

/// How many messages of others a member has not read; none for one who is a member no more, or may not be written to.
pub async fn count(conn: &mut PgConnection, conversation: ConversationId, member: UserId) -> Result<i64> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!"
             from messages m join conversations c on c.id = m.conversation_id join users u on u.id = $2
            where c.id = $1 and m.kind = 'TEXT' and m.sender_id <> u.id
              and m.seq > coalesce((select seq from read_marks where user_id = u.id and conversation_id = c.id), 0)
              and u.status not in ('SUSPENDED', 'BANNED')
              and is_conversation_member(c.mission_id, c.client_id, c.talent_id, u.id)"#,
        conversation.0,
        member.0,
    );
    Ok(count.fetch_one(conn).await?)
}
