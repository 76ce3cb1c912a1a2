#include "loader/verify/readers.hpp"

#include <fmt/format.h>

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "io/retry.hpp"
#include "loader/verify/brief_lock.hpp"
#include "loader/verify/verify_sql.hpp"
#include "snapshot/held_snapshot.hpp"
#include "snapshot/keeper.hpp"

namespace pghaul::loader {
namespace {

using io::Connection;
using io::Error;

constexpr std::chrono::minutes kLockTimeout{10};

std::vector<std::pair<std::string, std::string>> reading_settings() {
    // A range's index scan must not become a parallel or compiled full scan.
    return {{"max_parallel_workers_per_gather", "0"}, {"jit", "off"}, {"lc_monetary", "C"}};
}

const char* name_of(Side side) { return side == Side::source ? "source" : "target"; }

}  // namespace

Readers::Readers(const VerifySetup& setup) : setup_(setup) {
    for (const Side side : {Side::source, Side::target}) {
        for (int i = 0; i < sessions_of(side); ++i) {
            readers_.push_back({side, i + 1, setup.progress.add_stream(), {}, {}});
        }
    }
    if (setup.source_session != nullptr) prepare_borrowed();
}

int Readers::sessions_of(Side side) const {
    return side == Side::source && setup_.source_session != nullptr ? 1 : setup_.jobs;
}

/// Until its transaction ends it reads as our own sessions do.
void Readers::prepare_borrowed() {
    auto& reader = readers_.front();
    reader.borrowed = setup_.source_session;
    for (const auto& [name, value] : reading_settings()) {
        reader.borrowed->query(kSetKnown, {name, value});
    }
    reader.borrowed->query(kSetKnown, {"enable_seqscan", "on"});
}

Connection& Readers::session(Side side) {
    return connection_of(
        readers_[side == Side::source ? 0 : static_cast<std::size_t>(sessions_of(Side::source))]);
}

Connection& Readers::connection_of(Reader& reader) {
    if (reader.borrowed != nullptr) return *reader.borrowed;
    if (reader.connection && !reader.connection->poisoned()) return *reader.connection;
    const bool source = reader.side == Side::source;
    reader.connection = snapshot::open_in_snapshot(
        source ? setup_.source : setup_.target,
        {setup_.job, fmt::format("verify {}", reader.number), "UTF8", kLockTimeout,
         reading_settings()},
        source ? setup_.moment.source_snapshot : setup_.moment.target_snapshot, setup_.interrupt);
    set_floats(*reader.connection);
    return *reader.connection;
}

void Readers::speak(const Dialect& dialect) {
    dialect_ = dialect;
    for (auto& reader : readers_) {
        if (reader.connection) set_floats(*reader.connection);
        if (reader.borrowed != nullptr) set_floats(*reader.borrowed);
    }
}

void Readers::set_floats(Connection& connection) const {
    connection.execute({"set_floats", fmt::format("set local extra_float_digits to {}",
                                                  dialect_.extra_float_digits)});
}

bool Readers::truncated(const snapshot::TableInfo& table) const {
    const std::lock_guard guard(mutex_);
    return truncated_.contains(table.oid);
}

void Readers::perform(Reader& reader, const ReadItem& item) {
    auto& connection = connection_of(reader);
    if (!setup_.lock_briefly || item.table == nullptr) {
        item.perform(connection, reader.progress);
        return;
    }
    if (truncated(*item.table)) return;
    if (reader.side == Side::target) {
        item.perform(connection, reader.progress);
        return;
    }
    BriefLock lock(connection, *item.table);
    if (lock.same_file()) {
        item.perform(connection, reader.progress);
    } else {
        const std::lock_guard guard(mutex_);
        truncated_.insert(item.table->oid);
    }
    lock.release();
}

bool Readers::with_source(const snapshot::TableInfo& table,
                          const std::function<void(Connection&)>& ask) {
    const ReadItem item{table.display(), 0,
                        [&](Connection& connection, io::StreamProgress&) { ask(connection); },
                        &table};
    perform(readers_.front(), item);
    return !truncated(table);
}

void Readers::perform_with_retry(Reader& reader, const ReadItem& item) {
    reader.progress.begin(fmt::format("{}: {}", name_of(reader.side), item.display));
    for (io::Retry retry(setup_.interrupt, setup_.progress, &reader.progress);;) {
        try {
            perform(reader, item);
            return;
        } catch (const snapshot::SnapshotLost&) {
            throw;
        } catch (Error& error) {
            reader.connection.reset();
            error.context(fmt::format("{} on the {}", item.display, name_of(reader.side)));
            // What was lost with a borrowed session is its owner's to mend.
            if (reader.borrowed != nullptr) throw;
            retry.pause_or_rethrow(error, item.display);
        }
    }
}

void Readers::run(const std::vector<ReadItem>& source_items,
                  const std::vector<ReadItem>& target_items) {
    std::atomic<std::size_t> next_source{0};
    std::atomic<std::size_t> next_target{0};
    std::atomic<bool> failed{false};
    std::mutex mutex;
    std::exception_ptr first_error;
    const auto body = [&](Reader& reader) {
        const bool source = reader.side == Side::source;
        const auto& items = source ? source_items : target_items;
        auto& next = source ? next_source : next_target;
        try {
            for (auto i = next++; i < items.size() && !failed; i = next++) {
                perform_with_retry(reader, items[i]);
                setup_.progress.loaded_bytes += items[i].bytes;
            }
        } catch (...) {
            failed = true;
            const std::lock_guard guard(mutex);
            if (!first_error) first_error = std::current_exception();
        }
        reader.progress.end();
    };
    {
        std::vector<std::jthread> threads;
        for (auto& reader : readers_) {
            const auto& items = reader.side == Side::source ? source_items : target_items;
            if (static_cast<std::size_t>(reader.number) > items.size()) continue;
            threads.emplace_back([&body, &reader] { body(reader); });
        }
    }
    if (first_error) std::rethrow_exception(first_error);
}

}  // namespace pghaul::loader
