//! Payment by public bodies, later and by invoice: within a credit line, handed to Chorus Pro when the work is accepted, and followed
//! until the public accountant has paid or refused. What goes back is a credit note, in [`credits`].

mod credit_line;
pub mod credits;

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::error::{Error, Result};
use crate::ids::{EstablishmentId, InvoiceId, PaymentId};
use crate::invoices::{self, Invoice};
use crate::parties::Party;
use crate::payments::asking::{Asked, Bill};
use crate::payments::settling::{self, Settled};
use crate::payments::{self, Payment, PaymentMethod, PaymentStatus, asking, closing, invoicing};
use crate::sessions::Viewer;
use crate::{contracts, ledger};

pub(crate) use credit_line::adjust;
use credit_line::take;
pub use credit_line::{Credit, set_limit};

/// Days after the invoice at which a public body is reminded, and what it is due to hear †. The law gives it 30.
pub const REMINDED_AFTER: Duration = Duration::days(30);
pub const OVERDUE_AFTER: Duration = Duration::days(45);

const NOT_PUBLIC: Error = Error::Conflict {
    code: "CHORUS_NOT_AVAILABLE",
    message: "Only public establishments with a SIRET pay over Chorus Pro",
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "chorus_status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ChorusStatus {
    /// Until Chorus has it.
    Pending,
    Sent,
    Paid,
    Rejected,
    /// The work will not be done.
    Withdrawn,
}

#[derive(Clone, Debug)]
pub struct Submission {
    pub payment_id: PaymentId,
    pub establishment_id: EstablishmentId,
    pub amount_cents: i64,
    pub status: ChorusStatus,
    pub invoice_id: Option<InvoiceId>,
    pub asked_at: Option<OffsetDateTime>,
    pub flow: Option<String>,
    /// Where it stands, in Chorus's words.
    pub state: Option<String>,
    pub reason: Option<String>,
    pub created_at: OffsetDateTime,
    pub sent_at: Option<OffsetDateTime>,
    pub ended_at: Option<OffsetDateTime>,
}

macro_rules! select_submissions {
    ($rest:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Submission,
            r#"select payment_id as "payment_id: _", establishment_id as "establishment_id: _", amount_cents,
                      status as "status: _", invoice_id as "invoice_id: _", asked_at, flow, state, reason, created_at, sent_at,
                      ended_at
                 from chorus_submissions "# + $rest
            $(, $argument)*
        )
    };
}

pub async fn find(conn: &mut PgConnection, payment: PaymentId) -> Result<Option<Submission>> {
    Ok(select_submissions!("where payment_id = $1", payment.0).fetch_optional(conn).await?)
}

pub async fn get(conn: &mut PgConnection, payment: PaymentId) -> Result<Submission> {
    find(conn, payment).await?.ok_or(Error::NotFound("Chorus Pro submission"))
}

/// What Chorus has and has not answered for.
pub async fn list_sent(conn: &mut PgConnection) -> Result<Vec<PaymentId>> {
    let sent = sqlx::query_scalar!(
        r#"select payment_id as "id: PaymentId" from chorus_submissions where status = 'SENT' order by sent_at, payment_id"#,
    );
    Ok(sent.fetch_all(conn).await?)
}

/// What a public body's accountant files an invoice under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// The service that it is for.
    pub service_code: Option<String>,
    /// The order (numéro d'engagement).
    pub order_reference: Option<String>,
}

/// Work will be paid over Chorus Pro. See `jobs::effects::chorus::deferred`.
#[derive(Debug)]
#[must_use = "a deferred payment has effects"]
pub struct Deferred {
    pub payment: Payment,
    /// What it comes to is known, and its invoice can be handed in: public bodies pay for nothing else than what was done.
    pub ready: bool,
    /// It was deferred before.
    pub again: bool,
}

/// Takes what a signed contract, of a mission or a quote, comes to from the credit line of its public establishment. What is asked for
/// again keeps its references.
pub async fn defer(
    conn: &mut PgConnection,
    bill: Bill,
    references: &References,
    viewer: Viewer,
    now: OffsetDateTime,
) -> Result<Deferred> {
    let asked = asking::of(&mut *conn, bill, PaymentMethod::Chorus, viewer, now).await?;
    let Asked::Payment(payment) = asked else { return Err(asking::PROCESSING) };
    let contract = payment.contract_id.ok_or(asking::NOT_PAYABLE)?;
    let contract = contracts::get(&mut *conn, contract).await?;
    let ready = closing::owed_for(&mut *conn, &contract).await?.is_some();
    if find(&mut *conn, payment.id).await?.is_some() {
        return Ok(Deferred { payment, ready, again: true });
    }
    let site = contract.establishment_id.ok_or(NOT_PUBLIC)?;
    let payment = match payment.method {
        PaymentMethod::Chorus => payment,
        PaymentMethod::Card => move_to_chorus(&mut *conn, payment).await?,
    };
    take(&mut *conn, site, payment.amount_cents).await?;
    sqlx::query!(
        "insert into chorus_submissions (payment_id, establishment_id, amount_cents, service_code, order_reference, created_at)
         values ($1, $2, $3, $4, $5, $6)",
        payment.id.0,
        site.0,
        payment.amount_cents,
        references.service_code,
        references.order_reference,
        now,
    )
    .execute(conn)
    .await?;
    Ok(Deferred { payment, ready, again: false })
}

