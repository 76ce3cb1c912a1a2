// Which part of a table a row belongs to, told from its key as it comes by, without asking the
// server: so a table is read once, in the order of its pages, and still known by ranges of its key.
// For keys that begin with a column of a plain number, date or uuid; other tables are one interval.
// Thread: immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "io/connection.hpp"
#include "snapshot/key_range.hpp"

namespace pghaul::loader {

class KeyIntervals {
  public:
    /// One interval: everything.
    KeyIntervals() = default;
    /// Between these bounds, of one column each, ascending in the server's order. The server is
    /// asked what they look like in binary. Throws: io::Error.
    KeyIntervals(io::Connection& server, const snapshot::KeyColumn& key,
                 const std::vector<snapshot::Key>& bounds);

    /// Whether rows can be told apart by a column of this type.
    static bool can_tell(const snapshot::KeyColumn& key);

    const std::vector<snapshot::KeyRange>& ranges() const noexcept { return ranges_; }
    std::size_t count() const noexcept { return ranges_.size(); }
    /// The interval of a row whose first field is the key's.
    std::size_t of(std::string_view fields) const;

  private:
    /// A value as a number that sorts as the server sorts it.
    struct Position {
        std::uint64_t high = 0;
        std::uint64_t low = 0;
        auto operator<=>(const Position&) const = default;
    };
    Position position(std::string_view value) const;

    std::size_t width_ = 0;
    bool is_signed_ = false;
    std::vector<Position> bounds_;
    std::vector<snapshot::KeyRange> ranges_ = {{}};
};

}  // namespace pghaul::loader
