//! What a job is: the wire contract between those who ask and those who run.
//!
//! One job is one file here (payload and policy) and one file of the same name in `workers` (the handler).

pub mod alert_operations;
pub mod alert_report;
pub mod alert_unfilled;
pub mod cancel_cascade;
pub mod close_room;
pub mod conclude_booking;
pub mod digest_unread;
pub mod dispatch_wave;
pub mod effects;
pub mod enforce_account;
pub mod expire_booking;
pub mod expire_mission;
pub mod expire_site_invitation;
pub mod geocode_address;
pub mod geocode_mission;
pub mod ledger;
pub mod lock_chat;
pub mod match_mission;
pub mod notify;
pub mod process_video_event;
pub mod purge;
pub mod queues;
pub mod rematch_open;
pub mod remind_booking;
pub mod request_password_reset;
pub mod schedule;
pub mod send_mail;

pub use alert_operations::AlertOperations;
pub use alert_report::AlertReport;
pub use alert_unfilled::{AlertUnfilled, Occasion};
pub use cancel_cascade::CancelCascade;
pub use close_room::CloseRoom;
pub use conclude_booking::ConcludeBooking;
pub use digest_unread::DigestUnread;
pub use dispatch_wave::DispatchWave;
pub use enforce_account::EnforceAccount;
pub use expire_booking::ExpireBooking;
pub use expire_mission::ExpireMission;
pub use expire_site_invitation::ExpireSiteInvitation;
pub use geocode_address::{AddressOf, GeocodeAddress};
pub use geocode_mission::GeocodeMission;
pub use ledger::{Job, Policy};
pub use lock_chat::LockChat;
pub use match_mission::MatchMission;
pub use notify::Notify;
pub use process_video_event::ProcessVideoEvent;
pub use purge::Purge;
pub use rematch_open::RematchOpen;
pub use remind_booking::{RemindBooking, Reminder};
pub use request_password_reset::RequestPasswordReset;
pub use send_mail::{Mail, SendMail};

/// Every kind of job. `workers::handlers` must know them all; a test compares.
pub const KINDS: &[Policy] = &[
    AlertOperations::POLICY,
    AlertReport::POLICY,
    AlertUnfilled::POLICY,
    CancelCascade::POLICY,
    CloseRoom::POLICY,
    ConcludeBooking::POLICY,
    DigestUnread::POLICY,
    DispatchWave::POLICY,
    EnforceAccount::POLICY,
    ExpireBooking::POLICY,
    ExpireMission::POLICY,
    ExpireSiteInvitation::POLICY,
    GeocodeAddress::POLICY,
    GeocodeMission::POLICY,
    LockChat::POLICY,
    MatchMission::POLICY,
    Notify::POLICY,
    ProcessVideoEvent::POLICY,
    Purge::POLICY,
    RematchOpen::POLICY,
    RemindBooking::POLICY,
    RequestPasswordReset::POLICY,
    SendMail::POLICY,
];
