use std::time::Duration;

use domain::ids::{ConversationId, NotificationId, PushSubscriptionId};
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Pushes to one device. What is said, in which language, and whether it is still worth saying are looked up when it is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PushNotification {
    pub subscription_id: PushSubscriptionId,
    #[serde(flatten)]
    pub of: Pushed,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Pushed {
    #[serde(rename = "notificationId")]
    Notification(NotificationId),
    /// That there are messages, and nothing of what they say.
    #[serde(rename = "conversationId")]
    Conversation(ConversationId),
}

impl Job for PushNotification {
    /// Some minutes of tries: what comes later than that is read in the app, or mailed. Beside the mails and before them: an endpoint
    /// that keeps us waiting delays nobody's job but theirs.
    const POLICY: Policy =
        Policy::new("push-notification", queues::BULK).high().attempts(8).timeout(Duration::from_secs(20));

    /// A night's messages of one conversation are one push in the morning. Notifications are one each: the newer takes the place of
    /// the older on the device, by its tag.
    fn debounce_key(&self) -> Option<String> {
        match self.of {
            Pushed::Notification(_) => None,
            Pushed::Conversation(id) => Some(format!("push:{}:{id}", self.subscription_id)),
        }
    }
}
