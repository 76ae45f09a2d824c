//! How talents are paid: their account at Stripe, and what they and their clients see of their money.

use domain::parties;
use domain::payments::accounts::{self, ConnectAccount, Told};
use domain::payments::reading::{self, Transaction};
use jobs::effects;
use poem::web::Data;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use stripe_connect::{Account, NewAccount};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::ApiResult;
use crate::guard::{ActiveTalent, AnyTalent, Anyone, Auth};
use crate::payments::no_answer;
use crate::wire::{self, Text, mirror};

#[derive(Debug)]
pub struct ConnectApi;

mirror! {
    MoneyEvent = domain::ledger::Event {
        Paid, PaidOut, PayoutReversed, Refunded, RefundFailed, DisputeOpened, DisputeWon, DisputeLost, ChorusAccepted, ChorusPaid,
        ChorusRejected, RefundTransferred, TransferCovered, Fee
    }
}

/// A page of Stripe's on which a talent says who it is; good once and for minutes.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct OnboardingLink {
    #[oai(validator(max_length = 2000))]
    url: String,
    expires_at: OffsetDateTime,
}

#[derive(ApiResponse)]
enum OnboardingStarted {
    /// Go there
    #[oai(status = 201)]
    Created(Json<OnboardingLink>),
}

/// Whether a talent can be paid.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct ConnectStatus {
    /// It has begun to say who it is.
    started: bool,
    details_submitted: bool,
    charges_enabled: bool,
    payouts_enabled: bool,
    /// What Stripe still wants to know, in its own words.
    #[oai(validator(max_items = 100, max_length = 200))]
    currently_due: Vec<String>,
}

impl From<Option<ConnectAccount>> for ConnectStatus {
    fn from(account: Option<ConnectAccount>) -> Self {
        let started = account.is_some();
        match account {
            Some(account) => Self {
                started,
                details_submitted: account.details_submitted,
                charges_enabled: account.charges_enabled,
                payouts_enabled: account.payouts_enabled,
                currently_due: account.currently_due,
            },
            None => Self {
                started,
                details_submitted: false,
                charges_enabled: false,
                payouts_enabled: false,
                currently_due: Vec::new(),
            },
        }
    }
}

/// What a talent has coming.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct BalanceView {
    /// Owed to the talent, whether it is due yet or not; below zero the talent owes.
    #[oai(validator(minimum(value = "-999999999999"), maximum(value = "999999999999")))]
    owed_cents: i64,
    /// Of it, what waits for its time.
    #[oai(validator(minimum(value = "-999999999999"), maximum(value = "999999999999")))]
    scheduled_cents: i64,
    /// Transferred until today, less what was taken back.
    #[oai(validator(minimum(value = "-999999999999"), maximum(value = "999999999999")))]
    paid_out_cents: i64,
    #[oai(validator(min_length = 3, max_length = 3))]
    currency: String,
    next_payout_at: Option<OffsetDateTime>,
}

/// A movement of the caller's money.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct TransactionView {
    id: Uuid,
    event: MoneyEvent,
    /// Positive where the caller got it.
    #[oai(validator(minimum(value = "-999999999999"), maximum(value = "999999999999")))]
    amount_cents: i64,
    created_at: OffsetDateTime,
    payment_id: Option<Uuid>,
    mission_id: Option<Uuid>,
    booking_id: Option<Uuid>,
}

impl From<Transaction> for TransactionView {
    fn from(transaction: Transaction) -> Self {
        Self {
            id: transaction.id,
            event: transaction.event.into(),
            amount_cents: transaction.amount_cents,
            created_at: transaction.created_at,
            payment_id: transaction.payment_id.map(|id| id.0),
            mission_id: transaction.mission_id.map(|id| id.0),
            booking_id: transaction.booking_id.map(|id| id.0),
        }
    }
}

#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct TransactionPage {
    #[oai(validator(max_items = 100))]
    items: Vec<TransactionView>,
    #[oai(validator(max_length = 200))]
    next_cursor: Option<String>,
}

