#include "loader/verify/verify.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <random>

#include "io/row_reader.hpp"
#include "loader/verify/narrow.hpp"
#include "loader/verify/others.hpp"

namespace pghaul::loader {
namespace {

using io::Connection;

/// What is known of a unit so far; settled when neither side has a piece left.
struct UnitState {
    std::mutex mutex;
    /// By Unit::bucket_of.
    std::array<std::vector<io::RowSum>, 2> sums;
    std::array<std::size_t, 2> pieces_left = {};
    std::array<std::int64_t, 2> rows = {};
    std::vector<DifferingBucket> differing;
};

class Verification {
  public:
    Verification(const VerifySetup& setup, const snapshot::Plan& plan, const VerifyOptions& options)
        : setup_(setup), plan_(plan), options_(options), readers_(setup) {}

    VerifyResult run() {
        const auto began = std::chrono::steady_clock::now();
        prepare();
        compare_units();
        compare_others();
        find_rows();
        name_truncated();
        result_.seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
        return std::move(result_);
    }

  private:
    void prepare() {
        auto& source = readers_.session(Side::source);
        auto& target = readers_.session(Side::target);
        dialect_ = dialect_of(source, target);
        readers_.speak(dialect_);
        tables_ = describe_tables(source, target, plan_.tables);
        if (!options_.tables.empty()) {
            std::erase_if(tables_, [&](const auto& table) {
                return !options_.tables.contains(table.plan->number);
            });
        }
        units_ = cut_into_units(readers_, tables_, options_.sample_percent.has_value());
        result_.ranges_in_all = static_cast<std::int64_t>(units_.size());
        if (options_.sample_percent) take_sample();
        result_.ranges = static_cast<std::int64_t>(units_.size());
        for (const auto& table : tables_) {
            if (table.problems.empty()) continue;
            auto& differences = differences_[&table];
            differences.table = table.plan;
            differences.problems = table.problems;
        }
    }

    void take_sample() {
        std::mt19937_64 random(options_.seed);
        const auto chosen = [&] {
            // Not uniform_real_distribution: the same seed means the same ranges everywhere.
            const double percent = static_cast<double>(random() >> 11) * 100.0 / 0x1p53;
            return percent < *options_.sample_percent;
        };
        std::vector<Unit> sample;
        for (const auto& unit : units_) {
            if (chosen()) sample.push_back(unit);
        }
        if (sample.empty() && !units_.empty()) sample.push_back(units_[random() % units_.size()]);
        units_ = std::move(sample);
    }

    // --- first pass: sums of every range ---

    void compare_units() {
        std::array<std::vector<ReadItem>, 2> items;
        std::int64_t bytes = 0;
        for (const auto& unit : units_) {
            auto& state = states_.emplace_back();
            for (std::size_t side = 0; side < 2; ++side) {
                state.pieces_left[side] = unit.pieces[side].size();
                bytes += unit.bytes[side];
                for (std::size_t piece = 0; piece < unit.pieces[side].size(); ++piece) {
                    items[side].push_back(sum_item(unit, state, side, piece));
                }
            }
        }
        setup_.progress.planned_bytes = bytes;
        setup_.progress.tables = static_cast<int>(tables_.size());
        setup_.progress.begin_step("compare");
        readers_.run(items[0], items[1]);
        count_tables();
    }

    ReadItem sum_item(const Unit& unit, UnitState& state, std::size_t side, std::size_t piece) {
        const auto bytes = unit.bytes[side] / static_cast<std::int64_t>(unit.pieces[side].size());
        return {unit.display(), bytes,
                [&, side, piece](Connection& connection, io::StreamProgress& progress) {
                    std::vector<io::RowSum> sums(unit.all_buckets());
                    io::RowReader reader(connection,
                                         read_rows_sql(*unit.table, unit.pieces[side][piece]),
                                         dialect_.rows_encoding, progress);
                    for (std::string_view fields; reader.next(fields);) {
                        const auto hash = io::hash_row(fields, unit.table->key_columns);
                        sums[unit.bucket_of(hash, fields)].add(hash.row);
                    }
                    if (side == 0) source_bytes_ += static_cast<std::int64_t>(reader.bytes());
                    add(state, side, std::move(sums));
                },
                &unit.table->plan->info};
    }

