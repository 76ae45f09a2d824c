//! What a decision on a proof sets off.

use domain::Tx;
use domain::error::Result;
use domain::growth::points::Action;
use domain::notifications::{About, NotificationType};
use domain::proofs::{Decided, ProofStatus};
use time::OffsetDateTime;

use super::missions::talent_changed;
use super::{growth, notices};
use crate::ledger;

/// An admin has decided: its owner hears of it, whoever recommended the platform has earned something, and open missions may have
/// a better match.
pub async fn decided(tx: &mut Tx, decided: &Decided, now: OffsetDateTime) -> Result<()> {
    let Decided { proof, compliance_changed, referrer } = decided;
    let kind = match proof.status {
        ProofStatus::Approved => NotificationType::DocumentApproved,
        _ => NotificationType::DocumentRejected,
    };
    let notice = notices::notice(About::Proof(proof.id), kind, proof.user_id);
    let reward = referrer.map(|referrer| growth::award(referrer, Action::Referral, proof.user_id.0));
    ledger::enqueue(tx, [notice].into_iter().chain(reward)).await?;
    match compliance_changed {
        true => talent_changed(tx, proof.user_id, now).await,
        false => Ok(()),
    }
}
