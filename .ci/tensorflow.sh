#!/usr/bin/env bash
# The tensorflow backend, as a user sets it up: the library of a Python wheel, the binding built from the
# sources in the npm package. The built program is used, so this comes after "npm run build".
set -euo pipefail

venv=.build/tensorflow
if ! "$venv/bin/python" -c 'import importlib.util as u; exit(u.find_spec("tensorflow") is None)' 2>/dev/null; then
  python3 -m venv "$venv"
  # Only the library and its headers are needed, not what TensorFlow needs in Python.
  "$venv/bin/pip" install --quiet --no-deps --disable-pip-version-check "tensorflow-cpu>=2.16,<3"
fi
node dist/cli/main.js setup tensorflow --python "$venv/bin/python"
