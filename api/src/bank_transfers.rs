//! What goes back from bank to bank, and refunds that went no other way: for admins, who make the transfers.

use domain::ids::{BankTransferId, RefundId};
use domain::payments::bank_transfers::{self, Transfer};
use domain::payments::{BankTransfer, bank_refunds, reading};
use jobs::effects;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::ApiResult;
use crate::guard::{AdminOnly, Auth};
use crate::payments::{DisputeStatus, RefundStatus, RefundView};
use crate::wire::{self, Text, mirror};

#[derive(Debug)]
pub struct BankTransfersApi;

mirror! {
    /// PUBLIC_BODY: it had come from bank to bank, over Chorus Pro. REFUND_CAME_BACK: the payer’s bank did not take what Stripe had
    /// given back. REFUND_REFUSED: Stripe refused to give it back.
    BankTransferReason = domain::payments::bank_transfers::Why { PublicBody, RefundCameBack, RefundRefused }
}

/// A transfer that somebody has to make, or has made. While its payment’s dispute is OPEN, the payer’s bank may take the money by itself.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct BankTransferView {
    id: Uuid,
    payment_id: Uuid,
    payer_id: Uuid,
    why: BankTransferReason,
    /// What is to be transferred, or was.
    #[oai(validator(minimum(value = "0"), maximum(value = "99999999")))]
    amount_cents: i64,
    /// What of it the payer has got otherwise since, and is not transferred.
    #[oai(validator(minimum(value = "0"), maximum(value = "99999999")))]
    covered_cents: i64,
    dispute: DisputeStatus,
    due_since: OffsetDateTime,
    /// When it was made, or was not needed any more.
    made_at: Option<OffsetDateTime>,
    /// What the bank calls it.
    #[oai(validator(max_length = 100))]
    reference: Option<String>,
}

impl From<BankTransfer> for BankTransferView {
    fn from(transfer: BankTransfer) -> Self {
        Self {
            id: transfer.id.0,
            payment_id: transfer.payment_id.0,
            payer_id: transfer.payer_id.0,
            why: transfer.why().into(),
            amount_cents: transfer.cents(),
            covered_cents: transfer.covered_cents,
            dispute: transfer.dispute.into(),
            due_since: transfer.due_since,
            made_at: transfer.made_at,
            reference: transfer.reference,
        }
    }
}

/// A page of transfers, the latest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct BankTransferPage {
    #[oai(validator(max_items = 100))]
    items: Vec<BankTransferView>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

/// A transfer that somebody has made.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct TransferMade {
    /// What the bank calls it.
    #[oai(validator(min_length = 1, max_length = 100))]
    reference: Text,
}

/// A page of refunds, the latest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct RefundPage {
    #[oai(validator(max_items = 100))]
    items: Vec<RefundView>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

#[OpenApi(prefix_path = "/api/v1/admin", tag = "wire::Tag::Admin")]
impl BankTransfersApi {
    /// List transfers between banks
    ///
    /// `made=false` are those that are due: what public bodies had paid and goes back, and refunds that Stripe refused or that came back.
    #[oai(path = "/bank-transfers", method = "get", operation_id = "listBankTransfers")]
    async fn list_bank_transfers(
        &self,
        app: Data<&App>,
        #[oai(name = "_caller")] _caller: Auth<AdminOnly>,
        /// Only those that are made, or are due; both when absent.
        made: Query<Option<bool>>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<BankTransferPage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let (items, next) = bank_transfers::list(&mut *app.db.conn().await?, made.0, page).await?;
        let items = items.into_iter().map(Into::into).collect();
        Ok(Json(BankTransferPage { items, next_cursor: wire::next(next) }))
    }

    /// Confirm that a transfer was made
    ///
    /// By whoever has made it, under the bank’s reference; its payer is told. Again with the same reference is harmless.
    #[oai(path = "/bank-transfers/:id/made", method = "post", operation_id = "confirmBankTransfer")]
    async fn confirm_bank_transfer(
        &self,
        app: Data<&App>,
        caller: Auth<AdminOnly>,
        id: Path<Uuid>,
        body: Json<TransferMade>,
    ) -> ApiResult<Json<BankTransferView>> {
        let id = BankTransferId(id.0);
        let transfer = Transfer { by: caller.0.user, reference: body.reference.as_ref() };
        let mut tx = app.db.begin().await?;
        if let Some(made) = bank_transfers::mark_made(&mut tx, id, transfer, app.clock.now()).await? {
            effects::payments::transferred(&mut tx, &made).await?;
        }
        let transfer = bank_transfers::get(&mut tx, id).await?;
        tx.commit().await?;
        Ok(Json(transfer.into()))
    }

    /// List refunds
    ///
    /// `status=FAILED` are those that Stripe refused.
    #[oai(path = "/refunds", method = "get", operation_id = "listRefunds")]
    async fn list_refunds(
        &self,
        app: Data<&App>,
        #[oai(name = "_caller")] _caller: Auth<AdminOnly>,
        status: Query<Option<RefundStatus>>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<RefundPage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let mut conn = app.db.conn().await?;
        let (items, next) = reading::list_refunds(&mut conn, status.0.map(Into::into), page).await?;
        let items = items.into_iter().map(Into::into).collect();
        Ok(Json(RefundPage { items, next_cursor: wire::next(next) }))
    }

    /// Give a refund back by bank
    ///
    /// One that Stripe refused: it is owed from then on, and listed as a transfer that is due. What its talent got of it is taken back
    /// first. 409 where less than that is left of the payment, or a bank disputes it.
    #[oai(path = "/refunds/:id/by-bank", method = "post", operation_id = "refundByBank")]
    async fn refund_by_bank(
        &self,
        app: Data<&App>,
        #[oai(name = "_caller")] _caller: Auth<AdminOnly>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<RefundView>> {
        let mut tx = app.db.begin().await?;
        let requested = bank_refunds::by_bank(&mut tx, RefundId(id.0)).await?;
        effects::payments::refund_requested(&mut tx, &requested).await?;
        tx.commit().await?;
        Ok(Json(requested.refund.into()))
    }
}
