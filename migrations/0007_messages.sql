-- Conversations besides those of missions, read marks, and the time from which a chat is closed.

alter table conversations
    -- The two of a DIRECT or BOOKING conversation.
    add column client_id  uuid references users,
    add column talent_id  uuid references users,
    add column booking_id uuid unique,
    -- Writing is refused from this time on, whether the job that says so has run or not.
    add column lock_at    timestamptz,
    -- Of the newest message. Not indexed, so that a send's update stays inside its page.
    add column active_at  timestamptz not null default clock_timestamp(),
    add constraint conversations_have_two_or_a_mission
        check ((kind = 'MISSION') = (client_id is null) and (client_id is null) = (talent_id is null)),
    add constraint booking_conversations_have_a_booking check ((kind = 'BOOKING') = (booking_id is not null));
alter table conversations set (fillfactor = 80);

update conversations c
   set active_at = coalesce((select m.created_at from messages m where m.conversation_id = c.id and m.seq = c.head), c.created_at);

create unique index conversations_direct on conversations (client_id, talent_id) where kind = 'DIRECT';
create index conversations_client on conversations (client_id) where client_id is not null;
create index conversations_talent on conversations (talent_id) where talent_id is not null;
create index if not exists assignments_talent on assignments (talent_id, mission_id);

-- Members of a conversation. Asked inside the statements that it guards, never before them.
create function is_conversation_member(mission uuid, client uuid, talent uuid, person uuid) returns boolean
    language plpgsql stable parallel safe as $$
begin
    return case when mission is null then person in (client, talent) else is_mission_participant(mission, person) end;
end
$$;

-- Members who may act: a suspended account only finishes the chat of a mission in progress.
create function may_act_in_conversation(mission uuid, client uuid, talent uuid, person uuid) returns boolean
    language plpgsql stable parallel safe as $$
begin
    return is_conversation_member(mission, client, talent, person)
       and exists (
        select from users u
         where u.id = person
           and (u.status not in ('SUSPENDED', 'BANNED')
                or u.status = 'SUSPENDED'
                   and exists (select from missions m where m.id = mission and m.status = 'IN_PROGRESS')));
end
$$;

-- Whether a client's mission brings these two together: the talent was invited, has applied, or is or
-- was assigned.
-- Nobody else can write to anybody.
create function may_open_direct_conversation(mission uuid, client uuid, talent uuid) returns boolean
    language plpgsql stable parallel safe as $$
begin
    return exists (
        select from missions m
         where m.id = mission
           and (m.client_id = client
                or exists (select from establishment_members e
                            where e.establishment_id = m.establishment_id and e.user_id = client))
           and (exists (select from invitations i
                         where i.mission_id = m.id and i.talent_id = talent and i.status <> 'DECLINED')
                or exists (select from applications a
                            where a.mission_id = m.id and a.talent_id = talent and a.status <> 'WITHDRAWN')
                or exists (select from assignments a where a.mission_id = m.id and a.talent_id = talent)));
end
$$;

-- How far a member has read. Sending moves the sender's mark as well, so that what is unread is head − seq and never
-- counts one's own messages.
create table read_marks (
    user_id         uuid   not null references users on delete cascade,
    conversation_id uuid   not null references conversations on delete cascade,
    seq             bigint not null check (seq > 0),
    primary key (user_id, conversation_id)
) with (fillfactor = 80);
