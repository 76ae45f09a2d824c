//! Every type of notification, with what its reader reads: title and text, in French and in English. Texts name no one and
//! no place; the ids beside them lead to the rest.

use serde::{Deserialize, Serialize};

/// A title and a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    pub title: &'static str,
    pub body: &'static str,
}

macro_rules! notification_types {
    ($($(#[doc = $doc:literal])+ $name:ident $code:literal
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
    /// To a talent: a mission that fits.
    MissionInvitation "MISSION_INVITATION"
        fr "Une mission pour vous" "Un établissement cherche un renfort qui correspond à votre profil. Le premier qui accepte est retenu."
        en "A mission for you" "An establishment is looking for relief that fits your profile. The first to accept has it."
    /// To the client: a talent has accepted.
    MissionAssigned "MISSION_ASSIGNED"
        fr "Un talent a accepté" "Votre mission est pourvue. Vous pouvez échanger dans la conversation."
        en "A talent has accepted" "Your mission is staffed. You can talk in the conversation."
    /// To the talent: the acceptance counts.
    AssignmentConfirmed "ASSIGNMENT_CONFIRMED"
        fr "Mission confirmée" "Vous êtes retenu pour cette mission. Les coordonnées vous sont désormais visibles."
        en "Mission confirmed" "You have this mission. Contact details are visible to you now."
    /// To the client: an assigned talent has withdrawn; the search goes on.
    AssignmentWithdrawn "ASSIGNMENT_WITHDRAWN"
        fr "Un talent s’est désisté" "La place est de nouveau libre et la recherche reprend."
        en "A talent has withdrawn" "The place is free again, and the search goes on."
    /// To the client: a talent has applied.
    ApplicationReceived "APPLICATION_RECEIVED"
        fr "Nouvelle candidature" "Un talent se propose pour votre mission."
        en "New application" "A talent offers to take your mission."
    /// To the client: an applicant has taken the application back.
    ApplicationWithdrawn "APPLICATION_WITHDRAWN"
        fr "Candidature retirée" "Un talent a retiré sa candidature."
        en "Application withdrawn" "A talent has taken the application back."
    /// To the talent: the client has declined the application, or the mission is full.
    ApplicationRejected "APPLICATION_REJECTED"
        fr "Candidature non retenue" "Votre candidature n’a pas été retenue pour cette mission."
        en "Application not retained" "Your application was not retained for this mission."
    /// To an applicant: the mission was changed since the application.
    MissionChanged "MISSION_CHANGED"
        fr "Mission modifiée" "La mission a changé depuis votre candidature. Vérifiez qu’elle vous convient toujours."
        en "Mission changed" "The mission has changed since you applied. Check that it still suits you."
    /// To talents who were assigned, invited or had applied, and to the client when somebody else did it: the mission will not
    /// take place.
    MissionCancelled "MISSION_CANCELLED"
        fr "Mission annulée" "La mission n’aura pas lieu."
        en "Mission cancelled" "The mission will not take place."
    /// To the client: the own cancellation counts, at its price.
    CancellationConfirmed "CANCELLATION_CONFIRMED"
        fr "Annulation confirmée" "Votre mission est annulée. Les personnes concernées sont prévenues."
        en "Cancellation confirmed" "Your mission is cancelled. Everybody concerned has been told."
    /// To the client: the start has come, and nobody, or not everybody, was found.
    MissionExpired "MISSION_EXPIRED"
        fr "Recherche terminée" "L’heure du début est arrivée sans que toutes les places soient pourvues."
        en "Search over" "The start has come before every place was taken."
    /// To the client: the last wave was half a day ago and slots are free.
    MissionUnfilled "MISSION_UNFILLED"
        fr "Mission toujours ouverte" "Aucun talent n’a encore accepté. Élargir le rayon ou revoir le tarif peut aider."
        en "Mission still open" "Nobody has accepted yet. A wider radius or another rate may help."
    /// To the client: the mission starts in 24 hours and slots are free.
    MissionDeadline "MISSION_DEADLINE"
        fr "Début dans 24 heures" "Votre mission commence dans 24 heures et des places restent libres."
        en "Start in 24 hours" "Your mission starts in 24 hours and places are still free."
    /// To the client: nobody knows where the mission is, and so nobody is looked for.
    LocationUnknown "LOCATION_UNKNOWN"
        fr "Adresse introuvable" "L’adresse de votre mission n’a pas été trouvée. Précisez-la pour lancer la recherche."
        en "Address not found" "The address of your mission was not found. Correct it to start the search."
    /// To admins: a member has reported a message of a conversation.
    MessageReported "MESSAGE_REPORTED"
        fr "Message signalé" "Un membre d’une conversation a signalé un message. Lisez la conversation et décidez."
        en "Message reported" "A member of a conversation has reported a message. Read the conversation and decide."
    /// To the talent: a client asks for a service.
    BookingRequested "BOOKING_REQUESTED"
        fr "Nouvelle demande de réservation" "Un client souhaite réserver l’un de vos services. Vous avez 48 heures au plus pour répondre."
        en "New booking request" "A client would like to book one of your services. You have 48 hours at most to answer."
    /// To the client: the talent has accepted, and the booking is to be paid.
    BookingConfirmed "BOOKING_CONFIRMED"
        fr "Réservation acceptée" "Le talent a accepté votre réservation. Réglez-la à temps pour la garder."
        en "Booking accepted" "The talent has accepted your booking. Pay in time to keep it."
    /// To the client: the talent has refused.
    BookingRefused "BOOKING_REFUSED"
        fr "Réservation refusée" "Le talent n’est pas disponible pour cette réservation. Rien ne vous est facturé."
        en "Booking refused" "The talent cannot take this booking. Nothing is charged."
    /// To both: the talent did not answer in time.
    BookingUnanswered "BOOKING_UNANSWERED"
        fr "Demande expirée" "La demande de réservation est restée sans réponse et a expiré."
        en "Request expired" "The booking request was not answered in time and has expired."
    /// To both: the client did not pay in time.
    BookingUnpaid "BOOKING_UNPAID"
        fr "Réservation expirée" "La réservation n’a pas été réglée à temps. Le créneau est libéré."
        en "Booking expired" "The booking was not paid in time. The slot is free again."
    /// To the other side, and to both when the platform did it: the session will not take place.
    BookingCancelled "BOOKING_CANCELLED"
        fr "Réservation annulée" "La séance n’aura pas lieu. Ce qui doit être remboursé l’est automatiquement."
        en "Booking cancelled" "The session will not take place. What has to be refunded is refunded automatically."
    /// To whoever cancelled: it counts, at its price.
    BookingCancellationConfirmed "BOOKING_CANCELLATION_CONFIRMED"
        fr "Annulation enregistrée" "Votre réservation est annulée, selon les conditions affichées. L’autre partie est prévenue."
        en "Cancellation confirmed" "Your booking is cancelled, on the terms that were shown. The other party has been told."
    /// To both: the booking is paid, and so certain.
    BookingPaid "BOOKING_PAID"
        fr "Réservation confirmée et réglée" "La séance aura lieu comme prévu. Vous recevrez un rappel."
        en "Booking confirmed and paid" "The session takes place as planned. You will be reminded."
    /// To both: the session is tomorrow.
    BookingTomorrow "BOOKING_TOMORROW"
        fr "Votre séance dans 24 heures" "Votre séance commence dans 24 heures."
        en "Your session in 24 hours" "Your session starts in 24 hours."
    /// To both: the session is in an hour.
    BookingInAnHour "BOOKING_IN_AN_HOUR"
        fr "Votre séance dans une heure" "Votre séance commence dans une heure."
        en "Your session in an hour" "Your session starts in an hour."
    /// To both: the session is about to begin.
    BookingSoon "BOOKING_SOON"
        fr "Votre séance dans 15 minutes" "Votre séance commence dans 15 minutes. En vidéo, la salle ouvre 10 minutes avant le début."
        en "Your session in 15 minutes" "Your session starts in 15 minutes. A video room opens 10 minutes before the start."
    /// To both: the session took place.
    BookingCompleted "BOOKING_COMPLETED"
        fr "Séance terminée" "Votre séance a eu lieu. Merci de votre confiance."
        en "Session completed" "Your session took place. Thank you for your trust."
    /// To both: somebody did not come.
    BookingMissed "BOOKING_MISSED"
        fr "Séance manquée" "La séance n’a pas eu lieu : une personne au moins n’est pas venue. Le détail est dans la réservation."
        en "Session missed" "The session did not take place: somebody did not come. The booking says more."
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
