//! Where somebody stands to a paper between a client and a talent.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::error::{Error, Result};
use crate::ids::{EstablishmentId, UserId};
use crate::sessions::Viewer;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "contract_side", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Side {
    Client,
    Talent,
}

/// The two that a paper is between, and the site in whose name the client orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Between {
    pub client: UserId,
    pub site: Option<EstablishmentId>,
    pub talent: UserId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// May act: the talent, the client, owners and managers of its site.
    Party(Side),
    /// May read: viewers of the site, admins.
    Reader,
}

pub const NOT_A_PARTY: Error = Error::Refused { code: "NOT_A_PARTY", message: "You are not a party to this" };

impl Between {
    pub async fn standing(self, conn: &mut PgConnection, viewer: Viewer) -> Result<Standing> {
        match viewer.user {
            user if user == self.talent => return Ok(Standing::Party(Side::Talent)),
            user if user == self.client => return Ok(Standing::Party(Side::Client)),
            _ => {}
        }
        let manages = sqlx::query_scalar!(
            r#"select role in ('OWNER', 'MANAGER') as "manages!" from establishment_members
                where establishment_id = $1 and user_id = $2"#,
            self.site.map(|site| site.0),
            viewer.user.0,
        );
        match manages.fetch_optional(conn).await? {
            Some(true) => Ok(Standing::Party(Side::Client)),
            Some(false) => Ok(Standing::Reader),
            None if viewer.is_admin() => Ok(Standing::Reader),
            None => Err(NOT_A_PARTY),
        }
    }

    /// The side that the viewer acts for.
    pub async fn side(self, conn: &mut PgConnection, viewer: Viewer) -> Result<Side> {
        match self.standing(conn, viewer).await? {
            Standing::Party(side) => Ok(side),
            Standing::Reader => Err(NOT_A_PARTY),
        }
    }
}
