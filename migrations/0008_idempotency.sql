-- Answers to requests that carried an Idempotency-Key. Inserted before the request's effect and completed after it, in one
-- transaction with it: so the row is the lock at which a second arrival waits, and an answer is there exactly if its effect is.
create table idempotency_keys (
    user_id     uuid     not null,
    operation   text     not null,
    key         text     not null check (length(key) between 1 and 255),
    -- SHA-256 of path, query and body.
    fingerprint bytea    not null,
    -- The answer is null only inside the transaction.
    status      smallint,
    headers     jsonb,
    body        bytea,
    created_at  timestamptz not null,
    primary key (user_id, operation, key)
);

create index idempotency_keys_age on idempotency_keys (created_at);
