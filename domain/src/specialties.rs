//! Specialties are free tags. They are compared normalised; those of the known vocabulary also have a bit, so that the
//! search table can score a talent with one `&` and a population count.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Trimmed, lower-case, unaccented, inner white space single: "  Troubles du Spectre Autistique" and
/// "troubles du spectre autistique" are one tag.
pub fn normalise(tag: &str) -> String {
    let plain: String = tag.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Normalised, without empties and repetitions, in a fixed order.
pub fn normalise_all<S: AsRef<str>>(tags: impl IntoIterator<Item = S>) -> Vec<String> {
    let mut tags: Vec<String> =
        tags.into_iter().map(|tag| normalise(tag.as_ref())).filter(|tag| !tag.is_empty()).collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}

/// Normalised tags split into the bits of the known ones and the list of the others.
pub fn encode(tags: &[String]) -> (i64, Vec<String>) {
    let mut bits = 0;
    let mut others = Vec::new();
    for tag in tags {
        match VOCABULARY.binary_search(&tag.as_str()) {
            Ok(index) => bits |= 1_i64 << BITS[index],
            Err(_) => others.push(tag.clone()),
        }
    }
    (bits, others)
}

macro_rules! vocabulary {
    ($($bit:literal $tag:literal)+) => {
        /// Sorted, for binary search.
        const VOCABULARY: &[&str] = &[$($tag),+];
        /// The bit of each word; stored in rows, so a word keeps its bit for ever and a new word takes the next free one.
        const BITS: &[u8] = &[$($bit),+];
    };
}

vocabulary! {
    0 "accompagnement social"
    1 "addictologie"
    2 "aide a la mobilite"
    3 "aide a la toilette"
    4 "aide alimentaire"
    5 "alzheimer"
    6 "animation"
    7 "art-therapie"
    8 "autisme"
    9 "bientraitance"
    10 "cardiologie"
    11 "communication alternative"
    12 "contention"
    13 "deficience auditive"
    14 "deficience intellectuelle"
    15 "deficience visuelle"
    16 "deuil"
    17 "diabete"
    18 "education specialisee"
    19 "ergotherapie"
    20 "fin de vie"
    21 "geriatrie"
    22 "gestion de crise"
    23 "handicap moteur"
    24 "handicap psychique"
    25 "hospitalisation a domicile"
    26 "hygiene"
    27 "insertion professionnelle"
    28 "interculturalite"
    29 "langue des signes"
    30 "logement"
    31 "maintien a domicile"
    32 "mediation familiale"
    33 "mineurs non accompagnes"
    34 "montessori"
    35 "musicotherapie"
    36 "neurologie"
    37 "nutrition"
    38 "parentalite"
    39 "parkinson"
    40 "pediatrie"
    41 "petite enfance"
    42 "polyhandicap"
    43 "precarite"
    44 "prevention des chutes"
    45 "protection de l'enfance"
    46 "psychiatrie"
    47 "psychologie"
    48 "reeducation"
    49 "sante mentale"
    50 "snoezelen"
    51 "soins palliatifs"
    52 "soins techniques"
    53 "troubles du comportement"
    54 "violences conjugales"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_normalised() {
        assert_eq!(normalise("  Gériatrie "), "geriatrie");
        assert_eq!(normalise("Aide à  la\tMOBILITÉ"), "aide a la mobilite");
        assert_eq!(normalise_all(["Autisme", "autisme ", "", "Élan"]), ["autisme", "elan"]);
    }

    #[test]
    fn every_word_is_normalised_sorted_and_has_a_bit_of_its_own() {
        assert!(VOCABULARY.is_sorted());
        assert!(VOCABULARY.iter().all(|word| normalise(word) == *word));
        let distinct: std::collections::BTreeSet<_> = BITS.iter().collect();
        assert!(distinct.len() == VOCABULARY.len() && BITS.iter().all(|bit| *bit < 63));
    }

    #[test]
    fn unknown_words_stay_exact() {
        let (bits, others) = encode(&normalise_all(["Autisme", "Équithérapie", "Psychiatrie"]));
        assert_eq!(bits, 1 << 8 | 1 << 46);
        assert_eq!(others, ["equitherapie"]);
    }
}
