#include "loader/schema_script.hpp"

#include <algorithm>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "io/error.hpp"

namespace pghaul::loader {
namespace {

constexpr snapshot::Oid kPgClass = 1259;
constexpr snapshot::Oid kPgConstraint = 2606;
constexpr std::string_view kHeaderStart = "\n--\n-- Name: ";
constexpr std::string_view kHeaderEnd = "\n--\n\n";

/// Titles of the entries that are still to come.
using Pending = std::multiset<std::string>;

/// Takes the entry that a header "TAG; Type: DESC; Schema: NS; Owner: …" introduces, if it is due.
std::optional<std::string> take(Pending& pending, std::string_view header) {
    const auto owner = header.rfind("; Owner: ");
    const auto schema = header.rfind("; Schema: ", owner);
    const auto type = header.rfind("; Type: ", schema);
    if (owner == header.npos || schema == header.npos || type == header.npos) return {};
    const std::string start = std::string(header.substr(type + 8, schema - type - 8)) + " " +
                              std::string(header.substr(schema + 10, owner - schema - 10)) + " " +
                              std::string(header.substr(0, type)) + " ";
    // The listing ends with an owner that the header may leave out (--no-owner), so tags "a" and
    // "a b" can both fit: the shortest is meant, the others have longer headers of their own.
    auto best = pending.end();
    for (auto it = pending.lower_bound(start); it != pending.end() && it->starts_with(start);
         ++it) {
        if (best == pending.end() || it->size() < best->size()) best = it;
    }
    if (best == pending.end()) return {};
    std::string title = *best;
    pending.erase(best);
    return title;
}

/// Without the closing comment and what psql would read after it.
std::string_view without_end(std::string_view script) {
    const auto words = script.rfind(" database dump complete\n--\n");
    const auto start = words == script.npos ? words : script.rfind("\n--\n", words);
    return start == script.npos ? script : script.substr(0, start + 1);
}

/// Moves the SET statements at the end of sql to the next entry, which they are meant for.
std::vector<std::string> take_trailing_settings(std::string& sql) {
    std::vector<std::string> settings;
    for (;;) {
        const auto last = sql.find_last_not_of('\n');
        if (last == sql.npos) return settings;
        const auto start = sql.rfind('\n', last) + 1;
        const auto line = sql.substr(start, last - start + 1);
        if (!line.starts_with("SET default_") || !line.ends_with(';')) return settings;
        settings.insert(settings.begin(), line);
        sql.erase(start);
    }
}

void parse_preamble(const std::string& text, SchemaScript& script) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const bool drop =
            line.starts_with("DROP ") || line.starts_with("ALTER ") || line.starts_with("CREATE ");
        if (line.starts_with("SET ") || line.starts_with("SELECT pg_catalog.set_config(")) {
            script.settings.push_back(line);
        } else if (drop) {
            script.drops.push_back(line + "\n");
        } else if (!script.drops.empty()) {
            script.drops.back() += line + "\n";
        }
        // Anything else is a comment or, as \restrict, meant for psql.
    }
}

/// Triggers, functions and tables of capture, of whatever job: they stay on the source.
bool is_of_capture(const TocLine& line) {
    const auto at = line.title.find(" pghaul/");
    return at != line.title.npos && line.title.find('/', at + 8) != line.title.npos;
}

/// The passes that pg_restore makes.
int pass_of(std::string_view title) {
    if (title.starts_with("ACL ") || title.starts_with("DEFAULT ACL ")) return 1;
    const bool late =
        title.starts_with("EVENT TRIGGER ") || title.starts_with("COMMENT - EVENT TRIGGER ");
    return late ? 2 : 0;
}

template <typename Entry>
void order(std::vector<Entry>& entries) {
    static constexpr std::string_view kSchema = "SCHEMA - ";
    static constexpr std::string_view kRight = "ACL - SCHEMA ";
    std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
        return pass_of(a.title) < pass_of(b.title);
    });
    std::set<std::string> schemas;
    for (const auto& entry : entries) {
        if (entry.title.starts_with(kSchema)) schemas.insert(entry.title.substr(kSchema.size()));
    }
    // Not those of an extension, which is still to come.
    const auto stands = [&](const Entry& entry) {
        if (!entry.title.starts_with(kRight)) return false;
        const auto schema = entry.title.substr(kRight.size());
        return schema.starts_with("public ") || schemas.contains(schema);
    };
    const auto last_schema = std::find_if(entries.rbegin(), entries.rend(), [](const Entry& entry) {
        return entry.title.starts_with(kSchema);
    });
    std::stable_partition(last_schema.base(), entries.end(), stands);
}

}  // namespace

