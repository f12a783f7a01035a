#!/bin/sh
# Rehearse a change of version: old and new code at work on one run, migrations applied meanwhile,
# then the way back. Servers, tables and logs are of its own, under a new folder:
#   deploy/upgrade-drill.sh OLD_COMMIT [ROWS]      PYTHON=… and KEEP=1 (keeps the folder) if wanted
# Exit code 0: every cell came to an end, no batch was given up, and no process told of an error.
# (The simulated vendors fail now and then, on purpose, so some cells may end as failed.)
set -eu
commit=${1:?usage: upgrade-drill.sh OLD_COMMIT [ROWS]}
rows=${2:-3000}
new=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$new/.venv/bin/python}
folder=$(mktemp -d)
old=$folder/old
workers=

finish() {
    for pid in $workers; do kill "$pid" 2>/dev/null || true; done
    ENRICH_HOME=$folder/home enrich "$new" down >/dev/null 2>&1 || true
    git -C "$new" worktree remove --force "$old" 2>/dev/null || true
    if [ -n "${KEEP:-}" ]; then echo "kept: $folder"; else rm -rf "$folder"; fi
}
trap finish EXIT
trap 'exit 130' INT TERM

# Old workers may know no `enrich.begin`, and old code no name that keeps it back.
careful() { [ "$1" != "$new" ] || export ENRICH_RUNS__LOOK_UP_FIRST=false; }
enrich() { tree=$1; shift; (careful "$tree"; cd "$tree" && PYTHONPATH=$tree "$python" -m enrich.cli "$@"); }
say() { echo "$(date -u +%H:%M:%S) $*"; }
field() { "$python" -c 'import json,sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
worker() { # TREE NAME
    # In the background as itself, so that its number is the worker's.
    (careful "$1"; cd "$1" && PYTHONPATH=$1 exec "$python" -m celery -A tasks worker --pool=threads \
        --concurrency=2 --hostname="$2@drill" --without-gossip --without-mingle --loglevel=INFO \
        --queues="$queues" >"$folder/$2.log" 2>&1) &
    workers="$workers $!"
    eval "$2=$!"
}
ended() { # RUN: cells that have come to an end
    enrich "$looking" status "$1" --json | "$python" -c '
import json, sys
run = json.load(sys.stdin)
print(sum(run[end] for end in ("filled", "not_found", "failed", "skipped")))'
}
until_ended() { # RUN CELLS
    for _ in $(seq 600); do [ "$(ended "$1")" -ge "$2" ] && return; sleep 1; done
    say "run $1 did not come to $2 cells"; exit 1
}

git -C "$new" worktree add --quiet --detach "$old" "$commit"
export ENRICH_HOME="$folder/home" ENRICH_PROVIDERS__SIMULATED=true PYTHONUNBUFFERED=1 \
    ENRICH_PROVIDERS__NAMES=scraper_demo,apollo_demo,linkedin_api ENRICH_RUNS__BATCH_ROWS=20 \
    ENRICH_BREAKER__ENABLED=false PYTHONDONTWRITEBYTECODE=1
eval "$(enrich "$new" env)"
queues=$("$python" -c 'from tasks.settings import QUEUES; print(",".join(QUEUES))')

# The new code looks at nothing before its migrations are there, and says so.
looking=$old
enrich "$old" migrate
"$python" -c 'import sys
print("id,company", *(f"{n},Firm {n}" for n in range(int(sys.argv[1]))), sep="\n")' "$rows" >"$folder/firms.csv"
enrich "$old" import "$folder/firms.csv" --table firms --key id >/dev/null
worker "$old" first
run=$(enrich "$old" run firms --columns industry,website --json | field run_id)
cells=$((rows * 2))
say "run $run of $cells cells is under way with the old code ($(git -C "$new" rev-parse --short "$commit"))"

until_ended "$run" $((cells / 6))
say "migrating: $(ended "$run") cells have ended"
enrich "$new" migrate
looking=$new
worker "$new" second
until_ended "$run" $((cells / 2))
say "old and new side by side: $(ended "$run") cells have ended; the old worker is asked to end"
kill -TERM "$first"
wait "$first" || true
until_ended "$run" "$cells"
state=$(enrich "$new" status "$run" --json | field state)
say "run $run is $state with the new code"

# The way back: the old code on the new schema.
kill -TERM "$second"
wait "$second" || true
worker "$old" third
back=$(enrich "$old" run firms --columns industry --force responses --json | field run_id)
until_ended "$back" "$rows"
say "the way back: run $back is $(enrich "$old" status "$back" --json | field state) with the old code"

failed=$(enrich "$new" status "$run" --json | field failed)
parked=$(enrich "$new" status "$run" --json | field parked_reasons)
faults=$(cat "$folder"/*.log | grep -c -e Traceback -e '"level": "error"' || true)
took_first=$(grep -c 'enrich.fuse.*succeeded' "$folder/first.log" || true)
took_second=$(grep -c 'enrich.fuse.*succeeded' "$folder/second.log" || true)
say "batches joined: $took_first by the old code, $took_second by the new; failed cells: $failed;" \
    "parked: $parked; errors in the logs: $faults"
[ "$state" = done ] && [ "$parked" = "[]" ] && [ "$faults" = 0 ]
