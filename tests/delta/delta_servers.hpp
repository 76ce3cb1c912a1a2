// Databases for tests of delta/ on servers of several versions, owned by a role that is nothing
// but their owner.
// Thread: the main thread asks first (a cluster's server dies with the thread that started it).
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "snapshot/plan.hpp"
#include "tests/snapshot/source_tables.hpp"

namespace pghaul::test {

constexpr const char* kOwner = "app";

/// A server that takes prepared transactions and logical replication. Requires:
/// find_server_bin(major).
inline Cluster& delta_cluster(int major) {
    static std::map<int, std::unique_ptr<Cluster>> clusters;
    auto& cluster = clusters[major];
    if (!cluster) {
        ClusterOptions options;
        options.major = major;
        options.settings = {"max_prepared_transactions=5", "wal_level=logical",
                            "autovacuum_naptime=1s"};
        cluster = std::make_unique<Cluster>(options);
        psql(cluster->conninfo("postgres"), std::string("create role ") + kOwner + " login");
    }
    return *cluster;
}

struct TestDatabase {
    std::string as_superuser;
    std::string as_owner;
};

/// An empty database of the role's. The same ones serve test after test: hundreds of databases take
/// longer to remove than the tests to run. A test removes what it made as superuser.
inline TestDatabase owned_database(int major, const std::string& name) {
    auto& cluster = delta_cluster(major);
    const TestDatabase database{cluster.conninfo(name), cluster.conninfo(name, kOwner)};
    static std::set<std::pair<int, std::string>> made;
    if (made.emplace(major, name).second) {
        create_database(cluster, name, std::string("owner ") + kOwner);
    } else {
        psql(database.as_superuser,
             std::string("set lock_timeout to '5s'; set client_min_messages to error; "
                         "drop owned by ") +
                 kOwner + " cascade");
    }
    return database;
}

/// All tables of the database, as they are now.
inline std::vector<snapshot::TableInfo> tables_of(io::Connection& source) {
    return catalog_of(source).tables;
}

inline snapshot::Plan plan_of(io::Connection& source) {
    const auto catalog = catalog_of(source);
    snapshot::Plan plan;
    for (const auto& info : catalog.tables) {
        snapshot::TablePlan table;
        table.info = info;
        plan.tables.push_back(table);
    }
    plan.foreign_keys = catalog.foreign_keys;
    plan.partition_roots = catalog.partition_roots;
    return plan;
}

/// Fixture with one database on a server of the parameter's version.
class OnVersion : public testing::TestWithParam<int> {
  protected:
    void SetUp() override {
        if (!find_server_bin(GetParam())) {
            GTEST_SKIP() << "PostgreSQL " << GetParam() << " is not installed";
        }
        database_ = owned_database(GetParam(), "source");
    }
    io::Connection owner() { return connect(database_.as_owner, interrupt_); }
    io::Connection superuser() { return connect(database_.as_superuser, interrupt_); }
    void sql(const std::string& text) { psql(database_.as_owner, text); }
    std::string ask(const std::string& text) { return psql(database_.as_superuser, text); }

    io::Interrupt interrupt_;
    TestDatabase database_;
};

inline std::string version_name(const testing::TestParamInfo<int>& major) {
    return std::to_string(major.param);
}

}  // namespace pghaul::test
