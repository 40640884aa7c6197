# The prerequisites are make and the .NET SDK; everything else that is missing is installed from Debian's packages.
SHELL := /bin/bash
CONFIGURATION ?= Release
SERVICE := src/InverseSolver.Service/bin/$(CONFIGURATION)/net10.0/InverseSolver.Service
INVERSE := src/InverseSolver.Cli/bin/$(CONFIGURATION)/net10.0/inverse
# Folder of `make install`: /usr/local where it can be written, else ~/.local
PREFIX ?=
URL ?= http://localhost:8080
# Stages of `make gpu-check`; all where empty
STAGES ?=
# A list of Debian packages for `make sbom`: packages.txt of an image
PACKAGES ?=
# The private key that signs the bundle; unsigned where empty
SIGN ?=
# Options of `inverse demo`, for example --preset fast --every-slice
DEMO ?=
export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1

.PHONY: help build test quick demo run install bench chaos soak gpu-check gpu-bundle format openapi prove-image sbom bundle clean

help:
	@echo "make demo       solve inverse problems on slices of a brain scan through the service; pictures in out/"
	@echo "make run        serve on $(URL)"
	@echo "make test       all tests"
	@echo "make quick      the tests that a change is tried with: laws, formulas, references, formats"
	@echo "make build      build everything"
	@echo "make install    put the command inverse on the PATH, with completion; PREFIX=folder says where"
	@echo "make bench      times of operators, networks, solvers and transforms"
	@echo "make chaos      kill, freeze and starve a service of disk while it solves 1000 jobs, half an hour"
	@echo "make soak       submissions beside a solving job, then an hour of light load: memory and handles"
	@echo "make gpu-check  check and time everything on a GPU, or say that there is none; STAGES=\"parity memory\" takes some stages"
	@echo "make gpu-bundle pack service and CLI into artifacts/gpu-check.tar.xz, for make gpu-check with LIBTORCH on a machine without a .NET SDK"
	@echo "make format     check the formatting"
	@echo "make openapi    write docs/openapi.json anew"
	@echo "make prove-image build the image by podman on stand-ins for its bases, run it and try it (root)"
	@echo "make sbom       write the bill of materials, artifacts/sbom.cdx.json; PACKAGES=file lists an image's Debian packages"
	@echo "make bundle     pack what an air-gapped Debian 13 needs into artifacts/bundle (root); SIGN=key signs it"

build:
	@scripts/install-packages.sh run build
	dotnet build InverseSolver.sln -c $(CONFIGURATION) -v quiet -nologo

test:
	@scripts/install-packages.sh run build demo test
	dotnet build InverseSolver.sln -c $(CONFIGURATION) -v quiet -nologo
	@CONFIGURATION=$(CONFIGURATION) tests/run.sh

quick: build
	@CONFIGURATION=$(CONFIGURATION) tests/run.sh quick

demo:
	@scripts/install-packages.sh run build demo
	dotnet build InverseSolver.sln -c $(CONFIGURATION) -v quiet -nologo
	@scripts/demo.sh $(SERVICE) $(INVERSE) out $(DEMO)

run: build
	@echo "Swagger UI: $(URL)/swagger    health: $(URL)/health/ready"
	@$(SERVICE) --urls $(URL) --Jobs:Examples true

install: build
	@scripts/install.sh "$(dir $(INVERSE))" "$(PREFIX)"

bench: build
	@scripts/install-packages.sh bench test
	$(INVERSE) bench ops
	$(INVERSE) bench networks
	$(INVERSE) bench solvers
	$(INVERSE) bench nufft
	$(INVERSE) bench estimate

chaos: build
	python3 tests/chaos/chaos.py --service $(SERVICE) --jobs 1000 --disturbances 200

soak: build
	python3 tests/attacks/load.py p99 --service $(SERVICE)
	python3 tests/attacks/load.py soak --service $(SERVICE)

gpu-check:
	@scripts/gpu-check.sh $(STAGES)

gpu-bundle: build
	@rm -rf artifacts/gpu-check artifacts/gpu-check.tar.xz
	for project in Cli Service; do dotnet publish src/InverseSolver.$$project -c Release -r linux-x64 --self-contained -p:DebugType=none -v quiet -nologo --artifacts-path artifacts/gpu-build -o artifacts/gpu-check || exit 1; done
	@rm -f artifacts/gpu-check/libmscor*.so artifacts/gpu-check/Microsoft.VisualBasic.Core.dll artifacts/gpu-check/*.xml artifacts/gpu-check/inverse_reader artifacts/gpu-check/libonnxruntime*.so artifacts/gpu-check/libSkiaSharp.so
	@rm -rf artifacts/gpu-check/libtorch
	tar -cJf artifacts/gpu-check.tar.xz -C artifacts/gpu-check .
	@size=$$(stat -c %s artifacts/gpu-check.tar.xz); echo "artifacts/gpu-check.tar.xz: $$((size >> 20)) MiB, without libtorch: set LIBTORCH to one where it runs"; [ $$size -le $$((40 << 20)) ] || { echo "error: more than 40 MiB" >&2; exit 1; }

format:
	dotnet format InverseSolver.sln --verify-no-changes --severity warn --exclude artifacts

openapi: build
	INVERSESOLVER_WRITE_OPENAPI=1 dotnet test tests/InverseSolver.ServiceTests -c $(CONFIGURATION) --no-build --filter "FullyQualifiedName~OpenApi"

prove-image:
	scripts/prove.sh

sbom:
	@scripts/install-packages.sh sbom
	@scripts/sbom.py $(if $(PACKAGES),--packages $(PACKAGES))

bundle:
	SIGN="$(SIGN)" scripts/bundle.sh

clean:
	rm -rf artifacts out src/*/bin src/*/obj tests/*/bin tests/*/obj
