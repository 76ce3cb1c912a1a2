// What must hold once a job is over, whatever went wrong on its way.
//
// Not for: what pghaul says of itself; all of this is asked of the servers and the machine.
// Thread: the main thread.
#pragma once

#include <string>

#include "tests/crash/faults/arena.hpp"

namespace pghaul::test::faults {

/// What two ends differ in. Rows are told by their text.
struct Differences {
    long lost = 0;     // rows that only the source has
    long doubled = 0;  // rows that only the target has
    std::string text;  // empty: none, sequences and large objects included
};
Differences compare(const Ends& ends);

/// Sessions of pghaul that stay on either server; empty: none within half a minute.
std::string sessions_left(const Ends& ends);
/// Processes that still carry this environment entry ("NAME=value"); empty: none.
std::string processes_left(const std::string& entry);
/// Files in a folder.
std::string files_left(const std::string& folder);
/// What pghaul made and did not remove, and what of the schema is not as on the source.
std::string objects_left(const Ends& ends);

/// Dead rows of kStillTable on the target, and what its file has grown by through them.
struct Waste {
    long dead_rows = 0;
    long rows = 0;
    double heap_ratio = 1;  // of the source's file, which has none
};
/// Requires: the job is dropped (an extension is made).
Waste waste_of(const Ends& ends);

}  // namespace pghaul::test::faults
