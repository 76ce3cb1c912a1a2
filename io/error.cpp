#include "io/error.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace pghaul::io {

Error& Error::sqlstate(std::string_view value) {
    sqlstate_ = value;
    return *this;
}
Error& Error::statement(std::string_view value) {
    statement_ = value;
    return *this;
}
Error& Error::detail(std::string_view value) {
    detail_ = value;
    return *this;
}
Error& Error::hint(std::string_view value) {
    hint_ = value;
    return *this;
}
Error& Error::context(std::string_view value) {
    context_ = context_.empty() ? std::string(value) : std::string(value) + ": " + context_;
    return *this;
}
Error& Error::retryable(bool value) {
    retryable_ = value;
    return *this;
}
Error& Error::poisons_connection(bool value) {
    poisons_connection_ = value;
    return *this;
}
Error& Error::exit_code(ExitCode value) {
    exit_code_ = value;
    return *this;
}

std::string Error::report() const {
    std::string text = context_.empty() ? what() : context_ + ": " + what();
    if (!sqlstate_.empty() || !statement_.empty()) {
        text += " (";
        if (!sqlstate_.empty()) text += "sqlstate " + sqlstate_;
        if (!sqlstate_.empty() && !statement_.empty()) text += ", ";
        if (!statement_.empty()) text += "statement " + statement_;
        text += ")";
    }
    if (!detail_.empty()) text += "\nDETAIL: " + detail_;
    if (!hint_.empty()) text += "\nHINT: " + hint_;
    return text;
}

Interrupted::Interrupted() : Error("stopped on request") {
    poisons_connection(true).exit_code(ExitCode::stopped);
}

bool is_retryable_sqlstate(std::string_view sqlstate) {
    if (sqlstate.substr(0, 2) == "08") return true;
    static constexpr std::array<std::string_view, 9> kRetryable = {
        "40001",  // serialization_failure
        "40P01",  // deadlock_detected
        "55P03",  // lock_not_available
        "55006",  // object_in_use
        "53300",  // too_many_connections
        "57014",  // query_canceled: somebody cancelled the backend; ours ends in Interrupted
        "57P01",  // admin_shutdown
        "57P02",  // crash_shutdown
        "57P03",  // cannot_connect_now
    };
    return std::find(kRetryable.begin(), kRetryable.end(), sqlstate) != kRetryable.end();
}

std::string_view general_hint(std::string_view sqlstate) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kHints = {{
        {"53100",
         "free disk space on that server, then run the same command again; "
         "what is loaded stays loaded"},
        {"53200", "raise max_locks_per_transaction or the server's memory, then run again"},
        {"53300", "use fewer streams (-j) or raise max_connections on that server"},
        {"42501", "grant the missing right to the role pghaul connects as, then run again"},
        {"28P01", "check user and password (.pgpass, PGPASSWORD or a service file)"},
        {"28000", "check user and pg_hba.conf on that server"},
        {"3D000", "create that database first, or correct the dbname"},
        {"22021",
         "the source holds bytes that are not valid in its declared encoding; repair "
         "these rows on the source or use a target database of the same encoding"},
        {"22P05",
         "the target's encoding lacks a character the source uses; use a target "
         "database with ENCODING 'UTF8'"},
        {"23502", "the source holds a null that its own constraint forbids; repair it there"},
        {"23505",
         "the source holds duplicates that its own index should have kept out (corruption, "
         "or another version of its collation): delete them there and reindex, then run "
         "again"},
        {"23P01",
         "the source holds rows that its own exclusion constraint forbids; repair them "
         "there, then run again"},
        {"23514",
         "the row violates a check constraint that the source did not enforce on it; "
         "repair it on the source"},
        {"57014", "somebody cancelled the statement or a statement_timeout is set for the role"},
    }};
    for (const auto& [state, hint] : kHints) {
        if (state == sqlstate) return hint;
    }
    return {};
}

}  // namespace pghaul::io
