//! What the platform asks for its part of a price: the plan of the client's site or, without one, of the client. Admins give
//! plans, and what they decide is kept with its reason.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::ids::{EstablishmentId, UserId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "price_plan", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Plan {
    Standard,
    Beta,
    Enterprise,
}

impl Plan {
    /// Commission †, in basis points of the price.
    pub fn commission_bps(self) -> i32 {
        match self {
            Self::Standard => 1_500,
            Self::Beta => 200,
            Self::Enterprise => 0,
        }
    }
}

/// The plan under which a client buys, for this site or for itself.
pub async fn get(conn: &mut PgConnection, client: UserId, site: Option<EstablishmentId>) -> Result<Plan> {
    let plan = sqlx::query_scalar!(
        r#"select coalesce((select plan from establishments where id = $2), plan) as "plan!: Plan" from users where id = $1"#,
        client.0,
        site.map(|site| site.0),
    );
    plan.fetch_optional(conn).await?.ok_or(Error::NotFound("client"))
}

/// Who buys under a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buyer {
    /// A person who buys for no site.
    Client(UserId),
    Site(EstablishmentId),
}

/// Gives a buyer a plan, for what is asked for from now on: payments and bookings keep theirs. True where it was another one.
pub async fn set(
    conn: &mut PgConnection,
    buyer: Buyer,
    plan: Plan,
    admin: UserId,
    reason: &str,
    now: OffsetDateTime,
) -> Result<bool> {
    let (client, site) = match buyer {
        Buyer::Client(client) => (Some(client.0), None),
        Buyer::Site(site) => (None, Some(site.0)),
    };
    // Two admins at once stand in line here, so that each decision names the plan that it changed.
    let before = sqlx::query_scalar!(
        r#"with client as (select plan from users where id = $1 and role = 'CLIENT' for no key update),
                site as (select plan from establishments where id = $2 for no key update)
           select plan as "plan!: Plan" from client union all select plan from site"#,
        client,
        site,
    );
    let missing = if client.is_some() { "client" } else { "establishment" };
    let before = before.fetch_optional(&mut *conn).await?.ok_or(Error::NotFound(missing))?;
    if before == plan {
        return Ok(false);
    }
    sqlx::query!(
        "with client as (update users set plan = $5 where id = $2),
              site as (update establishments set plan = $5 where id = $3)
         insert into plan_decisions (id, user_id, establishment_id, before, plan, admin_id, reason, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        Uuid::now_v7(),
        client,
        site,
        before as Plan,
        plan as Plan,
        admin.0,
        reason,
        now,
    )
    .execute(conn)
    .await?;
    Ok(true)
}
