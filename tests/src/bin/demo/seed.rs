//! The people of the demo: three logins, and enough others that matching has a choice. The same ones each time.

use domain::Clock;
use domain::establishments::{self, EstablishmentPatch, StructureType};
use domain::geo::Point;
use domain::growth::points::{self, Action};
use domain::growth::tags;
use domain::ids::UserId;
use domain::professions::{self, Sector};
use domain::profiles::{self, Diploma, ProfilePatch};
use domain::services::{self, NewService, ServiceOption, ServiceType};
use domain::specialties::normalise;
use domain::users::{self, ClientType, ComplianceStatus, NewUser, Role, Status};
use rand::prelude::IndexedRandom;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;

pub const ADMIN: &str = "admin@sociopulse.test";
pub const CLIENT: &str = "client@sociopulse.test";
pub const TALENT: &str = "talent@sociopulse.test";
pub const PASSWORD: &str = "sociopulse-demo";

/// EHPAD Les Tilleuls, in the 11th arrondissement of Paris.
pub const TILLEULS: Point = Point { latitude: 48.8589, longitude: 2.3790 };
/// What the talent of the demo can do; few others can do all of it.
pub const HER_SPECIALTIES: [&str; 5] =
    ["Gériatrie", "Alzheimer", "Soins palliatifs", "Prévention des chutes", "Montessori"];

/// How she works.
const HER_TAGS: [&str; 3] = ["bienveillant", "personnes-agees", "nuit"];

/// What the talent of the demo sells: name, description, type, people, and options with price and minutes.
type Sold = (&'static str, &'static str, ServiceType, i16, &'static [(&'static str, i64, i32)]);
const SERVICES: [Sold; 2] = [
    (
        "Analyse de pratiques",
        "Revenir à deux ou trois sur une situation de soin difficile.",
        ServiceType::CoachingVideo,
        3,
        &[("Une heure", 9_000, 60), ("Une heure et demie", 12_500, 90)],
    ),
    (
        "Atelier prévention des chutes",
        "Dans votre établissement, pour une équipe ou un groupe de résidents.",
        ServiceType::Workshop,
        12,
        &[("Demi-journée", 36_000, 180)],
    ),
];

/// Name, postal code, centre, and how many talents live there.
const CITIES: [(&str, &str, Point, usize); 15] = [
    ("Paris", "75001", Point { latitude: 48.8566, longitude: 2.3522 }, 76),
    ("Lyon", "69003", Point { latitude: 45.7600, longitude: 4.8490 }, 24),
    ("Marseille", "13005", Point { latitude: 43.2950, longitude: 5.3970 }, 24),
    ("Toulouse", "31000", Point { latitude: 43.6047, longitude: 1.4442 }, 20),
    ("Nice", "06000", Point { latitude: 43.7102, longitude: 7.2620 }, 14),
    ("Nantes", "44000", Point { latitude: 47.2184, longitude: -1.5536 }, 18),
    ("Montpellier", "34000", Point { latitude: 43.6108, longitude: 3.8767 }, 14),
    ("Strasbourg", "67000", Point { latitude: 48.5734, longitude: 7.7521 }, 14),
    ("Bordeaux", "33000", Point { latitude: 44.8378, longitude: -0.5792 }, 18),
    ("Lille", "59000", Point { latitude: 50.6292, longitude: 3.0573 }, 20),
    ("Rennes", "35000", Point { latitude: 48.1173, longitude: -1.6778 }, 14),
    ("Reims", "51100", Point { latitude: 49.2583, longitude: 4.0317 }, 10),
    ("Grenoble", "38000", Point { latitude: 45.1885, longitude: 5.7245 }, 12),
    ("Dijon", "21000", Point { latitude: 47.3220, longitude: 5.0415 }, 10),
    ("Angers", "49000", Point { latitude: 47.4784, longitude: -0.5632 }, 12),
];

/// Besides Les Tilleuls; the n-th stands in the n-th city.
const SITES: [(&str, StructureType); 10] = [
    ("CHRS Le Passage", StructureType::Chrs),
    ("MECS Les Hirondelles", StructureType::Mecs),
    ("EHPAD La Bastide Bleue", StructureType::Ehpad),
    ("IME Les Peupliers", StructureType::Ime),
    ("EHPAD Villa des Oliviers", StructureType::Ehpad),
    ("ITEP L’Estran", StructureType::Itep),
    ("SSIAD du Peyrou", StructureType::Other),
    ("MECS Le Petit Prince", StructureType::Mecs),
    ("EHPAD Les Jardins de Garonne", StructureType::Ehpad),
    ("IME L’Envol", StructureType::Ime),
];

