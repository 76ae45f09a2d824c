//! Who stands on paper: a talent, or the client's side of a mission or booking, as they are at this moment.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::error::{Error, Result};
use crate::ids::{EstablishmentId, UserId};

/// A side of a contract, quote or invoice. Kept as it was when the document was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Party {
    pub user_id: UserId,
    /// The legal name; without one, what the person or site calls itself.
    pub name: String,
    pub email: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub siret: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vat_number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
}

/// A person in their own name: a talent, or a client who is no establishment.
pub async fn of_person(conn: &mut PgConnection, user: UserId) -> Result<Party> {
    sqlx::query_as!(
        Party,
        r#"select u.id as "user_id: _",
                  coalesce(b.legal_name, nullif(concat_ws(' ', p.first_name, p.last_name), ''), u.email) as "name!",
                  u.email, b.siret as "siret?", b.vat_number as "vat_number?",
                  coalesce(b.address, p.address) as address, coalesce(b.postal_code, p.postal_code) as postal_code,
                  coalesce(b.city, p.city) as city
             from users u
             left join profiles p on p.user_id = u.id
             left join billing_profiles b on b.user_id = u.id
            where u.id = $1"#,
        user.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(Error::NotFound("user"))
}

/// The client's side: the site where there is one, else the person.
pub async fn of_client(
    conn: &mut PgConnection,
    client: UserId,
    site: Option<EstablishmentId>,
) -> Result<Party> {
    let Some(site) = site else { return of_person(conn, client).await };
    sqlx::query_as!(
        Party,
        r#"select u.id as "user_id: _", coalesce(e.billing_name, e.name) as "name!", coalesce(e.billing_email, u.email) as "email!",
                  e.siret, e.vat_number, coalesce(e.billing_address, e.address) as address, e.postal_code, e.city
             from users u, establishments e where u.id = $1 and e.id = $2"#,
        client.0,
        site.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(Error::NotFound("establishment"))
}

/// What VAT a talent's work bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Vat {
    /// Care by a regulated profession.
    CareExempt,
    SmallBusiness,
    Standard,
}

impl Vat {
    pub fn bps(self) -> i32 {
        match self {
            Self::CareExempt | Self::SmallBusiness => 0,
            Self::Standard => 2_000,
        }
    }

    /// What paper has to say where there is none.
    pub fn mention(self) -> Option<&'static str> {
        match self {
            Self::CareExempt => Some("Exonération de TVA, art. 261, 4-1° du CGI"),
            Self::SmallBusiness => Some("TVA non applicable, art. 293 B du CGI"),
            Self::Standard => None,
        }
    }
}

/// The VAT of a talent's own services. Care comes first: it is exempt whatever the size of the business.
pub async fn vat_of(conn: &mut PgConnection, talent: UserId) -> Result<Vat> {
    let row = sqlx::query!(
        r#"select coalesce(j.vat_exempt, false) as "exempt!", coalesce(b.vat_regime = 'STANDARD', false) as "standard!"
             from profiles p
             left join professions j on j.id = p.profession_id
             left join billing_profiles b on b.user_id = p.user_id
            where p.user_id = $1"#,
        talent.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(Error::NotFound("profile"))?;
    Ok(match (row.exempt, row.standard) {
        (true, _) => Vat::CareExempt,
        (false, true) => Vat::Standard,
        (false, false) => Vat::SmallBusiness,
    })
}
