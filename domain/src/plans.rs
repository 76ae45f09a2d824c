//! What the platform asks for its part of a price: the plan of the client's site or, without one, of the client.

use sqlx::PgConnection;

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