/// Of these there are more than of the other professions.
const SOUGHT: &str = "ide ide ide as as as es es me aes-medical aes-social ash";

const FIRST_NAMES: &str = "Adèle Aïcha Alexandre Amélie Anaïs Antoine Arthur Aurélie Baptiste Bénédicte Benoît Camille \
    Caroline Cécile Céline Chloé Clément Corinne Damien Delphine Élodie Émilie Étienne Fabrice Fanny Fatou Florence \
    François Françoise Gaëlle Grégory Guillaume Hélène Hugo Inès Jérôme Joëlle Julien Karim Laëtitia Léa Loïc Lucie \
    Maëlle Malik Manon Marie Mathilde Maxime Mehdi Mélanie Noé Océane Pascale Raphaël Rémi Sabrina Samira Sébastien \
    Solène Sofia Stéphanie Thaïs Théo Valérie Yann Yasmine Zoé";

const LAST_NAMES: &str = "André Aubert Bailly Barbier Benali Bernard Bertrand Blanchard Bonnet Boucher Bouvier Brunet \
    Carpentier Chevalier Clément Colin Da-Silva David Delaunay Diallo Dubois Dufour Dumont Dupuis Durand Fabre Faure \
    Fernandez Fontaine Fournier Gauthier Gérard Girard Guérin Haddad Henry Hoarau Huet Jacquet Joly Lacroix Lambert \
    Le-Gall Lefebvre Lemoine Leroy Marchand Maréchal Martin Masson Mercier Moreau Morel Muller N’Diaye Nguyen Noël \
    Olivier Payet Pelletier Perrin Petit Picard Renard Rey Rivière Robin Roussel Roux Traoré Vasseur Vidal";

const CARE: &str = "Gériatrie, Alzheimer, Soins palliatifs, Fin de vie, Soins techniques, Diabète, Cardiologie, \
    Neurologie, Parkinson, Psychiatrie, Santé mentale, Pédiatrie, Hospitalisation à domicile, \
    Prévention des chutes, Aide à la toilette, Aide à la mobilité, Hygiène, Nutrition, Bientraitance, \
    Rééducation, Snoezelen, Montessori, Contention, Maintien à domicile";
const SOCIAL: &str = "Protection de l'enfance, Autisme, Troubles du comportement, Parentalité, Médiation familiale, \
    Précarité, Logement, Insertion professionnelle, Mineurs non accompagnés, Violences conjugales, \
    Addictologie, Éducation spécialisée, Petite enfance, Animation, Art-thérapie, Musicothérapie, \
    Handicap moteur, Handicap psychique, Polyhandicap, Déficience intellectuelle, Langue des signes, \
    Gestion de crise, Accompagnement social, Interculturalité";
/// Without a bit in the search table: compared as words.
const UNCOMMON: &str = "Équithérapie, Médiation animale, Aromathérapie, Jardin thérapeutique";

/// Fills an empty database; one that has people is left alone, because the passwords of the demo are public.
pub async fn seed(database_url: &str) -> domain::Result<()> {
    let mut conn = PgConnection::connect(database_url).await?;
    if users::find_by_email(&mut conn, TALENT).await?.is_some() {
        println!("seed: the demo data is there");
        return Ok(());
    }
    if sqlx::query("select from users limit 1").fetch_optional(&mut conn).await?.is_some() {
        println!("seed: this database has people of its own; no demo data added");
        return Ok(());
    }
    let hash = api::password::Passwords::new().hash(PASSWORD.to_owned()).await;
    let password_hash = hash.map_err(|error| sqlx::Error::Configuration(error.into()))?;
    let mut tx = conn.begin().await?;
    let mut town = Town { conn: &mut tx, password_hash, now: Clock::default().now(), people: 0 };
    town.logins().await?;
    let sites = town.clients().await?;
    let talents = town.talents().await?;
    tx.commit().await?;
    println!(
        "seed: 3 logins, {talents} more talents in {} cities, {sites} more clients; everybody's password is {PASSWORD}",
        CITIES.len()
    );
    Ok(())
}

/// Where the people move in.
struct Town<'c> {
    conn: &'c mut PgConnection,
    password_hash: String,
    now: OffsetDateTime,
    people: usize,
}

