// The part of the journal that says what is planned and how much of it is there.
#include <algorithm>
#include <future>

#include "io/transaction.hpp"
#include "snapshot/journal.hpp"
#include "snapshot/journal_sql.hpp"
#include "snapshot/plan_sql.hpp"
#include "snapshot/types.hpp"

namespace pghaul::snapshot {
namespace {

std::string unhex(std::string_view text) {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    std::string bytes;
    bytes.reserve(text.size() / 2);
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        bytes += static_cast<char>(digit(text[i]) * 16 + digit(text[i + 1]));
    }
    return bytes;
}

/// Collects the columns of an insert from unnest().
class ArrayParam {
  public:
    void add(const std::string& value) { values_.push_back(value); }
    void add(std::int64_t value) { values_.push_back(std::to_string(value)); }
    std::string text() const { return io::array_literal(values_); }

  private:
    std::vector<std::string> values_;
};

struct TableRows {
    ArrayParam numbers, names, bytes, plans, chunk_tables, chunk_numbers, chunk_bytes;
};

constexpr std::size_t kTablesPerInsert = 500;

/// What the journal keeps of the plan's tables [begin, end) but for those numbered below first.
TableRows rows_of(const Plan& plan, int first, std::size_t begin, std::size_t end) {
    TableRows rows;
    for (std::size_t i = begin; i < end; ++i) {
        const auto& table = plan.tables[i];
        if (table.number < first) continue;
        rows.numbers.add(table.number);
        rows.names.add(table.info.display());
        rows.bytes.add(table.info.bytes());
        rows.plans.add(to_json(table));
        for (const auto& chunk : table.chunks) {
            rows.chunk_tables.add(table.number);
            rows.chunk_numbers.add(chunk.number);
            rows.chunk_bytes.add(chunk.bytes);
        }
    }
    return rows;
}

}  // namespace

void Journal::forget_plan() {
    io::Transaction transaction(connection());
    connection().query(kForgetPlan, {job_});
    connection().query(kSetPhase,
                       {job_, std::to_string(run_), std::string(name_of(Phase::schema))});
    transaction.commit();
    phase_ = Phase::schema;
}

void Journal::insert_tables(io::Connection& target, const Plan& plan, int first) {
    const auto size = plan.tables.size();
    // The next slice is written down while the server takes in the one before.
    std::future<TableRows> next;
    const auto begin_slice = [&](std::size_t begin) {
        next = std::async(std::launch::async, [&plan, first, begin, size] {
            return rows_of(plan, first, begin, std::min(begin + kTablesPerInsert, size));
        });
    };
    begin_slice(0);
    for (std::size_t done = 0; done < size; done += kTablesPerInsert) {
        const auto rows = next.get();
        if (done + kTablesPerInsert < size) begin_slice(done + kTablesPerInsert);
        target.query(kInsertTablePlans, {job_, rows.numbers.text(), rows.names.text(),
                                         rows.bytes.text(), rows.plans.text()});
        target.query(kInsertChunks, {job_, rows.chunk_tables.text(), rows.chunk_numbers.text(),
                                     rows.chunk_bytes.text()});
    }
}

void Journal::add_tables(io::Connection& target, const Plan& plan, int first_new) {
    insert_tables(target, plan, first_new);
    const auto stored =
        target.query(kReplacePlan, {job_, std::to_string(run_), to_json_without_tables(plan)});
    if (stored.affected() != 1) throw_taken_over(job_);
}

void Journal::store_plan(const Plan& plan, const std::function<std::string()>& schema_archive) {
    ArrayParam object_numbers, objects;
    for (const auto& chunk : plan.large_objects) {
        object_numbers.add(chunk.number);
        objects.add(chunk.objects);
    }
    auto& target = connection();
    io::Transaction transaction(target);
    target.query(kForgetPlan, {job_});
    insert_tables(target, plan, 0);
    target.query(kInsertObjectChunks, {job_, object_numbers.text(), objects.text()});
    // Without statistics a job's chunks are taken for a few, and each claim and mark compares all
    // of them with all it is about: 35 ms for 64 of 5,000.
    target.execute({"analyze_journal", "analyze pghaul.table_plan; analyze pghaul.chunk"});
    const auto stored = target.query_binary(
        kStorePlan, {job_, std::to_string(run_), to_json_without_tables(plan), schema_archive()},
        {kTextType, kTextType, kTextType, kByteaType});
    if (stored.affected() != 1) throw_taken_over(job_);
    transaction.commit();
}

Plan Journal::read_plan() {
    Plan plan = plan_from_json_without_tables(query(kReadPlan, {job_}).string(0, 0));
    const auto rows = query(kReadTablePlans, {job_});
    for (int row = 0; row < rows.rows(); ++row) {
        plan.tables.push_back(table_plan_from_json(rows.string(row, 0)));
    }
    return plan;
}

Plan Journal::read_plan_if_any() {
    return query(kReadPlan, {job_}).is_null(0, 0) ? Plan() : read_plan();
}

std::string Journal::read_archive() { return unhex(query(kReadArchive, {job_}).text(0, 0)); }

std::set<int> Journal::finished_tables() {
    const auto rows = query(kReadFinished, {job_});
    std::set<int> finished;
    for (int row = 0; row < rows.rows(); ++row) {
        finished.insert(static_cast<int>(rows.integer(row, 0)));
    }
    return finished;
}

LoadedChunks Journal::loaded() {
    LoadedChunks loaded;
    const auto rows = query(kReadLoaded, {job_});
    for (int row = 0; row < rows.rows(); ++row) {
        loaded.tables.emplace(rows.integer(row, 0), rows.integer(row, 1));
    }
    const auto objects = query(kReadLoadedObjects, {job_});
    for (int row = 0; row < objects.rows(); ++row) {
        loaded.large_objects.insert(static_cast<int>(objects.integer(row, 0)));
    }
    return loaded;
}

std::int64_t Journal::missing_chunks() { return query(kCountMissing, {job_}).integer(0, 0); }

std::set<int> Journal::mixed_tables() {
    const auto rows = query(kMixedTables, {job_});
    std::set<int> tables;
    for (int row = 0; row < rows.rows(); ++row) {
        tables.insert(static_cast<int>(rows.integer(row, 0)));
    }
    return tables;
}

std::vector<std::pair<std::string, std::string>> Journal::partly_loaded() {
    const auto rows = query(kPartlyLoaded, {job_});
    std::vector<std::pair<std::string, std::string>> tables;
    for (int row = 0; row < rows.rows(); ++row) {
        tables.emplace_back(rows.string(row, 0),
                            rows.string(row, 1) + " of " + rows.string(row, 2) + " chunks");
    }
    return tables;
}

std::map<int, Proof> Journal::proofs() {
    const auto rows = query(kReadProofs, {job_});
    std::map<int, Proof> proofs;
    for (int row = 0; row < rows.rows(); ++row) {
        proofs[static_cast<int>(rows.integer(row, 0))] = proof_from_name(rows.text(row, 1));
    }
    return proofs;
}

void Journal::mark_proof(const std::vector<int>& tables, Proof proof) {
    snapshot::mark_proof(connection(), job_, tables, proof);
}

}  // namespace pghaul::snapshot
