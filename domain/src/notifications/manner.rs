//! How a type of notification is told, until its reader says otherwise.

use time::Duration;

/// The channels of a type and what they do with it. `types.rs` builds one for each, out of the few below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    pub in_app: bool,
    pub push: bool,
    pub mail: MailWay,
    pub urgency: Urgency,
    /// Of those of one group about one thing, the newest takes the place of the others: on the way to a device, on its screen,
    /// and among what is unread.
    pub group: Option<Group>,
    /// After that it is told nobody any more who has not heard it yet.
    pub lasts: Lasts,
}

/// When a mail goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailWay {
    /// Only to who asks for it, and then as a fallback.
    Off,
    /// A fallback: when the notification is still unread after [`FALLBACK`].
    Unread,
    /// Too late would be never.
    AtOnce,
    /// At once, and nobody can switch it off: it binds, ends what binds, or is a paper that the law asks for. (Mails about the
    /// security of an account are no notifications at all, and cannot be switched off either.)
    Required,
}

/// How long something may stay unread in the app before it is mailed †.
pub const FALLBACK: Duration = Duration::minutes(15);

/// How soon a device should show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    Low,
    Normal,
    High,
}

impl Urgency {
    /// How long a push service keeps it for a device that is off †.
    pub fn worth(self) -> Duration {
        match self {
            Self::High => Duration::hours(4),
            Self::Normal => Duration::DAY,
            Self::Low => Duration::days(3),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Of the type alone.
    Type,
    /// Of several types.
    Named(&'static str),
}

/// Until when something is worth telling: what undoes it has a notification of its own, or needs none. `validity.rs` knows how to
/// tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    Always,
    /// The invitation waits for an answer, and the mission for people.
    WhileInvited,
    /// Its reader takes part in the mission.
    WhileAssigned,
    /// Somebody comes.
    WhileStaffed,
    /// The mission was not cancelled.
    UnlessCancelled,
    /// The mission is staffed and ahead, and its reader takes part in it.
    BeforeMission,
    /// Its reader has still to read the instructions of the mission.
    WhileUnbriefed,
    /// Its talent has not begun; to the client, one of them.
    WhileUnstarted,
    /// Its reader is at work, and has not reported.
    WhileUnreported,
    /// A report of the mission waits for the client.
    WhileUnjudged,
    /// Its reader has not said how the work was.
    WhileUnreviewed,
    /// The mission is open and ahead.
    WhileSearching,
    /// The same, and nobody knows where it is.
    WhileUnlocated,
    /// The same, and its reader's application waits for an answer; to the client, one of them.
    WhileApplied,
    /// The quote can be answered.
    WhileQuoted,
    /// Its reader can sign the contract.
    WhileUnsigned,
    /// The work of the contract can be paid by card.
    WhileUnpaid,
    /// The price of the cancelled mission can.
    WhileIndemnityDue,
    /// What was worked beyond the plan can.
    WhileSupplementDue,
    /// The booking can be answered.
    WhileRequested,
    /// The booking can be paid.
    WhilePayable,
    /// The session is paid and ahead.
    BeforeSession,
    /// There are unread messages in the conversation.
    WhileUnread,
}

/// In the app and on devices; by mail when that was not enough.
pub const USUAL: Manner = Manner {
    in_app: true,
    push: true,
    mail: MailWay::Unread,
    urgency: Urgency::Normal,
    group: None,
    lasts: Lasts::Always,
};

/// Everywhere at once.
pub const URGENT: Manner = Manner { mail: MailWay::AtOnce, urgency: Urgency::High, ..USUAL };

/// Everywhere at once, in writing whatever its reader prefers.
pub const BINDING: Manner = Manner { mail: MailWay::Required, ..USUAL };

/// In the app alone.
pub const QUIET: Manner = Manner { push: false, mail: MailWay::Off, urgency: Urgency::Low, ..USUAL };

/// Messages, which have a place of their own in the app, and by mail a digest.
pub const CHAT: Manner = Manner { in_app: false, urgency: Urgency::High, ..USUAL };

impl Manner {
    pub const fn no_push(self) -> Self {
        Self { push: false, ..self }
    }

    pub const fn no_mail(self) -> Self {
        Self { mail: MailWay::Off, ..self }
    }

    pub const fn high(self) -> Self {
        Self { urgency: Urgency::High, ..self }
    }

    pub const fn normal(self) -> Self {
        Self { urgency: Urgency::Normal, ..self }
    }

    pub const fn low(self) -> Self {
        Self { urgency: Urgency::Low, ..self }
    }

    /// Of several of the type about one thing, the newest counts.
    pub const fn newest(self) -> Self {
        Self { group: Some(Group::Type), ..self }
    }

    /// Of several of these types about one thing, the newest counts.
    pub const fn newest_of(self, group: &'static str) -> Self {
        Self { group: Some(Group::Named(group)), ..self }
    }

    pub const fn lasts(self, lasts: Lasts) -> Self {
        Self { lasts, ..self }
    }

    /// Whether a mail goes out for who has said nothing.
    pub fn mails(self) -> bool {
        self.mail != MailWay::Off
    }

    pub fn must_mail(self) -> bool {
        self.mail == MailWay::Required
    }

    /// Whether a push wakes its reader: of a CRITICAL mission, what is urgent.
    pub fn breaks_quiet(self, critical: bool) -> bool {
        critical && self.urgency == Urgency::High
    }
}
