//! A talent's report on paper: what was planned, what was worked, what was accepted, and what was said of it.

use time::OffsetDateTime;

use super::invoice::side;
use super::{Block, Column, Sheet, Table, hours};
use crate::contracts::Contract;
use crate::paris;
use crate::reports::{Judge, Report};

/// After its contract, of which it is the only one: "RAPPORT-CTR-2026-0042".
pub fn reference(contract: &Contract) -> String {
    format!("RAPPORT-{}", contract.reference)
}

/// As it was handed in; or with what became of it.
pub fn sheet(report: &Report, contract: &Contract, accepted: bool) -> Sheet {
    let accepted = report.validated_at.filter(|_| accepted);
    let mut facts = vec![
        ("Contrat".to_owned(), contract.reference.clone()),
        ("Remis le".to_owned(), paris::day_in_words(paris::day(report.submitted_at))),
    ];
    facts.extend(accepted.map(|at| ("Validé le".to_owned(), paris::day_in_words(paris::day(at)))));
    let incidents = report.incidents.clone().unwrap_or_else(|| "Aucun incident signalé.".to_owned());
    let blocks = vec![
        Block::Heading("Horaires et durée".to_owned()),
        Block::Table(times(report, contract, accepted)),
        Block::Heading("Compte rendu".to_owned()),
        Block::Text(report.content.clone()),
        Block::Heading("Incidents".to_owned()),
        Block::Text(incidents),
        Block::Heading("Validation".to_owned()),
        Block::Text(verdict(report, accepted)),
        Block::Small(
            "Établi par SocioPulse d’après la déclaration du talent. Heures de Paris. Aucun patient ou résident ne doit y être nommé."
                .to_owned(),
        ),
    ];
    Sheet {
        title: "Rapport de mission".to_owned(),
        reference: reference(contract),
        subject: contract.title.clone(),
        facts,
        sides: vec![side("Client", &contract.parties.client), side("Talent", &contract.parties.talent)],
        blocks,
        at: accepted.unwrap_or(report.submitted_at),
    }
}

fn times(report: &Report, contract: &Contract, accepted: Option<OffsetDateTime>) -> Table {
    let row = |what: &str, when: String, minutes: Option<i32>| {
        let duration = minutes.map_or_else(String::new, |minutes| hours(minutes.into()));
        vec![what.to_owned(), when, duration]
    };
    let at = |at| paris::date_and_time(at, "fr");
    let planned = contract.starts_at.zip(contract.ends_at).map(|(start, end)| period(start, end));
    let mut rows = vec![row("Prévu", planned.unwrap_or_default(), Some(report.planned_minutes))];
    rows.extend(report.started_at.map(|started| row("Commencé", at(started), None)));
    rows.push(row("Déclaré", at(report.submitted_at), Some(report.minutes_worked)));
    rows.extend(accepted.map(|accepted| row("Validé", at(accepted), report.accepted_minutes)));
    Table {
        columns: vec![Column::left("", 16), Column::left("Date et heure", 64), Column::right("Durée", 20)],
        rows,
        dense: false,
    }
}

/// "lundi 2 mars 2026 à 20 h 00 – 04 h 00".
fn period(start: OffsetDateTime, end: OffsetDateTime) -> String {
    let (from, to) = (paris::date_and_time(start, "fr"), paris::time_of_day(end, "fr"));
    let next_day = if paris::day(start) == paris::day(end) { "" } else { " (le lendemain)" };
    format!("{from} – {to}{next_day}")
}

fn verdict(report: &Report, accepted: Option<OffsetDateTime>) -> String {
    let (Some(at), Some(judge)) = (accepted, report.validated_by) else {
        return "Le rapport attend la validation du client.".to_owned();
    };
    let on = paris::date_and_time(at, "fr");
    let mut verdict = match (report.contested_at, &report.contest_reason) {
        (Some(at), Some(reason)) => {
            format!("Contesté par le client le {} : {reason}\n", paris::date_and_time(at, "fr"))
        }
        _ => String::new(),
    };
    verdict.push_str(&match judge {
        Judge::Client => format!("Validé par le client le {on}."),
        Judge::Time => format!("Validé le {on}, faute de réponse du client sous 72 heures."),
        Judge::Admin => format!("SocioPulse a tranché le {on} et retenu la durée indiquée ci-dessus."),
    });
    verdict
}
