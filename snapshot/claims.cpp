#include "snapshot/claims.hpp"

#include <vector>

#include "io/transaction.hpp"
#include "snapshot/claims_sql.hpp"

namespace pghaul::snapshot {
namespace {

io::Result ask(io::Connection& target, const io::Query& query, const std::string& job,
               const ChunkKeys& chunks) {
    std::vector<std::string> tables;
    std::vector<std::string> numbers;
    for (const auto& [table, number] : chunks) {
        tables.push_back(std::to_string(table));
        numbers.push_back(std::to_string(number));
    }
    return target.query(query, {job, io::array_literal(tables), io::array_literal(numbers)});
}

std::pair<int, int> key_in(const io::Result& rows, int row) {
    return {static_cast<int>(rows.integer(row, 0)), static_cast<int>(rows.integer(row, 1))};
}

}  // namespace

ChunkKeys claim_chunks(io::Connection& target, const std::string& job, const ChunkKeys& chunks) {
    ChunkKeys claimed;
    if (chunks.empty()) return claimed;
    const auto rows = ask(target, kClaimChunks, job, chunks);
    for (int row = 0; row < rows.rows(); ++row) claimed.insert(key_in(rows, row));
    return claimed;
}

bool claim_index(io::Connection& target, const std::string& job, Oid index) {
    return target.query_row(kClaimIndex, {job, std::to_string(index)}).boolean(0, 0);
}

ChunkStates look_at_chunks(io::Connection& target, const std::string& job,
                           const ChunkKeys& chunks) {
    ChunkStates states;
    // Claimed for a moment, in which nobody else can begin one; and looked at in this order, so
    // that one which is loaded in between is seen as loaded.
    io::Transaction transaction(target);
    states.free = claim_chunks(target, job, chunks);
    transaction.commit();
    const auto rows = ask(target, kLoadedOf, job, chunks);
    for (int row = 0; row < rows.rows(); ++row) {
        const auto chunk = key_in(rows, row);
        states.loaded.insert(chunk);
        states.free.erase(chunk);
        if (rows.boolean(row, 2)) states.finished.insert(chunk.first);
        if (!rows.boolean(row, 3)) states.unproven.insert(chunk.first);
    }
    return states;
}

bool index_is_free(io::Connection& target, const std::string& job, Oid index) {
    // In a transaction of its own, which ends at once and lets go of it.
    return claim_index(target, job, index);
}

void share_snapshot(io::Connection& target, const std::string& job, int number,
                    const std::string& exported, bool with_indexes) {
    target.query(kShareSnapshot,
                 {job, std::to_string(number), exported.empty() ? io::Param() : io::Param(exported),
                  with_indexes ? "t" : "f"});
}

std::optional<SharedSnapshot> shared_snapshot(io::Connection& target, const std::string& job) {
    const auto rows = target.query(kSharedSnapshot, {job});
    if (rows.rows() == 0) return std::nullopt;
    return SharedSnapshot{rows.integer(0, 0), static_cast<int>(rows.integer(0, 1)),
                          rows.string(0, 2), rows.string(0, 3), rows.boolean(0, 4)};
}

}  // namespace pghaul::snapshot
