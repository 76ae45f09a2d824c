//! Pushes for messages to who is not there to see them: found by the clock, as the digests are, so that a send pays nothing.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::error::Result;
use crate::ids::{ConversationId, PushSubscriptionId, UserId};
use crate::notifications::{NotificationType, QuietHours};

/// A look reaches back over the one before by this much, for messages that were still being committed then: what an earlier look
/// has told is known by its number, so nothing is told twice.
const OVERLAP: Duration = Duration::seconds(15);
/// After an absence of all workers, what is older than this is left to the digest.
const FRESH: Duration = Duration::HOUR;

/// A device to be told that there are messages in a conversation.
#[derive(Debug)]
#[must_use = "who is marked as told is told"]
pub struct Unseen {
    pub user: UserId,
    pub conversation: ConversationId,
    pub subscription: PushSubscriptionId,
    /// When quiet hours have ended.
    pub at: Option<OffsetDateTime>,
}

/// Where to look: the conversations that somebody wrote in since the last look.
pub async fn list_busy(conn: &mut PgConnection, now: OffsetDateTime) -> Result<Vec<ConversationId>> {
    let busy = sqlx::query_scalar!(
        r#"select distinct conversation_id as "id: ConversationId" from messages
            where kind = 'TEXT' and created_at <= $1
              and created_at > greatest((select done_up_to from message_push_progress) - make_interval(secs => $2), $3)"#,
        now,
        OVERLAP.as_seconds_f64(),
        now - FRESH,
    );
    Ok(busy.fetch_all(conn).await?)
}

/// Marks who is to be told of the newest message of these conversations: members with a device who have not read that far, were not
/// told that far, and are not among those `present` in it.
pub async fn mark(
    conn: &mut PgConnection,
    busy: &[ConversationId],
    present: &[(ConversationId, UserId)],
    now: OffsetDateTime,
) -> Result<Vec<Unseen>> {
    sqlx::query!("update message_push_progress set done_up_to = greatest(done_up_to, $1)", now)
        .execute(&mut *conn)
        .await?;
    if busy.is_empty() {
        return Ok(Vec::new());
    }
    let (rooms, people): (Vec<_>, Vec<_>) = present.iter().map(|(room, user)| (room.0, user.0)).unzip();
    let kind = NotificationType::MessageReceived;
    let rows = sqlx::query!(
        r#"with newest as (
               select room as conversation_id, m.seq
                 from unnest($1::uuid[]) as room
                cross join lateral (select seq from messages where conversation_id = room and kind = 'TEXT'
                                     order by seq desc limit 1) m
           ), unseen as (
               select u.id as user_id, n.conversation_id, n.seq
                 from newest n
                cross join conversation_members(n.conversation_id) as member
                 join users u on u.id = member
                 left join read_marks r on r.user_id = u.id and r.conversation_id = n.conversation_id
                 left join notification_preferences p on p.user_id = u.id and p.type = $4
                where n.seq > coalesce(r.seq, 0) and coalesce(p.push, $6) and u.status not in ('SUSPENDED', 'BANNED')
                  and not exists (select from unnest($2::uuid[], $3::uuid[]) as here (room, person)
                                   where room = n.conversation_id and person = u.id)
           ), devices as (
               select n.user_id, n.conversation_id, n.seq, s.id as subscription
                 from unseen n join push_subscriptions s on s.user_id = n.user_id join sessions l on l.id = s.session_id
                where l.revoked_at is null and l.expires_at > $5
           ), marked as (
               insert into message_pushes as m (user_id, conversation_id, seq)
               select distinct user_id, conversation_id, seq from devices
               on conflict (user_id, conversation_id) do update set seq = excluded.seq where m.seq < excluded.seq
               returning user_id, conversation_id
           )
           select d.user_id as "user: UserId", d.conversation_id as "conversation!: ConversationId",
                  d.subscription as "subscription: PushSubscriptionId",
                  q.enabled as "enabled?", q.from_hour as "from_hour?", q.to_hour as "to_hour?"
             from devices d join marked using (user_id, conversation_id) left join quiet_hours q using (user_id)"#,
        &busy.iter().map(|room| room.0).collect::<Vec<_>>(),
        &rooms,
        &people,
        kind.code(),
        now,
        kind.manner().push,
    );
    let unseen = rows.fetch_all(conn).await?.into_iter().map(|row| Unseen {
        user: row.user,
        conversation: row.conversation,
        subscription: row.subscription,
        at: QuietHours::of(row.enabled, row.from_hour, row.to_hour).end(now),
    });
    Ok(unseen.collect())
}
