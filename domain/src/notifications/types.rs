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
