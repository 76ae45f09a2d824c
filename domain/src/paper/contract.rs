//! A contract on paper: the text that both sign, its price, who signed, and how that is known.

use super::{Block, Column, Sheet, Side, Table, Total, day, percent, priced, totals};
use crate::contracts::{Contract, ContractEvent, ContractEventKind};
use crate::paris;
use crate::standing;

/// As issued; or, with its evidence, as signed by both.
pub fn sheet(contract: &Contract, evidence: Option<&[ContractEvent]>) -> Sheet {
    let mut facts = vec![
        ("Référence".to_owned(), contract.reference.clone()),
        ("Établi le".to_owned(), day(paris::day(contract.issued_at))),
    ];
    let signed_at = contract.signed_at.filter(|_| evidence.is_some());
    facts.extend(signed_at.map(|at| ("Signé le".to_owned(), day(paris::day(at)))));
    let mut blocks = text(&contract.terms);
    blocks.push(Block::Heading("Récapitulatif du prix".to_owned()));
    blocks
        .push(Block::Table(priced(&contract.lines, if contract.lines_contain_vat() { "TTC" } else { "HT" })));
    blocks.push(Block::Totals(sums(contract)));
    blocks.push(Block::Heading("Signatures".to_owned()));
    blocks.push(Block::Signatures(signatures(contract, evidence.is_some())));
    if let Some(events) = evidence {
        blocks.extend(appendix(contract, events));
    }
    Sheet {
        title: "Contrat".to_owned(),
        reference: contract.reference.clone(),
        subject: contract.title.clone(),
        facts,
        sides: Vec::new(),
        blocks,
        at: signed_at.unwrap_or(contract.issued_at),
    }
}

/// Word for word; articles are headings.
fn text(terms: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut paragraphs: Vec<&str> = Vec::new();
    let flush = |paragraphs: &mut Vec<&str>, blocks: &mut Vec<Block>| {
        let text = paragraphs.join("\n");
        if !text.trim().is_empty() {
            blocks.push(Block::Text(text.trim().to_owned()));
        }
        paragraphs.clear();
    };
    for line in terms.lines() {
        let heading = line.starts_with("Article ") || line.starts_with("CONTRAT ") || is_shouted(line);
        if heading {
            flush(&mut paragraphs, &mut blocks);
            blocks.push(Block::Heading(line.to_owned()));
        } else {
            paragraphs.push(line);
        }
    }
    flush(&mut paragraphs, &mut blocks);
    blocks
}

/// "ENTRE LES SOUSSIGNÉS".
fn is_shouted(line: &str) -> bool {
    line.chars().count() > 10 && line.chars().all(|letter| letter.is_uppercase() || letter == ' ')
}

fn sums(contract: &Contract) -> Vec<Total> {
    let word = if contract.lines_contain_vat() { "Dont TVA" } else { "TVA" };
    let mut sums = totals(&contract.vat, word);
    sums.push(Total::of("Prix total TTC", contract.amount_cents).grand());
    sums
}

fn signatures(contract: &Contract, signed: bool) -> Vec<Side> {
    let parties = &contract.parties;
    let sides = [
        ("Le client", &parties.client, contract.client_signed_at),
        ("Le prestataire", &parties.talent, contract.talent_signed_at),
    ];
    let side = |(role, party, at): (&str, &crate::parties::Party, Option<time::OffsetDateTime>)| {
        let mut lines = vec![party.name.clone()];
        match at.filter(|_| signed) {
            Some(at) => {
                lines.push(format!("Signé le {}", paris::date_and_time(at, "fr")));
                lines.push("(heure de Paris), par code à usage unique envoyé par courriel".to_owned());
            }
            None => lines.push("En attente de signature électronique".to_owned()),
        }
        Side { role: role.to_owned(), lines }
    };
    sides.map(side).into()
}

/// What is known of the signatures, as it was recorded.
fn appendix(contract: &Contract, events: &[ContractEvent]) -> Vec<Block> {
    let signed_at = contract.signed_at.unwrap_or(contract.issued_at);
    let rows = events.iter().filter(|event| event.created_at <= signed_at).filter_map(|event| {
        let what = match event.kind {
            ContractEventKind::Issued => "Contrat établi",
            ContractEventKind::CodeRequested => "Code demandé",
            ContractEventKind::CodeSent => "Code envoyé par courriel",
            ContractEventKind::WrongCode => "Code erroné",
            ContractEventKind::Signed => "Signature",
            _ => return None,
        };
        let side = match event.side {
            Some(standing::Side::Client) => "Client",
            Some(standing::Side::Talent) => "Prestataire",
            None => "Plateforme",
        };
        let from = [event.ip.as_deref(), event.user_agent.as_deref(), event.detail.as_deref()];
        let from: Vec<_> = from.into_iter().flatten().collect();
        Some(vec![paris::stamp(event.created_at), what.to_owned(), side.to_owned(), from.join("\n")])
    });
    vec![
        Block::PageBreak,
        Block::Heading("Annexe – Journal des preuves de signature".to_owned()),
        Block::Small(format!(
            "Signature électronique simple (règlement (UE) n° 910/2014, art. 1367 du Code civil). Heures de Paris. Empreinte SHA-256 du \
             texte signé (articles et parties ci-dessus) :\n{}",
            contract.terms_sha256
        )),
        Block::Table(Table {
            columns: vec![
                Column::left("Date et heure", 16),
                Column::left("Événement", 17),
                Column::left("Partie", 10),
                Column::left("Adresse IP, navigateur, empreinte", 57),
            ],
            rows: rows.collect(),
            dense: true,
        }),
    ]
}

/// Rate and base of each VAT group, as totals' lines.
pub(super) fn label(word: &str, rate_bps: i32, base_cents: i64) -> String {
    format!("{word} {} sur {}", percent(rate_bps), super::euros(base_cents))
}
