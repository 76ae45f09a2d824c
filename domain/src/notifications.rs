//! In-app notifications: rows, and the live event that goes with each.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use crate::Tx;
use crate::error::Result;
use crate::ids::{NotificationId, UserId};
use crate::live::{NotificationCreated, Telling};

/// Every kind of notification, as it is stored and sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NotificationType {
    /// To a talent: a mission that fits.
    MissionInvitation,
    /// To the client: a talent has accepted.
    MissionAssigned,
    /// To the talent: the acceptance counts.
    AssignmentConfirmed,
}

#[derive(Debug)]
pub struct NewNotification {
    pub user: UserId,
    pub kind: NotificationType,
    /// Ids for the front end to link to.
    pub data: Value,
    /// What set it off; one notification per user and cause.
    pub cause: String,
}

/// Stores notifications in one statement and returns what to tell their users: each cause once, however often delivered.
pub async fn insert(tx: &mut Tx, new: &[NewNotification], now: OffsetDateTime) -> Result<Vec<Telling>> {
    let ids: Vec<_> = new.iter().map(|_| NotificationId::new().0).collect();
    let users: Vec<_> = new.iter().map(|n| n.user.0).collect();
    let kinds: Vec<_> = new.iter().map(|n| name(n.kind)).collect();
    let datas: Vec<_> = new.iter().map(|n| n.data.clone()).collect();
    let causes: Vec<_> = new.iter().map(|n| n.cause.clone()).collect();
    let stored = sqlx::query_scalar!(
        r#"insert into notifications (id, user_id, type, data, cause, created_at)
           select id, user_id, type, data, cause, $6
             from unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[], $5::text[]) as new (id, user_id, type, data, cause)
           on conflict on constraint notifications_cause do nothing
           returning id as "id: NotificationId""#,
        &ids,
        &users,
        &kinds,
        &datas,
        &causes,
        now,
    )
    .fetch_all(&mut **tx)
    .await?;
    let told = ids.into_iter().map(NotificationId).zip(new).filter(|(id, _)| stored.contains(id));
    Ok(told
        .map(|(id, n)| {
            Telling::new(
                n.user,
                &NotificationCreated { id, kind: n.kind, data: n.data.clone(), created_at: now },
            )
        })
        .collect())
}

fn name(kind: NotificationType) -> String {
    match kind {
        NotificationType::MissionInvitation => "MISSION_INVITATION",
        NotificationType::MissionAssigned => "MISSION_ASSIGNED",
        NotificationType::AssignmentConfirmed => "ASSIGNMENT_CONFIRMED",
    }
    .to_owned()
}
