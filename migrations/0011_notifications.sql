-- How many notifications a user has not read: changed with the feed's head, under the same row lock, so that the number
-- told is the number there is.
alter table feeds add column unread integer not null default 0 check (unread >= 0);
insert into feeds (user_id, unread)
select user_id, count(*) from notifications where read_at is null group by user_id
    on conflict (user_id) do update set unread = excluded.unread;

create index notifications_unread on notifications (user_id, created_at desc, id desc) where read_at is null;
