create type conversation_kind as enum ('MISSION', 'BOOKING', 'DIRECT');
create type message_kind as enum ('TEXT', 'SYSTEM');

create table conversations (
    id         uuid primary key,
    kind       conversation_kind not null,
    mission_id uuid unique references missions,
    -- Number of the newest message. Taken by UPDATE … RETURNING inside the inserting transaction: the row lock makes
    -- message N visible before N + 1 exists, which is why a reader may refill a gap by number.
    head       bigint not null default 0,
    locked_at  timestamptz,
    created_at timestamptz not null,
    constraint mission_conversation_has_a_mission check ((kind = 'MISSION') = (mission_id is not null))
);

create table messages (
    conversation_id   uuid   not null references conversations,
    seq               bigint not null,
    id                uuid   not null unique,
    -- Null for SYSTEM.
    sender_id         uuid   references users,
    kind              message_kind not null,
    content           text   not null check (length(content) between 1 and 2000),
    attachments       text[] not null default '{}' check (cardinality(attachments) <= 5),
    client_message_id text   check (length(client_message_id) between 1 and 64),
    created_at        timestamptz not null,
    primary key (conversation_id, seq),
    constraint system_messages_have_no_sender check ((kind = 'SYSTEM') = (sender_id is null)),
    constraint messages_resend unique (conversation_id, sender_id, client_message_id)
);

-- A message as its readers see it.
create view chat_messages as
    select m.id, m.conversation_id, c.mission_id, m.seq, m.sender_id, m.kind, m.content, m.attachments, m.client_message_id,
           m.created_at
      from messages m join conversations c on c.id = m.conversation_id;

-- The second dense sequence: what one user is told, in order, on every device.
create table feeds (
    user_id uuid   primary key references users on delete cascade,
    head    bigint not null default 0
);

create table feed_events (
    user_id    uuid   not null references users on delete cascade,
    event_seq  bigint not null,
    event      text   not null,
    data       jsonb  not null,
    created_at timestamptz not null,
    primary key (user_id, event_seq)
);

create table notifications (
    id         uuid primary key,
    user_id    uuid not null references users on delete cascade,
    type       text not null,
    data       jsonb not null,
    -- One notification per cause, however often the cause is delivered.
    cause      text not null,
    created_at timestamptz not null,
    read_at    timestamptz,
    constraint notifications_cause unique (user_id, cause)
);
create index notifications_user on notifications (user_id, created_at desc, id desc);

-- A mission as it is read: with its profession's slug and its conversation.
create view mission_rows as
    select m.*, p.slug as job_id, c.id as conversation_id
      from missions m
      join professions p on p.id = m.profession_id
      join conversations c on c.mission_id = m.id;
