//! Every type of notification: how it is told (see [`Manner`]), and what its reader reads, in French and in English. Texts name
//! no one and no place; the ids beside them lead to the rest. Nor do they count the hours until something: they are read when they are.

use serde::{Deserialize, Serialize};

use super::manner::Lasts::{
    BeforeMission, BeforeSession, UnlessCancelled, WhileApplied, WhileAssigned, WhileIndemnityDue,
    WhileInvited, WhilePayable, WhileQuoted, WhileRequested, WhileSearching, WhileStaffed,
    WhileSupplementDue, WhileUnbriefed, WhileUnjudged, WhileUnlocated, WhileUnpaid, WhileUnread,
    WhileUnreported, WhileUnreviewed, WhileUnsigned, WhileUnstarted,
};
use super::manner::{BINDING, CHAT, Manner, QUIET, URGENT, USUAL};

/// A title and a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    pub title: &'static str,
    pub body: &'static str,
}

macro_rules! notification_types {
    // What says nothing of its manner has the usual one.
    (@manner) => { USUAL };
    (@manner $manner:expr) => { $manner };
    ($($(#[doc = $doc:literal])+ $name:ident $code:literal $(($manner:expr))?
        fr $title_fr:literal $body_fr:literal
        en $title_en:literal $body_en:literal)+) => {
        /// Every type of notification, as it is stored and sent.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        pub enum NotificationType {
            $($(#[doc = $doc])+ $name),+
        }

        impl NotificationType {
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// As it is stored and sent.
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code),+
                }
            }

            pub fn of(code: &str) -> Option<Self> {
                Self::ALL.iter().find(|kind| kind.code() == code).copied()
            }

            /// How it is told to who has said nothing.
            pub fn manner(self) -> Manner {
                match self {
                    $(Self::$name => notification_types!(@manner $($manner)?)),+
                }
            }

            pub fn words(self, locale: &str) -> Words {
                match (self, locale) {
                    $((Self::$name, "en") => Words { title: $title_en, body: $body_en },
                    (Self::$name, _) => Words { title: $title_fr, body: $body_fr },)+
                }
            }
        }
    };
}

