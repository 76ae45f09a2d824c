use std::time::Duration;

use domain::ids::{ConversationId, EmailChangeId, NotificationId, SessionId, SiteInvitationId, UserId};
use domain::notifications::{About, NotificationType};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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
    /// Of a notification, in its own letter or in its words.
    Notification {
        notification_id: NotificationId,
        /// Not when it was read meanwhile.
        #[serde(default)]
        fallback: bool,
    },
    /// To a member: how many messages of a conversation are unread, and nothing of what they say.
    UnreadMessages {
        conversation_id: ConversationId,
    },
    /// Of something that has no row of its own, as jobs of version 1 had it.
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
            Self::Notification { .. } | Self::UnreadMessages { .. } | Self::Notice { .. } => false,
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
    /// Until 1 each letter about a mission was a template of its own, named as its notification is.
    const VERSION: u16 = 2;

    fn upgrade(version: u16, mut body: Value) -> Result<Value, String> {
        let template = body["mail"]["template"].as_str().unwrap_or_default();
        let notice = template.to_ascii_uppercase().replace('-', "_");
        if version == 1 && NotificationType::of(&notice).is_some() {
            let mail = &body["mail"];
            let about = match mail.get("invitationId") {
                Some(id) => json!({ "invitationId": id }),
                None => json!({ "missionId": mail["missionId"] }),
            };
            body["mail"] = json!({ "template": "notice", "notice": notice, "about": about });
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::InvitationId;

    #[test]
    fn letters_of_the_first_version_are_read() {
        let (user, id) = (UserId::new(), InvitationId::new());
        for (mail, expected) in [
            (
                json!({ "template": "mission-invitation", "invitationId": id }),
                NotificationType::MissionInvitation,
            ),
            (json!({ "template": "mission-cancelled", "missionId": id }), NotificationType::MissionCancelled),
            (
                json!({ "template": "notice", "notice": "BOOKING_PAID", "about": { "bookingId": id } }),
                NotificationType::BookingPaid,
            ),
        ] {
            let body = SendMail::upgrade(1, json!({ "to": user, "mail": mail })).unwrap();
            let job: SendMail = serde_json::from_value(body).unwrap();
            assert!(matches!(job.mail, Mail::Notice { notice, .. } if notice == expected), "{job:?}");
        }
        let alert = json!({ "to": user, "mail": { "template": "security-alert" } });
        assert_eq!(SendMail::upgrade(1, alert.clone()).unwrap(), alert);
    }
}
