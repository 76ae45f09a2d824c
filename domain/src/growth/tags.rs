//! Tags: a short list that the platform curates, out of which people describe how they work.

use sqlx::PgConnection;

use crate::error::{Error, Result};
use crate::ids::UserId;

/// A tag of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    pub slug: &'static str,
    /// In French.
    pub label: &'static str,
    pub theme: Theme,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// How somebody works.
    Manner,
    /// With whom.
    People,
    /// When and where.
    Setting,
}

const fn tag(theme: Theme, slug: &'static str, label: &'static str) -> Tag {
    Tag { slug, label, theme }
}

/// What there is; a slug is never given another meaning.
pub const TAGS: &[Tag] = &[
    tag(Theme::Manner, "fiable", "Fiable"),
    tag(Theme::Manner, "ponctuel", "Ponctualité"),
    tag(Theme::Manner, "bienveillant", "Bienveillance"),
    tag(Theme::Manner, "a-l-ecoute", "À l’écoute"),
    tag(Theme::Manner, "autonome", "Autonomie"),
    tag(Theme::Manner, "esprit-d-equipe", "Esprit d’équipe"),
    tag(Theme::Manner, "calme", "Calme en situation de crise"),
    tag(Theme::Manner, "pedagogue", "Pédagogie"),
    tag(Theme::Manner, "rigoureux", "Rigueur"),
    tag(Theme::Manner, "creatif", "Créativité"),
    tag(Theme::People, "personnes-agees", "Personnes âgées"),
    tag(Theme::People, "petite-enfance", "Petite enfance"),
    tag(Theme::People, "adolescents", "Adolescents"),
    tag(Theme::People, "familles", "Familles"),
    tag(Theme::People, "handicap", "Personnes en situation de handicap"),
    tag(Theme::People, "autisme", "Troubles du spectre de l’autisme"),
    tag(Theme::People, "precarite", "Personnes en situation de précarité"),
    tag(Theme::People, "migrants", "Personnes migrantes"),
    tag(Theme::People, "addictions", "Addictions"),
    tag(Theme::People, "sante-mentale", "Santé mentale"),
    tag(Theme::Setting, "nuit", "Travail de nuit"),
    tag(Theme::Setting, "week-end", "Week-ends"),
    tag(Theme::Setting, "internat", "Internat"),
    tag(Theme::Setting, "domicile", "À domicile"),
    tag(Theme::Setting, "milieu-ouvert", "Milieu ouvert"),
    tag(Theme::Setting, "urgence", "Disponible dans l’heure"),
    tag(Theme::Setting, "langue-des-signes", "Langue des signes"),
    tag(Theme::Setting, "anglais", "Anglais courant"),
];

/// From how many on they say something, and are worth points †.
pub const COMPLETE: usize = 3;

/// Sets somebody's tags, each once and in the order of the reference. Returns them.
pub async fn replace(conn: &mut PgConnection, user: UserId, wanted: &[String]) -> Result<Vec<String>> {
    if !wanted.iter().all(|slug| TAGS.iter().any(|tag| tag.slug == slug)) {
        return Err(Error::Invalid { field: "tags", message: "only tags of growth/tags" });
    }
    let tags: Vec<_> =
        TAGS.iter().map(|tag| tag.slug.to_owned()).filter(|slug| wanted.contains(slug)).collect();
    let set = sqlx::query!("update users set tags = $2 where id = $1", user.0, &tags);
    match set.execute(conn).await?.rows_affected() {
        0 => Err(Error::NotFound("user")),
        _ => Ok(tags),
    }
}

#[cfg(test)]
mod tests {
    use super::TAGS;

    #[test]
    fn every_tag_is_there_once() {
        for (n, tag) in TAGS.iter().enumerate() {
            assert!(TAGS[..n].iter().all(|other| other.slug != tag.slug && other.label != tag.label));
            assert!(tag.slug.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", tag.slug);
        }
    }
}
