//! What a job is: the wire contract between those who ask and those who run.
//!
//! One job is one file here (payload and policy) and one file of the same name in `workers` (the handler).

pub mod alert_operations;
pub mod alert_report;
pub mod alert_unfilled;
pub mod cancel_cascade;
pub mod digest_unread;
pub mod dispatch_wave;
pub mod draft_contract;
pub mod draft_missing_contracts;
pub mod effects;
pub mod enforce_account;
pub mod expire_contract;
pub mod expire_mission;
pub mod expire_quote;
pub mod expire_site_invitation;
pub mod geocode_address;
pub mod geocode_mission;
pub mod ledger;
pub mod lock_chat;
pub mod match_mission;
pub mod notify;
pub mod purge;
pub mod queues;
pub mod rematch_open;
pub mod remind_quote;
pub mod remind_signature;
pub mod render_document;
pub mod request_password_reset;
pub mod schedule;
pub mod send_mail;
pub mod send_signature_code;

pub use alert_operations::AlertOperations;
pub use alert_report::AlertReport;
pub use alert_unfilled::{AlertUnfilled, Occasion};
pub use cancel_cascade::CancelCascade;
pub use digest_unread::DigestUnread;
pub use dispatch_wave::DispatchWave;
pub use draft_contract::{ContractOf, DraftContract};
pub use draft_missing_contracts::DraftMissingContracts;
pub use enforce_account::EnforceAccount;
pub use expire_contract::ExpireContract;
pub use expire_mission::ExpireMission;
pub use expire_quote::ExpireQuote;
pub use expire_site_invitation::ExpireSiteInvitation;
pub use geocode_address::{AddressOf, GeocodeAddress};
pub use geocode_mission::GeocodeMission;
pub use ledger::{Job, Policy};
pub use lock_chat::LockChat;
pub use match_mission::MatchMission;
pub use notify::Notify;
pub use purge::Purge;
pub use rematch_open::RematchOpen;
pub use remind_quote::RemindQuote;
pub use remind_signature::RemindSignature;
pub use render_document::RenderDocument;
pub use request_password_reset::RequestPasswordReset;
pub use send_mail::{Mail, SendMail};
pub use send_signature_code::SendSignatureCode;

/// Every kind of job. `workers::handlers` must know them all; a test compares.
pub const KINDS: &[Policy] = &[
    AlertOperations::POLICY,
    AlertReport::POLICY,
    AlertUnfilled::POLICY,
    CancelCascade::POLICY,
    DigestUnread::POLICY,
    DispatchWave::POLICY,
    DraftContract::POLICY,
    DraftMissingContracts::POLICY,
    EnforceAccount::POLICY,
    ExpireContract::POLICY,
    ExpireMission::POLICY,
    ExpireQuote::POLICY,
    ExpireSiteInvitation::POLICY,
    GeocodeAddress::POLICY,
    GeocodeMission::POLICY,
    LockChat::POLICY,
    MatchMission::POLICY,
    Notify::POLICY,
    Purge::POLICY,
    RematchOpen::POLICY,
    RemindQuote::POLICY,
    RemindSignature::POLICY,
    RenderDocument::POLICY,
    RequestPasswordReset::POLICY,
    SendMail::POLICY,
    SendSignatureCode::POLICY,
];
