// What `pghaul verify` found, for people and for scripts.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "loader/verify/repair.hpp"
#include "loader/verify/result.hpp"

namespace pghaul::cmd {

struct VerifySample {
    double percent = 0;
    std::uint64_t seed = 0;
};

/// One line per difference, as far as they are named.
std::string differences_text(const loader::VerifyResult& result);
/// "compared 117 tables, 6,040,190 rows, … in 4.2 s: 3 differences"
std::string compared_text(const loader::VerifyResult& result,
                          const std::optional<VerifySample>& sample);
/// "mended 2 tables (3 rows deleted, 4 inserted), 1 sequence, 0 large objects"
std::string repaired_text(const loader::RepairResult& repaired);

nlohmann::json json_of(const loader::VerifyResult& result,
                       const std::optional<VerifySample>& sample);
nlohmann::json json_of(const loader::RepairResult& repaired);

}  // namespace pghaul::cmd
