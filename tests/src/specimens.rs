//! Documents to try the paper with: what foreign readers and validators are given, and what the benchmark renders.

use domain::ids::{InvoiceId, UserId};
use domain::invoices::{self, Amounts, Content, Corrected, Invoice, InvoiceKind, NewLine, Prices, Unit};
use domain::paper::{self, Block, Column, Sheet, Side, Table};
use domain::parties::{Party, Vat};
use domain::surcharges;
use time::macros::{date, datetime};
use uuid::Uuid;

fn party(name: &str, siret: Option<&str>) -> Party {
    Party {
        user_id: UserId(Uuid::nil()),
        name: name.to_owned(),
        email: "adresse@example.org".to_owned(),
        siret: siret.map(str::to_owned),
        vat_number: None,
        address: Some("12 bis, rue de l’Abbé-Grégoire".to_owned()),
        postal_code: Some("75006".to_owned()),
        city: Some("Paris".to_owned()),
    }
}

/// A talent's invoice over these lines, paid by card.
fn invoice(lines: &[NewLine], prices: Prices, exemption: Option<Vat>) -> Invoice {
    let amounts = Amounts::of(lines, prices);
    let (net_cents, vat_cents) = invoices::sums(&amounts.vat);
    let mut issuer = party("Zoé Lefèvre-Nuñez (EI)", Some("73282932000074"));
    issuer.vat_number = (vat_cents > 0).then(|| "FR44732829320".to_owned());
    let at = datetime!(2026-03-02 09:30 UTC);
    Invoice {
        id: InvoiceId(Uuid::nil()),
        kind: InvoiceKind::Invoice,
        issuer_id: Some(UserId(Uuid::nil())),
        recipient_id: UserId(Uuid::nil()),
        establishment_id: None,
        year: 2026,
        number: 42,
        cause: "specimen".to_owned(),
        corrects_id: None,
        payment_id: None,
        issued_at: at,
        due_on: date!(2026 - 03 - 02),
        paid_at: Some(at),
        net_cents,
        vat_cents,
        total_cents: net_cents + vat_cents,
        content: sqlx::types::Json(Content {
            issuer,
            recipient: party("EHPAD Les Œillets – Maison d’accueil spécialisée", Some("35600000000048")),
            subject: "Mission de renfort du 1er mars 2026, contrat CTR-2026-0001".to_owned(),
            lines: amounts.lines,
            vat: amounts.vat,
            exemption,
            delivered_from: date!(2026 - 03 - 01),
            delivered_to: date!(2026 - 03 - 02),
            prepaid: true,
            buyer_reference: None,
            order_reference: None,
            corrects: None,
        }),
    }
}

/// Invoices of every kind, by name.
pub fn invoices() -> Vec<(&'static str, Invoice)> {
    let price = surcharges::price(datetime!(2026-03-01 19:40 UTC), datetime!(2026-03-02 03:00 UTC), 2_501);
    let shift = |bps| price.lines.iter().map(|line| NewLine::shift(line, 2_501, bps)).collect::<Vec<_>>();
    let mut public = invoice(&shift(0), Prices::Gross, Some(Vat::SmallBusiness));
    public.content.prepaid = false;
    public.paid_at = None;
    public.due_on = date!(2026 - 04 - 01);
    public.content.buyer_reference = Some("SERVICE-ACHATS".to_owned());
    public.content.order_reference = Some("EJ-2026-118".to_owned());
    let mut commission =
        invoice(&[NewLine::flat("Commission de la plateforme (15 %)", 4_126, 2_000)], Prices::Gross, None);
    commission.issuer_id = None;
    commission.content.issuer.name = "SocioPulse".to_owned();
    let mixed = [
        NewLine::of("Atelier mémoire, séance de groupe", 3_500, Unit::Hour, 6_333, 2_000),
        NewLine::of("Carnets d’exercices", 12_000, Unit::Piece, 1_055, 550),
        NewLine::of("Préparation à domicile", 1_000, Unit::Day, 18_000, 1_000),
        NewLine::discount("Remise commerciale", 2_000, 2_000),
    ];
    let credited = invoice(&shift(2_000), Prices::Gross, None);
    let mut credit = credited.clone();
    let Amounts { lines, vat } = Amounts::part_of(&credited.content.vat, 0, 10_000, &credited.reference());
    (credit.net_cents, credit.vat_cents) = (vat[0].base_cents, vat[0].vat_cents);
    (credit.total_cents, credit.kind, credit.number) = (10_000, InvoiceKind::CreditNote, 7);
    (credit.content.lines, credit.content.vat, credit.content.prepaid) = (lines, vat, false);
    credit.content.corrects =
        Some(Corrected { reference: credited.reference(), issued_on: date!(2026 - 03 - 02) });
    let many: Vec<_> = (1..=60)
        .map(|n| {
            NewLine::of(
                format!("Séance n° {n} – accompagnement éducatif à domicile"),
                1_250,
                Unit::Hour,
                2_833,
                2_000,
            )
        })
        .collect();
    vec![
        ("invoice-care", invoice(&shift(0), Prices::Gross, Some(Vat::CareExempt))),
        ("invoice-standard", invoice(&shift(2_000), Prices::Gross, None)),
        ("invoice-public", public),
        ("invoice-mixed", invoice(&mixed, Prices::Net, None)),
        ("invoice-long", invoice(&many, Prices::Net, None)),
        ("commission", commission),
        ("credit-note", credit),
    ]
}

