FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
# Queries were checked when .sqlx was committed; an image is built without a database.
ENV SQLX_OFFLINE=true
# The caches are mounts and not layers, so a changed line of source does not compile every dependency again.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin sociopulse-api --bin sociopulse-worker \
    && cp target/release/sociopulse-api target/release/sociopulse-worker /usr/local/bin/

FROM debian:bookworm-slim
# Outside services are reached over TLS and need its roots.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin sociopulse \
    && install -d -o sociopulse -g sociopulse /var/lib/sociopulse
COPY --from=build /usr/local/bin/sociopulse-api /usr/local/bin/sociopulse-worker /usr/local/bin/
USER sociopulse
ENV HOST=0.0.0.0 PORT=4000 LOG_FORMAT=json
EXPOSE 4000
CMD ["sociopulse-api", "serve"]
