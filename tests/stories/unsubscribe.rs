//! The links by which readers of mails say that they want no more of a kind.

use futures_util::future::{join, join_all};
use serde_json::json;
use tests::{Answer, Client};

use crate::letters::{Letter, letters};
use crate::world::{World, mission};

const MISSIONS: &str = "/api/v1/matching/missions";
const API: &str = "https://api.example";

async fn world() -> World {
    let mut world = World::without_worker().await;
    world.start_worker_with(&["--worker-cron", "false", "--api-url", API]);
    world
}

async fn post(world: &World, client: &Client) {
    client.post(MISSIONS, mission()).await.expect(201);
    world.drain().await;
}

fn to<'l>(letters: &'l [Letter], name: &str, subject: &str) -> Vec<&'l Letter> {
    let address = format!("{name}@example.org");
    letters.iter().filter(|letter| letter.to == address && letter.subject.contains(subject)).collect()
}

/// As a mail program does it: a form, and no session.
async fn one_click(world: &World, path: &str) -> Answer {
    let program = world.anonymous();
    let form = program
        .request(reqwest::Method::POST, path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("List-Unsubscribe=One-Click");
    program.send(form).await
}

#[tokio::test]
async fn one_click_ends_mails_of_one_kind_to_one_person() {
    let world = world().await;
    let client = world.client("lilas").await;
    let nurse = world.nurse("nurse", 1.0).await;
    world.nurse("other", 2.0).await;
    post(&world, &client).await;
    let sent = letters(&world);
    let [invitation] = to(&sent, "nurse", "une mission pour vous")[..] else { panic!("one invitation") };
    assert_eq!(invitation.header("List-Unsubscribe-Post").as_deref(), Some("List-Unsubscribe=One-Click"));
    let link = invitation.header("List-Unsubscribe").unwrap();
    let path = link.strip_prefix('<').and_then(|link| link.strip_suffix('>')?.strip_prefix(API)).unwrap();
    let token = path.split_once("token=").unwrap().1;
    assert!(
        invitation.text.contains(&format!("http://127.0.0.1:3000/unsubscribe?token={token}")),
        "for people"
    );
    for _ in 0..2 {
        one_click(&world, path).await.expect(204);
    }
    // A browser that follows the link, or a scanner of links, does nothing.
    world.anonymous().get(path).await.expect(405);

    post(&world, &client).await;
    let sent = letters(&world);
    assert_eq!(to(&sent, "nurse", "une mission pour vous").len(), 1, "no second one");
    assert_eq!(to(&sent, "other", "une mission pour vous").len(), 2);
    let invitations = nurse.get("/api/v1/me/invitations").await.expect(200);
    assert_eq!(invitations["items"].as_array().unwrap().len(), 2, "she is invited all the same");
    assert_eq!(nurse.get("/api/v1/notifications").await.expect(200)["items"].as_array().unwrap().len(), 2);

    let accept = format!("/api/v1/invitations/{}/accept", invitations["items"][0]["id"].as_str().unwrap());
    nurse.act(&accept).await.expect(200);
    world.drain().await;
    let sent = letters(&world);
    let [confirmed] = to(&sent, "nurse", "C’est confirmé")[..] else {
        panic!("what she needs to know comes")
    };
    assert_eq!(
        (confirmed.header("List-Unsubscribe"), confirmed.header("List-Unsubscribe-Post")),
        (None, None)
    );
    assert!(!confirmed.text.contains("unsubscribe"), "{}", confirmed.text);
    world.end().await;
}

#[tokio::test]
async fn a_link_and_the_switches_wait_for_each_other() {
    let world = world().await;
    let client = world.client("lilas").await;
    let nurse = world.nurse("nurse", 1.0).await;
    post(&world, &client).await;
    let sent = letters(&world);
    let link = to(&sent, "nurse", "une mission pour vous")[0].header("List-Unsubscribe").unwrap();
    let path = link.trim_matches(['<', '>']).strip_prefix(API).unwrap();
    let preferences = "/api/v1/notifications/preferences";
    let quiet = json!({ "enabled": true, "from": 22, "to": 7 });
    let own = json!([{ "type": "MISSION_INVITATION", "inApp": true, "push": false, "mail": true }]);
    for _ in 0..25 {
        let usual = json!({ "quietHours": quiet, "types": [] });
        nurse.put(preferences, usual).await.expect(200);
        let wishes = json!({ "quietHours": quiet, "types": own });
        let clicks = join_all((0..4).map(|_| one_click(&world, path)));
        let (put, clicks) = join(nurse.put(preferences, wishes), clicks).await;
        put.expect(200);
        clicks.into_iter().for_each(|click| drop(click.expect(204)));
    }
    world.end().await;
}

#[tokio::test]
async fn a_token_is_good_for_what_it_was_made_for_alone() {
    let world = world().await;
    let client = world.client("lilas").await;
    let nurse = world.nurse("nurse", 1.0).await;
    post(&world, &client).await;
    let sent = letters(&world);
    let link = to(&sent, "nurse", "une mission pour vous")[0].header("List-Unsubscribe").unwrap();
    let token = link.trim_end_matches('>').split_once("token=").unwrap().1;
    let other = client.id.parse::<uuid::Uuid>().unwrap().simple().to_string();
    let mine = nurse.id.parse::<uuid::Uuid>().unwrap().simple().to_string();
    for forged in [
        token.replace(&mine, &other),
        token.replace("MISSION_INVITATION", "MESSAGE_RECEIVED"),
        token.replace("MISSION_INVITATION", "CONTRACT_SIGNED"),
        token.replace(&mine, &uuid::Uuid::now_v7().simple().to_string()),
        token[..token.len() - 1].to_owned(),
        "x".into(),
    ] {
        let path = format!("/api/v1/notifications/unsubscribe?token={forged}");
        one_click(&world, &path).await.expect_error(400, "TOKEN_INVALID");
    }
    for path in ["/api/v1/notifications/unsubscribe", "/api/v1/notifications/unsubscribe?token="] {
        one_click(&world, path).await.expect_error(400, "INVALID_REQUEST");
    }
    assert_eq!(world.count("select count(*) from notification_preferences").await, 0);
    world.end().await;
}

#[tokio::test]
async fn what_people_write_stays_text_in_mails() {
    let world = world().await;
    let client = world.client("lilas").await;
    world.nurse("nurse", 1.0).await;
    let titled = |title: &str| {
        let mut titled = mission();
        titled["title"] = json!(title);
        titled
    };
    let hostile = "Relève <script>alert(1)</script> « d’été » & \"co\"";
    client.post(MISSIONS, titled(hostile)).await.expect(201);
    client.post(MISSIONS, titled("Relève\r\nBcc: everybody@example.org\r\n\r\n<script>")).await.expect(201);
    world.drain().await;
    let sent = letters(&world);
    let mut subjects: Vec<_> = to(&sent, "nurse", "").iter().map(|letter| letter.subject.as_str()).collect();
    subjects.sort_unstable();
    let says = |title: &str| format!("{title} à Paris : une mission pour vous");
    assert_eq!(subjects, [says(hostile), says("Relève Bcc: everybody@example.org <script>")]);
    assert!(sent.iter().all(|letter| letter.header("Bcc").is_none()), "{sent:?}");
    for mail in world.mails() {
        assert!(!mail.split_once("text/html").unwrap().1.contains("<script"), "{mail}");
    }
    world.end().await;
}
