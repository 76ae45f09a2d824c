//! What happens when two people answer in the same moment: whoever wins, what everybody sees adds up, and nobody is told
//! what is not so. Each race is run several times, since who comes first is chance.

use serde_json::{Value, json};
use tests::{Answer, Client};
use time::Duration;

use crate::letters::letters;
use crate::world::{World, mission, rfc3339, tomorrow};

mod bookings;
mod endings;
mod slots;

const MISSIONS: &str = "/api/v1/matching/missions";
const ROUNDS: usize = 8;

/// A client and nurses who are all invited to one mission after another.
struct Arena {
    world: World,
    client: Client,
    nurses: Vec<Client>,
    /// Of the missions that are posted next: nobody is kept from one by an earlier one.
    week: i64,
}

/// A mission that is raced for.
struct Prize {
    id: String,
    path: String,
    /// Stands in the subject of each mail about it.
    title: String,
    /// In the order of the nurses.
    invitations: Vec<String>,
}

impl Arena {
    async fn new(nurses: u8) -> Self {
        let world = World::new().await;
        let client = world.client("lilas").await;
        let mut invited = Vec::new();
        for n in 0..nurses {
            invited.push(world.nurse(&format!("nurse-{n}"), 1.0 + f64::from(n)).await);
        }
        Self { world, client, nurses: invited, week: 0 }
    }

    /// Posts the mission of the next week.
    async fn post(&mut self, slots: u8) -> Prize {
        self.week += 1;
        self.post_as(&self.client, slots).await
    }

    async fn post_as(&self, client: &Client, slots: u8) -> Prize {
        let mut body = mission();
        body["title"] = json!(format!("Course {:03}", self.week));
        body["startDate"] = json!(rfc3339(tomorrow() + Duration::weeks(self.week)));
        body["slots"] = json!(slots);
        let posted = client.post(MISSIONS, body).await.expect(201);
        self.world.drain().await;
        let id = posted["id"].as_str().unwrap().to_owned();
        let mut invitations = Vec::new();
        for nurse in &self.nurses {
            let invitation = invitation(nurse, &id).await;
            assert_eq!(invitation["status"], "PENDING");
            invitations.push(format!("/api/v1/invitations/{}", invitation["id"].as_str().unwrap()));
        }
        let title = posted["title"].as_str().unwrap().to_owned();
        Prize { path: format!("{MISSIONS}/{id}"), id, title, invitations }
    }

    async fn accept(&self, prize: &Prize, nurse: usize) -> Answer {
        self.nurses[nurse].act(&format!("{}/accept", prize.invitations[nurse])).await
    }

    async fn withdraw(&self, prize: &Prize, nurse: usize) -> Answer {
        self.nurses[nurse].post(&format!("{}/withdraw", prize.path), json!({})).await
    }

    async fn cancel(&self, prize: &Prize) -> Answer {
        self.client.post(&format!("{}/cancel", prize.path), json!({ "reason": "Fermeture" })).await
    }

    async fn set_slots(&self, prize: &Prize, slots: u8) -> Answer {
        self.client.patch(&prize.path, json!({ "slots": slots })).await
    }

    /// Files an application, which is then at `/api/v1/applications/…`.
    async fn apply(&self, prize: &Prize, nurse: usize) -> String {
        let letter = json!({ "coverLetter": "Bonjour", "proposedRateCents": 2500 });
        let filed = self.nurses[nurse].post(&format!("{}/apply", prize.path), letter).await.expect(201);
        format!("/api/v1/applications/{}", filed["id"].as_str().unwrap())
    }

    /// The mission as `who` sees it when the race is over; places, status and people must add up.
    async fn sound(&self, prize: &Prize, who: &Client) -> Value {
        self.world.drain().await;
        let seen = who.get(&prize.path).await.expect(200);
        let contacts = who.get(&format!("/api/v1/missions/{}/contacts", prize.id)).await;
        let assigned: Vec<Value> = match contacts.status.as_u16() {
            200 => contacts.body["items"].as_array().unwrap().clone(),
            _ => vec![contacts.expect_error(409, "MISSION_NOT_ASSIGNED")],
        };
        let assigned: Vec<_> = assigned.iter().filter(|person| person["role"] == "TALENT").collect();
        let (slots, filled) = (seen["slots"].as_u64().unwrap(), seen["filled"].as_u64().unwrap());
        let cancelled = seen["status"] == "CANCELLED";
        match seen["status"].as_str().unwrap() {
            "OPEN" => assert!(filled < slots, "{seen}"),
            "ASSIGNED" => assert_eq!(filled, slots, "{seen}"),
            status => assert_eq!(status, "CANCELLED"),
        }
        assert_eq!(assigned.len() as u64, if cancelled { 0 } else { filled }, "{seen} {assigned:?}");
        for nurse in &self.nurses {
            let has_place = assigned.iter().any(|person| person["userId"] == nurse.id.as_str());
            let answered = invitation(nurse, &prize.id).await;
            assert!(cancelled || has_place == (answered["status"] == "ACCEPTED"), "{answered} {assigned:?}");
        }
        self.assert_nobody_is_in_two_places().await;
        seen
    }

    async fn assert_nobody_is_in_two_places(&self) {
        let twice = "select count(*) from assignments a join assignments b on a.talent_id = b.talent_id and a.id < b.id
                      where a.period && b.period and a.status = 'ASSIGNED' and b.status = 'ASSIGNED'";
        assert_eq!(self.world.count(twice).await, 0);
    }

    /// How often a person was told this about the mission: in the app, and by mail where the subject begins so.
    async fn told(&self, person: &Client, prize: &Prize, kind: &str, subject: &str) -> (usize, usize) {
        let page = person.get("/api/v1/notifications?limit=100").await.expect(200);
        let notices = page["items"].as_array().unwrap().iter();
        let notices = notices.filter(|n| n["type"] == kind && n["data"]["missionId"] == prize.id.as_str());
        let me = person.get("/api/v1/auth/me").await.expect(200);
        let mails = letters(&self.world).into_iter().filter(|letter| {
            letter.to == me["email"] && letter.subject == format!("{subject} : {}", prize.title)
        });
        (notices.count(), mails.count())
    }

    /// Whoever won was told so, once, and nobody else. A mail may have become pointless before it was sent.
    async fn assert_confirmed(&self, prize: &Prize, winners: &[usize]) {
        for (n, nurse) in self.nurses.iter().enumerate() {
            let won = usize::from(winners.contains(&n));
            let (notices, mails) = self.told(nurse, prize, "ASSIGNMENT_CONFIRMED", "C’est confirmé").await;
            assert_eq!(notices, won, "nurse {n}");
            assert!(mails <= won, "nurse {n}: {mails}");
        }
    }
}

async fn invitation(nurse: &Client, mission: &str) -> Value {
    let page = nurse.get("/api/v1/me/invitations?limit=100").await.expect(200);
    let items = page["items"].as_array().unwrap();
    items.iter().find(|item| item["missionId"] == mission).cloned().unwrap_or_default()
}

/// True when it was granted; else it must have been refused in one of these words.
#[track_caller]
fn granted(answer: &Answer, refusals: &[(u16, &str)]) -> bool {
    let refusal = (answer.status.as_u16(), answer.body["code"].as_str().unwrap_or_default());
    assert!(refusal.0 == 200 || refusals.contains(&refusal), "{refusal:?}: {}", answer.body);
    refusal.0 == 200
}

const NOT_OPEN: (u16, &str) = (409, "MISSION_NOT_OPEN");
