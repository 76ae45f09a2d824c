//! What a signed-in socket may ask for.

use std::time::Duration;

use domain::conversations::{self, Address};
use domain::ids::ConversationId;
use domain::live::{self, Channel, Delivery};
use domain::messages::NewMessage;
use domain::sessions::Viewer;
use tokio::time::Instant;

use super::Socket;
use crate::guard;
use crate::live::protocol::{self, Fault, Joined, Request, Stored, Typing};
use crate::token::Claims;

/// `chat:typing` more often than this is not passed on.
const TYPING: Duration = Duration::from_secs(1);

impl Socket {
    pub(super) async fn answer(
        &mut self,
        request: Request,
        id: Option<&str>,
    ) -> Result<Option<String>, Fault> {
        // Read anew for each frame: a revoked session or a suspended account acts at once.
        let Some(claims) = self.claims.clone() else { return Err(Fault::unauthenticated()) };
        if let Request::Send(send) = request {
            // Its own statement asks for session and status.
            return self.send(claims, send, id).await;
        }
        let viewer = guard::viewer(&self.app, &Some(Ok(claims))).await?;
        match request {
            Request::Auth(_) | Request::Send(_) => Ok(None),
            Request::Join { room, after } => self.join_room(viewer, room, after).await,
            Request::Leave(room) => self.leave_room(room, id).await,
            Request::Typing(conversation) => self.typing(viewer, conversation).await,
            Request::Read { conversation, seq } => {
                crate::conversations::read(&self.app, viewer, conversation, seq).await?;
                Ok(Some(protocol::ack(id, serde_json::json!({}))))
            }
        }
    }

    /// Not stored, and not answered.
    async fn typing(&mut self, viewer: Viewer, id: ConversationId) -> Result<Option<String>, Fault> {
        if self.typed.is_some_and(|at| at.elapsed() < TYPING) {
            return Ok(None);
        }
        let room = Address::Conversation(id);
        conversations::get_to_act(&mut *self.app.db.conn().await?, room, viewer).await?;
        self.typed = Some(Instant::now());
        let typing = Typing { conversation_id: id, user_id: viewer.user };
        let delivery = Delivery { seq: None, except: vec![viewer.user], frame: live::frame(&typing) };
        live::ring(self.app.db.bus(), Channel::Conversation(id), &delivery);
        Ok(None)
    }

    async fn join_room(
        &mut self,
        viewer: Viewer,
        room: Address,
        after: Option<i64>,
    ) -> Result<Option<String>, Fault> {
        let mut conn = self.app.db.conn().await?;
        let conversation = conversations::get_to_enter(&mut conn, room, viewer).await?;
        let members = conversations::list_members(&mut conn, conversation.id).await?;
        drop(conn);
        let hub = self.app.hub.clone();
        if let Some(socket) = hub.sockets().get_mut(&self.member.connection) {
            socket.rooms.insert(conversation.id);
        }
        hub.look_around(conversation.id, Some(viewer.user).filter(|_| !viewer.is_admin())).await;
        let greeter = hub.clone();
        let greeting = Box::new(move |seq| {
            live::frame(&Joined {
                mission_id: conversation.mission_id,
                conversation_id: conversation.id,
                seq,
                members,
                // Read when the room lets the socket in: what changes after that, it is told.
                online: greeter.online(conversation.id),
                notice: conversations::NOTICE,
            })
        });
        self.join(&hub, Some(room), Channel::Conversation(conversation.id), after, greeting).await;
        // Again: who was shown out before it was let in is so by the next comparison.
        if let Some(socket) = hub.sockets().get_mut(&self.member.connection) {
            socket.rooms.insert(conversation.id);
        }
        Ok(None)
    }

    /// Asks for no membership: also who has just lost it may leave.
    async fn leave_room(&mut self, room: Address, id: Option<&str>) -> Result<Option<String>, Fault> {
        if let Some(channel) = self.rooms.remove(&Some(room)) {
            if let (Channel::Conversation(id), Some(socket)) =
                (channel, self.app.hub.sockets().get_mut(&self.member.connection))
            {
                socket.rooms.remove(&id);
            }
            self.app.hub.leave(channel, self.member.connection).await;
        }
        Ok(Some(protocol::ack(id, serde_json::json!({}))))
    }

    /// Stores a message. The ack is written before this socket's next delivery, hence before the message itself.
    async fn send(
        &mut self,
        claims: Claims,
        send: protocol::Send,
        id: Option<&str>,
    ) -> Result<Option<String>, Fault> {
        let new = NewMessage {
            room: send.room()?,
            sender: claims.sub,
            session: claims.sid,
            content: send.content,
            attachments: send.attachments.iter().map(ToString::to_string).collect(),
            client_message_id: send.client_message_id,
        };
        new.check()?;
        if let Some(seconds) = self.app.limiter.check_chat(&new.sender.to_string()).await.retry_after {
            return Err(Fault::rate_limited(seconds));
        }
        let message = crate::conversations::say_live(&self.app, new, &Some(Ok(claims))).await?;
        let stored = Stored { message_id: message.id, seq: message.seq, created_at: message.created_at };
        Ok(Some(protocol::ack(id, stored)))
    }
}
