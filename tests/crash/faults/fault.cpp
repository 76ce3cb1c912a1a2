#include "tests/crash/faults/fault.hpp"

#include <utility>

namespace pghaul::test::faults {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, kKinds> kNames = {{
    {"kill", "pghaul killed (SIGKILL), any moment"},
    {"kill-at", "pghaul killed at a named place"},
    {"error-at", "error at a named place (as a deadlock, a lost connection)"},
    {"source-session", "session on the source ended"},
    {"target-session", "session on the target ended"},
    {"keeper-session", "session that keeps the snapshot ended"},
    {"cancel", "statement cancelled on either side"},
    {"source-restart", "source restarted (immediate)"},
    {"target-restart", "target restarted (immediate)"},
    {"cut", "connections closed by the network"},
    {"reset", "connections reset by the network"},
    {"stall", "network hangs"},
    {"lost-commit", "answer to a commit lost"},
    {"full-disk", "disk of the target full"},
    {"lock", "table locked by others (access exclusive)"},
    {"clock", "clock of servers and pghaul jumps"},
}};

}  // namespace

std::string_view word_for(Kind kind) { return kNames[static_cast<std::size_t>(kind)].first; }
std::string_view title_of(Kind kind) { return kNames[static_cast<std::size_t>(kind)].second; }

std::unique_ptr<Fault> make_fault(Kind kind, const Field& field, std::string& why) {
    switch (kind) {
        case Kind::kill:
        case Kind::kill_at_failpoint:
        case Kind::error_at_failpoint:
            return make_process_fault(kind, field);
        case Kind::source_session:
        case Kind::target_session:
        case Kind::keeper_session:
        case Kind::cancel:
        case Kind::lock:
            return make_session_fault(kind, field);
        case Kind::full_disk:
            if (field.arena.small_disk() == nullptr) {
                why = field.arena.why_no_disk();
                return nullptr;
            }
            return make_server_fault(kind, field);
        case Kind::clock_jump:
            why = field.arena.why_no_clock();
            if (!why.empty()) return nullptr;
            return make_server_fault(kind, field);
        case Kind::source_restart:
        case Kind::target_restart:
            return make_server_fault(kind, field);
        case Kind::cut:
        case Kind::reset:
        case Kind::stall:
        case Kind::lost_commit:
            return make_network_fault(kind, field);
        case Kind::count_:
            break;
    }
    return nullptr;
}

}  // namespace pghaul::test::faults
