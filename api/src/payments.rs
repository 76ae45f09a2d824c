//! Payments: what a client is asked to pay, what became of it, and giving it back.

use std::sync::Arc;

use domain::ids::{BookingId, ContractId, MissionId, PaymentId, UserId};
use domain::parties;
use domain::payments::asking::{Asked, Bill};
use domain::payments::refunds::{self, NewRefund};
use domain::payments::{self, Payment, PaymentMethod, Refund, accounts, asking, reading};
use domain::sessions::Viewer;
use jobs::effects;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use stripe_connect::{Fault, IntentStatus, NewCustomer, NewIntent, Payments};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::guard::{ActiveClient, AdminOnly, Anyone, Auth};
use crate::wire::{self, Text, mirror};

#[derive(Debug)]
pub struct PaymentsApi;

mirror! {
    PaymentKind = domain::payments::PaymentKind { Charge, Supplement }
    PaymentMethodView = domain::payments::PaymentMethod { Card, Chorus }
    PaymentStatus = domain::payments::PaymentStatus { RequiresPayment, Processing, Failed, Cancelled, Succeeded }
    DisputeStatus = domain::payments::DisputeStatus { None, Open, Won, Lost }
    RefundStatus = domain::payments::RefundStatus { Pending, Succeeded, Failed }
    /// STRIPE: asked for by us. EXTERNAL: made on Stripe’s own pages. DISPUTE: taken back through the payer’s bank. BANK: a transfer
    /// between banks.
    RefundWay = domain::payments::RefundWay { Stripe, External, Dispute, Bank }
}

/// A payment that waits for its payer.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct PaymentIntent {
    payment_id: Uuid,
    /// For Stripe's own form in the payer's browser. Nobody else may see it.
    #[oai(validator(max_length = 500))]
    client_secret: String,
    #[oai(validator(minimum(value = "1"), maximum(value = "99999999")))]
    amount_cents: i64,
    /// ISO 4217.
    #[oai(validator(min_length = 3, max_length = 3))]
    currency: String,
}

#[derive(ApiResponse)]
enum IntentCreated {
    /// To be confirmed by the payer
    #[oai(status = 201)]
    Created(Json<PaymentIntent>),
}

/// A payment, as its parties see it.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct PaymentView {
    id: Uuid,
    kind: PaymentKind,
    method: PaymentMethodView,
    status: PaymentStatus,
    payer_id: Uuid,
    talent_id: Uuid,
    mission_id: Option<Uuid>,
    contract_id: Option<Uuid>,
    booking_id: Option<Uuid>,
    #[oai(validator(minimum(value = "1"), maximum(value = "99999999")))]
    amount_cents: i64,
    /// The platform's part of it.
    #[oai(validator(minimum(value = "0"), maximum(value = "99999999")))]
    commission_cents: i64,
    #[oai(validator(minimum(value = "0"), maximum(value = "99999999")))]
    refunded_cents: i64,
    dispute: DisputeStatus,
    /// Why the last attempt failed, in Stripe's words (`card_declined`).
    #[oai(validator(max_length = 100))]
    failure_code: Option<String>,
    created_at: OffsetDateTime,
    settled_at: Option<OffsetDateTime>,
}

impl From<Payment> for PaymentView {
    fn from(payment: Payment) -> Self {
        let commission_cents = payment.split().0;
        Self {
            id: payment.id.0,
            kind: payment.kind.into(),
            method: payment.method.into(),
            status: payment.status.into(),
            payer_id: payment.payer_id.0,
            talent_id: payment.talent_id.0,
            mission_id: payment.mission_id.map(|id| id.0),
            contract_id: payment.contract_id.map(|id| id.0),
            booking_id: payment.booking_id.map(|id| id.0),
            amount_cents: payment.amount_cents,
            commission_cents,
            refunded_cents: payment.returned_cents(),
            dispute: payment.dispute.into(),
            failure_code: payment.failure_code,
            created_at: payment.created_at,
            settled_at: payment.settled_at,
        }
    }
}

/// What goes back, and why.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct RefundRequest {
    /// All that is left of the payment when absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "99999999")))]
    amount_cents: Option<i64>,
    #[oai(validator(min_length = 1, max_length = 500))]
    reason: Text,
}

/// A refund.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct RefundView {
    id: Uuid,
    payment_id: Uuid,
    way: RefundWay,
    status: RefundStatus,
    #[oai(validator(minimum(value = "1"), maximum(value = "99999999")))]
    amount_cents: i64,
    #[oai(validator(max_length = 500))]
    reason: String,
    /// Why Stripe refused it.
    #[oai(validator(max_length = 4000))]
    failure: Option<String>,
    created_at: OffsetDateTime,
}