    static void add(UnitState& state, std::size_t side, std::vector<io::RowSum> sums) {
        const std::lock_guard guard(state.mutex);
        auto& all = state.sums[side];
        if (all.empty()) {
            all = std::move(sums);
        } else {
            for (std::size_t i = 0; i < all.size(); ++i) all[i].add(sums[i]);
        }
        --state.pieces_left[side];
        if (state.pieces_left[0] + state.pieces_left[1] > 0) return;
        const auto& ours = state.sums[0];
        const auto& theirs = state.sums[1];
        for (std::size_t i = 0; i < ours.size(); ++i) {
            state.rows[0] += static_cast<std::int64_t>(ours[i].rows);
            state.rows[1] += static_cast<std::int64_t>(theirs[i].rows);
            if (ours[i] == theirs[i]) continue;
            state.differing.push_back(
                {i, static_cast<std::int64_t>(ours[i].rows + theirs[i].rows)});
        }
        // Many units may wait for the other side: only what is still needed is kept.
        state.sums = {};
    }

    void count_tables() {
        std::map<const VerifyTable*, int> compared;
        for (std::size_t i = 0; i < units_.size(); ++i) {
            if (truncated(units_[i])) continue;
            result_.rows += states_[i].rows[0];
            ++compared[units_[i].table];
        }
        result_.tables = static_cast<std::int64_t>(compared.size());
        result_.bytes = source_bytes_;
    }

    // --- what is no row ---

    void compare_others() {
        if (!options_.tables.empty()) return;
        if (options_.sequences) {
            result_.differing_sequences = compare_sequences(
                readers_.session(Side::source), readers_.session(Side::target), plan_.sequences);
            result_.sequences = static_cast<std::int64_t>(plan_.sequences.size());
        }
        if (options_.sample_percent) return;
        auto objects = compare_large_objects(readers_, plan_.large_objects);
        result_.differing_objects = std::move(objects.differing);
        result_.large_objects = objects.compared;
    }

    // --- second pass: the rows of ranges that differ ---

    void find_rows() {
        setup_.progress.begin_step("find rows");
        NarrowLimits limits;
        limits.named = options_.named_per_table;
        limits.keep_all = options_.for_repair;
        for (std::size_t i = 0; i < units_.size(); ++i) {
            if (states_[i].differing.empty() || truncated(units_[i])) continue;
            auto& differences = differences_[units_[i].table];
            differences.table = units_[i].table->plan;
            find_differing_rows(readers_, dialect_, units_[i], states_[i].differing, limits,
                                differences);
        }
        for (std::size_t i = 0; i < units_.size(); ++i) {
            const auto found = differences_.find(units_[i].table);
            if (found == differences_.end()) continue;
            found->second.source_rows += states_[i].rows[0];
            found->second.target_rows += states_[i].rows[1];
        }
        for (const auto& table : tables_) {
            const auto found = differences_.find(&table);
            if (found == differences_.end()) continue;
            if (!found->second.named.empty()) {
                name_rows(readers_, dialect_, table, found->second.named);
            }
            if (readers_.truncated(table.plan->info)) continue;
            result_.differing_tables.push_back(std::move(found->second));
        }
    }

    bool truncated(const Unit& unit) const { return readers_.truncated(unit.table->plan->info); }

    void name_truncated() {
        for (const auto& table : tables_) {
            if (readers_.truncated(table.plan->info)) result_.truncated.push_back(table.plan);
        }
    }

    const VerifySetup& setup_;
    const snapshot::Plan& plan_;
    const VerifyOptions& options_;
    Readers readers_;
    Dialect dialect_;
    std::vector<VerifyTable> tables_;
    std::vector<Unit> units_;
    std::deque<UnitState> states_;
    std::map<const VerifyTable*, TableDifferences> differences_;
    std::atomic<std::int64_t> source_bytes_{0};
    VerifyResult result_;
};

}  // namespace

VerifyResult verify(const VerifySetup& setup, const snapshot::Plan& plan,
                    const VerifyOptions& options) {
    return Verification(setup, plan, options).run();
}

}  // namespace pghaul::loader
