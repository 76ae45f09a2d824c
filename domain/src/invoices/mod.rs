//! Invoices and credit notes: numbered without a gap for each issuer and year, and never changed again.
//!
//! A talent's invoice to its client is issued by the platform in the talent's name (a mandate: Code général des impôts,
//! art. 289, I-2) and has a series of the talent's own. The platform's commission is the platform's.

mod amounts;
mod reading;

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;
use time::{Date, Duration, OffsetDateTime};
use uuid::Uuid;

use crate::chorus::References;
use crate::error::{Error, Result};
use crate::ids::{EstablishmentId, InvoiceId, PaymentId, UserId};
use crate::parties::{Party, Vat};
use crate::{establishments, paris};

pub use amounts::{Amounts, Line, NewLine, Prices, Unit, VatLine, sums};
pub use reading::{find, find_by_cause, find_for, find_of, get, list};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "invoice_kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InvoiceKind {
    Invoice,
    CreditNote,
}

impl InvoiceKind {
    /// `FAC-2026-00001`, `AV-2026-00001`.
    pub fn reference(self, year: i16, number: i32) -> String {
        let series = if self == Self::Invoice { "FAC" } else { "AV" };
        format!("{series}-{year}-{number:05}")
    }
}

/// In whose name an invoice is.
#[derive(Clone, Debug)]
pub enum Issuer {
    Talent(Party),
    Platform(Party),
}

impl Issuer {
    fn id(&self) -> Option<UserId> {
        match self {
            Self::Talent(party) => Some(party.user_id),
            Self::Platform(_) => None,
        }
    }
}

/// When an invoice is to be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terms {
    /// It was, before it was issued.
    Paid { at: OffsetDateTime },
    /// So many days from its date; 30 are the law's measure, for public bodies too.
    Days(u16),
}

/// What is to be invoiced.
#[derive(Clone, Debug)]
pub struct NewInvoice {
    pub issuer: Issuer,
    pub recipient: Party,
    /// The site that it is for, whose members may read it.
    pub site: Option<EstablishmentId>,
    /// The business fact, such as `payment:<id>:talent`: the same one is invoiced once.
    pub cause: String,
    /// What it is about, as a line under its title: "Mission du 2 mars 2026, contrat CTR-2026-0001".
    pub subject: String,
    pub lines: Vec<NewLine>,
    /// Whether the prices of the lines contain VAT.
    pub prices: Prices,
    /// Why lines without VAT have none.
    pub exemption: Option<Vat>,
    /// First and last day of what was delivered.
    pub delivery: (Date, Date),
    pub terms: Terms,
    pub payment_id: Option<PaymentId>,
    /// Chorus Pro: the service of the public body, and its order; those of the site, when absent.
    pub buyer_reference: Option<String>,
    pub order_reference: Option<String>,
}

/// What stands on the paper, as it was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    pub issuer: Party,
    pub recipient: Party,
    pub subject: String,
    pub lines: Vec<Line>,
    pub vat: Vec<VatLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exemption: Option<Vat>,
    #[serde(with = "iso_date")]
    pub delivered_from: Date,
    #[serde(with = "iso_date")]
    pub delivered_to: Date,
    /// Settled before it was issued.
    #[serde(default)]
    pub prepaid: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buyer_reference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_reference: Option<String>,
    /// Of a credit note: reference and date of the invoice that it takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<Corrected>,
}

/// The invoice that a credit note names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Corrected {
    pub reference: String,
    #[serde(with = "iso_date")]
    pub issued_on: Date,
}

time::serde::format_description!(iso_date, Date, "[year]-[month]-[day]");

