# Installs a list of requirements into the image's environment, in the tested versions: no file whose hash is not pinned,
# unless HASHES=no. pip first says what it would install, so that the image holds that and no more.
set -eu
PIP="python -m pip --python /opt/earshot/bin/python install --quiet"
if [ "${HASHES:-yes}" = no ]; then
    $PIP -c constraints.txt -r "$1"
else
    $PIP --dry-run --only-binary :all: --report resolved.json -c constraints.txt -r "$1"
    python deploy/requirements.py pinned resolved.json > pinned.txt
    $PIP --require-hashes --no-deps -r pinned.txt
fi
