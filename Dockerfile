# Not built by CI, which has no container engine. Every command in it is one of `make run`'s, and its server is called as
# the integration tests call theirs. To try it:
#   docker build -t diskdb . && docker run -p 127.0.0.1:6380:6380 -v diskdb:/data diskdb

FROM rust:1-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends clang libclang-dev cmake g++ make pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /diskdb
COPY . .
RUN cargo build --release --locked --all-features

FROM debian:bookworm-slim
RUN useradd --system --home-dir /data diskdb && install -d -o diskdb -g diskdb /data
COPY --from=build /diskdb/target/release/diskdb /usr/local/bin/diskdb
USER diskdb
VOLUME /data
EXPOSE 6380
# Inside a container the server must listen beyond loopback; protected mode keeps strangers out unless a password is set
# (append: --requirepass ... to the command).
ENTRYPOINT ["diskdb", "--bind", "0.0.0.0", "--port", "6380", "--dir", "/data"]
