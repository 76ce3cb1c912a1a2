#include "loader/side_by_side.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

namespace pghaul::loader {
namespace {

bool is_table(const ScriptEntry& entry) {
    return entry.title.starts_with("TABLE ") && !entry.title.starts_with("TABLE ATTACH ");
}

/// None of these can give another meaning to what stands in another entry, as a function or an
/// operator can; so whatever is not there yet is an error. Tables that inherit lock the same one.
bool may_be_beside_others(const ScriptEntry& entry) {
    static constexpr std::array<std::string_view, 2> kOthers = {"SEQUENCE ", "COMMENT "};
    const auto is_kind = [&](std::string_view kind) { return entry.title.starts_with(kind); };
    if (!is_table(entry) && std::none_of(kOthers.begin(), kOthers.end(), is_kind)) return false;
    return entry.sql.find("INHERITS (") == entry.sql.npos &&
           entry.sql.find("PARTITION OF ") == entry.sql.npos;
}

}  // namespace

std::vector<std::size_t> side_by_side_from(const SchemaScript& script) {
    std::vector<std::size_t> counts(script.entries.size());
    std::size_t count = 0;
    for (std::size_t i = counts.size(); i-- > 0;) {
        count = may_be_beside_others(script.entries[i]) ? count + 1 : 0;
        counts[i] = count;
    }
    return counts;
}

std::vector<ScriptPart> cut_at_tables(const SchemaScript& script, ScriptPart all, int parts) {
    std::vector<ScriptPart> cut;
    const auto number = static_cast<std::size_t>(parts);
    std::size_t begin = all.begin;
    for (std::size_t part = 1; part <= number && begin < all.end; ++part) {
        std::size_t end = all.begin + (all.end - all.begin) * part / number;
        while (end < all.end && !is_table(script.entries[end])) ++end;
        if (end > begin) cut.push_back({begin, end});
        begin = std::max(begin, end);
    }
    return cut;
}

std::vector<std::string> settings_at(const SchemaScript& script, std::size_t entry) {
    std::map<std::string, std::string> in_force;
    for (std::size_t i = 0; i < entry; ++i) {
        for (const auto& setting : script.entries[i].settings) {
            in_force[setting_name(setting)] = setting;
        }
    }
    std::vector<std::string> settings;
    for (const auto& [name, setting] : in_force) settings.push_back(setting);
    return settings;
}

}  // namespace pghaul::loader