impl Town<'_> {
    async fn person(&mut self, role: Role, email: &str, first: &str, last: &str) -> domain::Result<UserId> {
        self.people += 1;
        let new = NewUser {
            email: email.to_owned(),
            password_hash: self.password_hash.clone(),
            role,
            status: Status::Verified,
            client_type: (role == Role::Client).then_some(ClientType::Establishment),
            // 06 39 98 is the regulator's range for fiction.
            phone: Some(format!("+3363998{:04}", self.people)),
            first_name: Some(first.to_owned()),
            last_name: Some(last.to_owned()),
            establishment_name: None,
            referrer_code: None,
        };
        Ok(users::insert(self.conn, new, self.now).await?.id)
    }

    async fn logins(&mut self) -> domain::Result<()> {
        self.person(Role::Admin, ADMIN, "Alix", "Moreau").await?;

        let client = self.person(Role::Client, CLIENT, "Claire", "Fontaine").await?;
        let place = ("12 rue Saint-Ambroise", "Paris", "75011", TILLEULS);
        self.site(client, "EHPAD Les Tilleuls", StructureType::Ehpad, "Claire Fontaine", place).await?;

        let talent = self.person(Role::Talent, TALENT, "Nadia", "Benali").await?;
        self.record(talent, ComplianceStatus::Validated, 41, 27, 492).await?;
        let ide = professions::get(self.conn, "ide").await?;
        let profile = ProfilePatch {
            bio: Some("Infirmière depuis douze ans, dont huit en unité protégée.".into()),
            headline: Some(ide.label),
            profession_id: Some(ide.id),
            specialties: Some(HER_SPECIALTIES.map(str::to_owned).into()),
            diplomas: Some(vec![Diploma {
                name: "Diplôme d’État d’infirmier".into(),
                year: 2013,
                document_id: None,
            }]),
            hourly_rate_cents: Some(3200),
            address: Some("8 rue des Boulets".into()),
            city: Some("Paris".into()),
            postal_code: Some("75011".into()),
            latitude: Some(48.8519),
            longitude: Some(2.3902),
            has_driver_license: Some(true),
            can_do_night_shift: Some(true),
            is_video_enabled: Some(true),
            ..ProfilePatch::default()
        };
        profiles::update(self.conn, talent, profile).await?;
        for (name, description, kind, participants, options) in SERVICES {
            let option = |&(name, price_cents, duration_minutes): &(&str, i64, i32)| ServiceOption {
                name: name.into(),
                price_cents,
                duration_minutes,
            };
            let new = NewService {
                name: name.into(),
                slug: None,
                description: description.into(),
                kind,
                options: options.iter().map(option).collect(),
                participants,
            };
            let service = services::insert(self.conn, talent, new, self.now).await?;
            points::award(self.conn, talent, Action::ServicePublished, service.id.0, self.now).await?;
        }
        tags::replace(self.conn, talent, &HER_TAGS.map(str::to_owned)).await?;
        points::award(self.conn, talent, Action::TagsCompleted, talent.0, self.now).await?;
        Ok(())
    }

    async fn clients(&mut self) -> domain::Result<usize> {
        let mut rng = StdRng::seed_from_u64(1);
        for ((name, structure), (city, postal_code, centre, _)) in SITES.into_iter().zip(CITIES) {
            let (first, last) = names(&mut rng);
            let client =
                self.person(Role::Client, &format!("{}@sociopulse.test", slug(name)), &first, &last).await?;
            let place = ("1 place de la Mairie", city, postal_code, around(centre, &mut rng));
            self.site(client, name, structure, &format!("{first} {last}"), place).await?;
        }
        Ok(SITES.len())
    }

    async fn site(
        &mut self,
        owner: UserId,
        name: &str,
        structure: StructureType,
        contact: &str,
        (address, city, postal_code, point): (&str, &str, &str, Point),
    ) -> domain::Result<()> {
        let site = establishments::insert(self.conn, owner, name, self.now).await?;
        let patch = EstablishmentPatch {
            structure_type: Some(structure),
            contact_name: Some(contact.to_owned()),
            address: Some(address.to_owned()),
            city: Some(city.to_owned()),
            postal_code: Some(postal_code.to_owned()),
            latitude: Some(point.latitude),
            longitude: Some(point.longitude),
            ..EstablishmentPatch::default()
        };
        establishments::update(self.conn, site, owner, patch).await
    }

    async fn talents(&mut self) -> domain::Result<usize> {
        let mut rng = StdRng::seed_from_u64(2);
        let mut keys = Vec::new();
        let reference = professions::list(self.conn).await?;
        let slugs = reference.iter().map(|profession| (profession.slug.as_str(), profession.sector));
        let more = SOUGHT.split(' ').filter_map(|slug| slugs.clone().find(|(known, _)| *known == slug));
        for (slug, sector) in slugs.clone().chain(more) {
            keys.push((professions::get(self.conn, slug).await?, sector));
        }

        let mut everybody = keys.iter().cycle();
        let mut count = 0;
        for (city, postal_code, centre, people) in CITIES {
            for (profession, sector) in everybody.by_ref().take(people) {
                count += 1;
                let (first, last) = names(&mut rng);
                let email = format!("{}.{}.{count}@sociopulse.test", slug(&first), slug(&last));
                let talent = self.person(Role::Talent, &email, &first, &last).await?;

                let missions = if rng.random_bool(0.15) { 0 } else { rng.random_range(1..90) };
                let reviews = missions * rng.random_range(30..90) / 100;
                let rating = if reviews == 0 { 0 } else { rng.random_range(340..=500) };
                let compliance = match rng.random_range(0..10) {
                    0 => ComplianceStatus::Pending,
                    1 => ComplianceStatus::Submitted,
                    2 => ComplianceStatus::Expired,
                    _ => ComplianceStatus::Validated,
                };
                self.record(talent, compliance, missions, reviews, rating).await?;

                let words = if *sector == Sector::Medical { CARE } else { SOCIAL };
                let mut specialties = some_of(words, rng.random_range(3..=8), &mut rng);
                if count % 12 == 0 {
                    specialties.extend(some_of(UNCOMMON, 1, &mut rng));
                }
                let point = around(centre, &mut rng);
                let postal_code = match city {
                    "Paris" => format!("750{:02}", rng.random_range(1..=20)),
                    _ => postal_code.to_owned(),
                };
                let profile = ProfilePatch {
                    headline: Some(profession.label.clone()),
                    profession_id: Some(profession.id),
                    specialties: Some(specialties),
                    hourly_rate_cents: Some(rng.random_range(18..=45) * 100),
                    city: Some(city.to_owned()),
                    postal_code: Some(postal_code),
                    latitude: Some(point.latitude),
                    longitude: Some(point.longitude),
                    has_driver_license: Some(rng.random_bool(0.7)),
                    can_do_night_shift: Some(rng.random_bool(0.5)),
                    is_video_enabled: Some(rng.random_bool(0.3)),
                    ..ProfilePatch::default()
                };
                profiles::update(self.conn, talent, profile).await?;
            }
        }
        Ok(count)
    }

    /// What the platform itself keeps of a talent. The search table learns of it with the profile, which comes after.
    async fn record(
        &mut self,
        talent: UserId,
        compliance: ComplianceStatus,
        missions: i32,
        reviews: i32,
        rating: i16,
    ) -> domain::Result<()> {
        sqlx::query(
            "update profiles
                set compliance_status = $2, total_missions = $3, total_reviews = $4, average_rating = $5,
                    rating_sum = round($4 * $5 / 100.0)
              where user_id = $1",
        )
        .bind(talent)
        .bind(compliance)
        .bind(missions)
        .bind(reviews)
        .bind(rating)
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }
}