/// A supplement is asked for by card; as long as nobody has begun to pay it so, it may be deferred.
async fn move_to_chorus(conn: &mut PgConnection, payment: Payment) -> Result<Payment> {
    let moved = sqlx::query!(
        "update payments set method = 'CHORUS' where id = $1 and intent_id is null and status = 'REQUIRES_PAYMENT'",
        payment.id.0,
    );
    match moved.execute(conn).await?.rows_affected() {
        0 => Err(Error::Conflict { code: "PAYMENT_PROCESSING", message: "This is being paid by card" }),
        _ => Ok(Payment { method: PaymentMethod::Chorus, ..payment }),
    }
}

/// What is to be handed in.
#[derive(Debug)]
pub struct HandIn {
    pub payment: Payment,
    pub invoice: Invoice,
    /// What was issued just now, with the invoice.
    pub issued: Vec<Invoice>,
    /// When Chorus was asked before: nobody knows what it did.
    pub asked_at: Option<OffsetDateTime>,
}

/// The invoice of a deferred payment, issued where it was not, and owed from then on. None when there is nothing to hand in.
pub async fn prepare(
    conn: &mut PgConnection,
    id: PaymentId,
    platform: &Party,
    now: OffsetDateTime,
) -> Result<Option<HandIn>> {
    let payment = payments::lock(&mut *conn, id).await?;
    let submission = get(&mut *conn, id).await?;
    if submission.status != ChorusStatus::Pending {
        return Ok(None);
    }
    let asked_at = submission.asked_at;
    if let Some(invoice) = submission.invoice_id {
        let invoice = invoices::get(conn, invoice).await?;
        return Ok(Some(HandIn { payment, invoice, issued: Vec::new(), asked_at }));
    }
    // Nobody pays for what is still to be done; whoever accepts it asks again.
    if closing::owed_of(&mut *conn, &payment).await?.is_none() {
        return Ok(None);
    }
    ledger::chorus_accepted(&mut *conn, &payment, now).await?;
    let references = references(&mut *conn, id).await?;
    let issued = invoicing::issue(&mut *conn, &payment, references, platform, now).await?;
    let invoice = issued.first().cloned().ok_or(Error::NotFound("invoice"))?;
    sqlx::query!("update chorus_submissions set invoice_id = $2 where payment_id = $1", id.0, invoice.id.0)
        .execute(conn)
        .await?;
    Ok(Some(HandIn { payment, invoice, issued, asked_at }))
}

async fn references(conn: &mut PgConnection, id: PaymentId) -> Result<References> {
    let references = sqlx::query_as!(
        References,
        "select service_code, order_reference from chorus_submissions where payment_id = $1",
        id.0
    );
    Ok(references.fetch_one(conn).await?)
}

/// Chorus is about to be asked.
pub async fn mark_asked(conn: &mut PgConnection, id: PaymentId, now: OffsetDateTime) -> Result<bool> {
    let asked = sqlx::query!(
        "update chorus_submissions set asked_at = coalesce(asked_at, $2) where payment_id = $1 and status = 'PENDING'",
        id.0,
        now,
    );
    Ok(asked.execute(conn).await?.rows_affected() > 0)
}

/// Chorus has it, under this number.
pub async fn mark_sent(
    conn: &mut PgConnection,
    id: PaymentId,
    flow: &str,
    now: OffsetDateTime,
) -> Result<bool> {
    let sent = sqlx::query!(
        "update chorus_submissions set status = 'SENT', flow = $2, sent_at = $3 where payment_id = $1 and status = 'PENDING'",
        id.0,
        flow,
        now,
    );
    Ok(sent.execute(conn).await?.rows_affected() > 0)
}

/// Where Chorus says that it stands; true when that is news.
pub async fn note(conn: &mut PgConnection, id: PaymentId, state: &str, reason: Option<&str>) -> Result<bool> {
    let noted = sqlx::query!(
        "update chorus_submissions set state = $2, reason = $3
          where payment_id = $1 and status = 'SENT' and (state is distinct from $2 or reason is distinct from $3)",
        id.0,
        state,
        reason,
    );
    Ok(noted.execute(conn).await?.rows_affected() > 0)
}

