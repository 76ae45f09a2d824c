//! Addresses that are not written to, and their opening.

use domain::ids::MailSuppressionId;
use domain::mail_suppressions::{self, MailSuppression};
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::ApiResult;
use crate::guard::{AdminOnly, Auth};
use crate::wire::{self, Text, mirror};

#[derive(Debug)]
pub struct MailSuppressionsApi;

mirror! {
    /// BOUNCED: it does not exist or takes no mail. COMPLAINED: its owner called a mail spam.
    MailSuppressionReason = domain::mail_suppressions::Reason { Bounced, Complained }
}

/// An address that is not written to.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct MailSuppressionView {
    id: Uuid,
    /// In lower case.
    #[oai(validator(max_length = 320))]
    email: String,
    reason: MailSuppressionReason,
    /// What the mail server or the provider said.
    #[oai(validator(max_length = 500))]
    detail: String,
    since: OffsetDateTime,
    /// When it was opened again; absent while it is closed.
    lifted_at: Option<OffsetDateTime>,
}

impl From<MailSuppression> for MailSuppressionView {
    fn from(row: MailSuppression) -> Self {
        Self {
            id: row.id.0,
            email: row.address,
            reason: row.reason.into(),
            detail: row.detail,
            since: row.since,
            lifted_at: row.lifted_at,
        }
    }
}

/// A page of addresses, the latest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct MailSuppressionPage {
    #[oai(validator(max_items = 100))]
    items: Vec<MailSuppressionView>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

#[OpenApi(prefix_path = "/api/v1/admin/mail-suppressions", tag = "wire::Tag::Admin")]
impl MailSuppressionsApi {
    /// List addresses that are not written to
    ///
    /// They bounced, or their owner complained. Only mails about the safety of an account still go there.
    #[oai(path = "/", method = "get", operation_id = "listMailSuppressions")]
    async fn list_mail_suppressions(
        &self,
        app: Data<&App>,
        #[oai(name = "_caller")] _caller: Auth<AdminOnly>,
        /// Only this address.
        #[oai(validator(min_length = 3, max_length = 320))]
        email: Query<Option<Text>>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<MailSuppressionPage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let email = email.0.as_ref().map(|email| email.0.as_str());
        let (items, next) = mail_suppressions::list(&mut *app.db.conn().await?, email, page).await?;
        let items = items.into_iter().map(Into::into).collect();
        Ok(Json(MailSuppressionPage { items, next_cursor: wire::next(next) }))
    }

    /// Write to an address again
    ///
    /// Until it bounces once more, or its owner complains; doing it twice is harmless.
    #[oai(path = "/:id/lift", method = "post", operation_id = "liftMailSuppression")]
    async fn lift_mail_suppression(
        &self,
        app: Data<&App>,
        caller: Auth<AdminOnly>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<MailSuppressionView>> {
        let mut tx = app.db.begin().await?;
        let (id, now) = (MailSuppressionId(id.0), app.clock.now());
        let lifted = mail_suppressions::lift(&mut tx, id, caller.0.user, now).await?;
        tx.commit().await?;
        Ok(Json(lifted.into()))
    }
}
