use std::time::Duration;

use domain::ids::{
    ConversationId, EmailChangeId, InvitationId, MissionId, SessionId, SiteInvitationId, UserId,
};
use domain::mail_opt_outs::OptionalMail;
use domain::notifications::{About, NotificationType};
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Sends one mail to one user. The address, the language and the texts are looked up when it is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendMail {
    pub to: UserId,
    pub mail: Mail,
}

/// What the mail is about: its template, and the ids that fill it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "template", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Mail {
    MissionInvitation {
        invitation_id: InvitationId,
    },
    /// To the client: someone comes.
    MissionAssigned {
        mission_id: MissionId,
    },
    /// To the talent: you go.
    AssignmentConfirmed {
        mission_id: MissionId,
    },
    /// To the client: someone will not come after all.
    AssignmentWithdrawn {
        mission_id: MissionId,
    },
    /// To the client.
    ApplicationReceived {
        mission_id: MissionId,
    },
    /// To the talent.
    ApplicationRejected {
        mission_id: MissionId,
    },
    /// To an applicant: read it again.
    MissionChanged {
        mission_id: MissionId,
    },
    /// To whom had planned it, or had asked to.
    MissionCancelled {
        mission_id: MissionId,
    },
    /// To the client who cancelled, with the price.
    CancellationConfirmed {
        mission_id: MissionId,
    },
    /// To the client: it starts with fewer than wanted, or not at all.
    MissionExpired {
        mission_id: MissionId,
    },
    /// To the client: slots are still free.
    MissionUnfilled {
        mission_id: MissionId,
    },
    /// To a member: how many messages of a conversation are unread, and nothing of what they say.
    UnreadMessages {
        conversation_id: ConversationId,
    },
    /// In the words of its notification.
    Notice {
        notice: NotificationType,
        about: About,
    },
    /// A spent refresh token came back: somebody else may have it.
    SecurityAlert,
    VerifyEmail,
    /// To the address that is to be left.
    EmailChangeOld {
        change_id: EmailChangeId,
    },
    /// To the address that is to come.
    EmailChangeNew {
        change_id: EmailChangeId,
    },
    PasswordReset,
    /// The password was changed or reset, and all sessions ended.
    PasswordChanged,
    /// A sign-in from a device that the account never used.
    NewDevice {
        session_id: SessionId,
    },
    SiteInvitation {
        invitation_id: SiteInvitationId,
    },
    SiteInvitationReminder {
        invitation_id: SiteInvitationId,
    },
    AccountSuspended,
    AccountBanned,
    /// No longer banned, still suspended.
    AccountUnbanned,
}

impl Mail {
    /// About the account itself, and not about a mission or a conversation: its content is read under the account's lock.
    pub fn is_of_account(&self) -> bool {
        match self {
            Self::MissionInvitation { .. }
            | Self::MissionAssigned { .. }
            | Self::AssignmentConfirmed { .. }
            | Self::AssignmentWithdrawn { .. }
            | Self::ApplicationReceived { .. }
            | Self::ApplicationRejected { .. }
            | Self::MissionChanged { .. }
            | Self::MissionCancelled { .. }
            | Self::CancellationConfirmed { .. }
            | Self::MissionExpired { .. }
            | Self::MissionUnfilled { .. }
            | Self::UnreadMessages { .. }
            | Self::Notice { .. } => false,
            Self::SecurityAlert
            | Self::VerifyEmail
            | Self::EmailChangeOld { .. }
            | Self::EmailChangeNew { .. }
            | Self::PasswordReset
            | Self::PasswordChanged
            | Self::NewDevice { .. }
            | Self::SiteInvitation { .. }
            | Self::SiteInvitationReminder { .. }
            | Self::AccountSuspended
            | Self::AccountBanned
            | Self::AccountUnbanned => true,
        }
    }
}

impl Mail {
    /// The kind that its reader may do without, and so is told how to.
    pub fn optional(&self) -> Option<OptionalMail> {
        match self {
            Self::MissionInvitation { .. } => OptionalMail::notice(NotificationType::MissionInvitation),
            Self::ApplicationReceived { .. } => OptionalMail::notice(NotificationType::ApplicationReceived),
            Self::ApplicationRejected { .. } => OptionalMail::notice(NotificationType::ApplicationRejected),
            Self::MissionChanged { .. } => OptionalMail::notice(NotificationType::MissionChanged),
            Self::MissionUnfilled { .. } => OptionalMail::notice(NotificationType::MissionUnfilled),
            Self::Notice { notice, .. } => OptionalMail::notice(*notice),
            Self::UnreadMessages { .. } => Some(OptionalMail::UnreadMessages),
            Self::SiteInvitation { .. } | Self::SiteInvitationReminder { .. } => {
                Some(OptionalMail::SiteInvitation)
            }
            _ => None,
        }
    }

    /// Sent also where mails bounced: it was asked for a moment ago, or says who may open the account.
    pub fn is_for_safety(&self) -> bool {
        matches!(
            self,
            Self::SecurityAlert
                | Self::VerifyEmail
                | Self::EmailChangeOld { .. }
                | Self::EmailChangeNew { .. }
                | Self::PasswordReset
                | Self::PasswordChanged
                | Self::NewDevice { .. }
        )
    }
}

impl Job for SendMail {
    /// A recipient's server may say "not now" for an evening; 20 attempts with a cap of one hour span most of a day. While our own
    /// mail server is away no attempt counts.
    const POLICY: Policy = Policy::new("send-mail", queues::BULK).timeout(Duration::from_secs(90));
}
