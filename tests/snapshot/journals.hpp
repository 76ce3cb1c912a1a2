// A journal with a small plan in it, for tests of the journal and of those who write marks.
#pragma once

#include <string>

#include "snapshot/journal.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::test {

/// Two tables, one of three chunks and one whole, and a chunk of large objects.
inline snapshot::Plan small_plan() {
    snapshot::Plan plan;
    plan.tables.resize(2);
    for (int i = 0; i < 2; ++i) {
        auto& table = plan.tables[static_cast<std::size_t>(i)];
        table.number = i;
        table.info.oid = static_cast<snapshot::Oid>(100 + i);
        table.info.schema = "public";
        table.info.name = i == 0 ? "big" : "it's {\"small\"}";
        table.info.heap_bytes = 300 - 200 * i;
    }
    plan.tables[0].method = snapshot::Method::key_ranges;
    plan.tables[0].chunks = {{0, {std::nullopt, snapshot::Key{"1"}}, 100},
                             {1, {snapshot::Key{"1"}, snapshot::Key{"2"}}, 100},
                             {2, {snapshot::Key{"2"}, std::nullopt}, 100}};
    plan.tables[1].chunks = {{0, {}, 100}};
    plan.large_objects = {{0, 1, 99, 7}};
    plan.encoding = "UTF8";
    return plan;
}

inline snapshot::JobRecord record_of(const std::string& job) {
    snapshot::JobRecord record;
    record.job = job;
    record.version = "0.1";
    record.source = "old/shop";
    record.source_identity = "shop/1/2";
    record.settings = "-n {}";
    record.runner = "me";
    return record;
}

/// A locked journal of a job that has begun its first run and stored a plan.
inline snapshot::Journal begun_job(const std::string& target, const io::Interrupt& interrupt,
                                   const std::string& job = "job",
                                   const snapshot::Plan& plan = small_plan()) {
    auto journal = snapshot::Journal::open(io::ConnInfo::parse(target), job, interrupt);
    journal.lock();
    journal.create();
    journal.insert(record_of(job));
    journal.begin_run("me", "0.1");
    journal.store_plan(plan, "archive");
    return journal;
}

}  // namespace pghaul::test
