#include "loader/verify/key_intervals.hpp"

#include <algorithm>
#include <array>

#include "io/error.hpp"
#include "io/row_hash.hpp"
#include "io/sql.hpp"

namespace pghaul::loader {
namespace {

struct Type {
    std::string_view name;
    /// Of its binary form, whose bytes come in the order of their weight. Units: bytes.
    std::size_t width;
    bool is_signed;
};

// Source: the typsend functions of these types, the same in every version from 10 on.
constexpr std::array<Type, 9> kTypes = {{{"pg_catalog.int2", 2, true},
                                         {"pg_catalog.int4", 4, true},
                                         {"pg_catalog.int8", 8, true},
                                         {"pg_catalog.oid", 4, false},
                                         {"pg_catalog.date", 4, true},
                                         {"pg_catalog.time", 8, true},
                                         {"pg_catalog.timestamp", 8, true},
                                         {"pg_catalog.timestamptz", 8, true},
                                         {"pg_catalog.uuid", 16, false}}};

const Type* find_type(const snapshot::KeyColumn& key) {
    const auto found = std::find_if(kTypes.begin(), kTypes.end(),
                                    [&](const Type& type) { return type.name == key.type; });
    return found == kTypes.end() ? nullptr : &*found;
}

}  // namespace

bool KeyIntervals::can_tell(const snapshot::KeyColumn& key) { return find_type(key) != nullptr; }

KeyIntervals::KeyIntervals(io::Connection& server, const snapshot::KeyColumn& key,
                           const std::vector<snapshot::Key>& bounds)
    : ranges_(snapshot::tile(bounds)) {
    const auto* type = find_type(key);
    if (type == nullptr) throw io::Error("no intervals of type " + key.type);
    width_ = type->width;
    is_signed_ = type->is_signed;
    if (bounds.empty()) return;
    std::string sql;
    for (const auto& bound : bounds) {
        sql += (sql.empty() ? "select " : ", ") + io::quote_literal(bound.at(0)) + "::" + key.type;
    }
    const auto row = server.query_binary({"binary_bounds", sql}, {}, {});
    for (int i = 0; i < row.columns(); ++i) bounds_.push_back(position(row.text(0, i)));
    if (!std::is_sorted(bounds_.begin(), bounds_.end())) {
        throw io::Error("bounds of the key " + key.name + " are out of order");
    }
}

std::size_t KeyIntervals::of(std::string_view fields) const {
    if (bounds_.empty()) return 0;
    const auto at = position(io::take_field(fields));
    return static_cast<std::size_t>(std::upper_bound(bounds_.begin(), bounds_.end(), at) -
                                    bounds_.begin());
}

KeyIntervals::Position KeyIntervals::position(std::string_view value) const {
    if (value.size() != width_) throw io::Error("a key is not of its type's size");
    Position at;
    for (std::size_t i = 0; i < width_; ++i) {
        at.high = at.high << 8 | at.low >> 56;
        at.low = at.low << 8 | static_cast<unsigned char>(value[i]);
    }
    if (is_signed_) at.low ^= std::uint64_t{1} << (8 * width_ - 1);
    return at;
}

}  // namespace pghaul::loader
