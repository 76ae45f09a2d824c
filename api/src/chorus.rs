//! Paying over Chorus Pro: public establishments, later and by invoice.

use domain::chorus::{self, References, Submission};
use domain::ids::{ContractId, EstablishmentId, MissionId, PaymentId};
use domain::payments::asking::Bill;
use domain::payments::reading;
use domain::sessions::Viewer;
use jobs::effects;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::guard::{ActiveClient, AdminOnly, Anyone, Auth};
use crate::payments::PaymentView;
use crate::wire::{self, Text, mirror};

#[derive(Debug)]
pub struct ChorusApi;

mirror! {
    ChorusStatus = domain::chorus::ChorusStatus { Pending, Sent, Paid, Rejected, Withdrawn }
}

/// What the invoice is filed under; what is absent is taken from the establishment.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct DeferralRequest {
    /// The service that it is for.
    #[oai(validator(min_length = 1, max_length = 100))]
    service_code: Option<Text>,
    /// The order (numéro d’engagement).
    #[oai(validator(min_length = 1, max_length = 50))]
    order_reference: Option<Text>,
}

#[derive(ApiResponse)]
enum PaymentDeferred {
    /// Its invoice will be handed in
    #[oai(status = 201)]
    Created(Json<PaymentView>),
}

/// An invoice on its way through Chorus Pro.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct ChorusSubmission {
    payment_id: Uuid,
    establishment_id: Uuid,
    status: ChorusStatus,
    /// The talent's invoice, once it is issued.
    invoice_id: Option<Uuid>,
    /// Chorus Pro's number of the flow.
    #[oai(validator(max_length = 100))]
    flow: Option<String>,
    /// Where it stands, in Chorus Pro's words (`MISE_A_DISPOSITION`).
    #[oai(validator(max_length = 100))]
    state: Option<String>,
    /// Why it is refused, or waits.
    #[oai(validator(max_length = 4000))]
    chorus_reason: Option<String>,
    created_at: OffsetDateTime,
    sent_at: Option<OffsetDateTime>,
    ended_at: Option<OffsetDateTime>,
}

impl From<Submission> for ChorusSubmission {
    fn from(submission: Submission) -> Self {
        Self {
            payment_id: submission.payment_id.0,
            establishment_id: submission.establishment_id.0,
            status: submission.status.into(),
            invoice_id: submission.invoice_id.map(|id| id.0),
            flow: submission.flow,
            state: submission.state,
            chorus_reason: submission.reason,
            created_at: submission.created_at,
            sent_at: submission.sent_at,
            ended_at: submission.ended_at,
        }
    }
}

/// What a public establishment may owe at once.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct CreditLimit {
    #[oai(validator(minimum(value = "0"), maximum(value = "99999999")))]
    credit_limit_cents: i64,
}

/// A credit line, and what of it is taken.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct CreditLine {
    #[oai(validator(minimum(value = "0"), maximum(value = "99999999")))]
    credit_limit_cents: i64,
    #[oai(validator(minimum(value = "0")))]
    credit_used_cents: i64,
}

async fn defer(
    app: &App,
    bill: Bill,
    caller: Viewer,
    request: DeferralRequest,
) -> ApiResult<PaymentDeferred> {
    if !app.chorus {
        return Err(ApiError::Unavailable {
            code: "CHORUS_NOT_CONFIGURED",
            message: "This platform does not speak with Chorus Pro",
        });
    }
    let now = app.clock.now();
    let references = References {
        service_code: request.service_code.map(Into::into),
        order_reference: request.order_reference.map(Into::into),
    };
    let mut tx = app.db.begin().await?;
    let deferred = chorus::defer(&mut tx, bill, &references, caller, now).await?;
    effects::chorus::deferred(&mut tx, &deferred, now).await?;
    tx.commit().await?;
    Ok(PaymentDeferred::Created(Json(deferred.payment.into())))
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::Payments")]
impl ChorusApi {
    /// Pay for a mission over Chorus Pro
    ///
    /// For public establishments, within their credit line: the invoice is handed in when the work is accepted, for what was accepted,
    /// and paid by their accountant. Asking again changes nothing.
    #[oai(path = "/payments/missions/:id/chorus", method = "post", operation_id = "deferMissionPayment")]
    async fn defer_mission_payment(
        &self,
        app: Data<&App>,
        caller: Auth<ActiveClient>,
        id: Path<Uuid>,
        body: Json<DeferralRequest>,
    ) -> ApiResult<PaymentDeferred> {
        defer(&app, Bill::Mission(MissionId(id.0)), caller.0, body.0).await
    }

    /// Pay for the contract of a quote over Chorus Pro
    ///
    /// For public establishments, within their credit line: the invoice is handed in when the contract is completed, by its client or 14
    /// days after this, and paid by their accountant. Asking again changes nothing.
    #[oai(path = "/payments/contracts/:id/chorus", method = "post", operation_id = "deferContractPayment")]
    async fn defer_contract_payment(
        &self,
        app: Data<&App>,
        caller: Auth<ActiveClient>,
        id: Path<Uuid>,
        body: Json<DeferralRequest>,
    ) -> ApiResult<PaymentDeferred> {
        defer(&app, Bill::Contract(ContractId(id.0)), caller.0, body.0).await
    }

    /// Follow an invoice through Chorus Pro
    ///
    /// For whoever may read its payment.
    #[oai(path = "/payments/:id/chorus", method = "get", operation_id = "getChorusSubmission")]
    async fn get_chorus_submission(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<ChorusSubmission>> {
        let mut conn = app.db.conn().await?;
        let payment = reading::get_for(&mut conn, PaymentId(id.0), caller.0).await?;
        Ok(Json(chorus::get(&mut conn, payment.id).await?.into()))
    }

    /// Give an establishment a credit line
    ///
    /// Only public ones can use it. A line below what is taken lets nothing more be taken.
    #[oai(path = "/admin/establishments/:id/credit-limit", method = "put", operation_id = "setCreditLimit")]
    async fn set_credit_limit(
        &self,
        app: Data<&App>,
        #[oai(name = "_caller")] _caller: Auth<AdminOnly>,
        id: Path<Uuid>,
        body: Json<CreditLimit>,
    ) -> ApiResult<Json<CreditLine>> {
        let mut tx = app.db.begin().await?;
        let credit = chorus::set_limit(&mut tx, EstablishmentId(id.0), body.credit_limit_cents).await?;
        tx.commit().await?;
        Ok(Json(CreditLine { credit_limit_cents: credit.limit_cents, credit_used_cents: credit.used_cents }))
    }
}