/// What only tries the paper itself: long words, long cells, many rows.
pub fn sheets() -> Vec<(&'static str, Sheet)> {
    let long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft".repeat(3);
    let text = "L’œuvre d’accueil s’étend, çà et là, du Nord au Sud : où naïveté, maïs, Noël, ambiguë, façade, \
                garçon, piqûre, forêt, aïeul, cœur, ÉVÊQUE, ÀÉÈÊËÎÏÔÖÙÛÜŸÇŒÆ, « guillemets », 1\u{202f}234,50\u{a0}€. ";
    let rows = (1..=60).map(|n| {
        let note = if n % 7 == 0 { text.repeat(2) } else { "Code envoyé par courriel".to_owned() };
        vec![format!("02/03/2026 à 09:{:02}", n % 60), note, "203.0.113.7".to_owned(), format!("{n}")]
    });
    let side = |role: &str| Side {
        role: role.to_owned(),
        lines: vec!["Zoé Lefèvre-Nuñez".to_owned(), "Signé le 2 mars 2026 à 10 h 30".to_owned()],
    };
    let sheet = Sheet {
        title: "Contrat de prestation".to_owned(),
        reference: "CTR-2026-0001".to_owned(),
        subject: "Renfort infirmier du 1er au 2 mars 2026".to_owned(),
        facts: vec![
            ("Référence".to_owned(), "CTR-2026-0001".to_owned()),
            ("Date".to_owned(), "2 mars 2026".to_owned()),
        ],
        sides: vec![
            paper::invoice::side("Talent", &party("Zoé Lefèvre-Nuñez", Some("73282932000074"))),
            paper::invoice::side("Client", &party(&long, None)),
        ],
        blocks: vec![
            Block::Heading("Article 1 – Objet".to_owned()),
            Block::Text(text.repeat(12)),
            Block::Text(format!("{long}\nSuite, décomposée : e\u{301}le\u{300}ve; inconnu : 漢字 🙂; fin.")),
            Block::Heading("Article 2 – Durée".to_owned()),
            Block::Text(format!("{}\n\n{}", text.repeat(9), text.repeat(8))),
            Block::Heading("Signatures".to_owned()),
            Block::Signatures(vec![side("Le talent"), side("Le client")]),
            Block::PageBreak,
            Block::Heading("Annexe – Journal des preuves".to_owned()),
            Block::Table(Table {
                columns: vec![
                    Column::left("Date", 20),
                    Column::left("Événement", 50),
                    Column::left("Adresse IP", 20),
                    Column::right("N°", 6),
                ],
                rows: rows.collect(),
                dense: true,
            }),
        ],
        at: datetime!(2026-03-02 09:30 UTC),
    };
    let mut huge = sheet.clone();
    huge.blocks = vec![Block::Table(Table {
        columns: vec![Column::left("Une cellule plus longue qu’une page", 60), Column::right("Montant", 20)],
        rows: vec![vec![text.repeat(60), "1,00 €".to_owned()], vec![long, "2,00 €".to_owned()]],
        dense: false,
    })];
    vec![("sheet", sheet), ("sheet-huge", huge)]
}
