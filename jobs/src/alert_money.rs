use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Mails the operations address that money needs a person: what it is about, and what happened, in a line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertMoney {
    /// What it is about, once: `refund:<id>`.
    pub cause: String,
    pub what: MoneyTrouble,
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MoneyTrouble {
    /// Another amount came than was asked for; nothing was settled.
    AmountDiffers,
    RefundRefused,
    /// A refund came back from the payer's bank: it is owed.
    RefundFailed,
    /// The talent could not give back what a refund takes: it is owed.
    ReversalRefused,
    PayoutRefused,
    /// A bank took a payment back, or asks for it.
    Disputed,
    /// Stripe and the ledger do not say the same.
    Drift,
    /// Chorus Pro, or a public body, refuses an invoice.
    ChorusRejected,
    /// An invoice waits for somebody on Chorus Pro's portal.
    ChorusStuck,
    /// A public body has not paid in 45 days.
    ChorusOverdue,
    /// A refund is to be transferred from bank to bank, by a person.
    TransferDue,
}

impl MoneyTrouble {
    /// For who reads the mail.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::AmountDiffers => "Montant reçu différent du montant demandé : rien n’a été comptabilisé",
            Self::RefundRefused => "Remboursement refusé par Stripe",
            Self::RefundFailed => "Remboursement rejeté par la banque du client : la somme lui reste due",
            Self::ReversalRefused => "Annulation de virement refusée par Stripe : le talent doit cette somme",
            Self::PayoutRefused => "Virement à un talent refusé par Stripe",
            Self::Disputed => "Paiement contesté auprès de la banque",
            Self::Drift => "Écart entre Stripe et le grand livre",
            Self::ChorusRejected => "Facture refusée par Chorus Pro : elle est annulée par un avoir",
            Self::ChorusStuck => "Facture en attente d’une action sur le portail Chorus Pro",
            Self::ChorusOverdue => "Facture Chorus Pro impayée après 45 jours",
            Self::TransferDue => "Virement bancaire à faire : un remboursement est dû",
        }
    }
}

impl Job for AlertMoney {
    const POLICY: Policy = Policy::new("alert-money", queues::DEFAULT).timeout(Duration::from_secs(60));

    fn unique_key(&self) -> Option<String> {
        Some(format!("alert-money:{}", self.cause))
    }
}
