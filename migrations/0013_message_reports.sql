-- Messages that a member of their conversation has reported.

create table message_reports (
    id              uuid primary key,
    conversation_id uuid not null references conversations,
    -- Not a reference, and what it said is kept beside it: a report outlives its message.
    message_id      uuid not null,
    author_id       uuid not null references users,
    content         text not null,
    reporter_id     uuid not null references users,
    reason          text not null check (length(reason) between 1 and 500),
    created_at      timestamptz not null,
    constraint message_reports_once unique (message_id, reporter_id),
    constraint nobody_reports_themselves check (author_id <> reporter_id)
);

-- Admins are few among a million accounts, and every report is told to all of them.
create index users_admins on users (id) where role = 'ADMIN';