/// Keeps what Stripe says of an account now.
async fn sync(app: &App, account: &Account, asked: OffsetDateTime) -> ApiResult<()> {
    let told = Told {
        account_id: &account.id,
        charges_enabled: account.charges_enabled,
        payouts_enabled: account.payouts_enabled,
        details_submitted: account.details_submitted,
        currently_due: &account.currently_due,
        // By our clock, a little behind: an event that Stripe sends while we ask should count.
        at: asked - time::Duration::seconds(5),
    };
    let mut tx = app.db.begin().await?;
    if let Some(synced) = accounts::sync(&mut tx, told).await? {
        effects::payments::account_synced(&mut tx, synced).await?;
    }
    Ok(tx.commit().await?)
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::Payments")]
impl ConnectApi {
    /// Set up to be paid
    ///
    /// Leads to Stripe, where a talent says who it is and which bank it has. To go on, ask again.
    #[oai(path = "/payments/connect/onboarding", method = "post", operation_id = "startOnboarding")]
    async fn start_onboarding(
        &self,
        app: Data<&App>,
        caller: Auth<ActiveTalent>,
    ) -> ApiResult<OnboardingStarted> {
        let provider = app.provider()?;
        let talent = caller.0.user;
        let mut conn = app.db.conn().await?;
        let known = accounts::find(&mut conn, talent).await?;
        let person = parties::of_person(&mut conn, talent).await?;
        drop(conn);
        let account = match known {
            Some(known) => known.account_id,
            None => {
                let new = NewAccount { email: person.email, user_id: talent.to_string() };
                let made =
                    provider.create_account(&format!("account:{talent}"), &new).await.map_err(no_answer)?;
                let mut conn = app.db.conn().await?;
                accounts::insert(&mut conn, talent, &made.id, app.clock.now()).await?;
                made.id
            }
        };
        let page = |name: &str| format!("{}/payments/{name}", app.frontend_url);
        // Good once: each is another one.
        let key = format!("account-link:{}", Uuid::now_v7());
        let link = provider
            .create_account_link(&key, &account, &page("onboarded"), &page("onboarding"))
            .await
            .map_err(no_answer)?;
        Ok(OnboardingStarted::Created(Json(OnboardingLink { url: link.url, expires_at: link.expires_at })))
    }

    /// Whether one can be paid
    ///
    /// As Stripe says it: asked anew until an account may be paid, and then kept by its events.
    #[oai(path = "/payments/connect/status", method = "get", operation_id = "getConnectStatus")]
    async fn get_connect_status(
        &self,
        app: Data<&App>,
        caller: Auth<AnyTalent>,
    ) -> ApiResult<Json<ConnectStatus>> {
        let provider = app.provider()?;
        let known = accounts::find(&mut *app.db.conn().await?, caller.0.user).await?;
        match known {
            // Who comes back from Stripe looks before its event has come.
            Some(account) if !account.payouts_enabled => {
                let asked = app.clock.now();
                match provider.get_account(&account.account_id).await {
                    Ok(told) => sync(&app, &told, asked).await?,
                    Err(fault) => tracing::warn!(%fault, "an account is shown as it was"),
                }
                let known = accounts::find(&mut *app.db.conn().await?, caller.0.user).await?;
                Ok(Json(known.into()))
            }
            known => Ok(Json(known.into())),
        }
    }

    /// What one has coming
    ///
    /// Drawn from the ledger: what is owed, what of it has its time, and what was transferred.
    #[oai(path = "/me/balance", method = "get", operation_id = "getMyBalance")]
    async fn get_my_balance(&self, app: Data<&App>, caller: Auth<AnyTalent>) -> ApiResult<Json<BalanceView>> {
        let balance = reading::balance(&mut *app.db.conn().await?, caller.0.user).await?;
        Ok(Json(BalanceView {
            owed_cents: balance.owed_cents,
            scheduled_cents: balance.scheduled_cents,
            paid_out_cents: balance.paid_out_cents,
            currency: "EUR".to_owned(),
            next_payout_at: balance.next_payout_at,
        }))
    }

    /// List the movements of one's money
    ///
    /// Newest first: a talent's earnings and payouts, a client's payments and refunds.
    #[oai(path = "/me/transactions", method = "get", operation_id = "listMyTransactions")]
    async fn list_my_transactions(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        #[oai(validator(max_length = 200))] cursor: Query<Option<Text>>,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<i64>>,
    ) -> ApiResult<Json<TransactionPage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let mut conn = app.db.conn().await?;
        let (items, next) = reading::list_transactions(&mut conn, caller.0, page).await?;
        let items = items.into_iter().map(TransactionView::from).collect();
        Ok(Json(TransactionPage { items, next_cursor: wire::next(next) }))
    }
}
