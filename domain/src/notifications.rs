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
    /// To the client: an assigned talent has withdrawn; the search goes on.
    AssignmentWithdrawn,
    /// To the client: a talent has applied.
    ApplicationReceived,
    /// To the client: an applicant has taken the application back.
    ApplicationWithdrawn,
    /// To the talent: the client has declined the application, or the mission is full.
    ApplicationRejected,
    /// To an applicant: the mission was changed since the application.
    MissionChanged,
    /// To talents who were assigned, invited or had applied, and to the client when somebody else did it: the mission will not
    /// take place.
    MissionCancelled,
    /// To the client: the own cancellation counts, at its price.
    CancellationConfirmed,
    /// To the client: the start has come, and nobody, or not everybody, was found.
    MissionExpired,
    /// To the client: the last wave was half a day ago and slots are free.
    MissionUnfilled,
    /// To the client: the mission starts in 24 hours and slots are free.
    MissionDeadline,
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
        NotificationType::AssignmentWithdrawn => "ASSIGNMENT_WITHDRAWN",
        NotificationType::ApplicationReceived => "APPLICATION_RECEIVED",
        NotificationType::ApplicationWithdrawn => "APPLICATION_WITHDRAWN",
        NotificationType::ApplicationRejected => "APPLICATION_REJECTED",
        NotificationType::MissionChanged => "MISSION_CHANGED",
        NotificationType::MissionCancelled => "MISSION_CANCELLED",
        NotificationType::CancellationConfirmed => "CANCELLATION_CONFIRMED",
        NotificationType::MissionExpired => "MISSION_EXPIRED",
        NotificationType::MissionUnfilled => "MISSION_UNFILLED",
        NotificationType::MissionDeadline => "MISSION_DEADLINE",
    }
    .to_owned()
}
