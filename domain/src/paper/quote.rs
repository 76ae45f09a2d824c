//! A quote on paper, as it was sent.

use super::{Block, Sheet, Total, day, invoice::side, priced, totals};
use crate::paris;
use crate::quotes::Quote;

/// None as long as it is a draft.
pub fn sheet(quote: &Quote) -> Option<Sheet> {
    let (reference, parties, sent_at) = (quote.reference.clone()?, quote.parties.as_ref()?, quote.sent_at?);
    let mut facts =
        vec![("Référence".to_owned(), reference.clone()), ("Date".to_owned(), day(paris::day(sent_at)))];
    if quote.version > 1 {
        facts.push(("Version".to_owned(), quote.version.to_string()));
    }
    facts.extend(quote.expires_at.map(|at| ("Valable jusqu’au".to_owned(), day(paris::day(at)))));
    let mut blocks = vec![Block::Table(priced(&quote.lines, "HT"))];
    let mut sums = vec![Total::of("Total HT", quote.subtotal_cents)];
    if quote.discount_cents > 0 {
        sums.push(Total::of("Remise", -quote.discount_cents));
        sums.push(Total::of("Total HT après remise", quote.subtotal_cents - quote.discount_cents));
    }
    sums.extend(totals(&quote.vat, "TVA"));
    sums.push(Total::of("Total TTC", quote.total_cents).grand());
    blocks.push(Block::Totals(sums));
    if let Some(notes) = quote.notes.as_deref().filter(|notes| !notes.trim().is_empty()) {
        blocks.push(Block::Heading("Précisions".to_owned()));
        blocks.push(Block::Text(notes.to_owned()));
    }
    let mut mentions: Vec<_> = quote.vat_mention.iter().map(|mention| format!("{mention}.")).collect();
    mentions.push(
        "Devis gratuit. L’acceptation se fait sur la plateforme SocioPulse ; un contrat est alors établi et signé par les deux parties \
         par voie électronique."
            .to_owned(),
    );
    blocks.push(Block::Small(mentions.join("\n")));
    Some(Sheet {
        title: "Devis".to_owned(),
        reference,
        subject: quote.title.clone(),
        facts,
        sides: vec![side("Prestataire", &parties.talent), side("Client", &parties.client)],
        blocks,
        at: sent_at,
    })
}
