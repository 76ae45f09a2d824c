//! Refunds that had gone through, and came back.

use sqlx::PgConnection;

use crate::error::Result;
use crate::ids::PaymentId;

/// One of them.
#[derive(Clone, Debug)]
pub struct FailedRefund {
    /// Stripe's name of the refund.
    pub refund_id: String,
    pub amount_cents: i64,
    /// In Stripe's words.
    pub reason: Option<String>,
}

/// Those of a payment. One that is not known yet to have gone through is left out: that word may come later.
pub(super) async fn list(conn: &mut PgConnection, payment: PaymentId) -> Result<Vec<FailedRefund>> {
    let failed = sqlx::query_as!(
        FailedRefund,
        "select f.refund_id, f.amount_cents, f.reason from failed_refunds f
          where f.payment_id = $1
            and exists (select from refunds r where r.payment_id = f.payment_id and r.status = 'SUCCEEDED' and r.way <> 'BANK'
                                                and (r.id = f.own_id or r.refund_id = f.refund_id))",
        payment.0,
    );
    Ok(failed.fetch_all(conn).await?)
}
