//! Invoices and credit notes on paper, with what the law has them say (Code général des impôts, annex II, art. 242 nonies A;
//! Code de commerce, art. L441-9 and L441-10).

use sqlx::types::Json;
use time::Date;

use super::{Block, Column, Sheet, Side, Table, Total, day, percent, price, quantity};
use crate::invoices::{Content, Invoice, InvoiceKind, Unit};
use crate::money;
use crate::paris;
use crate::parties::Party;

/// Late payment, and no discount for early payment; between businesses.
pub const LATE: &str = "En cas de retard de paiement, des pénalités égales à trois fois le taux d’intérêt légal sont exigibles \
                        le jour suivant l’échéance, sans rappel (art. L. 441-10 du Code de commerce).";
pub const RECOVERY: &str = "Indemnité forfaitaire pour frais de recouvrement due en cas de retard : 40 € (art. D. 441-5 du Code de commerce).";
pub const NO_DISCOUNT: &str = "Pas d’escompte pour paiement anticipé.";

/// A talent's invoice is made by the platform in the talent's name.
pub fn mandate(invoice: &Invoice) -> Option<String> {
    let name = &invoice.content.issuer.name;
    let issued = if invoice.kind == InvoiceKind::Invoice { "Facture établie" } else { "Avoir établi" };
    invoice.issuer_id.map(|_| {
        format!(
            "{issued} par SocioPulse au nom et pour le compte de {name} (mandat de facturation, art. 289, I-2 du CGI)."
        )
    })
}

pub fn sheet(invoice: &Invoice) -> Sheet {
    let Json(content) = &invoice.content;
    Sheet {
        title: if invoice.kind == InvoiceKind::Invoice { "Facture" } else { "Avoir" }.to_owned(),
        reference: invoice.reference(),
        subject: content.subject.clone(),
        facts: facts(invoice),
        sides: vec![side("Émetteur", &content.issuer), side("Client", &content.recipient)],
        blocks: blocks(invoice),
        at: invoice.issued_at,
    }
}

fn facts(invoice: &Invoice) -> Vec<(String, String)> {
    let content = &invoice.content;
    let mut facts = vec![("Numéro", invoice.reference()), ("Date", day(invoice.issued_on()))];
    match &content.corrects {
        Some(corrected) => {
            facts.push(("Facture d’origine", corrected.reference.clone()));
            facts.push(("Du", day(corrected.issued_on)));
        }
        None if content.prepaid => {
            facts.push(("Payée le", day(paris::day(invoice.paid_at.unwrap_or(invoice.issued_at)))))
        }
        None => facts.push(("Échéance", day(invoice.due_on))),
    }
    let (from, to) = (content.delivered_from, content.delivered_to);
    let delivered = if from == to { day(from) } else { format!("{} au {}", short(from), short(to)) };
    facts.push(("Prestation", delivered));
    facts.extend(content.order_reference.clone().map(|order| ("N° d’engagement", order)));
    facts.extend(content.buyer_reference.clone().map(|service| ("Service exécutant", service)));
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// "02/03/2026".
fn short(date: Date) -> String {
    format!("{:02}/{:02}/{}", date.day(), u8::from(date.month()), date.year())
}

/// A party with what identifies it.
pub fn side(role: &str, party: &Party) -> Side {
    let mut lines = vec![party.name.clone()];
    lines.extend(party.address.clone());
    let town: Vec<_> = [&party.postal_code, &party.city].into_iter().flatten().map(String::as_str).collect();
    if !town.is_empty() {
        lines.push(town.join(" "));
    }
    lines.extend(party.siret.as_deref().map(|siret| format!("SIRET {}", spaced(siret))));
    lines.extend(party.vat_number.as_deref().map(|number| format!("N° de TVA {number}")));
    Side { role: role.to_owned(), lines }
}

/// "732 829 320 00074".
fn spaced(siret: &str) -> String {
    match (siret.get(..3), siret.get(3..6), siret.get(6..9), siret.get(9..)) {
        (Some(a), Some(b), Some(c), Some(rest)) => [a, b, c, rest].join("\u{a0}"),
        _ => siret.to_owned(),
    }
}

fn blocks(invoice: &Invoice) -> Vec<Block> {
    let Json(content) = &invoice.content;
    let mut blocks = vec![Block::Table(lines(content)), Block::Totals(totals(invoice))];
    let mut mentions: Vec<String> = mandate(invoice).into_iter().collect();
    mentions.extend(content.exemption.and_then(|vat| vat.mention()).map(|mention| format!("{mention}.")));
    match invoice.paid_at.filter(|_| content.prepaid) {
        Some(at) => {
            // The platform keeps its commission of what was paid.
            let way = if invoice.issuer_id.is_some() {
                "par carte bancaire"
            } else {
                "par compensation sur les sommes encaissées"
            };
            mentions.push(format!("Payée le {} {way}.", day(paris::day(at))));
        }
        None if invoice.kind == InvoiceKind::Invoice => {
            mentions.push(format!("À payer au plus tard le {}.", day(invoice.due_on)));
        }
        None => {}
    }
    mentions.push("Catégorie d’opération : prestation de services.".to_owned());
    // Only businesses owe each other what follows.
    if content.recipient.siret.is_some() && invoice.kind == InvoiceKind::Invoice {
        mentions.extend([LATE, RECOVERY, NO_DISCOUNT].map(str::to_owned));
    }
    blocks.push(Block::Small(mentions.join("\n")));
    blocks
}

fn lines(content: &Content) -> Table {
    let rows = content.lines.iter().map(|line| {
        // What is taken off is so at its price.
        let sign = if line.unit == Unit::LumpSum { line.quantity_milli.signum() } else { 1 };
        let per = if line.base_quantity == 60 { "\u{a0}/\u{a0}h" } else { "" };
        vec![
            line.description.clone(),
            quantity(line.quantity_milli, line.unit),
            format!("{}{per}", price(line.unit_price_micros * sign)),
            percent(line.vat_bps),
            money::in_words(line.net_cents, "fr"),
        ]
    });
    Table {
        columns: vec![
            Column::left("Désignation", 42),
            Column::right("Quantité", 14),
            Column::right("Prix unitaire HT", 18),
            Column::right("TVA", 9),
            Column::right("Montant HT", 17),
        ],
        rows: rows.collect(),
        dense: false,
    }
}

fn totals(invoice: &Invoice) -> Vec<Total> {
    let content = &invoice.content;
    let mut totals = vec![Total::of("Total HT", invoice.net_cents)];
    for vat in &content.vat {
        let label = match content.vat.len() {
            1 => format!("TVA {}", percent(vat.bps)),
            _ => format!("TVA {} sur {}", percent(vat.bps), money::in_words(vat.base_cents, "fr")),
        };
        totals.push(Total::of(label, vat.vat_cents));
    }
    if content.vat.len() > 1 {
        totals.push(Total::of("Total TVA", invoice.vat_cents));
    }
    let whole = if invoice.kind == InvoiceKind::Invoice { "Total TTC" } else { "Total remboursé TTC" };
    totals.push(Total::of(whole, invoice.total_cents).grand());
    if invoice.kind == InvoiceKind::Invoice {
        let paid = if content.prepaid { invoice.total_cents } else { 0 };
        totals.push(Total::of("Déjà réglé", paid));
        totals.push(Total::of("Reste à payer", invoice.total_cents - paid));
    }
    totals
}