impl From<Refund> for RefundView {
    fn from(refund: Refund) -> Self {
        Self {
            id: refund.id.0,
            payment_id: refund.payment_id.0,
            way: refund.way.into(),
            status: refund.status.into(),
            amount_cents: refund.amount_cents,
            reason: refund.reason,
            failure: refund.failure,
            created_at: refund.created_at,
        }
    }
}

#[derive(ApiResponse)]
enum RefundRequested {
    /// It will be made
    #[oai(status = 201)]
    Created(Json<RefundView>),
}

impl App {
    /// Who moves money.
    pub fn provider(&self) -> ApiResult<Arc<dyn Payments>> {
        let missing = ApiError::Unavailable {
            code: "PAYMENTS_NOT_CONFIGURED",
            message: "This platform takes no payments",
        };
        self.payments.clone().ok_or(missing)
    }
}

/// No answer that could be given to anybody else: what was asked for is stored, and asking again is the same.
pub fn no_answer(fault: Fault) -> ApiError {
    tracing::warn!(%fault, "Stripe does not answer as hoped");
    if matches!(fault, Fault::Refused { .. }) {
        let message = "The payment provider refuses this; people have to look";
        return ApiError::Unavailable { code: "PAYMENT_PROVIDER_REFUSES", message };
    }
    ApiError::Unavailable {
        code: "PAYMENT_PROVIDER_AWAY",
        message: "The payment provider is away; try again",
    }
}

/// The payer's name at Stripe, which is asked for once.
async fn customer(app: &App, provider: &dyn Payments, user: UserId) -> ApiResult<String> {
    let mut conn = app.db.conn().await?;
    if let Some(known) = accounts::find_customer(&mut conn, user).await? {
        return Ok(known);
    }
    let person = parties::of_person(&mut conn, user).await?;
    drop(conn);
    let new = NewCustomer { email: person.email, name: person.name, user_id: user.to_string() };
    let customer = provider.create_customer(&format!("customer:{user}"), &new).await.map_err(no_answer)?;
    accounts::set_customer(&mut *app.db.conn().await?, user, &customer).await?;
    Ok(customer)
}

/// Has Stripe forget what is owed no more, unless it is being paid.
async fn cancel(provider: &dyn Payments, payment: &Payment, intent: &str) -> ApiResult<()> {
    match provider.cancel_intent(&payment.cancel_key(), intent).await {
        Ok(intent) if intent.status == IntentStatus::Canceled => Ok(()),
        Ok(_) | Err(Fault::Refused { .. }) => Err(asking::PROCESSING.into()),
        Err(fault) => Err(no_answer(fault)),
    }
}

async fn ask(app: &App, bill: Bill, caller: Viewer) -> ApiResult<Asked> {
    let mut tx = app.db.begin().await?;
    let asked = asking::of(&mut tx, bill, PaymentMethod::Card, caller, app.clock.now()).await?;
    tx.commit().await?;
    Ok(asked)
}

/// The payment that is to be made now: where an open one is for another amount, Stripe forgets that one first.
async fn current(app: &App, provider: &dyn Payments, bill: Bill, caller: Viewer) -> ApiResult<Payment> {
    let outdated = match ask(app, bill, caller).await? {
        Asked::Payment(payment) => return Ok(payment),
        Asked::Outdated(payment) => payment,
    };
    if let Some(intent) = &outdated.intent_id {
        cancel(provider, &outdated, intent).await?;
    }
    asking::mark_cancelled(&mut *app.db.conn().await?, &outdated, app.clock.now()).await?;
    match ask(app, bill, caller).await? {
        Asked::Payment(payment) => Ok(payment),
        Asked::Outdated(_) => Err(asking::PROCESSING.into()),
    }
}

