#include "snapshot/spool_notes.hpp"

#include "snapshot/spool_notes_sql.hpp"

namespace pghaul::snapshot {
namespace {

bool can_note(io::Connection& target) { return target.query(kCanNoteSpools).boolean(0, 0); }

}  // namespace

void note_spool(io::Connection& target, const std::string& job, const SpoolNote& note) {
    if (!can_note(target)) return;
    target.query(kNoteSpool, {job, note.host, note.base, std::to_string(note.limit_bytes)});
}

void forget_spool_note(io::Connection& target, const std::string& job, const SpoolNote& note) {
    if (!can_note(target)) return;
    target.query(kForgetSpool, {job, note.host, note.base});
}

std::vector<SpoolNote> spool_notes(io::Connection& target, const std::string& job) {
    std::vector<SpoolNote> notes;
    if (!can_note(target)) return notes;
    const auto rows = target.query(kListSpools, {job});
    for (int row = 0; row < rows.rows(); ++row) {
        notes.push_back({rows.string(row, 0), rows.string(row, 1), rows.integer(row, 2)});
    }
    return notes;
}

}  // namespace pghaul::snapshot