notification_types! {
    /// To who is not in a conversation: there are messages. No row of its own; the conversation says how many.
    MessageReceived "MESSAGE_RECEIVED" (CHAT.newest().lasts(WhileUnread))
        fr "Nouveau message" "Un message vous attend dans votre conversation."
        en "New message" "A message waits for you in your conversation."
    /// To a talent: a mission that fits.
    MissionInvitation "MISSION_INVITATION" (URGENT.lasts(WhileInvited))
        fr "Une mission pour vous" "Un établissement cherche un renfort qui correspond à votre profil. Le premier qui accepte est retenu."
        en "A mission for you" "An establishment is looking for relief that fits your profile. The first to accept has it."
    /// To the client: a talent has accepted.
    MissionAssigned "MISSION_ASSIGNED" (URGENT.lasts(WhileStaffed))
        fr "Un talent a accepté" "Votre mission est pourvue. Vous pouvez échanger dans la conversation."
        en "A talent has accepted" "Your mission is staffed. You can talk in the conversation."
    /// To the talent: the acceptance counts.
    AssignmentConfirmed "ASSIGNMENT_CONFIRMED" (BINDING.high().lasts(WhileAssigned))
        fr "Mission confirmée" "Vous êtes retenu pour cette mission. Les coordonnées vous sont désormais visibles."
        en "Mission confirmed" "You have this mission. Contact details are visible to you now."
    /// To the client: an assigned talent has withdrawn; the search goes on.
    AssignmentWithdrawn "ASSIGNMENT_WITHDRAWN" (URGENT.lasts(UnlessCancelled))
        fr "Un talent s’est désisté" "La place est de nouveau libre et la recherche reprend."
        en "A talent has withdrawn" "The place is free again, and the search goes on."
    /// To the client: a talent has applied.
    ApplicationReceived "APPLICATION_RECEIVED" (USUAL.newest().lasts(WhileApplied))
        fr "Nouvelle candidature" "Un talent se propose pour votre mission."
        en "New application" "A talent offers to take your mission."
    /// To the client: an applicant has taken the application back.
    ApplicationWithdrawn "APPLICATION_WITHDRAWN" (QUIET)
        fr "Candidature retirée" "Un talent a retiré sa candidature."
        en "Application withdrawn" "A talent has taken the application back."
    /// To the talent: the client has declined the application, or the mission is full.
    ApplicationRejected "APPLICATION_REJECTED" (USUAL)
        fr "Candidature non retenue" "Votre candidature n’a pas été retenue pour cette mission."
        en "Application not retained" "Your application was not retained for this mission."
    /// To an applicant: the mission was changed since the application.
    MissionChanged "MISSION_CHANGED" (URGENT.newest().lasts(WhileApplied))
        fr "Mission modifiée" "La mission a changé depuis votre candidature. Vérifiez qu’elle vous convient toujours."
        en "Mission changed" "The mission has changed since you applied. Check that it still suits you."
    /// To talents who were assigned, invited or had applied, and to the client when somebody else did it: the mission will not
    /// take place.
    MissionCancelled "MISSION_CANCELLED" (BINDING.high())
        fr "Mission annulée" "La mission n’aura pas lieu."
        en "Mission cancelled" "The mission will not take place."
    /// To the client: the own cancellation counts, at its price.
    CancellationConfirmed "CANCELLATION_CONFIRMED" (BINDING.no_push())
        fr "Annulation confirmée" "Votre mission est annulée. Les personnes concernées sont prévenues."
        en "Cancellation confirmed" "Your mission is cancelled. Everybody concerned has been told."
    /// To the client: the start has come, and nobody, or not everybody, was found.
    MissionExpired "MISSION_EXPIRED" (URGENT.normal())
        fr "Recherche terminée" "L’heure du début est arrivée sans que toutes les places soient pourvues."
        en "Search over" "The start has come before every place was taken."
    /// To the client: the last wave was half a day ago and slots are free.
    MissionUnfilled "MISSION_UNFILLED" (USUAL.lasts(WhileSearching))
        fr "Mission toujours ouverte" "Aucun talent n’a encore accepté. Élargir le rayon ou revoir le tarif peut aider."
        en "Mission still open" "Nobody has accepted yet. A wider radius or another rate may help."
    /// To the client: the mission starts in 24 hours and slots are free.
    MissionDeadline "MISSION_DEADLINE" (URGENT.lasts(WhileSearching))
        fr "Places encore libres" "Votre mission commence bientôt et des places restent libres."
        en "Places still free" "Your mission starts soon and places are still free."
    /// To the client: a talent has begun.
    MissionStarted "MISSION_STARTED" (QUIET)
        fr "La mission a commencé" "Un talent est sur place et a commencé la mission."
        en "The mission has begun" "A talent is on site and has begun the mission."
    /// To both: the mission is tomorrow.
    MissionTomorrow "MISSION_TOMORROW" (URGENT.normal().newest_of("REMINDER").lasts(BeforeMission))
        fr "Votre mission approche" "Le contrat, les consignes et les coordonnées vous attendent dans la mission."
        en "Your mission is near" "Contract, instructions and contacts are in the mission."
    /// To both: the mission is in two hours.
    MissionSoon "MISSION_SOON" (URGENT.newest_of("REMINDER").lasts(BeforeMission))
        fr "Votre mission commence bientôt" "Un empêchement ? Prévenez dans la conversation."
        en "Your mission starts soon" "If anything is in the way, say so in the conversation."
    /// To the talents: the client has written instructions, or changed them.
    InstructionsUpdated "INSTRUCTIONS_UPDATED" (URGENT.normal().newest().lasts(WhileUnbriefed))
        fr "Consignes à lire" "Les consignes de votre mission sont en ligne ou ont changé. Lisez-les et confirmez-le avant de commencer."
        en "Instructions to read" "The instructions of your mission are there, or have changed. Read and acknowledge them before you start."
    /// To the client, in the app only: a talent has read the instructions.
    BriefingRead "BRIEFING_READ" (QUIET)
        fr "Consignes lues" "Un talent a lu les consignes de votre mission."
        en "Instructions read" "A talent has read the instructions of your mission."
    /// To both: the start has passed, and nobody has said that it began.
    MissionNotStarted "MISSION_NOT_STARTED" (URGENT.lasts(WhileUnstarted))
        fr "Mission non démarrée" "L’heure de début est passée et le démarrage n’a pas été signalé. Échangez dans la conversation ; si personne ne vient, l’annulation est gratuite."
        en "Mission not started" "The start has passed and nobody has started the mission. Talk in the conversation; if nobody comes, cancelling is free."
    /// To the talent: the mission is over, and its report is missing.
    ReportMissing "REPORT_MISSING" (URGENT.normal().lasts(WhileUnreported))
        fr "Rapport attendu" "La mission est terminée et votre rapport manque. Sans lui, votre part ne peut pas être versée."
        en "Report missing" "The mission is over and your report is missing. Without it your share cannot be paid out."
    /// To the client: a report is to be read.
    ReportSubmitted "REPORT_SUBMITTED" (USUAL.lasts(WhileUnjudged))
        fr "Rapport de mission remis" "Lisez le rapport, puis validez-le ou contestez-le. Sans réponse, il est validé sous 72 heures."
        en "Mission report handed in" "Read the report, then accept or contest it. Without an answer it is accepted after 72 hours."
    /// To the client: a report differs from the plan, and is not accepted by itself.
    ReportDeviates "REPORT_DEVIATES" (USUAL.lasts(WhileUnjudged))
        fr "Rapport à valider" "La durée déclarée s’écarte de la durée prévue : le rapport attend votre décision."
        en "Report to be accepted" "The minutes reported differ from the plan: the report waits for your decision."
    /// To admins: a report speaks of incidents.
    IncidentReported "INCIDENT_REPORTED" (URGENT)
        fr "Incident signalé" "Un rapport de mission signale un incident. Lisez-le et décidez."
        en "Incident reported" "A mission report speaks of an incident. Read it and decide."
    /// To the talent: the work was accepted.
    ReportValidated "REPORT_VALIDATED" (USUAL)
        fr "Rapport validé" "Votre rapport est validé. Votre part d’une mission réglée est virée 48 heures plus tard."
        en "Report accepted" "Your report was accepted. Your share of a paid mission is transferred 48 hours later."
    /// To the talent, whose contract was in dispute before: the report is contested too.
    ReportContested "REPORT_CONTESTED" (URGENT.normal())
        fr "Rapport contesté" "Le client conteste votre rapport. SocioPulse tranche avec le différend en cours."
        en "Report contested" "The client contests your report. SocioPulse decides on it with the open dispute."
    /// To either side of finished work that has not said it, an hour later: how was it?
    ReviewRequested "REVIEW_REQUESTED" (USUAL.low().lasts(WhileUnreviewed))
        fr "Votre avis compte" "Comment cela s’est-il passé ? Une note et quelques mots aident les suivants."
        en "Your review counts" "How did it go? A rating and a few words help those who come next."
    /// To the client: nobody knows where the mission is, and so nobody is looked for.
    LocationUnknown "LOCATION_UNKNOWN" (URGENT.normal().no_mail().lasts(WhileUnlocated))
        fr "Adresse introuvable" "L’adresse de votre mission n’a pas été trouvée. Précisez-la pour lancer la recherche."
        en "Address not found" "The address of your mission was not found. Correct it to start the search."
    /// To the client: a cancelled mission has a price, which is to be paid.
    CancellationDue "CANCELLATION_DUE" (URGENT.normal().lasts(WhileIndemnityDue))
        fr "Annulation à régler" "Votre mission est annulée au prix affiché. Une indemnité reste à régler pour l’annulation."
        en "Cancellation to be paid" "Your mission is cancelled at the price that was shown. It is still to be paid."
    /// To the client: the contract of a quote is signed, and is to be paid.
    ContractDue "CONTRACT_DUE" (URGENT.normal().lasts(WhileUnpaid))
        fr "Contrat à régler" "Le contrat est signé par les deux parties. Réglez-le pour que la prestation puisse avoir lieu."
        en "Contract to be paid" "Both parties have signed the contract. Pay it so that the work can be done."
    /// To the talent, and to the client where time decided: the contract of a quote counts as completed.
    ContractCompleted "CONTRACT_COMPLETED" (BINDING)
        fr "Prestation confirmée" "La prestation du contrat compte comme réalisée. La part du professionnel est virée 48 heures plus tard."
        en "Work confirmed" "The work of the contract counts as done. The professional’s share is transferred 48 hours later."
    /// To the client: the contract of a mission is signed, and is to be paid.
    PaymentDue "PAYMENT_DUE" (URGENT.normal().lasts(WhileUnpaid))
        fr "Mission à régler" "Le contrat est signé par les deux parties. Réglez la mission pour sécuriser l’intervention."
        en "Mission to be paid" "Both parties have signed the contract. Pay for the mission to secure it."
    /// To the client: the own payment has come.
    PaymentConfirmed "PAYMENT_CONFIRMED" (URGENT.normal().no_push())
        fr "Paiement reçu" "Votre paiement est enregistré. La facture vous attend dans votre espace."
        en "Payment received" "Your payment has been received. The invoice is in your account."
    /// To the talent: the client has paid; the share follows once the work is done.
    PaymentReceived "PAYMENT_RECEIVED" (USUAL)
        fr "Le client a payé" "Le paiement est sécurisé. Votre part vous sera versée après la prestation."
        en "The client has paid" "The payment is secured. Your share follows once the work is done."
    /// To the talent: a public body pays later, by invoice.
    PaymentDeferred "PAYMENT_DEFERRED" (USUAL)
        fr "Règlement différé" "Le client est un établissement public : il règle sur facture, par Chorus Pro. Votre part suit son règlement."
        en "Payment deferred" "The client is a public body: it pays by invoice, over Chorus Pro. Your share follows its payment."
    /// To the client: Chorus Pro refuses the invoice.
    ChorusRejected "CHORUS_REJECTED" (URGENT.normal())
        fr "Facture refusée par Chorus Pro" "La facture a été refusée et annulée par un avoir. Merci de régler par un autre moyen."
        en "Invoice refused by Chorus Pro" "The invoice was refused, and a credit note takes it back. Please pay in another way."
    /// To the client: an invoice is 30 days old and not paid.
    InvoiceDue "INVOICE_DUE" (BINDING.newest_of("DUNNING"))
        fr "Facture à échéance" "Une facture déposée sur Chorus Pro arrive à échéance et n’est pas encore réglée."
        en "Invoice due" "An invoice on Chorus Pro is due and has not been paid yet."
    /// To the client: an invoice is 45 days old and not paid.
    InvoiceOverdue "INVOICE_OVERDUE" (BINDING.newest_of("DUNNING"))
        fr "Facture en retard" "Une facture déposée sur Chorus Pro est impayée depuis 45 jours. Des intérêts moratoires peuvent s’appliquer."
        en "Invoice overdue" "An invoice on Chorus Pro has not been paid for 45 days. Interest on arrears may apply."
    /// To the client: more was worked than planned.
    SupplementDue "SUPPLEMENT_DUE" (URGENT.normal().lasts(WhileSupplementDue))
        fr "Complément à régler" "La durée réelle dépasse la durée prévue : un complément reste à régler."
        en "Supplement due" "More was worked than planned: a supplement is to be paid."
    /// To the client: money has gone back.
    RefundMade "REFUND_MADE" (BINDING.no_push())
        fr "Remboursement effectué" "Un remboursement est en route vers votre moyen de paiement. L’avoir vous attend dans votre espace."
        en "Refund made" "A refund is on its way to you. The credit note is in your account."
    /// To the talent: a part of a payment has gone back to the client.
    PaymentReduced "PAYMENT_REDUCED" (BINDING.no_push())
        fr "Paiement réduit" "Une partie d’un paiement a été rendue au client. Votre solde en tient compte."
        en "Payment reduced" "Part of a payment has gone back to the client. Your balance shows it."
    /// To the talent: a share was transferred.
    PayoutSent "PAYOUT_SENT" (USUAL.low())
        fr "Virement en route" "Votre part a été versée sur votre compte de paiement."
        en "Payout on its way" "Your share has been transferred to your account."
    /// To the talent: the bank has what Stripe sent it.
    BankPayoutArrived "BANK_PAYOUT_ARRIVED" (QUIET)
        fr "Virement arrivé" "Votre banque a reçu le virement de votre compte de paiement."
        en "Payout arrived" "Your bank has received what your payment account sent."
    /// To the talent: the bank refused what Stripe sent it.
    BankPayoutFailed "BANK_PAYOUT_FAILED" (USUAL)
        fr "Virement refusé par la banque" "Votre banque a refusé un virement. Vérifiez vos coordonnées bancaires chez Stripe."
        en "Payout refused by the bank" "Your bank has refused a payout. Check your bank details at Stripe."
    /// To admins: a member has reported a message of a conversation.
    MessageReported "MESSAGE_REPORTED" (URGENT.normal().no_mail())
        fr "Message signalé" "Un membre d’une conversation a signalé un message. Lisez la conversation et décidez."
        en "Message reported" "A member of a conversation has reported a message. Read the conversation and decide."
    /// To the client: a talent has sent a quote.
    QuoteReceived "QUOTE_RECEIVED" (URGENT.normal().lasts(WhileQuoted))
        fr "Un devis vous attend" "Un professionnel vous a envoyé un devis. Lisez-le, puis acceptez-le ou refusez-le."
        en "You have a quote" "A professional has sent you a quote. Read it, then accept or reject it."
    /// To the talent, the client has read the quote.
    QuoteViewed "QUOTE_VIEWED" (QUIET)
        fr "Devis consulté" "Le client a ouvert votre devis."
        en "Quote viewed" "The client has opened your quote."
    /// To the talent: the quote was accepted, and its contract waits for signatures.
    QuoteAccepted "QUOTE_ACCEPTED" (BINDING)
        fr "Devis accepté" "Le client a accepté votre devis. Le contrat est prêt à être signé."
        en "Quote accepted" "The client has accepted your quote. The contract is ready to be signed."
    /// To the talent: the quote was rejected.
    QuoteRejected "QUOTE_REJECTED" (USUAL)
        fr "Devis refusé" "Le client a refusé votre devis. Vous pouvez lire sa raison et lui en proposer un autre."
        en "Quote rejected" "The client has rejected your quote. You can read why, and propose another."
    /// To the client: three days are left to answer a quote.
    QuoteExpiring "QUOTE_EXPIRING" (USUAL.lasts(WhileQuoted))
        fr "Un devis expire bientôt" "Ce devis attend votre réponse et ne sera bientôt plus valable."
        en "A quote expires soon" "This quote waits for your answer and will not be valid for much longer."
    /// To both: nobody answered the quote in time.
    QuoteExpired "QUOTE_EXPIRED" (USUAL.low())
        fr "Devis expiré" "Ce devis est resté sans réponse et n’est plus valable."
        en "Quote expired" "This quote was not answered and is no longer valid."
    /// To the client, the talent has taken the quote back and writes another.
    QuoteRevised "QUOTE_REVISED" (QUIET)
        fr "Devis en révision" "Le professionnel a repris son devis pour vous en proposer une nouvelle version."
        en "Quote being revised" "The professional has taken the quote back to propose a new version."
    /// To both: a contract waits for their signature.
    ContractToSign "CONTRACT_TO_SIGN" (BINDING.newest_of("SIGNATURE").lasts(WhileUnsigned))
        fr "Un contrat à signer" "Votre contrat est prêt. Relisez-le, puis signez-le avec le code envoyé par courriel."
        en "A contract to sign" "Your contract is ready. Read it, then sign it with the code that you are sent by mail."
    /// To whoever has not signed yet.
    ContractReminder "CONTRACT_REMINDER" (BINDING.newest_of("SIGNATURE").lasts(WhileUnsigned))
        fr "Contrat à signer : rappel" "Votre contrat attend toujours votre signature. Sans elle, il sera annulé."
        en "Contract to sign: reminder" "Your contract still waits for your signature. Without it, it will be cancelled."
    /// To the other side, one has signed.
    ContractHalfSigned "CONTRACT_HALF_SIGNED" (USUAL.no_mail().newest_of("SIGNATURE").lasts(WhileUnsigned))
        fr "L’autre partie a signé" "L’autre partie a signé le contrat. Il ne manque que votre signature."
        en "One signature more" "The other side has signed the contract. Only your signature is missing."
    /// To both: both have signed.
    ContractSigned "CONTRACT_SIGNED" (BINDING.newest_of("SIGNATURE"))
        fr "Contrat signé" "Les deux parties ont signé le contrat."
        en "Contract signed" "Both sides have signed the contract."
    /// To the other side, or to both when the time is over: the contract will not be signed.
    ContractCancelled "CONTRACT_CANCELLED" (BINDING.newest_of("SIGNATURE"))
        fr "Contrat annulé" "Le contrat n’a pas été signé par les deux parties et il est annulé."
        en "Contract cancelled" "The contract was not signed by both sides and is cancelled."
    /// To the other side and to admins: a party disputes a signed contract.
    ContractDisputed "CONTRACT_DISPUTED" (BINDING)
        fr "Contrat contesté" "Un différend est ouvert sur ce contrat. Les versements attendent la décision de SocioPulse."
        en "Contract disputed" "A dispute is open on this contract. Payouts wait for SocioPulse’s decision."
    /// To both: an admin has decided on the dispute.
    ContractResolved "CONTRACT_RESOLVED" (BINDING)
        fr "Différend tranché" "SocioPulse a tranché le différend. Lisez la décision ; le contrat reprend son cours."
        en "Dispute resolved" "SocioPulse has decided on the dispute. Read the decision; the contract goes on."
    /// To whoever pays: an invoice can be read.
    InvoiceReceived "INVOICE_RECEIVED" (BINDING.no_push())
        fr "Votre facture est disponible" "Une facture vous est adressée. Vous pouvez la télécharger."
        en "Your invoice is available" "An invoice is addressed to you. You can download it."
    /// To the talent: the platform has issued an invoice in their name.
    InvoiceIssued "INVOICE_ISSUED" (BINDING.no_push())
        fr "Facture émise en votre nom" "Une facture a été établie en votre nom et pour votre compte. Vous pouvez la télécharger."
        en "Invoice issued in your name" "An invoice was issued in your name and on your behalf. You can download it."
    /// To whoever had paid: an invoice is taken back, or a part of it.
    CreditNoteReceived "CREDIT_NOTE_RECEIVED" (BINDING.no_push())
        fr "Votre avoir est disponible" "Un avoir vous est adressé. Vous pouvez le télécharger."
        en "Your credit note is available" "A credit note is addressed to you. You can download it."
    /// To the talent: the platform has issued a credit note in their name.
    CreditNoteIssued "CREDIT_NOTE_ISSUED" (BINDING.no_push())
        fr "Avoir émis en votre nom" "Un avoir a été établi en votre nom et pour votre compte. Vous pouvez le télécharger."
        en "Credit note issued in your name" "A credit note was issued in your name and on your behalf. You can download it."
    /// To the talent: a client asks for a service.
    BookingRequested "BOOKING_REQUESTED" (URGENT.lasts(WhileRequested))
        fr "Nouvelle demande de réservation" "Un client souhaite réserver l’un de vos services. Vous avez 48 heures au plus pour répondre."
        en "New booking request" "A client would like to book one of your services. You have 48 hours at most to answer."
    /// To the client: the talent has accepted, and the booking is to be paid.
    BookingConfirmed "BOOKING_CONFIRMED" (URGENT.lasts(WhilePayable))
        fr "Réservation acceptée" "Le talent a accepté votre réservation. Réglez-la à temps pour la garder."
        en "Booking accepted" "The talent has accepted your booking. Pay in time to keep it."
    /// To the client: the talent has refused.
    BookingRefused "BOOKING_REFUSED" (URGENT)
        fr "Réservation refusée" "Le talent n’est pas disponible pour cette réservation. Rien ne vous est facturé."
        en "Booking refused" "The talent cannot take this booking. Nothing is charged."
    /// To both: the talent did not answer in time.
    BookingUnanswered "BOOKING_UNANSWERED" (USUAL)
        fr "Demande expirée" "La demande de réservation est restée sans réponse et a expiré."
        en "Request expired" "The booking request was not answered in time and has expired."
    /// To both: the client did not pay in time.
    BookingUnpaid "BOOKING_UNPAID" (URGENT.normal())
        fr "Réservation expirée" "La réservation n’a pas été réglée à temps. Le créneau est libéré."
        en "Booking expired" "The booking was not paid in time. The slot is free again."
    /// To the other side, and to both when the platform did it: the session will not take place.
    BookingCancelled "BOOKING_CANCELLED" (BINDING.high())
        fr "Réservation annulée" "La séance n’aura pas lieu. Ce qui doit être remboursé l’est automatiquement."
        en "Booking cancelled" "The session will not take place. What has to be refunded is refunded automatically."
    /// To whoever cancelled: it counts, at its price.
    BookingCancellationConfirmed "BOOKING_CANCELLATION_CONFIRMED" (BINDING.no_push())
        fr "Annulation enregistrée" "Votre réservation est annulée, selon les conditions affichées. L’autre partie est prévenue."
        en "Cancellation confirmed" "Your booking is cancelled, on the terms that were shown. The other party has been told."
    /// To both: the booking is paid, and so certain.
    BookingPaid "BOOKING_PAID" (BINDING.lasts(BeforeSession))
        fr "Réservation confirmée et réglée" "La séance aura lieu comme prévu. Vous recevrez un rappel."
        en "Booking confirmed and paid" "The session takes place as planned. You will be reminded."
    /// To both: the session is tomorrow.
    BookingTomorrow "BOOKING_TOMORROW" (URGENT.normal().newest_of("REMINDER").lasts(BeforeSession))
        fr "Votre séance approche" "Le détail est dans la réservation."
        en "Your session is near" "The booking says more."
    /// To both: the session is in an hour.
    BookingInAnHour "BOOKING_IN_AN_HOUR" (URGENT.newest_of("REMINDER").lasts(BeforeSession))
        fr "Votre séance commence bientôt" "Le détail est dans la réservation."
        en "Your session starts soon" "The booking says more."
    /// To both: the session is about to begin.
    BookingSoon "BOOKING_SOON" (URGENT.newest_of("REMINDER").no_mail().lasts(BeforeSession))
        fr "Votre séance va commencer" "En vidéo, la salle ouvre 10 minutes avant le début."
        en "Your session is about to begin" "A video room opens 10 minutes before the start."
    /// To both: the session took place.
    BookingCompleted "BOOKING_COMPLETED" (USUAL.low())
        fr "Séance terminée" "Votre séance a eu lieu. Merci de votre confiance."
        en "Session completed" "Your session took place. Thank you for your trust."
    /// To both: somebody did not come.
    BookingMissed "BOOKING_MISSED" (URGENT.normal())
        fr "Séance manquée" "La séance n’a pas eu lieu : une personne au moins n’est pas venue. Le détail est dans la réservation."
        en "Session missed" "The session did not take place: somebody did not come. The booking says more."
    /// To either side: the other one has reviewed the work.
    ReviewReceived "REVIEW_RECEIVED" (USUAL)
        fr "Vous avez reçu un avis" "Un avis a été publié à la suite d’une mission ou d’une réservation. Vous pouvez y répondre."
        en "You have been reviewed" "A review was published after a mission or a booking. You can answer it."
    /// To whoever wrote a review: the other side has answered it.
    ReviewAnswered "REVIEW_ANSWERED" (USUAL.low())
        fr "Réponse à votre avis" "Une réponse a été publiée sous votre avis."
        en "Your review was answered" "An answer was published below your review."
    /// In the app only: points were earned.
    PointsEarned "POINTS_EARNED" (QUIET)
        fr "Points gagnés" "De nouveaux points s’ajoutent à votre total."
        en "Points earned" "New points have been added to your total."
    /// In the app only: points were taken back.
    PointsTakenBack "POINTS_TAKEN_BACK" (QUIET)
        fr "Points retirés" "Des points ont été retirés de votre total. Votre relevé dit lesquels."
        en "Points taken back" "Points were taken off your total. Your log says which."
    /// To a talent, once for each level.
    LevelReached "LEVEL_REACHED" (USUAL.low())
        fr "Niveau supérieur atteint" "Vos missions et vos avis vous font passer au niveau supérieur. Bravo !"
        en "You have reached a new level" "Your missions and reviews have brought you to the next level. Well done!"
    /// To whoever recommended SocioPulse, in the app only: somebody has registered with the code.
    ReferralRegistered "REFERRAL_REGISTERED" (QUIET)
        fr "Votre filleul s’est inscrit" "Une personne s’est inscrite avec votre code. Vos points arrivent dès que son identité est vérifiée."
        en "Your referral has registered" "Somebody has registered with your code. Your points follow once their identity is verified."
    /// To whoever showed a document: it is approved.
    DocumentApproved "DOCUMENT_APPROVED" (USUAL)
        fr "Document validé" "Un de vos documents a été vérifié et validé."
        en "Document approved" "One of your documents was checked and approved."
    /// To whoever showed a document: it is not.
    DocumentRejected "DOCUMENT_REJECTED" (URGENT.normal())
        fr "Document refusé" "Un de vos documents n’a pas pu être validé. Lisez pourquoi, puis déposez-le à nouveau."
        en "Document rejected" "One of your documents could not be approved. Read why, then hand it in again."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_stored_as_they_are_sent_and_have_words_in_both_languages() {
        for kind in NotificationType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.code());
            let (french, english) = (kind.words("fr"), kind.words("en"));
            assert_ne!(french, english);
            for words in [french, english] {
                assert!((1..=60).contains(&words.title.chars().count()), "{}", words.title);
                assert!((1..=160).contains(&words.body.chars().count()), "{}", words.body);
            }
        }
    }
}