/// Stripe's intent for a payment that is stored already, so that asking twice is asking for the same.
async fn intent(app: &App, provider: &dyn Payments, payment: Payment) -> ApiResult<IntentCreated> {
    let intent = match &payment.intent_id {
        Some(id) => provider.get_intent(id).await.map_err(no_answer)?,
        None => {
            let customer = customer(app, provider, payment.payer_id).await?;
            let new = NewIntent {
                amount_cents: payment.amount_cents,
                customer,
                transfer_group: payment.transfer_group(),
                description: "SocioPulse".to_owned(),
                metadata: vec![("paymentId".to_owned(), payment.id.to_string())],
            };
            let key = format!("intent:{}", payment.id);
            let made = provider.create_intent(&key, &new).await.map_err(no_answer)?;
            if !asking::set_intent(&mut *app.db.conn().await?, payment.id, &made.id).await? {
                // It was called off meanwhile. Nobody has seen the secret.
                cancel(provider, &payment, &made.id).await?;
                return Err(asking::NOT_PAYABLE.into());
            }
            made
        }
    };
    let missing = || ApiError::Internal("an intent without a client secret".into());
    Ok(IntentCreated::Created(Json(PaymentIntent {
        payment_id: payment.id.0,
        client_secret: intent.client_secret.ok_or_else(missing)?,
        amount_cents: payment.amount_cents,
        currency: "EUR".to_owned(),
    })))
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::Payments")]
impl PaymentsApi {
    /// Pay for a booking
    ///
    /// Once its talent has accepted. An open payment is found again rather than made anew.
    #[oai(path = "/payments/bookings/:id/intent", method = "post", operation_id = "createBookingIntent")]
    async fn create_booking_intent(
        &self,
        app: Data<&App>,
        caller: Auth<ActiveClient>,
        id: Path<Uuid>,
    ) -> ApiResult<IntentCreated> {
        let provider = app.provider()?;
        let payment = current(&app, &*provider, Bill::Booking(BookingId(id.0)), caller.0).await?;
        intent(&app, &*provider, payment).await
    }

    /// Pay for a mission
    ///
    /// Its signed contract or, where several talents were wanted, the first that is not paid; and what was worked beyond the plan. Once
    /// the work is accepted it costs what was worked; a mission that was cancelled costs the price of that.
    #[oai(path = "/payments/missions/:id/intent", method = "post", operation_id = "createMissionIntent")]
    async fn create_mission_intent(
        &self,
        app: Data<&App>,
        caller: Auth<ActiveClient>,
        id: Path<Uuid>,
    ) -> ApiResult<IntentCreated> {
        let provider = app.provider()?;
        let payment = current(&app, &*provider, Bill::Mission(MissionId(id.0)), caller.0).await?;
        intent(&app, &*provider, payment).await
    }

    /// Pay for the contract of a quote
    ///
    /// Once both have signed it: its total with VAT.
    #[oai(path = "/payments/contracts/:id/intent", method = "post", operation_id = "createContractIntent")]
    async fn create_contract_intent(
        &self,
        app: Data<&App>,
        caller: Auth<ActiveClient>,
        id: Path<Uuid>,
    ) -> ApiResult<IntentCreated> {
        let provider = app.provider()?;
        let payment = current(&app, &*provider, Bill::Contract(ContractId(id.0)), caller.0).await?;
        intent(&app, &*provider, payment).await
    }

    /// Read a payment
    ///
    /// For its payer, its talent, whoever manages the mission, and admins.
    #[oai(path = "/payments/:id", method = "get", operation_id = "getPayment")]
    async fn get_payment(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<PaymentView>> {
        let mut conn = app.db.conn().await?;
        let mut payment = reading::get_for(&mut conn, PaymentId(id.0), caller.0).await?;
        if payment.talent_id == caller.0.user {
            // Why a card was declined is its holder's.
            payment.failure_code = None;
        }
        Ok(Json(payment.into()))
    }

    /// Give a payment back
    ///
    /// In part or whole. What its talent already got of it is taken back first; credit notes follow. What a public body had paid over
    /// Chorus Pro goes back by a transfer between banks, which somebody makes and confirms.
    #[oai(path = "/payments/:id/refund", method = "post", operation_id = "refundPayment")]
    async fn refund_payment(
        &self,
        app: Data<&App>,
        caller: Auth<AdminOnly>,
        id: Path<Uuid>,
        body: Json<RefundRequest>,
    ) -> ApiResult<RefundRequested> {
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let payment = payments::lock(&mut tx, PaymentId(id.0)).await;
        // Between banks nobody else is needed.
        if !payment.as_ref().is_ok_and(|payment| payment.method == PaymentMethod::Chorus) {
            app.provider()?;
        }
        let payment = payment?;
        let left = payment.amount_cents - payment.reserved_cents;
        let new = NewRefund {
            cause: &format!("admin:{}", Uuid::now_v7()),
            way: payments::RefundWay::of(&payment),
            amount_cents: body.amount_cents.unwrap_or(left),
            reason: body.reason.as_ref(),
            requested_by: Some(caller.0.user),
        };
        let requested = refunds::request(&mut tx, &payment, new, now).await?;
        effects::payments::refund_requested(&mut tx, &requested).await?;
        tx.commit().await?;
        Ok(RefundRequested::Created(Json(requested.refund.into())))
    }
}
