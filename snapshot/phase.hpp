// The phases of a job, in order. They only move forward (invariant 9).
#pragma once

#include <string>
#include <string_view>

namespace pghaul::snapshot {

enum class Phase {
    created,   // the journal exists, the target was seen to be empty
    captured,  // changes are captured on every chosen table (never with --no-capture)
    schema,    // being made on the target
    copying,   // the plan is recorded; chunks are being loaded, finished tables get their indexes
    copied,    // every chunk is loaded; the source is no longer read for rows
    indexed,   // indexes, constraints, foreign keys, rest of the schema, sequences, views
    done,      // statistics too, and with capture caught up once: the target is ready
};

std::string_view name_of(Phase phase);
/// Throws: io::Error for a name that isn't one.
Phase phase_from_name(std::string_view name);

}  // namespace pghaul::snapshot