void order_as_script(std::vector<TocLine>& toc) { order(toc); }

std::vector<TocLine> parse_toc(const std::string& listing) {
    std::vector<TocLine> toc;
    std::istringstream lines(listing);
    for (std::string line; std::getline(lines, line);) {
        if (line.empty() || line.front() == ';') continue;
        TocLine entry;
        entry.text = line;
        std::istringstream words(line);
        std::string id;
        words >> id >> entry.catalog >> entry.oid;
        words.get();
        std::getline(words, entry.title);
        if (!words || !id.ends_with(';')) {
            throw io::Error("pg_restore lists the schema in an unknown form").detail(line);
        }
        toc.push_back(std::move(entry));
    }
    return toc;
}

std::vector<TocLine> without_built(std::vector<TocLine> toc, const std::set<snapshot::Oid>& built) {
    std::erase_if(toc, [&](const TocLine& line) {
        const bool kind = line.catalog == kPgClass || line.catalog == kPgConstraint;
        return (kind && built.contains(line.oid)) ||
               line.title.starts_with("COMMENT - EXTENSION ") || is_of_capture(line);
    });
    return toc;
}

SchemaScript parse_script(const std::string& script, const std::vector<TocLine>& toc) {
    SchemaScript parsed;
    const std::string_view all = without_end(script);
    Pending pending;
    for (const auto& line : toc) pending.insert(line.title);

    std::vector<std::size_t> starts;
    for (auto at = all.find(kHeaderStart); at != all.npos; at = all.find(kHeaderStart, at + 1)) {
        const auto name = at + kHeaderStart.size();
        const auto end = all.find(kHeaderEnd, name);
        if (end == all.npos) break;
        auto title = take(pending, all.substr(name, end - name));
        if (!title) continue;
        starts.push_back(at);
        parsed.entries.push_back({std::move(*title), {}, {}});
    }
    if (parsed.entries.empty() && !toc.empty()) {
        throw io::Error("pg_restore wrote the schema in an unknown form");
    }
    if (!pending.empty()) {
        // Not cut where every entry begins: still the right statements, so run them as one.
        parsed.entries.assign(1, {"schema", {}, {}});
        starts.resize(1);
    }
    parse_preamble(std::string(starts.empty() ? all : all.substr(0, starts.front())), parsed);
    starts.push_back(all.size());
    for (std::size_t i = 0; i < parsed.entries.size(); ++i) {
        auto& entry = parsed.entries[i];
        entry.sql = all.substr(starts[i], starts[i + 1] - starts[i]);
        if (i + 1 < parsed.entries.size()) {
            parsed.entries[i + 1].settings = take_trailing_settings(entry.sql);
        }
    }
    order(parsed.entries);
    return parsed;
}

bool remove_entries(SchemaScript& script, const std::multiset<std::string>& titles) {
    auto left = titles;
    std::vector<ScriptEntry> kept;
    std::vector<std::string> settings;  // of what is taken out: they hold for what follows
    for (auto& entry : script.entries) {
        settings.insert(settings.end(), entry.settings.begin(), entry.settings.end());
        if (const auto found = left.find(entry.title); found != left.end()) {
            left.erase(found);
            continue;
        }
        entry.settings = std::exchange(settings, {});
        kept.push_back(std::move(entry));
    }
    script.entries = std::move(kept);
    return left.empty();
}

std::string_view without_owner(std::string_view sql, std::string_view role) {
    const auto last = sql.find_last_not_of('\n');
    if (last == sql.npos) return sql;
    const auto start = sql.rfind('\n', last) + 1;
    const auto line = sql.substr(start, last + 1 - start);
    const bool gives =
        line.starts_with("ALTER ") && line.ends_with(" OWNER TO " + std::string(role) + ";");
    // A name that holds a newline: the line begins inside its quotes, of which it has the rest.
    const bool whole = std::count(line.begin(), line.end(), '"') % 2 == 0;
    return gives && whole ? sql.substr(0, start) : sql;
}

std::string setting_name(const std::string& statement) {
    const auto end = statement.find_first_of(" =", 4);
    return statement.substr(4, end - 4);
}

}  // namespace pghaul::loader
