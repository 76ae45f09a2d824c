//! Every id is a type of its own, so that a talent's id cannot be passed where a mission's is meant.

macro_rules! ids {
    ($($name:ident),+ $(,)?) => {$(
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub uuid::Uuid);

        impl $name {
            /// A fresh id (UUIDv7: later ids sort after earlier ones).
            #[expect(clippy::new_without_default, reason = "a default id would be a random one")]
            pub fn new() -> Self {
                Self(uuid::Uuid::now_v7())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<uuid::Uuid> for $name {
            fn from(id: uuid::Uuid) -> Self {
                Self(id)
            }
        }
    )+};
}

ids!(
    ApplicationId,
    AssignmentId,
    BankTransferId,
    BookingId,
    ChecklistItemId,
    ContractId,
    ConversationId,
    DocumentId,
    EmailChangeId,
    EstablishmentId,
    InstructionsId,
    InvitationId,
    InvoiceId,
    JobId,
    MailSuppressionId,
    MessageId,
    MessageReportId,
    MissionId,
    NotificationId,
    PaymentId,
    PayoutId,
    PointEntryId,
    ProofId,
    PushSubscriptionId,
    QuoteId,
    RefundId,
    ReportId,
    ReviewId,
    ServiceId,
    SessionId,
    SignatureCodeId,
    SiteInvitationId,
    UserId,
    WorkerId,
);
