//! The paper of a payment: its talent's invoice to the client, the platform's commission to the talent, and what takes them back.
//! Their totals are the ledger's amounts.

use sqlx::PgConnection;
use time::{Date, OffsetDateTime};

use super::refunds::Refunded;
use super::{Payment, PaymentKind, PaymentMethod};
use crate::error::Result;
use crate::ids::EstablishmentId;
use crate::invoices::{self, Invoice, Issuer, NewInvoice, NewLine, Prices, Terms};
use crate::ledger::COMMISSION_VAT_BPS;
use crate::parties::{self, Party, Vat};
use crate::surcharges::{self, Price};
use crate::{bookings, contracts, money, paris};

/// Days that a public body has to pay.
const PUBLIC_TERM: u16 = 30;

/// What a payment was for.
struct Delivered {
    site: Option<EstablishmentId>,
    subject: String,
    lines: Vec<NewLine>,
    days: (Date, Date),
}

fn talents_cause(payment: &Payment) -> String {
    format!("payment:{}:talent", payment.id)
}

fn commissions_cause(payment: &Payment) -> String {
    format!("payment:{}:commission", payment.id)
}

/// Issues what belongs to a payment that came, or that a public body owes. The talent's comes first: the platform's series, which all
/// share, is locked for the shorter time.
pub async fn issue(
    conn: &mut PgConnection,
    payment: &Payment,
    platform: &Party,
    now: OffsetDateTime,
) -> Result<Vec<Invoice>> {
    let vat = parties::vat_of(&mut *conn, payment.talent_id).await?;
    let delivered = delivered(&mut *conn, payment, vat).await?;
    let talent = parties::of_person(&mut *conn, payment.talent_id).await?;
    let client = parties::of_client(&mut *conn, payment.payer_id, delivered.site).await?;
    let terms = match payment.method {
        PaymentMethod::Card => Terms::Paid { at: now },
        PaymentMethod::Chorus => Terms::Days(PUBLIC_TERM),
    };
    let (fee_cents, _) = payment.split();
    let work = NewInvoice {
        issuer: Issuer::Talent(talent.clone()),
        recipient: client,
        site: delivered.site,
        cause: talents_cause(payment),
        subject: delivered.subject.clone(),
        lines: delivered.lines,
        prices: Prices::Gross,
        exemption: Some(vat).filter(|vat| vat.bps() == 0),
        delivery: delivered.days,
        terms,
        payment_id: Some(payment.id),
        buyer_reference: None,
        order_reference: None,
    };
    let mut issued = vec![invoices::issue(&mut *conn, work, now).await?];
    if fee_cents > 0 {
        let line = NewLine::flat("Commission de mise en relation", fee_cents, COMMISSION_VAT_BPS);
        let commission = NewInvoice {
            issuer: Issuer::Platform(platform.clone()),
            recipient: talent,
            site: None,
            cause: commissions_cause(payment),
            subject: delivered.subject,
            lines: vec![line],
            prices: Prices::Gross,
            exemption: None,
            delivery: delivered.days,
            // Kept of what was paid.
            terms: Terms::Paid { at: now },
            payment_id: Some(payment.id),
            buyer_reference: None,
            order_reference: None,
        };
        issued.push(invoices::issue(conn, commission, now).await?);
    }
    Ok(issued)
}

async fn delivered(conn: &mut PgConnection, payment: &Payment, vat: Vat) -> Result<Delivered> {
    if let Some(booking) = payment.booking_id {
        let booking = bookings::get(conn, booking).await?;
        let days = (paris::day(booking.starts_at), paris::day(booking.ends_at));
        return Ok(Delivered {
            site: booking.establishment_id,
            subject: format!("{} du {}", booking.title, paris::date(booking.starts_at, "fr")),
            lines: vec![NewLine::flat(booking.option_name, payment.amount_cents, vat.bps())],
            days,
        });
    }
    let contract = match payment.contract_id {
        Some(contract) => contracts::get(&mut *conn, contract).await?,
        None => return Err(crate::Error::NotFound("contract")),
    };
    let start = contract.starts_at.unwrap_or(contract.issued_at);
    let end = contract.ends_at.unwrap_or(start);
    let lines = match payment.kind {
        PaymentKind::Charge => match shift(&mut *conn, payment).await? {
            Some(price) if price.total_cents == payment.amount_cents => {
                let line = |line| NewLine::shift(line, price.hourly_rate_cents, vat.bps());
                price.lines.iter().map(line).collect()
            }
            _ => vec![NewLine::flat(contract.title.clone(), payment.amount_cents, vat.bps())],
        },
        PaymentKind::Supplement => {
            vec![NewLine::flat("Durée au-delà de la durée prévue", payment.amount_cents, vat.bps())]
        }
    };
    Ok(Delivered {
        site: contract.establishment_id,
        subject: format!(
            "{} du {}, contrat {}",
            contract.title,
            paris::date(start, "fr"),
            contract.reference
        ),
        lines,
        days: (paris::day(start), paris::day(end)),
    })
}

/// The planned price of a contract's shift, as the contract computed it.
async fn shift(conn: &mut PgConnection, payment: &Payment) -> Result<Option<Price>> {
    let row = sqlx::query!(
        r#"select m.start_date, m.end_date, coalesce(a.hourly_rate_cents, m.hourly_rate_cents)::bigint as "rate!"
             from contracts c join missions m on m.id = c.mission_id join assignments a on a.id = c.assignment_id
            where c.id = $1"#,
        payment.contract_id.map(|id| id.0),
    );
    let row = row.fetch_optional(conn).await?;
    Ok(row.map(|row| surcharges::price(row.start_date, row.end_date, row.rate)))
}

/// Takes back on paper what has gone back in money.
pub async fn credit(
    conn: &mut PgConnection,
    refunded: &Refunded,
    now: OffsetDateTime,
) -> Result<Vec<Invoice>> {
    let Refunded { payment, refund, returned_cents, .. } = refunded;
    let kept =
        |returned: i64| money::split((payment.amount_cents - returned).max(0), payment.commission_bps).0;
    let fee_cents = kept(*returned_cents) - kept(returned_cents + refund.amount_cents);
    let mut credited = Vec::new();
    for (cause, whose, cents) in [
        (talents_cause(payment), "talent", refund.amount_cents),
        (commissions_cause(payment), "commission", fee_cents),
    ] {
        if cents == 0 {
            continue;
        }
        if let Some(invoice) = invoices::find_by_cause(&mut *conn, &cause).await? {
            let cause = format!("refund:{}:{whose}", refund.id);
            credited.push(invoices::credit(&mut *conn, invoice.id, cents, &cause, now).await?);
        }
    }
    Ok(credited)
}