/// An issued invoice or credit note. A credit note's amounts are positive: what goes back.
#[derive(Clone, Debug)]
pub struct Invoice {
    pub id: InvoiceId,
    pub kind: InvoiceKind,
    /// None is the platform.
    pub issuer_id: Option<UserId>,
    pub recipient_id: UserId,
    pub establishment_id: Option<EstablishmentId>,
    pub year: i16,
    pub number: i32,
    pub cause: String,
    pub corrects_id: Option<InvoiceId>,
    pub payment_id: Option<PaymentId>,
    pub issued_at: OffsetDateTime,
    pub due_on: Date,
    pub paid_at: Option<OffsetDateTime>,
    pub net_cents: i64,
    pub vat_cents: i64,
    pub total_cents: i64,
    pub content: Json<Content>,
}

impl Invoice {
    pub fn reference(&self) -> String {
        self.kind.reference(self.year, self.number)
    }

    /// The day that it bears.
    pub fn issued_on(&self) -> Date {
        paris::day(self.issued_at)
    }
}

/// Issues an invoice: takes the next number of its series, whose row stays locked until the transaction ends, so issue late
/// in it and talents' before the platform's. The same cause gets the same invoice again.
pub async fn issue(conn: &mut PgConnection, new: NewInvoice, now: OffsetDateTime) -> Result<Invoice> {
    if let Some(issued) = reading::find_by_cause(conn, &new.cause).await? {
        return Ok(issued);
    }
    let usual = match new.site {
        Some(site) => establishments::chorus_references(conn, site).await?,
        None => References::default(),
    };
    let amounts = Amounts::of(&new.lines, new.prices);
    let issuer_id = new.issuer.id();
    let (Issuer::Talent(issuer) | Issuer::Platform(issuer)) = new.issuer;
    let (paid_at, days) = match new.terms {
        Terms::Paid { at } => (Some(at), 0),
        Terms::Days(days) => (None, i64::from(days)),
    };
    let row = Row {
        kind: InvoiceKind::Invoice,
        issuer_id,
        recipient_id: new.recipient.user_id,
        establishment_id: new.site,
        cause: &new.cause,
        corrects_id: None,
        payment_id: new.payment_id,
        due_on: paris::day(now) + Duration::days(days),
        paid_at,
        content: Content {
            issuer,
            recipient: new.recipient,
            subject: new.subject,
            lines: amounts.lines,
            vat: amounts.vat,
            exemption: new.exemption,
            delivered_from: new.delivery.0,
            delivered_to: new.delivery.1,
            prepaid: paid_at.is_some(),
            buyer_reference: new.buyer_reference.or(usual.service_code),
            order_reference: new.order_reference.or(usual.order_reference),
            corrects: None,
        },
    };
    insert(conn, row, now).await
}

/// Takes back a part of an invoice, or the whole: never more than it was. The same cause gets the same credit note again.
pub async fn credit(
    conn: &mut PgConnection,
    invoice: InvoiceId,
    amount_cents: i64,
    cause: &str,
    now: OffsetDateTime,
) -> Result<Invoice> {
    // Credits of one invoice stand in line here.
    sqlx::query!("select id from invoices where id = $1 for update", invoice.0)
        .fetch_optional(&mut *conn)
        .await?
        .ok_or(Error::NotFound("invoice"))?;
    if let Some(issued) = reading::find_by_cause(conn, cause).await? {
        return Ok(issued);
    }
    let invoice = reading::get(conn, invoice).await?;
    let before = sqlx::query_scalar!(
        r#"select coalesce(sum(total_cents), 0)::bigint as "sum!" from invoices where corrects_id = $1"#,
        invoice.id.0,
    )
    .fetch_one(&mut *conn)
    .await?;
    if invoice.kind == InvoiceKind::CreditNote
        || amount_cents <= 0
        || before + amount_cents > invoice.total_cents
    {
        return Err(Error::Conflict {
            code: "CREDIT_EXCEEDS_INVOICE",
            message: "No more can be credited than what was invoiced and not yet credited",
        });
    }
    let reference = invoice.reference();
    let Json(content) = invoice.content.clone();
    let amounts = match before == 0 && amount_cents == invoice.total_cents {
        true => Amounts { lines: content.lines, vat: content.vat },
        false => Amounts::part_of(&content.vat, before, amount_cents, &reference),
    };
    let row = Row {
        kind: InvoiceKind::CreditNote,
        issuer_id: invoice.issuer_id,
        recipient_id: invoice.recipient_id,
        establishment_id: invoice.establishment_id,
        cause,
        corrects_id: Some(invoice.id),
        payment_id: invoice.payment_id,
        due_on: paris::day(now),
        paid_at: None,
        content: Content {
            lines: amounts.lines,
            vat: amounts.vat,
            prepaid: false,
            corrects: Some(Corrected { reference, issued_on: paris::day(invoice.issued_at) }),
            ..content
        },
    };
    insert(conn, row, now).await
}

