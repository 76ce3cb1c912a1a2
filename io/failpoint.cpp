#include "io/failpoint.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

#include "io/error.hpp"

namespace pghaul::io {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Failpoint::count_)> kNames = {
    "journal_created",       "capture_site_made",
    "capture_installed",     "captured_before_phase",
    "schema_before",         "schema_after",
    "snapshot_exported",     "plan_recorded",
    "spool_sealed",          "spool_before_load",
    "copy_after_read",       "copy_before_mark",
    "copy_before_commit",    "copy_after_commit",
    "spool_before_removal",  "large_objects_before_mark",
    "read_back_before_mark", "copied_before_phase",
    "table_before_finish",   "table_after_finish",
    "foreign_key_added",     "foreign_key_validated",
    "rest_before",           "rest_after",
    "sequences_before",      "sequences_after",
    "views_refreshed",       "window_opened",
    "window_keys_deleted",   "window_before_commit",
    "window_after_commit",   "window_deltas_removed",
    "done_before_phase",     "cutover_locked",
    "cutover_drained",       "cutover_before_fence",
    "cutover_after_fence",   "cutover_before_mark",
    "capture_removed",       "export_begun",
    "export_planned",        "export_before_seal",
    "export_after_seal",     "export_before_manifest",
    "import_planned",
};

enum class Action { none, kill, error, fail };

struct Setting {
    Action action = Action::none;
    long at_pass = 0;  // 0: every pass
    std::atomic<long> passes{0};
};

struct Settings {
    std::array<Setting, kNames.size()> of;
    bool any = false;

    Settings() {
        const char* text = std::getenv("PGHAUL_FAILPOINTS");
        if (text == nullptr) return;
        std::string rest = text;
        while (!rest.empty()) {
            const auto comma = rest.find(',');
            set(rest.substr(0, comma));
            rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
        }
    }

    void set(const std::string& entry) {
        const auto equals = entry.find('=');
        const auto at = entry.find('@');
        const std::string name = entry.substr(0, equals);
        const std::string action =
            equals == std::string::npos ? "kill" : entry.substr(equals + 1, at - equals - 1);
        for (std::size_t i = 0; i < kNames.size(); ++i) {
            if (kNames[i] != name) continue;
            of[i].action = action == "kill"    ? Action::kill
                           : action == "error" ? Action::error
                                               : Action::fail;
            if (at != std::string::npos) of[i].at_pass = std::atol(entry.c_str() + at + 1);
            any = true;
            return;
        }
        // A misspelt name would make a test pass without testing anything.
        throw Error("unknown failpoint " + name + " in PGHAUL_FAILPOINTS")
            .exit_code(ExitCode::usage);
    }
};

}  // namespace

std::string_view failpoint_name(Failpoint point) { return kNames[static_cast<std::size_t>(point)]; }

void failpoint(Failpoint point) {
    static Settings settings;
    if (!settings.any) return;
    auto& setting = settings.of[static_cast<std::size_t>(point)];
    if (setting.action == Action::none) return;
    const long pass = setting.passes.fetch_add(1) + 1;
    if (setting.at_pass != 0 && pass != setting.at_pass) return;
    if (setting.action == Action::kill) std::raise(SIGKILL);
    throw Error("failpoint " + std::string(failpoint_name(point)))
        .retryable(setting.action == Action::error)
        .poisons_connection(true);
}

}  // namespace pghaul::io
