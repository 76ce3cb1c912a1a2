# For scripts that copy rows with something that copies no schema: tables and keys before, all else after.
# Sourced with source, target and jobs set; makes the folder $work and removes it at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

ask() { psql -XqAt -v ON_ERROR_STOP=1 -d "$1" -c "$2"; }

# tables_and_keys: what a change of a row needs to be applied.
tables_and_keys() {
    pg_dump -Fc -s -f "$work/schema" -d "$source"
    pg_restore --section=pre-data -d "$target" "$work/schema"
    # Keys are "CONSTRAINT"; foreign keys and late checks have another word before it.
    local key='^[0-9]+; [0-9]+ [0-9]+ CONSTRAINT '
    pg_restore -l --section=post-data "$work/schema" >"$work/all"
    grep -E "$key" "$work/all" >"$work/keys" || true
    grep -vE "$key" "$work/all" >"$work/rest"
    if [ -s "$work/keys" ]; then pg_restore -L "$work/keys" -d "$target" "$work/schema"; fi
}

# all_else: other indexes, foreign keys, triggers; ANALYZE.
all_else() {
    pg_restore -j "$jobs" -L "$work/rest" -d "$target" "$work/schema"
    vacuumdb -q --analyze-only -j "$jobs" -d "$target"
}
