//! Messages to who is not there: their devices say that there are some, and nothing of what they say.

use jobs::PushMessages;
use jobs::ledger::NewJob;
use serde_json::json;
use tests::Client;
use time::Duration;

use crate::push::Pushing;

struct Chat {
    pushing: Pushing,
    path: String,
    mission: String,
}

impl Chat {
    async fn start() -> Self {
        let pushing = Pushing::start().await;
        let posted = pushing.client.post("/api/v1/matching/missions", pushing.mission()).await.expect(201);
        pushing.world.drain().await;
        let invitations = pushing.nurse.get("/api/v1/me/invitations").await.expect(200);
        let accept =
            format!("/api/v1/invitations/{}/accept", invitations["items"][0]["id"].as_str().unwrap());
        pushing.nurse.act(&accept).await.expect(200);
        pushing.world.drain().await;
        Self {
            path: format!("/api/v1/conversations/{}", posted["conversationId"].as_str().unwrap()),
            mission: posted["id"].as_str().unwrap().to_owned(),
            pushing,
        }
    }

    async fn say(&self, who: &Client, content: &str) {
        who.post(&format!("{}/messages", self.path), json!({ "content": content })).await.expect(201);
    }

    /// The clock comes round.
    async fn look(&self) {
        self.pushing.world.enqueue(NewJob::of(&PushMessages {})).await;
        self.pushing.world.drain().await;
    }

    fn pushes(&self) -> usize {
        self.pushing.service.pushes()
    }
}

#[tokio::test]
async fn who_is_away_is_told_once_for_all_that_came() {
    let chat = Chat::start().await;
    let (client, nurse) = (&chat.pushing.client, &chat.pushing.nurse);
    let browser = chat.pushing.subscribe(nurse).await;
    let own = chat.pushing.subscribe(client).await;
    chat.look().await;
    assert_eq!(chat.pushes(), 0, "what the platform says is no message");

    chat.say(client, "Mme Roux est diabétique.").await;
    chat.say(client, "Le code est le 12A.").await;
    chat.look().await;
    chat.look().await;
    chat.say(client, "Êtes-vous là ?").await;
    chat.look().await;
    let pushes = browser.read(&chat.pushing.service);
    let [(first, said), (second, _)] = &pushes[..] else { panic!("one for each look: {pushes:?}") };
    let url = format!("http://127.0.0.1:3000{}", chat.path.strip_prefix("/api/v1").unwrap());
    let expected = json!({
        "type": "MESSAGE_RECEIVED", "title": "Nouveau message", "body": "Un message vous attend dans votre conversation.",
        "url": url, "tag": first.header("topic"),
    });
    assert_eq!(said, &expected);
    assert_eq!(first.header("topic"), second.header("topic"), "the later takes the place of the earlier");
    assert_eq!(own.read(&chat.pushing.service).len(), 0, "who writes has read");

    // Read before the look, and before the push's turn.
    chat.say(client, "Merci !").await;
    nurse.post(&format!("{}/read", chat.path), json!({ "seq": 999 })).await.expect(204);
    chat.look().await;
    assert_eq!(chat.pushes(), 2);
    chat.pushing.world.end().await;
}

#[tokio::test]
async fn who_is_in_the_room_sees_for_itself() {
    let chat = Chat::start().await;
    let (client, nurse) = (&chat.pushing.client, &chat.pushing.nurse);
    chat.pushing.subscribe(nurse).await;
    let mut socket = nurse.socket().await;
    socket.join(&chat.mission, None).await;
    chat.say(client, "Bonjour").await;
    socket.next("chat:message").await;
    chat.look().await;
    assert_eq!(chat.pushes(), 0);
    // Gone without having read it.
    drop(socket);
    let gone = async {
        while chat.pushes() == 0 {
            chat.look().await;
        }
    };
    tokio::time::timeout(tests::PATIENCE, gone).await.expect("absence is noticed");
    assert_eq!(chat.pushes(), 1);
    chat.pushing.world.end().await;
}

#[tokio::test]
async fn a_night_of_messages_is_one_push_in_the_morning() {
    let mut chat = Chat::start().await;
    chat.pushing.pass(Duration::hours(13)).await;
    let nurse = chat.pushing.nurse.clone();
    let browser = chat.pushing.subscribe(&nurse).await;
    for n in 0..3 {
        let client = chat.pushing.client.clone();
        chat.say(&client, &format!("message {n}")).await;
        chat.look().await;
    }
    assert_eq!(chat.pushes(), 0);
    chat.pushing.pass(Duration::hours(9)).await;
    assert_eq!(browser.read(&chat.pushing.service).len(), 1);

    // Who wants none gets none.
    let mut wishes = chat.pushing.nurse.get("/api/v1/notifications/preferences").await.expect(200);
    wishes.as_object_mut().unwrap().remove("mandatoryMails");
    let types = wishes["types"].as_array_mut().unwrap();
    types.iter_mut().find(|one| one["type"] == "MESSAGE_RECEIVED").unwrap()["push"] = json!(false);
    chat.pushing.nurse.put("/api/v1/notifications/preferences", wishes).await.expect(200);
    let client = chat.pushing.client.clone();
    chat.say(&client, "À demain").await;
    chat.look().await;
    assert_eq!(chat.pushes(), 1);
    chat.pushing.world.stop().await;
}