/// Notes that an invoice was paid; false when that was known.
pub async fn mark_paid(conn: &mut PgConnection, invoice: InvoiceId, at: OffsetDateTime) -> Result<bool> {
    let paid = sqlx::query!(
        "update invoices set paid_at = $2 where id = $1 and paid_at is null and kind = 'INVOICE'",
        invoice.0,
        at
    );
    Ok(paid.execute(conn).await?.rows_affected() > 0)
}

/// What becomes an invoice, all but its number.
struct Row<'a> {
    kind: InvoiceKind,
    issuer_id: Option<UserId>,
    recipient_id: UserId,
    establishment_id: Option<EstablishmentId>,
    cause: &'a str,
    corrects_id: Option<InvoiceId>,
    payment_id: Option<PaymentId>,
    due_on: Date,
    paid_at: Option<OffsetDateTime>,
    content: Content,
}

async fn insert(conn: &mut PgConnection, row: Row<'_>, now: OffsetDateTime) -> Result<Invoice> {
    let (series, year) = (row.issuer_id.map_or(Uuid::nil(), |issuer| issuer.0), paris::year(now));
    let number = sqlx::query_scalar!(
        "insert into invoice_series as s (series, kind, year, last) values ($1, $2, $3, 1)
         on conflict (series, kind, year) do update set last = s.last + 1 returning last",
        series,
        row.kind as InvoiceKind,
        year,
    )
    .fetch_one(&mut *conn)
    .await?;
    // Whoever was before us in the series may have been asked for the same.
    if let Some(issued) = reading::find_by_cause(conn, row.cause).await? {
        sqlx::query!(
            "update invoice_series set last = last - 1 where series = $1 and kind = $2 and year = $3",
            series,
            row.kind as InvoiceKind,
            year,
        )
        .execute(&mut *conn)
        .await?;
        return Ok(issued);
    }
    let (net_cents, vat_cents) = sums(&row.content.vat);
    let invoice = Invoice {
        id: InvoiceId::new(),
        kind: row.kind,
        issuer_id: row.issuer_id,
        recipient_id: row.recipient_id,
        establishment_id: row.establishment_id,
        year,
        number,
        cause: row.cause.to_owned(),
        corrects_id: row.corrects_id,
        payment_id: row.payment_id,
        issued_at: now,
        due_on: row.due_on,
        paid_at: row.paid_at,
        net_cents,
        vat_cents,
        total_cents: net_cents + vat_cents,
        content: Json(row.content),
    };
    sqlx::query!(
        "insert into invoices (id, kind, issuer_id, recipient_id, establishment_id, year, number, cause, corrects_id, payment_id,
                               issued_at, due_on, paid_at, net_cents, vat_cents, total_cents, content)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        invoice.id.0,
        invoice.kind as InvoiceKind,
        invoice.issuer_id.map(|id| id.0),
        invoice.recipient_id.0,
        invoice.establishment_id.map(|id| id.0),
        invoice.year,
        invoice.number,
        invoice.cause,
        invoice.corrects_id.map(|id| id.0),
        invoice.payment_id.map(|id| id.0),
        invoice.issued_at,
        invoice.due_on,
        invoice.paid_at,
        invoice.net_cents,
        invoice.vat_cents,
        invoice.total_cents,
        &invoice.content as &Json<Content>,
    )
    .execute(conn)
    .await?;
    Ok(invoice)
}
