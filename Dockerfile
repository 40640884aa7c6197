# The service on a CPU. All stages are Debian 12 or build what runs there, because libtorch 1.13 and libvips come from Debian 12.
#   docker build -t inverse-solver .
#   docker run --rm -p 127.0.0.1:8080:8080 -e Access__AllowAnonymous=true -v inverse-data:/data inverse-solver

FROM debian:bookworm AS native
WORKDIR /source
COPY docker/install-packages.sh docker/
RUN docker/install-packages.sh build
COPY src/InverseSolver.Native src/InverseSolver.Native
RUN src/InverseSolver.Native/build.sh torch && src/InverseSolver.Native/build.sh imaging && src/InverseSolver.Native/build.sh reader

FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY . .
COPY --from=native /source/artifacts/native/*.so /source/artifacts/native/inverse_reader artifacts/native/
RUN for project in Service Cli; do \
      dotnet publish "src/InverseSolver.$project" -c Release -r linux-x64 --self-contained -p:SkipNativeBuild=true -o /app || exit 1; \
    done

FROM debian:bookworm-slim
COPY docker/install-packages.sh /tmp/
RUN /tmp/install-packages.sh run image && rm -rf /tmp/install-packages.sh /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /data --create-home inverse
COPY --from=build /app /app
COPY models /app/models
COPY LICENSE THIRD-PARTY.md /app/
USER inverse
WORKDIR /data
VOLUME /data
# Beyond loopback the service starts only where Access__AllowAnonymous=true says so: publish the port on loopback, or put an authenticating proxy before it.
ENV ASPNETCORE_URLS=http://+:8080 Jobs__DataFolder=/data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["curl", "--fail", "--silent", "--show-error", "--output", "/dev/null", "http://localhost:8080/health/ready"]
ENTRYPOINT ["/app/InverseSolver.Service"]
