//! The text that both sign, in French: the law of the contract. Made once, when it is issued.

use time::OffsetDateTime;

use super::{ContractKind, Draft};
use crate::parties::Party;
use crate::totals::Line;
use crate::{money, paris};

/// The whole text, one paragraph a line.
pub(super) fn text(draft: &Draft, reference: &str, now: OffsetDateTime) -> String {
    let kind = draft.source.kind();
    let mut articles = vec![
        ("Objet", object(draft)),
        ("Durée et lieu", period(draft)),
        ("Prix", price(draft)),
        ("Paiement", vec![PAYMENT.to_owned()]),
        ("Obligations du prestataire", OF_TALENT.map(str::to_owned).to_vec()),
        ("Obligations du client", OF_CLIENT.map(str::to_owned).to_vec()),
        ("Confidentialité et données personnelles", CONFIDENTIALITY.map(str::to_owned).to_vec()),
    ];
    if let Some(cancellation) = cancellation(kind) {
        articles.push(("Annulation", vec![cancellation.to_owned()]));
    }
    articles.push(("Responsabilité et assurance", vec![LIABILITY.to_owned()]));
    articles.push(("Différends et droit applicable", vec![DISPUTES.to_owned()]));
    articles.push(("Signature électronique", SIGNATURE.map(str::to_owned).to_vec()));

    let mut lines = vec![
        format!("CONTRAT DE PRESTATION DE SERVICES N° {reference}"),
        one_line(&draft.title),
        format!(
            "Établi le {} par l’intermédiaire de la plateforme SocioPulse.",
            paris::day_in_words(paris::day(now))
        ),
        String::new(),
        "ENTRE LES SOUSSIGNÉS".to_owned(),
        String::new(),
    ];
    lines.extend(party("Le client", &draft.parties.client));
    lines.extend([String::new(), "ET".to_owned(), String::new()]);
    lines.extend(party("Le prestataire", &draft.parties.talent));
    lines.extend([String::new(), "IL A ÉTÉ CONVENU CE QUI SUIT".to_owned()]);
    for (number, (title, paragraphs)) in articles.into_iter().enumerate() {
        lines.extend([String::new(), format!("Article {} – {title}", number + 1)]);
        lines.extend(paragraphs);
    }
    lines.join("\n") + "\n"
}

/// Also where someone wrote several: nothing that a person wrote can look like an article of its own.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn party(role: &str, party: &Party) -> Vec<String> {
    let mut lines = vec![format!("{role} : {}", one_line(&party.name))];
    let town = [&party.postal_code, &party.city].into_iter().flatten().map(|part| one_line(part));
    let town = town.collect::<Vec<_>>().join(" ");
    let address = [party.address.as_deref().map(one_line), Some(town)];
    let address: Vec<_> = address.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    if !address.is_empty() {
        lines.push(format!("Adresse : {}", address.join(", ")));
    }
    lines.extend(party.siret.as_ref().map(|siret| format!("SIRET : {siret}")));
    lines.extend(party.vat_number.as_ref().map(|number| format!("N° de TVA : {}", one_line(number))));
    lines.push(format!("Courriel : {}", party.email));
    lines
}

fn object(draft: &Draft) -> Vec<String> {
    let title = one_line(&draft.title);
    let mut paragraphs = vec![format!(
        "Le prestataire réalise pour le client, en toute indépendance et sans lien de subordination, la prestation suivante : {title}."
    )];
    paragraphs.extend(draft.notes.as_deref().map(|notes| format!("Précisions : {}", one_line(notes))));
    paragraphs
}

fn period(draft: &Draft) -> Vec<String> {
    let mut paragraphs = vec![match draft.period {
        Some((start, end)) => format!(
            "La prestation se déroule du {} au {} (heure de Paris).",
            paris::date_and_time(start, "fr"),
            paris::date_and_time(end, "fr"),
        ),
        None => "Les dates d’exécution sont convenues entre les parties.".to_owned(),
    }];
    paragraphs.extend(draft.place.as_deref().map(|place| format!("Lieu : {}.", one_line(place))));
    paragraphs
}

fn euros(cents: i64) -> String {
    money::in_words(cents, "fr")
}

fn price(draft: &Draft) -> Vec<String> {
    let contains_vat = draft.source.kind() != ContractKind::Framework;
    let mut paragraphs: Vec<_> = draft.lines.iter().map(line).collect();
    if draft.discount_cents > 0 {
        paragraphs.push(format!("– Remise : – {}", euros(draft.discount_cents)));
    }
    for group in draft.vat.iter().filter(|group| group.rate_bps > 0) {
        let word = if contains_vat { "Dont TVA" } else { "TVA" };
        let (rate, base) = (percent(group.rate_bps), euros(group.base_cents));
        paragraphs.push(format!("– {word} à {rate} % sur {base} : {}", euros(group.vat_cents)));
    }
    paragraphs.push(format!("Prix total, toutes taxes comprises : {}.", euros(draft.amount_cents)));
    paragraphs.extend(draft.vat_mention.as_ref().map(|mention| format!("{mention}.")));
    paragraphs
}

fn line(line: &Line) -> String {
    let quantity = thousandths(line.quantity_milli);
    format!(
        "– {} : {quantity} {} × {} = {}",
        one_line(&line.description),
        one_line(&line.unit),
        euros(line.unit_price_cents),
        euros(line.amount_cents),
    )
}

/// "7,5" for 7,500.
fn thousandths(milli: i64) -> String {
    let text = format!("{},{:03}", milli / 1_000, milli % 1_000);
    text.trim_end_matches('0').trim_end_matches(',').to_owned()
}

/// "5,5" for 550.
fn percent(bps: i32) -> String {
    thousandths(i64::from(bps) * 10)
}

