#include "io/result.hpp"

#include <libpq-fe.h>

#include <charconv>
#include <cstdlib>

#include "io/error.hpp"

namespace pghaul::io {

void ClearResult::operator()(pg_result* result) const noexcept { PQclear(result); }

int Result::rows() const { return PQntuples(handle_.get()); }

int Result::columns() const { return PQnfields(handle_.get()); }

bool Result::is_null(int row, int column) const {
    return PQgetisnull(handle_.get(), row, column) != 0;
}

std::string_view Result::text(int row, int column) const {
    return {PQgetvalue(handle_.get(), row, column),
            static_cast<std::size_t>(PQgetlength(handle_.get(), row, column))};
}

std::int64_t Result::integer(int row, int column) const {
    const auto value = text(row, column);
    std::int64_t number = 0;
    const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (code != std::errc() || end != value.data() + value.size()) {
        throw Error("expected an integer from the server in column " +
                    std::string(PQfname(handle_.get(), column)));
    }
    return number;
}

double Result::real(int row, int column) const {
    return std::strtod(text(row, column).data(), nullptr);
}

std::int64_t Result::affected() const { return std::atoll(PQcmdTuples(handle_.get())); }

}  // namespace pghaul::io
