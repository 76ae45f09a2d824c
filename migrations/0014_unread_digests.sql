-- Mails that tell members of messages which they left unread.

-- The members of a conversation, once for all who ask; see is_conversation_member for one of them.
create function conversation_members(conversation uuid) returns setof uuid
    language plpgsql stable parallel safe rows 4 as $$
begin
    return query
        select m.client_id from conversations c join missions m on m.id = c.mission_id where c.id = conversation
        union
        select e.user_id from conversations c join missions m on m.id = c.mission_id
          join establishment_members e on e.establishment_id = m.establishment_id where c.id = conversation
        union
        select a.talent_id from conversations c join assignments a on a.mission_id = c.mission_id
         where c.id = conversation and a.status in ('ASSIGNED', 'IN_PROGRESS', 'COMPLETED')
        union
        select unnest(array[c.client_id, c.talent_id]) from conversations c
         where c.id = conversation and c.mission_id is null;
end
$$;

-- Up to which message a member was told by mail that it is unread. Apart from read_marks, which every send touches.
create table unread_digests (
    user_id         uuid   not null references users on delete cascade,
    conversation_id uuid   not null references conversations on delete cascade,
    seq             bigint not null check (seq > 0),
    primary key (user_id, conversation_id)
);

-- Up to when messages have been looked at, in the one row.
create table unread_digest_progress (
    only_row   boolean primary key default true check (only_row),
    done_up_to timestamptz not null
);
insert into unread_digest_progress (done_up_to) values (clock_timestamp());

-- Messages lie in the order of their time, so their blocks' bounds find a minute of them; and a send pays nothing for it,
-- neither here nor in `conversations`, whose update stays inside its page.
create index messages_age on messages using brin (created_at) with (pages_per_range = 16, autosummarize = on);
