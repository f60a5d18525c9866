# guardlane as the service `gateway` of a compose project; docker-compose.guardlane.yml runs it.
#   docker build -t guardlane .         or, with podman, which knows health checks in this format only:
#   podman build --format docker -t guardlane .
ARG BASE=debian:bookworm-slim

FROM $BASE AS build
WORKDIR /src
# Before the sources, so that a change of these does not install the packages anew.
COPY scripts/install-deps scripts/
RUN scripts/install-deps build
COPY . .
RUN scripts/build build -- -Dprefix=/usr -Dtests=false && \
	DESTDIR=/out meson install -C build --no-rebuild --strip
# What the program is linked to; the drivers, which it loads by name, are named below.
RUN ldd /out/usr/sbin/guardlane | awk '$2 == "=>" { print "*/" $1 }' | \
	xargs dpkg-query -S | cut -d : -f 1 | sort -u >/out/packages

FROM $BASE
LABEL org.opencontainers.image.title="guardlane" \
	org.opencontainers.image.description="A WireGuard gateway on DPDK lcores" \
	org.opencontainers.image.licenses="BSD-3-Clause"
COPY --from=build /out/packages /usr/share/guardlane/packages
RUN apt-get update && \
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
		$(cat /usr/share/guardlane/packages) librte-net-af-packet23 librte-mempool-ring23 \
		iproute2 wireguard-tools && \
	rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
COPY --from=build /out/usr/sbin/ /usr/sbin/
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["guardlane", "status"]
ENTRYPOINT ["guardlane", "run"]
