// From a range that differs to the rows that do. The rows of the buckets that differ are read
// again, on both sides, and matched by the hashes of their keys: never by order.
// Memory is bounded: many buckets are gone through in rounds, each interval by itself.
// Thread: the verification's own.
#pragma once

#include <cstddef>
#include <vector>

#include "loader/verify/readers.hpp"
#include "loader/verify/result.hpp"
#include "loader/verify/units.hpp"

namespace pghaul::loader {

/// A bucket whose sums differ, numbered as Unit::bucket_of does, with the rows it has on both sides
/// together.
struct DifferingBucket {
    std::size_t bucket = 0;
    std::int64_t rows = 0;
};

struct NarrowLimits {
    /// How many differences of a table are kept by name.
    std::size_t named = 100;
    /// Keep all of them in TableDifferences::all as well. Throws if they are too many to mend row
    /// by row.
    bool keep_all = false;
    /// Rows of both sides that are held in memory at once, about 100 bytes each.
    std::int64_t rows_per_round = 500'000;
    /// Without keep_all, the count of a table's differences need not be exact beyond this, nor
    /// where an interval takes more rounds than this: it would be read again for each.
    std::int64_t exact_up_to = 10'000;
    int rounds = 8;
};

/// Finds the rows that differ in these buckets of the unit, given in ascending order, and adds them
/// to the table's.
/// Throws: io::Error.
void find_differing_rows(Readers& readers, const Dialect& dialect, const Unit& unit,
                         const std::vector<DifferingBucket>& buckets, const NarrowLimits& limits,
                         TableDifferences& differences);

/// Looks the named rows up: their keys, and which columns differ. A table that was truncated on the
/// source is left as it is.
void name_rows(Readers& readers, const Dialect& dialect, const VerifyTable& table,
               std::vector<RowDifference>& rows);

/// The place in a binary ctid field.
RowPlace place_of(std::string_view ctid);
/// {"(1,2)",…}: a parameter of type tid[].
std::string place_array(const std::vector<RowPlace>& places);

}  // namespace pghaul::loader
