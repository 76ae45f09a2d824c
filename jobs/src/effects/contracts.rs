//! What a contract sets off, from its issue to its end.

use domain::contracts::{
    COMPLETED_AFTER, Cancelled, Completed, Contract, ContractKind, Disputed, Issued, Resolved,
};
use domain::error::Result;
use domain::ids::{AssignmentId, JobId, UserId};
use domain::live::{self, Telling};
use domain::notifications::{self, About, Channels, NewNotification, NotificationType};
use domain::signatures::{CodeRequested, Signed};
use domain::{Tx, messages, users};
use time::{Duration, OffsetDateTime};

use super::{notices, papers};
use crate::ledger::{self, NewJob};
use crate::{
    CompleteContract, ContractOf, DraftContract, ExpireContract, RemindSignature, SendSignatureCode,
};

/// Hours after which those who have not signed are reminded †.
const REMINDERS: [u16; 2] = [24, 48];

fn notice(contract: &Contract, user_id: UserId, kind: NotificationType) -> NewJob {
    notices::notice(About::Contract(contract.id), kind, user_id)
}

fn both(contract: &Contract, kind: NotificationType) -> impl Iterator<Item = NewJob> {
    contract.people().into_iter().map(move |(_, user)| notice(contract, user, kind))
}

/// A contract waits for both signatures: its file is made, both are told, reminded, and at last told that it is too late.
pub async fn issued(tx: &mut Tx, issued: &Issued) -> Result<()> {
    let contract = &issued.contract;
    let contract_id = contract.id;
    let reminders = REMINDERS.into_iter().filter_map(|hours| {
        let at = contract.issued_at + Duration::hours(hours.into());
        (at < contract.sign_by).then(|| NewJob::of(&RemindSignature { contract_id, hours }).at(at))
    });
    let end = NewJob::of(&ExpireContract { contract_id }).at(contract.sign_by);
    let jobs = both(contract, NotificationType::ContractToSign)
        .chain(reminders)
        .chain([end, papers::contract(contract)]);
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await
}

/// Assignments have no contract yet: each is drafted, unless that is under way.
pub async fn missing(tx: &mut Tx, assignments: &[AssignmentId]) -> Result<()> {
    let jobs = assignments.iter().map(|id| NewJob::of(&DraftContract { of: ContractOf::Assignment(*id) }));
    ledger::enqueue(tx, jobs).await
}

/// Whoever has not signed learns of it again, once for each reminder.
pub async fn unsigned(tx: &mut Tx, contract: &Contract, reminder: JobId) -> Result<()> {
    let late = contract.people().into_iter().filter(|(side, _)| !contract.has_signed(*side));
    let jobs = late.map(|(_, user)| {
        notice(contract, user, NotificationType::ContractReminder).once(format!("notify:{reminder}:{user}"))
    });
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await
}

/// A signer waits for a code.
pub async fn code_requested(tx: &mut Tx, requested: &CodeRequested) -> Result<()> {
    ledger::enqueue(tx, [NewJob::of(&SendSignatureCode { code_id: requested.code })]).await
}

/// A side has signed: the other one learns of it or, when that was the second signature, both and the mission's room; then the file
/// is made again, with the evidence.
pub async fn signed(tx: &mut Tx, signed: &Signed, now: OffsetDateTime) -> Result<()> {
    let contract = &signed.contract;
    if !signed.by_both() {
        let others = contract.people().into_iter().filter(|(side, _)| *side != signed.side);
        let others = others.map(|(_, user)| user);
        let new = news(contract, others, NotificationType::ContractHalfSigned, now);
        return notices::tell(tx, &new, now).await;
    }
    let jobs = both(contract, NotificationType::ContractSigned).chain([papers::contract(contract)]);
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await?;
    let due = match contract.kind {
        ContractKind::MissionSos => Some(NotificationType::PaymentDue),
        ContractKind::Framework => Some(NotificationType::ContractDue),
        // A booking is paid as such.
        ContractKind::ServiceBooking => None,
    };
    let due = due.filter(|_| contract.amount_cents > 0);
    ledger::enqueue(tx, due.map(|kind| notice(contract, contract.client_id, kind))).await?;
    if let Some(mission) = contract.mission_id {
        let message = format!("Contrat signé par les deux parties ({}).", contract.reference);
        messages::post_system(tx, &[(mission, message)], now).await?;
    }
    Ok(())
}

