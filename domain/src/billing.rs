//! What paper has to say of a person who sells, or buys as a private person.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::error::Result;
use crate::ids::UserId;

#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "vat_regime", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VatRegime {
    SmallBusiness,
    Standard,
}

#[derive(Clone, Debug)]
pub struct Billing {
    pub legal_name: Option<String>,
    pub siret: Option<String>,
    pub vat_number: Option<String>,
    pub vat_regime: VatRegime,
    pub address: Option<String>,
    pub postal_code: Option<String>,
    pub city: Option<String>,
}

impl Default for Billing {
    /// As long as nobody has said anything.
    fn default() -> Self {
        Self {
            legal_name: None,
            siret: None,
            vat_number: None,
            vat_regime: VatRegime::SmallBusiness,
            address: None,
            postal_code: None,
            city: None,
        }
    }
}

/// What a person changes; what is absent stays.
#[derive(Debug, Default)]
pub struct BillingPatch {
    pub legal_name: Option<String>,
    pub siret: Option<String>,
    pub vat_number: Option<String>,
    pub vat_regime: Option<VatRegime>,
    pub address: Option<String>,
    pub postal_code: Option<String>,
    pub city: Option<String>,
}

pub async fn get(conn: &mut PgConnection, user: UserId) -> Result<Billing> {
    let found = sqlx::query_as!(
        Billing,
        r#"select legal_name, siret, vat_number, vat_regime as "vat_regime: _", address, postal_code, city
             from billing_profiles where user_id = $1"#,
        user.0,
    );
    Ok(found.fetch_optional(conn).await?.unwrap_or_default())
}

pub async fn update(
    conn: &mut PgConnection,
    user: UserId,
    patch: BillingPatch,
    now: OffsetDateTime,
) -> Result<Billing> {
    let updated = sqlx::query_as!(
        Billing,
        r#"insert into billing_profiles as b (user_id, legal_name, siret, vat_number, vat_regime, address, postal_code, city, updated_at)
           values ($1, $2, $3, $4, coalesce($5, 'SMALL_BUSINESS'::vat_regime), $6, $7, $8, $9)
           on conflict (user_id) do update set
               legal_name = coalesce($2, b.legal_name), siret = coalesce($3, b.siret),
               vat_number = coalesce($4, b.vat_number), vat_regime = coalesce($5, b.vat_regime),
               address = coalesce($6, b.address), postal_code = coalesce($7, b.postal_code), city = coalesce($8, b.city),
               updated_at = $9
           returning legal_name, siret, vat_number, vat_regime as "vat_regime: _", address, postal_code, city"#,
        user.0,
        patch.legal_name,
        patch.siret,
        patch.vat_number,
        patch.vat_regime as Option<VatRegime>,
        patch.address,
        patch.postal_code,
        patch.city,
        now,
    );
    Ok(updated.fetch_one(conn).await?)
}
