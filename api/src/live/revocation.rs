//! Sockets that may be no longer: their session has ended, their owner is suspended, or is a member no more.

use std::collections::HashSet;

use domain::ids::{ConversationId, SessionId, UserId};
use domain::live::{self, Channel};
use domain::{conversations, sessions};

use super::protocol::Left;
use super::{Hub, SESSION_ENDED, SUSPENDED};

impl Hub {
    /// A user's sessions changed: what they are now is read, not believed. If that fails, the next comparison finds it.
    pub(super) fn compare_sessions_of(&self, user: &str) {
        let Ok(user) = user.parse::<uuid::Uuid>().map(UserId) else { return };
        let hub = self.clone();
        tokio::spawn(async move {
            let theirs: Vec<SessionId> = {
                let sockets = hub.sockets();
                sockets.values().filter(|socket| socket.user == user).map(|socket| socket.session).collect()
            };
            let ended = async { sessions::list_ended(&mut *hub.0.db.conn().await?, &theirs).await };
            match ended.await {
                Ok(ended) => hub.cut_ended(&ended),
                Err(error) => tracing::warn!(%error, "cannot compare a user's sessions"),
            }
        });
    }

    fn cut_ended(&self, ended: &[sessions::Ended]) {
        for socket in self.sockets().values() {
            match ended.iter().find(|ended| ended.session == socket.session) {
                Some(ended) if !ended.suspended => socket.cut.cut(SESSION_ENDED),
                // Closed once: who comes back finishes the chat of a mission in progress.
                Some(_) if !socket.was_suspended => socket.cut.cut(SUSPENDED),
                Some(_) | None => {}
            }
        }
    }

    /// Who withdrew, was removed from a site, or is suspended when the mission is over, hears the room no more.
    pub(super) async fn show_former_members_out(&self) -> domain::Result<()> {
        let present: Vec<(u64, ConversationId, UserId)> = {
            let sockets = self.sockets();
            let guests = sockets.iter().filter(|(_, socket)| !socket.is_admin);
            guests
                .flat_map(|(id, socket)| socket.rooms.iter().map(|room| (*id, *room, socket.user)))
                .collect()
        };
        if present.is_empty() {
            return Ok(());
        }
        let asked: HashSet<_> = present.iter().map(|(_, room, user)| (*room, *user)).collect();
        let former = conversations::list_former(&mut *self.0.db.conn().await?, &asked).await?;
        for (connection, room, _) in
            present.into_iter().filter(|(_, room, user)| former.contains(&(*room, *user)))
        {
            self.leave(Channel::Conversation(room), connection).await;
            if let Some(socket) = self.sockets().get_mut(&connection) {
                socket.rooms.remove(&room);
                let left = live::frame(&Left { conversation_id: room });
                // A full outbox is cut by the next delivery.
                let _ = socket.outbox.try_send(left.into());
            }
        }
        Ok(())
    }

    pub(super) async fn end_sockets_without_session(&self) -> domain::Result<()> {
        let ours: Vec<SessionId> = self.sockets().values().map(|socket| socket.session).collect();
        let mut conn = self.0.db.conn().await?;
        let ended = sessions::list_ended(&mut conn, &ours).await?;
        self.cut_ended(&ended);
        for socket in self.sockets().values_mut().filter(|socket| socket.was_suspended) {
            // Lifted meanwhile: the next suspension closes it again.
            socket.was_suspended = ended.iter().any(|ended| ended.session == socket.session);
        }
        Ok(())
    }
}
