//! The paper of a payment: its talent's invoice to the client, the platform's commission to the talent, and what takes them back.
//! Their totals are the ledger's amounts.

use sqlx::PgConnection;
use time::{Date, Duration, OffsetDateTime};

use super::refunds::Refunded;
use super::{Payment, PaymentKind, PaymentMethod};
use crate::chorus::References;
use crate::contracts::{Contract, ContractKind};
use crate::error::Result;
use crate::ids::EstablishmentId;
use crate::invoices::{self, Invoice, Issuer, NewInvoice, NewLine, Prices, Terms};
use crate::ledger::COMMISSION_VAT_BPS;
use crate::parties::{self, Party, Vat};
use crate::{bookings, contracts, money, paris, surcharges};

/// Days that a public body has to pay.
const PUBLIC_TERM: u16 = 30;

/// What a payment was for.
struct Delivered {
    site: Option<EstablishmentId>,
    subject: String,
    lines: Vec<NewLine>,
    prices: Prices,
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
    references: References,
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
        exemption: Some(vat)
            .filter(|vat| vat.bps() == 0 && delivered.lines.iter().any(|line| line.vat_bps == 0)),
        lines: delivered.lines,
        prices: delivered.prices,
        delivery: delivered.days,
        terms,
        payment_id: Some(payment.id),
        buyer_reference: references.service_code,
        order_reference: references.order_reference,
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
            subject: format!("{} du {}", booking.title, paris::day_in_words(days.0)),
            lines: vec![NewLine::flat(booking.option_name, payment.amount_cents, vat.bps())],
            prices: Prices::Gross,
            days,
        });
    }
    let contract = match payment.contract_id {
        Some(contract) => contracts::get(&mut *conn, contract).await?,
        None => return Err(crate::Error::NotFound("contract")),
    };
    let start = contract.starts_at.unwrap_or(contract.issued_at);
    let end = contract.ends_at.unwrap_or(start);
    let (lines, prices) = match (payment.kind, contract.kind) {
        (PaymentKind::Charge, ContractKind::Framework) => (quoted(&contract), Prices::Net),
        (PaymentKind::Charge, _) => (work(&mut *conn, payment, &contract, vat).await?, Prices::Gross),
        (PaymentKind::Supplement, _) => {
            let line = NewLine::flat("Durée au-delà de la durée prévue", payment.amount_cents, vat.bps());
            (vec![line], Prices::Gross)
        }
    };
    let days = (paris::day(start), paris::day(end));
    Ok(Delivered {
        site: contract.establishment_id,
        subject: format!(
            "{} du {}, contrat {}",
            contract.title,
            paris::day_in_words(days.0),
            contract.reference
        ),
        lines,
        prices,
        days,
    })
}

/// The lines of a quote, as its contract froze them. The discount stands at each rate, as VAT is taken of what it leaves.
fn quoted(contract: &Contract) -> Vec<NewLine> {
    let lines = contract.lines.iter().map(NewLine::contracted);
    let discounts = contract.vat.iter().filter_map(|group| {
        let at_rate = contract.lines.iter().filter(|line| line.vat_bps == group.rate_bps);
        let cents = at_rate.map(|line| line.amount_cents).sum::<i64>() - group.base_cents;
        (cents > 0).then(|| NewLine::discount("Remise", cents, group.rate_bps))
    });
    lines.chain(discounts).collect()
}

/// What a mission's contract is paid for: the work, minute by minute as it was accepted or, before that, planned; or that it was
/// called off.
async fn work(
    conn: &mut PgConnection,
    payment: &Payment,
    contract: &Contract,
    vat: Vat,
) -> Result<Vec<NewLine>> {
    let flat = |description: String| vec![NewLine::flat(description, payment.amount_cents, vat.bps())];
    let row = sqlx::query!(
        r#"select m.start_date, m.end_date, coalesce(a.hourly_rate_cents, m.hourly_rate_cents)::bigint as "rate!",
                  a.status = 'CANCELLED' as "called_off!", r.accepted_minutes as "accepted_minutes?"
             from assignments a join missions m on m.id = a.mission_id left join reports r on r.assignment_id = a.id
            where a.id = $1"#,
        contract.assignment_id.map(|id| id.0),
    );
    let Some(row) = row.fetch_optional(conn).await? else { return Ok(flat(contract.title.clone())) };
    if row.called_off {
        return Ok(flat(format!("Indemnité d’annulation – {}", contract.title)));
    }
    let accepted = row.accepted_minutes.map(|minutes| row.start_date + Duration::minutes(minutes.into()));
    let prices = [accepted, Some(row.end_date)].into_iter().flatten();
    let mut prices = prices.map(|end| surcharges::price(row.start_date, end, row.rate));
    Ok(match prices.find(|price| price.total_cents == payment.amount_cents) {
        Some(price) => {
            let line = |line| NewLine::shift(line, price.hourly_rate_cents, vat.bps());
            price.lines.iter().map(line).collect()
        }
        None => flat(contract.title.clone()),
    })
}

/// Takes back on paper what has gone back in money.
pub async fn credit(
    conn: &mut PgConnection,
    refunded: &Refunded,
    now: OffsetDateTime,
) -> Result<Vec<Invoice>> {
    let Refunded { payment, refund, returned_cents } = refunded;
    let kept =
        |returned: i64| money::split((payment.amount_cents - returned).max(0), payment.commission_bps).0;
    let fee_cents = kept(*returned_cents) - kept(returned_cents + refund.amount_cents);
    let mut credited = Vec::new();
    for (cause, whose, cents) in [
        (talents_cause(payment), "talent", refunded.share_cents()),
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