fn names(rng: &mut StdRng) -> (String, String) {
    let mut one_of = |list: &str| {
        let names: Vec<&str> = list.split_whitespace().collect();
        names.choose(rng).copied().unwrap_or_default().replace("Da-", "Da ").replace("Le-", "Le ")
    };
    (one_of(FIRST_NAMES), one_of(LAST_NAMES))
}

fn some_of(words: &str, count: usize, rng: &mut StdRng) -> Vec<String> {
    let words: Vec<&str> = words.split(", ").collect();
    words.sample(rng, count).map(|word| (*word).to_owned()).collect()
}

/// Within about four kilometres.
fn around(centre: Point, rng: &mut StdRng) -> Point {
    let mut near =
        |degrees: f64, reach: f64| ((degrees + rng.random_range(-reach..reach)) * 1e4).round() / 1e4;
    Point { latitude: near(centre.latitude, 0.025), longitude: near(centre.longitude, 0.035) }
}

fn slug(name: &str) -> String {
    normalise(name).replace([' ', '’', '\''], "-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::specialties::{encode, normalise_all};

    #[test]
    fn only_the_uncommon_words_are_unknown() {
        let known = CARE.split(", ").chain(SOCIAL.split(", ")).chain(HER_SPECIALTIES);
        assert!(encode(&normalise_all(known)).1.is_empty());
        assert_eq!(encode(&normalise_all(UNCOMMON.split(", "))).0, 0);
    }
}
