//! What a job is: the wire contract between those who ask and those who run.
//!
//! One job is one file here (payload and policy) and one file of the same name in `workers` (the handler).

pub mod alert_money;
pub mod alert_operations;
pub mod alert_report;
pub mod alert_unfilled;
pub mod auto_validate_report;
pub mod award_points;
pub mod cancel_cascade;
pub mod cancel_payment;
pub mod check_assignment;
pub mod check_points;
pub mod close_room;
pub mod complete_contract;
pub mod conclude_booking;
pub mod digest_unread;
pub mod dispatch_wave;
pub mod draft_contract;
pub mod draft_missing_contracts;
pub mod dun_invoice;
pub mod effects;
pub mod enforce_account;
pub mod expire_booking;
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
pub mod pay_out;
pub mod poll_chorus;
pub mod process_video_event;
pub mod purge;
pub mod push_messages;
pub mod push_notification;
pub mod queues;
pub mod reconcile_stripe;
pub mod refund_payment;
pub mod rematch_open;
pub mod remind_booking;
pub mod remind_mission;
pub mod remind_quote;
pub mod remind_signature;
pub mod render_document;
pub mod request_password_reset;
pub mod request_review;
pub mod reverse_points;
pub mod schedule;
pub mod send_mail;
pub mod send_signature_code;
pub mod settle_payment;
pub mod stripe_events;
pub mod submit_chorus;
pub mod submit_credit;
pub mod sync_connect;

pub use alert_money::{AlertMoney, MoneyTrouble};
pub use alert_operations::AlertOperations;
pub use alert_report::AlertReport;
pub use alert_unfilled::{AlertUnfilled, Occasion};
pub use auto_validate_report::AutoValidateReport;
pub use award_points::AwardPoints;
pub use cancel_cascade::CancelCascade;
pub use cancel_payment::CancelPayment;
pub use check_assignment::CheckAssignment;
pub use check_points::CheckPoints;
pub use close_room::CloseRoom;
pub use complete_contract::CompleteContract;
pub use conclude_booking::ConcludeBooking;
pub use digest_unread::DigestUnread;
pub use dispatch_wave::DispatchWave;
pub use draft_contract::{ContractOf, DraftContract};
pub use draft_missing_contracts::DraftMissingContracts;
pub use dun_invoice::{DunInvoice, Dunning};
pub use enforce_account::EnforceAccount;
pub use expire_booking::ExpireBooking;
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
pub use pay_out::PayOut;
pub use poll_chorus::PollChorus;
pub use process_video_event::ProcessVideoEvent;
pub use purge::Purge;
pub use push_messages::PushMessages;
pub use push_notification::{PushNotification, Pushed};
pub use reconcile_stripe::ReconcileStripe;
pub use refund_payment::RefundPayment;
pub use rematch_open::RematchOpen;
pub use remind_booking::{RemindBooking, Reminder};
pub use remind_mission::{Ahead, RemindMission};
pub use remind_quote::RemindQuote;
pub use remind_signature::RemindSignature;
pub use render_document::RenderDocument;
pub use request_password_reset::RequestPasswordReset;
pub use request_review::RequestReview;
pub use reverse_points::ReversePoints;
pub use send_mail::{Mail, SendMail};
pub use send_signature_code::SendSignatureCode;
pub use settle_payment::SettlePayment;
pub use submit_chorus::SubmitChorus;
pub use submit_credit::SubmitCredit;
pub use sync_connect::SyncConnect;

/// Every kind of job. `workers::handlers` must know them all; a test compares.
pub const KINDS: &[Policy] = &[
    AlertMoney::POLICY,
    AlertOperations::POLICY,
    AlertReport::POLICY,
    AlertUnfilled::POLICY,
    AutoValidateReport::POLICY,
    AwardPoints::POLICY,
    CancelCascade::POLICY,
    CancelPayment::POLICY,
    CheckAssignment::POLICY,
    CheckPoints::POLICY,
    CloseRoom::POLICY,
    CompleteContract::POLICY,
    ConcludeBooking::POLICY,
    DigestUnread::POLICY,
    DispatchWave::POLICY,
    DraftContract::POLICY,
    DraftMissingContracts::POLICY,
    DunInvoice::POLICY,
    EnforceAccount::POLICY,
    ExpireBooking::POLICY,
    ExpireContract::POLICY,
    ExpireMission::POLICY,
    ExpireQuote::POLICY,
    ExpireSiteInvitation::POLICY,
    GeocodeAddress::POLICY,
    GeocodeMission::POLICY,
    LockChat::POLICY,
    MatchMission::POLICY,
    Notify::POLICY,
    PayOut::POLICY,
    PollChorus::POLICY,
    ProcessVideoEvent::POLICY,
    Purge::POLICY,
    PushMessages::POLICY,
    PushNotification::POLICY,
    ReconcileStripe::POLICY,
    RefundPayment::POLICY,
    RematchOpen::POLICY,
    RemindBooking::POLICY,
    RemindMission::POLICY,
    RemindQuote::POLICY,
    RemindSignature::POLICY,
    RenderDocument::POLICY,
    RequestPasswordReset::POLICY,
    RequestReview::POLICY,
    ReversePoints::POLICY,
    SendMail::POLICY,
    SendSignatureCode::POLICY,
    SettlePayment::POLICY,
    SubmitChorus::POLICY,
    SubmitCredit::POLICY,
    SyncConnect::POLICY,
];
