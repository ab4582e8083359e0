FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
ENV CARGO_TARGET_DIR=/target
RUN cargo xtask build --release

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates git openssh-client \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o 10001 -g 10001 /var/lib/lifeboat
COPY --from=build /target/release/lifeboat /usr/bin/lifeboat
COPY --from=build /target/site /usr/share/lifeboat/site
USER 10001:10001
# The database, the keys and the clusters are for who runs it to name: see `lifeboat run --help`.
ENV LIFEBOAT_LISTEN=0.0.0.0:8080 \
    LIFEBOAT_SITE=/usr/share/lifeboat/site \
    LIFEBOAT_DATA_DIR=/var/lib/lifeboat
VOLUME /var/lib/lifeboat
EXPOSE 8080
ENTRYPOINT ["lifeboat"]
CMD ["run"]