const PAYMENT: &str = "Le client règle le prix par l’intermédiaire de la plateforme SocioPulse, qui le reverse au prestataire après \
    l’exécution de la prestation, déduction faite de sa commission. La facture est établie par la plateforme au nom et pour le \
    compte du prestataire, en vertu d’un mandat de facturation. Tout retard de paiement entraîne de plein droit des pénalités égales \
    à trois fois le taux d’intérêt légal ainsi qu’une indemnité forfaitaire de recouvrement de 40 € (art. L. 441-10 du Code de commerce).";

const OF_TALENT: [&str; 2] = [
    "Le prestataire exécute la prestation avec le soin d’un professionnel diligent, dans le respect des règles de sa profession et du \
     règlement de l’établissement où il intervient.",
    "Il déclare être à jour de ses obligations déclaratives, sociales et fiscales, et disposer des diplômes et autorisations requis. Il \
     ne peut se faire remplacer sans l’accord du client.",
];

const OF_CLIENT: [&str; 1] = [
    "Le client met à disposition les informations, les consignes et les moyens nécessaires à la prestation, et garantit \
     des conditions d’intervention conformes aux règles de santé et de sécurité.",
];

const CONFIDENTIALITY: [&str; 2] = [
    "Le prestataire est tenu au secret professionnel (art. 226-13 du Code pénal) sur tout ce qu’il apprend des personnes accompagnées. \
     Cette obligation demeure après la fin du contrat.",
    "Les parties traitent les données personnelles conformément au règlement (UE) 2016/679 et à la loi du 6 janvier 1978.",
];

fn cancellation(kind: ContractKind) -> Option<&'static str> {
    match kind {
        ContractKind::MissionSos => Some(
            "Le client peut annuler la mission sans frais jusqu’à 24 heures avant son début ; ensuite il doit 50 % du prix prévu et, à \
             moins de 2 heures du début, la totalité. Le prestataire qui se désiste en informe le client sans délai par la plateforme.",
        ),
        ContractKind::ServiceBooking => Some(
            "Le client peut annuler la séance sans frais jusqu’à 48 heures avant son début ; ensuite il doit 50 % du prix et, à moins de \
             24 heures du début ou en cas d’absence, la totalité. Si le prestataire annule, le client est intégralement remboursé.",
        ),
        ContractKind::Framework => None,
    }
}

const LIABILITY: &str = "Chaque partie répond des dommages qu’elle cause à l’autre. Le prestataire déclare être titulaire d’une assurance de \
    responsabilité civile professionnelle en cours de validité.";

const DISPUTES: &str = "Le présent contrat est soumis au droit français. En cas de différend, les parties recherchent une solution amiable, le cas \
    échéant en le signalant sur la plateforme, avant toute action devant les tribunaux compétents.";

const SIGNATURE: [&str; 2] = [
    "Les parties conviennent de signer par voie électronique, au moyen d’un code à usage unique envoyé à leur adresse de courriel \
     (signature électronique simple au sens du règlement (UE) n° 910/2014, art. 1367 du Code civil).",
    "L’empreinte SHA-256 du présent texte, les codes demandés et les signatures, avec leur date, leur adresse IP et leur navigateur, sont \
     consignés par la plateforme et font foi entre les parties.",
];

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::contracts::{Source, issuing::included};
    use crate::ids::{AssignmentId, MissionId, UserId};
    use crate::parties::Vat;
    use crate::quotes::Parties;
    use crate::standing::Between;

    fn party(name: &str) -> Party {
        Party {
            user_id: UserId::new(),
            name: name.into(),
            email: "a@example.org".into(),
            siret: Some("73282932000074".into()),
            vat_number: None,
            address: Some("12 rue Saint-Ambroise".into()),
            postal_code: Some("75011".into()),
            city: Some("Paris".into()),
        }
    }

    #[test]
    fn the_text_holds_everything_that_was_agreed() {
        let (client, talent) = (party("EHPAD Les Tilleuls"), party("Nadia\nArticle 99 – Benali"));
        let draft = Draft {
            source: Source::Assignment { mission: MissionId::new(), assignment: AssignmentId::new() },
            between: Between { client: client.user_id, site: None, talent: talent.user_id },
            parties: Parties { client, talent },
            title: "Renfort de nuit".into(),
            notes: None,
            place: Some("75011 Paris".into()),
            period: Some((datetime!(2026-03-02 19:00 UTC), datetime!(2026-03-03 05:00 UTC))),
            lines: vec![Line::new("Heures de mission".into(), 7_500, "h".into(), 2_500, 2_000)],
            discount_cents: 0,
            vat: vec![included(18_750, Vat::Standard)],
            vat_mention: None,
            amount_cents: 18_750,
        };
        let text = text(&draft, "CTR-2026-0001", datetime!(2026-03-01 12:00 UTC));
        let parts = [
            "CONTRAT DE PRESTATION DE SERVICES N° CTR-2026-0001\nRenfort de nuit\nÉtabli le 1er mars 2026 ",
            "Le client : EHPAD Les Tilleuls\nAdresse : 12 rue Saint-Ambroise, 75011 Paris\nSIRET : 73282932000074\n",
            "Le prestataire : Nadia Article 99 – Benali\n",
            "du lundi 2 mars 2026 à 20 h 00 au mardi 3 mars 2026 à 06 h 00 (heure de Paris).\nLieu : 75011 Paris.\n",
            "– Heures de mission : 7,5 h × 25,00\u{a0}€ = 187,50\u{a0}€\n– Dont TVA à 20 % sur 156,25\u{a0}€ : 31,25\u{a0}€\n",
            "Article 8 – Annulation\n",
        ];
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.lines().all(|line| line.trim() == line));
    }
}