/// Ends a submission that stands at one of these, and gives its credit back; false when it ended before.
async fn end(
    conn: &mut PgConnection,
    id: PaymentId,
    from: &[ChorusStatus],
    to: ChorusStatus,
    said: (Option<&str>, Option<&str>),
    now: OffsetDateTime,
) -> Result<bool> {
    let ended = sqlx::query!(
        "with ended as (
             update chorus_submissions
                set status = $3, state = coalesce($4, state), reason = $5, ended_at = $6
              where payment_id = $1 and status = any ($2)
              returning establishment_id, amount_cents
         )
         update establishments e set credit_used_cents = e.credit_used_cents - ended.amount_cents
           from ended where e.id = ended.establishment_id",
        id.0,
        from as &[ChorusStatus],
        to as ChorusStatus,
        said.0,
        said.1,
        now,
    );
    Ok(ended.execute(conn).await?.rows_affected() > 0)
}

/// The public accountant has paid. See `jobs::effects::payments::settled`.
pub async fn mark_paid(
    conn: &mut PgConnection,
    id: PaymentId,
    state: &str,
    now: OffsetDateTime,
) -> Result<Option<Settled>> {
    let mut payment = payments::lock(&mut *conn, id).await?;
    if !end(&mut *conn, id, &[ChorusStatus::Sent], ChorusStatus::Paid, (Some(state), None), now).await? {
        return Ok(None);
    }
    sqlx::query!("update payments set status = 'SUCCEEDED', status_at = $2 where id = $1", id.0, now)
        .execute(&mut *conn)
        .await?;
    payment.status = PaymentStatus::Succeeded;
    if let Some(invoice) = get(&mut *conn, id).await?.invoice_id {
        invoices::mark_paid(&mut *conn, invoice, now).await?;
    }
    settling::settle(conn, payment, now).await.map(Some)
}

/// Nobody will pay this invoice. See `jobs::effects::chorus::rejected`.
#[derive(Debug)]
#[must_use = "a rejection has effects"]
pub struct Rejected {
    pub payment: Payment,
    pub reason: Option<String>,
    /// What takes the invoices back.
    pub credited: Vec<Invoice>,
}

/// Chorus, or the public body, refuses the invoice: it is taken back, and the work is to be paid in another way.
pub async fn mark_rejected(
    conn: &mut PgConnection,
    id: PaymentId,
    state: Option<&str>,
    reason: Option<&str>,
    now: OffsetDateTime,
) -> Result<Option<Rejected>> {
    let from = [ChorusStatus::Pending, ChorusStatus::Sent];
    give_up(conn, id, &from, ChorusStatus::Rejected, (state, reason), now).await
}

/// The work will not be done: what Chorus was not asked for yet is not handed in any more. None when it is too late for that.
pub async fn withdraw(
    conn: &mut PgConnection,
    id: PaymentId,
    now: OffsetDateTime,
) -> Result<Option<Rejected>> {
    // Held until the end: whoever is about to ask Chorus waits, and then has nothing to hand in.
    let unasked = sqlx::query_scalar!(
        r#"select true as "unasked!" from chorus_submissions where payment_id = $1 and asked_at is null for update"#,
        id.0,
    );
    if unasked.fetch_optional(&mut *conn).await?.is_none() {
        return Ok(None);
    }
    give_up(conn, id, &[ChorusStatus::Pending], ChorusStatus::Withdrawn, (None, None), now).await
}

async fn give_up(
    conn: &mut PgConnection,
    id: PaymentId,
    from: &[ChorusStatus],
    to: ChorusStatus,
    said: (Option<&str>, Option<&str>),
    now: OffsetDateTime,
) -> Result<Option<Rejected>> {
    let payment = payments::lock(&mut *conn, id).await?;
    if !end(&mut *conn, id, from, to, said, now).await? {
        return Ok(None);
    }
    asking::mark_cancelled(&mut *conn, &payment, now).await?;
    let mut credited = Vec::new();
    if get(&mut *conn, id).await?.invoice_id.is_some() {
        for invoice in invoices::find_of(&mut *conn, id).await? {
            let cause = format!("chorus-rejected:{}", invoice.id);
            credited.push(invoices::credit(&mut *conn, invoice.id, invoice.total_cents, &cause, now).await?);
        }
        ledger::chorus_rejected(conn, &payment, now).await?;
    }
    Ok(Some(Rejected { payment, reason: said.1.map(str::to_owned), credited }))
}
