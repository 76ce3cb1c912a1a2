// One result of a statement: typed reading of its values. Owns the PGresult; move-only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct pg_result;

namespace pghaul::io {

struct ClearResult {
    void operator()(pg_result* result) const noexcept;
};
using ResultHandle = std::unique_ptr<pg_result, ClearResult>;

class Result {
  public:
    explicit Result(ResultHandle handle) : handle_(std::move(handle)) {}

    int rows() const;
    int columns() const;
    bool is_null(int row, int column) const;
    /// Lives as long as this Result.
    std::string_view text(int row, int column) const;
    std::string string(int row, int column) const { return std::string(text(row, column)); }
    /// Throws: Error if it isn't an integer of 64 bits.
    std::int64_t integer(int row, int column) const;
    double real(int row, int column) const;
    bool boolean(int row, int column) const { return text(row, column) == "t"; }
    /// Rows inserted, updated, copied … as the command tag says; 0 if it says none.
    std::int64_t affected() const;

  private:
    ResultHandle handle_;
};

}  // namespace pghaul::io
