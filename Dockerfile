# The service as an image. docs/deployment.md says how to run it and what of this was proven how.
#   docker build -t inverse-solver:cpu .
#   docker build -t inverse-solver:cuda --target cuda .
# libtorch and ONNX Runtime come with TorchSharp's and Microsoft's packages. inverse_reader is compiled on the release that it runs on (docs/decisions/0022).

FROM debian:trixie-slim AS native
WORKDIR /source
COPY scripts/install-packages.sh scripts/
RUN scripts/install-packages.sh build
COPY src/InverseSolver.Native src/InverseSolver.Native
RUN src/InverseSolver.Native/build.sh

FROM mcr.microsoft.com/dotnet/sdk:10.0 AS source
WORKDIR /source
COPY . .
COPY --from=native /source/artifacts/native/inverse_reader artifacts/native/
RUN mkdir /app && cp -r models LICENSE THIRD-PARTY.md /app/

FROM source AS build
RUN for project in Service Cli; do \
      dotnet publish "src/InverseSolver.$project" -c Release -r linux-x64 --self-contained -p:SkipNativeBuild=true -o /app || exit 1; \
    done

# The same with TorchSharp's package for CUDA, whose libraries bring CUDA's along.
FROM source AS build-cuda
RUN for project in Service Cli; do \
      dotnet publish "src/InverseSolver.$project" -c Release -r linux-x64 --self-contained -p:SkipNativeBuild=true -p:Torch=cuda -o /app || exit 1; \
    done

# What both images have: a user, folders, and how the service starts.
FROM debian:trixie-slim AS base
RUN groupadd --gid 10001 inverse && useradd --uid 10001 --gid inverse --home-dir /data --no-create-home --shell /usr/sbin/nologin inverse && install -d -o inverse -g inverse -m 750 /data && mkdir /models
WORKDIR /data
# /data and /tmp are all that is written to: the root may be read-only.
VOLUME /data
# Beyond loopback the service starts only with authentication (Access__Keys=true, ...), or where Access__AllowAnonymous=true and AllowedHosts say so.
# No debugger attaches and no dump is asked for: images of patients are in the memory.
ENV ASPNETCORE_URLS=http://+:8080 DOTNET_EnableDiagnostics=0 Jobs__DataFolder=/data Models__Folders__0=/app/models Models__Folders__1=/models
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["curl", "--fail", "--silent", "--show-error", "--output", "/dev/null", "http://localhost:8080/health/ready"]
ENTRYPOINT ["/app/InverseSolver.Service"]

FROM base AS cuda
COPY scripts/install-packages.sh /tmp/
RUN /tmp/install-packages.sh run image && rm -rf /tmp/* /var/lib/apt/lists/* /var/log/*.log /var/log/apt /var/cache/*
COPY --from=build-cuda /app /app
RUN dpkg-query -W >/app/packages.txt \
 && libraries=$(ldd /app/libtorch_cuda.so) && missing=$(echo "$libraries" | grep 'not found' | grep -v 'libcuda\.so' || true) && if [ -n "$missing" ]; then echo "$missing"; exit 1; fi
# The driver and its libraries are the host's (NVIDIA Container Toolkit).
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001:10001

FROM base AS cpu
COPY scripts/install-packages.sh /tmp/
RUN /tmp/install-packages.sh run image && rm -rf /tmp/* /var/lib/apt/lists/* /var/log/*.log /var/log/apt /var/cache/*
COPY --from=build /app /app
RUN dpkg-query -W >/app/packages.txt
USER 10001:10001
