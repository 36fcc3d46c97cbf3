#!/bin/sh
# The whole chain of training in one call, on a machine with a GPU; what is done is not done again.
#
#   sh models/training/gpu.sh DATA OUT
#
# DATA: the public sets (models/training/DATA.md). OUT: runs, recipes and, at the end, OUT/model.
# DEVICE=cuda|cpu|auto         where it computes (cuda)
# MASKED_MINUTES=4             budget of masked-language training
# ENCODER_MINUTES=4            budget of each of the encoder's two runs
# TINY=1                       the tiny recipes on our own samples: a trial of the script, not a model
# PYTHON=.venv/bin/python      the interpreter with the train extra
set -eu

fail() {
    echo "gpu.sh: $1" >&2
    exit 2
}

[ $# -eq 2 ] || fail "say: sh models/training/gpu.sh DATA OUT"
[ -d "$1" ] || fail "$1: there is no such directory of data"
mkdir -p "$2" || fail "$2: it cannot be made"
DATA=$(cd "$1" && pwd)
OUT=$(cd "$2" && pwd)
cd "$(dirname "$0")/../.."
DEVICE=${DEVICE:-cuda}
TINY=${TINY:-}
[ "$TINY" != 0 ] || TINY=
MASKED_MINUTES=${MASKED_MINUTES:-4}
ENCODER_MINUTES=${ENCODER_MINUTES:-4}
CONFIGS=models/training/configs
RECIPES=$OUT/recipes
if [ -z "${PYTHON:-}" ]; then
    PYTHON=python3
    [ ! -x .venv/bin/python ] || PYTHON=.venv/bin/python
fi

check() {
    case $DEVICE in
    cuda | cpu | auto) ;;
    *) fail "DEVICE is cuda, cpu or auto, not $DEVICE" ;;
    esac
    "$PYTHON" -c 'import torch, peft, optimum, sklearn' 2>/dev/null ||
        fail "$PYTHON has no torch for training: pip install 'earshot[train]', or name another by PYTHON="
    if [ "$DEVICE" = cuda ]; then
        "$PYTHON" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null ||
            fail "torch finds no GPU: install its driver and a torch built for CUDA, or say DEVICE=cpu"
    fi
    [ -n "$TINY" ] || "$PYTHON" -m models.training.triage.present "$DATA" || exit 2
}

# A step that is done says nothing of what it was done with: one OUT is of one TINY and one DATA.
settings="TINY=$TINY DATA=$DATA"
same_settings() {
    [ -e "$OUT/settings" ] || return 0
    before=$(cat "$OUT/settings")
    [ "$before" = "$settings" ] || fail "$OUT was begun with $before, this is $settings: choose another OUT"
}

# recipe NAME SOURCE [LINE...]: a copy of configs/SOURCE as RECIPES/NAME.toml, with these lines.
recipe() {
    name=$1 source=$2
    shift 2
    {
        printf '# %s for %s\n' "$source" "$OUT"
        keys=device
        for line; do
            printf '%s\n' "$line"
            keys="$keys|${line%% =*}"
        done
        printf 'device = "%s"\n' "$DEVICE"
        grep -Ev "^($keys) *=" "$CONFIGS/$source"
    } >"$RECIPES/$name.toml"
}

# step NAME COMMAND...: run the command, unless it was done; say how long it took.
step() {
    name=$1
    shift
    if [ -e "$OUT/$name/done" ]; then
        echo "$name: done before"
        return
    fi
    echo "$name: begins"
    begin=$(date +%s)
    "$@" || fail "$name failed; the same command goes on from here"
    mkdir -p "$OUT/$name"
    touch "$OUT/$name/done"
    echo "$name: $(($(date +%s) - begin)) s"
}

earshot() {
    "$PYTHON" -m stream.cli "$@"
}

train() { # train KIND NAME
    earshot train "$1" "$RECIPES/$2.toml" --out "$OUT/$2" --data "$DATA"
}

calls() {
    rm -rf "$OUT/model"
    cp -R "$OUT/readers/model" "$OUT/model"
    if [ -n "$TINY" ]; then
        earshot train calls "$CONFIGS/calls_tiny.jsonl" --model "$OUT/model" --out "$OUT/calls"
    else
        earshot train calls --data "$DATA" --model "$OUT/model" --out "$OUT/calls"
    fi
}

recipes() {
    base="base = \"$OUT/masked/model\""
    sentiment="start = \"$OUT/sentiment/checkpoint.pt\""
    budget="minutes = $ENCODER_MINUTES"
    mkdir -p "$RECIPES"
    if [ -n "$TINY" ]; then
        cp "$CONFIGS/tiny.csv" "$RECIPES/"
        recipe masked masked_tiny.toml "minutes = $MASKED_MINUTES"
        recipe sentiment tiny.toml "$base"
        recipe heads tiny.toml "$base" "$sentiment"
        recipe topics tiny.toml "$base" "start = \"$OUT/heads/model\"" \
            'heads_only = true' 'heads = ["severity"]'
        recipe triage triage_tiny.toml "start = \"$OUT/topics/model\""
        recipe together triage_tiny.toml "start = \"$OUT/triage/model\"" 'epochs = 1'
        recipe readers triage_tiny.toml "start = \"$OUT/together/model\"" 'readers = true'
        return
    fi
    recipe masked masked.toml "minutes = $MASKED_MINUTES"
    recipe sentiment default.toml "$base" "$budget"
    recipe heads heads.toml "$base" "$sentiment" "$budget"
    recipe topics topics.toml "$base" "start = \"$OUT/heads/model\""
    recipe triage triage.toml "start = \"$OUT/topics/model\""
    recipe together triage_together.toml "start = \"$OUT/triage/model\""
    recipe readers triage_readers.toml "start = \"$OUT/together/model\""
}

started=$(date +%s)
same_settings
check
printf '%s\n' "$settings" >"$OUT/settings"
recipes
step masked train masked masked
step sentiment train sentiment sentiment
step heads train sentiment heads
step topics train sentiment topics
step triage train triage triage
step together train triage together
step readers train triage readers
step calls calls
# Each release passed its gate, or there would be no model; these are the last one's lines and card.
"$PYTHON" - "$OUT/model" <<'END'
import json, sys
story = json.load(open(sys.argv[1] + "/artifact.json", encoding="utf-8"))
print("\n".join(story["gate"]))
print(f"{story['version']}: passed {len(story['gate'])} checks; its card is {sys.argv[1]}/README.md")
END
echo "all: $(($(date +%s) - started)) s; try: earshot analyze --model $OUT/model \"...\""