/// A contract will not be signed: whoever did not do it learns of it.
pub async fn cancelled(tx: &mut Tx, cancelled: &Cancelled) -> Result<()> {
    let contract = &cancelled.contract;
    let people = contract.people().into_iter().filter(|(_, user)| Some(*user) != cancelled.by);
    let jobs = people.map(|(_, user)| notice(contract, user, NotificationType::ContractCancelled));
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await
}

/// A party objects: the other one learns of it by mail too, admins in the app.
pub async fn disputed(tx: &mut Tx, disputed: &Disputed, now: OffsetDateTime) -> Result<()> {
    let admins = object(tx, disputed, now).await?;
    live::tell(tx, now, admins).await
}

/// As [`disputed`], but for what to tell admins live: the caller has more to tell, and feeds are told last and once.
pub(super) async fn object(tx: &mut Tx, disputed: &Disputed, now: OffsetDateTime) -> Result<Vec<Telling>> {
    let contract = &disputed.contract;
    let others = contract.people().into_iter().filter(|(side, _)| *side != disputed.by);
    let jobs = others.map(|(_, user)| notice(contract, user, NotificationType::ContractDisputed));
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await?;
    let admins = users::list_admins(tx).await?;
    let new = news(contract, admins, NotificationType::ContractDisputed, now);
    Ok(notifications::insert(tx, &new, Channels::InApp, now).await?.tellings)
}

/// What a quote had promised is done: its talent learns of it and, where time decided, its client too; what is owed is paid.
pub async fn completed(tx: &mut Tx, completed: &Completed) -> Result<()> {
    let Completed { contract, by, closed } = completed;
    let people = [Some(contract.talent_id), Some(contract.client_id).filter(|_| by.is_none())];
    let jobs = people.into_iter().flatten();
    let jobs = jobs.map(|user| notice(contract, user, NotificationType::ContractCompleted));
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await?;
    super::payments::closed(tx, closed).await
}

/// An admin has decided: both learn of it. What the clock could not do meanwhile it does now.
pub async fn resolved(tx: &mut Tx, resolved: &Resolved, now: OffsetDateTime) -> Result<()> {
    let contract = &resolved.contract;
    let contract_id = contract.id;
    let missed = [
        contract.is_pending().then(|| {
            let expire = NewJob::of(&ExpireContract { contract_id }).at(contract.sign_by.max(now));
            expire.once(format!("expire-contract:{contract_id}:{}", now.unix_timestamp()))
        }),
        (contract.kind == ContractKind::Framework)
            .then(|| NewJob::of(&CompleteContract { contract_id }).at(now + COMPLETED_AFTER)),
    ];
    let jobs = both(contract, NotificationType::ContractResolved).chain(missed.into_iter().flatten());
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await?;
    super::payments::unblocked(tx, resolved.contract.talent_id).await
}

fn news(
    contract: &Contract,
    users: impl IntoIterator<Item = UserId>,
    kind: NotificationType,
    now: OffsetDateTime,
) -> Vec<NewNotification> {
    let about = About::Contract(contract.id);
    let new = users.into_iter().map(|user| NewNotification {
        user,
        kind,
        data: serde_json::json!(about),
        // A contract can be disputed again.
        cause: format!("contract:{}:{}:{}", contract.id, kind.code(), now.unix_timestamp_nanos() / 1_000),
    });
    new.collect()
}
