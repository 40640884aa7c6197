#!/usr/bin/env python3
"""Writes the bill of materials of what is handed on, artifacts/sbom.cdx.json: CycloneDX 1.6.

    sbom.py [--packages FILE] [--models FOLDER] [--out FILE]

The tool CycloneDX lists the NuGet packages of service and CLI; .NET's runtimes, Debian's packages, model packages and the font are added here.
--packages says which Debian packages: a list by `dpkg-query -W` (packages.txt of the image) or apt's index (of the bundle);
without it those of `install-packages.sh --list run image`, in the versions that this machine has. Two runs on one commit write the same bytes.
"""
import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

root = Path(__file__).resolve().parent.parent
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--packages", type=Path)
parser.add_argument("--models", type=Path, default=root / "models")
parser.add_argument("--out", type=Path, default=root / "artifacts/sbom.cdx.json")
options = parser.parse_args()
work = root / "artifacts/sbom"


def fail(reason):
    sys.exit(f"error: {reason}")


def run(*command):
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else fail(f"{' '.join(command)}: {(done.stdout + done.stderr).strip()}")


def hash_of(file, algorithm="sha256"):
    with open(file, "rb") as stream:
        return {"alg": algorithm.upper().replace("SHA", "SHA-"), "content": hashlib.file_digest(stream, algorithm).hexdigest()}


def licence(words):
    """An identifier of SPDX has no spaces."""
    return [{"license": {"name" if " " in words or "/" in words else "id": words}}]


# Names stand first in a row of THIRD-PARTY.md, with commas between them, the version after the last; remarks follow in brackets or after a semicolon.
known = {}
for row in re.findall(r"^\| ([^|]+) \| ([^|]+) \|", (root / "THIRD-PARTY.md").read_text(), re.MULTILINE):
    known.update({name.split()[0]: row[1].strip() for name in re.split(r"[;(]", row[0])[0].split(",") if name.strip()})

# NuGet packages, as a self-contained publish takes them. The restore leaves the build's own alone.
version = re.search("<Version>(.*)</Version>", (root / "Directory.Build.props").read_text())[1]
project = "src/InverseSolver.Cli/InverseSolver.Cli.csproj"
run("dotnet", "tool", "restore")
run("dotnet", "restore", project, "-p:SelfContained=true", "--artifacts-path", str(work))
run("dotnet", "tool", "run", "dotnet-CycloneDX", "--", project, "--recursive", "--disable-package-restore", "--no-serial-number",
    "--base-intermediate-output-path", str(work), "--spec-version", "1.6", "--set-name", "InverseSolver", "--set-version", version,
    "--output-format", "UnsafeJson", "--output", str(work), "--filename", "nuget.json")
bom = json.loads((work / "nuget.json").read_text())
components = bom["components"]
assets = json.loads((work / "obj/InverseSolver.Cli/project.assets.json").read_text())
for runtime in assets["project"]["frameworks"]["net10.0"]["downloadDependencies"]:
    name, number = runtime["name"], re.match(r"\[(.*),", runtime["version"])[1]
    file = next(Path(folder) / name.lower() / number / f"{name.lower()}.{number}.nupkg" for folder in assets["packageFolders"])
    components.append({
        "type": "framework", "bom-ref": f"pkg:nuget/{name}@{number}", "name": name, "version": number, "purl": f"pkg:nuget/{name}@{number}",
        "hashes": [hash_of(file, "sha512")]})
for component in components:
    if component["name"] not in known:
        fail(f"THIRD-PARTY.md has no row for the NuGet package {component['name']}: add one with its licence.")
    component["scope"] = "required"
    component["licenses"] = licence(known[component["name"]])

# Debian's packages, each with what the source says of it.
if options.packages is None:
    wanted = run("scripts/install-packages.sh", "--list", "run", "image").split()
    here = dict(line.split("\t") for line in run("dpkg-query", "-W", "-f=${Package}\t${Version}\n").splitlines())
    packages = [{"Package": name, "Version": here.get(name)} for name in wanted]
    release = re.search("^VERSION_CODENAME=(.*)$", Path("/etc/os-release").read_text(), re.MULTILINE)[1]
else:
    text, release = options.packages.read_text(), "trixie"
    if "\nVersion: " in text:
        packages = [dict(re.findall(r"^(Package|Version|SHA256): (.*)$", part, re.MULTILINE)) for part in text.split("\n\n") if part.strip()]
    else:
        packages = [dict(zip(("Package", "Version"), line.split("\t"))) for line in text.splitlines()]
for package in packages:
    name, number = package["Package"].split(":")[0], package.get("Version")
    purl = f"pkg:deb/debian/{quote(name, safe='')}{'@' + quote(number, safe=':~') if number else ''}?arch=amd64&distro={release}"
    components.append({
        "type": "library", "bom-ref": purl, "name": name, **({"version": number} if number else {}), "purl": purl,
        "licenses": licence(known.get(name, f"/usr/share/doc/{name}/copyright")),
        **({"hashes": [{"alg": "SHA-256", "content": package["SHA256"]}]} if "SHA256" in package else {})})

# Models: model.json is the component, its files are parts of it.
for card in sorted(options.models.glob("*/model.json")):
    model = json.loads(card.read_text())
    ref = f"model:{model['id']}@{model.get('version', '0')}"
    parts = [str(path.relative_to(card.parent)) for path in sorted(card.parent.rglob("*")) if path.suffix in (".safetensors", ".pt", ".onnx")]
    components.append({
        "type": "machine-learning-model", "bom-ref": ref, "name": model["id"], "version": model.get("version", "0"),
        "description": model.get("title", model["id"]), "licenses": licence(model.get("licence", "not stated in model.json")), "hashes": [hash_of(card)],
        "components": [{"type": "file", "bom-ref": f"{ref}/{name}", "name": name, "hashes": [hash_of(card.parent / name)]} for name in parts]})
font = root / "src/InverseSolver.Cli/Sheets/DejaVuSans.ttf"
components.append({
    "type": "file", "bom-ref": "file:DejaVuSans.ttf", "name": font.name, "licenses": licence("Bitstream-Vera"), "hashes": [hash_of(font)]})

subject = bom["metadata"]["component"]
subject["licenses"] = licence("MIT")
components.sort(key=lambda component: component["bom-ref"])
bom["dependencies"] = [one for one in bom.get("dependencies", []) if one["ref"] != subject["bom-ref"]]
bom["dependencies"].insert(0, {"ref": subject["bom-ref"], "dependsOn": [component["bom-ref"] for component in components]})
# The time of the commit, or the one that SOURCE_DATE_EPOCH says; none outside a checkout.
commit = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=root, capture_output=True, text=True).stdout.strip()
if seconds := os.environ.get("SOURCE_DATE_EPOCH", commit):
    bom["metadata"]["timestamp"] = datetime.fromtimestamp(int(seconds), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
else:
    bom["metadata"].pop("timestamp", None)
options.out.parent.mkdir(parents=True, exist_ok=True)
options.out.write_text(json.dumps(bom, indent=2, ensure_ascii=False) + "\n")
kinds = [component["purl"].split("/")[0][4:] if "purl" in component else component["type"] for component in components]
print(f"{options.out}: " + ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds))))
