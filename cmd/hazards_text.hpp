// How hazards put lists of names into words. Thread: any; no state.
#pragma once

#include <string>
#include <vector>

#include "io/result.hpp"

namespace pghaul::cmd {

inline std::vector<std::string> first_column(const io::Result& rows) {
    std::vector<std::string> values;
    for (int row = 0; row < rows.rows(); ++row) values.push_back(rows.string(row, 0));
    return values;
}

/// The first ten.
inline std::string listed(const std::vector<std::string>& names) {
    constexpr std::size_t kShown = 10;
    std::string text;
    for (std::size_t i = 0; i < names.size() && i < kShown; ++i) {
        text += (i == 0 ? "" : ", ") + names[i];
    }
    return names.size() > kShown ? text + " and more" : text;
}

}  // namespace pghaul::cmd
