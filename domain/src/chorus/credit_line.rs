//! A public establishment's credit line, and what of it is taken: each change is one conditional update.

use sqlx::PgConnection;

use super::NOT_PUBLIC;
use crate::error::{Error, Result};
use crate::establishments::OrganizationType;
use crate::ids::EstablishmentId;
use crate::payments::{self, Payment};

const NO_CREDIT: Error =
    Error::Conflict { code: "CREDIT_EXCEEDED", message: "The establishment's credit line does not suffice" };

/// One statement decides, however many ask at once.
pub(super) async fn take(conn: &mut PgConnection, site: EstablishmentId, cents: i64) -> Result<()> {
    let taken = sqlx::query!(
        "update establishments set credit_used_cents = credit_used_cents + $2
          where id = $1 and organization_type = 'PUBLIC' and siret is not null and credit_used_cents + $2 <= credit_limit_cents",
        site.0,
        cents,
    );
    if taken.execute(&mut *conn).await?.rows_affected() > 0 {
        return Ok(());
    }
    let kind = sqlx::query_scalar!(
        r#"select organization_type as "kind: OrganizationType" from establishments where id = $1 and siret is not null"#,
        site.0,
    );
    let kind = kind.fetch_optional(conn).await?.flatten();
    Err(if kind == Some(OrganizationType::Public) { NO_CREDIT } else { NOT_PUBLIC })
}

/// A credit line, and what of it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    pub limit_cents: i64,
    pub used_cents: i64,
}

/// Gives an establishment a credit line. One below what is taken lets nothing more be taken.
pub async fn set_limit(conn: &mut PgConnection, site: EstablishmentId, limit_cents: i64) -> Result<Credit> {
    let set = sqlx::query_as!(
        Credit,
        "update establishments set credit_limit_cents = $2 where id = $1
         returning credit_limit_cents as limit_cents, credit_used_cents as used_cents",
        site.0,
        limit_cents,
    );
    set.fetch_optional(conn).await?.ok_or(Error::NotFound("establishment"))
}

/// What was planned has come to another amount: the payment, and what it takes of the credit line, follow, unless the invoice is
/// issued or the line does not suffice. The payment, which the caller has locked, as it is then.
pub(crate) async fn adjust(conn: &mut PgConnection, payment: &Payment, cents: i64) -> Result<Payment> {
    let adjusted = sqlx::query!(
        "with line as (
             update establishments e set credit_used_cents = e.credit_used_cents - s.amount_cents + $2
               from chorus_submissions s
              where s.payment_id = $1 and s.status = 'PENDING' and s.invoice_id is null and e.id = s.establishment_id
                and ($2 <= s.amount_cents or e.credit_used_cents - s.amount_cents + $2 <= e.credit_limit_cents)
             returning e.id
         ), submission as (
             update chorus_submissions set amount_cents = $2 where payment_id = $1 and exists (select from line)
         )
         update payments set amount_cents = $2 where id = $1 and exists (select from line)",
        payment.id.0,
        cents,
    );
    adjusted.execute(&mut *conn).await?;
    payments::get(conn, payment.id).await
}
