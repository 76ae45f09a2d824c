//! The devices that a person is told on: browsers by their endpoint and keys, apps by their registration token.
//!
//! A subscription lives as long as the session that named it. So a sign-out, a changed password, a ban end it in the same
//! moment, without a step that could be forgotten; who signs in again subscribes again.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::Tx;
use crate::error::{Error, Result};
use crate::ids::{PushSubscriptionId, UserId};
use crate::sessions::Viewer;
use crate::users;

/// Devices of one person †; beyond that the oldest goes.
pub const MOST: i64 = 10;
/// Of a browser's endpoint or an app's token, in characters.
pub const LONGEST_ADDRESS: usize = 2048;
/// Pushes in a row that did not arrive, after which a device counts as gone †.
const PATIENCE: i16 = 5;

/// A browser's public key and its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    pub p256dh: Vec<u8>,
    pub auth: Vec<u8>,
}

/// Without the secret.
impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

#[derive(Debug)]
pub struct NewSubscription {
    /// A browser's endpoint, or an app's token.
    pub address: String,
    /// Whose pause counts for it.
    pub service: String,
    /// Of a browser.
    pub keys: Option<Keys>,
}

#[derive(Debug)]
pub struct Subscription {
    pub id: PushSubscriptionId,
    pub created_at: OffsetDateTime,
}

/// Names a device, or names it again.
///
/// A browser that two people share has one endpoint for both. Whoever shows the keys that are known with it sits at that browser,
/// and has it from now on; who knows the endpoint alone does not get it, and cannot take it from its owner. An app's token is such
/// a secret by itself. With its owner its id changes, so that nothing that waits for the one before is sent to the next.
pub async fn subscribe(
    tx: &mut Tx,
    viewer: Viewer,
    new: NewSubscription,
    now: OffsetDateTime,
) -> Result<Subscription> {
    users::lock(tx, viewer.user).await?;
    let (p256dh, auth) = new.keys.map(|keys| (keys.p256dh, keys.auth)).unzip();
    let subscription = sqlx::query_as!(
        Subscription,
        r#"insert into push_subscriptions as p (id, user_id, session_id, address, service, p256dh, auth, created_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8)
           on conflict on constraint push_subscriptions_address do update
              set id = case when p.user_id = excluded.user_id then p.id else excluded.id end, user_id = excluded.user_id, session_id = excluded.session_id, service = excluded.service,
                  p256dh = excluded.p256dh, auth = excluded.auth, failures = 0, created_at = excluded.created_at
            where p.user_id = excluded.user_id
               or (p.p256dh is not distinct from excluded.p256dh and p.auth is not distinct from excluded.auth)
           returning id as "id: _", created_at"#,
        PushSubscriptionId::new().0,
        viewer.user.0,
        viewer.session.0,
        new.address,
        new.service,
        p256dh,
        auth,
        now,
    );
    let subscription = subscription.fetch_optional(&mut **tx).await?.ok_or(Error::Conflict {
        code: "PUSH_SUBSCRIPTION_TAKEN",
        message: "This endpoint belongs to somebody else, with other keys",
    })?;
    sqlx::query!(
        "delete from push_subscriptions
          where id in (select id from push_subscriptions where user_id = $1 order by created_at desc, id desc offset $2)",
        viewer.user.0,
        MOST,
    )
    .execute(&mut **tx)
    .await?;
    Ok(subscription)
}

/// Forgets a device of one's own; one that is not there is forgotten.
pub async fn unsubscribe(conn: &mut PgConnection, user: UserId, address: &str) -> Result<()> {
    sqlx::query!("delete from push_subscriptions where user_id = $1 and address = $2", user.0, address)
        .execute(conn)
        .await?;
    Ok(())
}

/// A device, as it is reached.
#[derive(Debug)]
pub struct Device {
    pub id: PushSubscriptionId,
    pub user: UserId,
    pub locale: String,
    pub address: String,
    pub service: String,
    pub keys: Option<Keys>,
    /// Its service has asked to wait until then.
    pub paused_until: Option<OffsetDateTime>,
}

/// A device whose session is alive.
pub async fn find_living(
    conn: &mut PgConnection,
    id: PushSubscriptionId,
    now: OffsetDateTime,
) -> Result<Option<Device>> {
    let row = sqlx::query!(
        r#"select p.user_id as "user: UserId", p.address, p.service, p.p256dh, p.auth, u.locale,
                  v.paused_until as "paused_until?"
             from push_subscriptions p join sessions s on s.id = p.session_id join users u on u.id = p.user_id
             left join push_services v on v.service = p.service and v.paused_until > $2
            where p.id = $1 and s.revoked_at is null and s.expires_at > $2 and u.status <> 'BANNED'"#,
        id.0,
        now,
    );
    Ok(row.fetch_optional(conn).await?.map(|row| Device {
        id,
        user: row.user,
        locale: row.locale,
        address: row.address,
        service: row.service,
        keys: row.p256dh.zip(row.auth).map(|(p256dh, auth)| Keys { p256dh, auth }),
        paused_until: row.paused_until,
    }))
}

/// A push arrived: what had failed before does not count. Writes nothing where nothing had.
pub async fn mark_reached(conn: &mut PgConnection, id: PushSubscriptionId) -> Result<()> {
    sqlx::query!("update push_subscriptions set failures = 0 where id = $1 and failures > 0", id.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// A push did not arrive, and is not tried again; after too many in a row the device is forgotten.
pub async fn mark_missed(conn: &mut PgConnection, id: PushSubscriptionId) -> Result<()> {
    sqlx::query!("update push_subscriptions set failures = failures + 1 where id = $1", id.0)
        .execute(&mut *conn)
        .await?;
    sqlx::query!("delete from push_subscriptions where id = $1 and failures >= $2", id.0, PATIENCE)
        .execute(conn)
        .await?;
    Ok(())
}

/// The push service does not know the device any more.
pub async fn remove(conn: &mut PgConnection, id: PushSubscriptionId) -> Result<()> {
    sqlx::query!("delete from push_subscriptions where id = $1", id.0).execute(conn).await?;
    Ok(())
}

/// A push service asks all of us to wait. Pauses that are over are forgotten on the way.
pub async fn pause(
    conn: &mut PgConnection,
    service: &str,
    until: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<()> {
    sqlx::query!("delete from push_services where paused_until < $1 and service <> $2", now, service)
        .execute(&mut *conn)
        .await?;
    sqlx::query!(
        "insert into push_services as v (service, paused_until) values ($1, $2)
         on conflict (service) do update set paused_until = greatest(v.paused_until, excluded.paused_until)",
        service,
        until,
    )
    .execute(conn)
    .await?;
    Ok(())
}
