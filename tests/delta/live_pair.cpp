#include "tests/delta/live_pair.hpp"

#include "delta/target_guards.hpp"
#include "snapshot/planner.hpp"
#include "tests/snapshot/source_tables.hpp"
#include "tests/support/equality.hpp"

namespace pghaul::test {
namespace {

constexpr const char* kOwner = "app";

/// A database in which the owner may make tables, and nothing else; or one that is its own.
std::string fresh_for_owner(const Cluster& cluster, const std::string& name, bool owned) {
    psql(cluster.conninfo("postgres"),
         std::string("do $$ begin create role ") + kOwner +
             " login; exception when duplicate_object then null; end $$;");
    create_database(cluster, name, owned ? std::string("owner ") + kOwner : "");
    const auto conninfo = cluster.conninfo(name);
    psql(conninfo, std::string("grant create, usage on schema public to ") + kOwner);
    return conninfo;
}

}  // namespace

Cluster& live_cluster() {
    static Cluster cluster(
        ClusterOptions{.settings = {"max_connections=400", "max_prepared_transactions=10"}});
    return cluster;
}

LivePair::LivePair(As as, const std::string& tables, const std::string& extensions,
                   Cluster& source_cluster)
    : source_cluster_(source_cluster), check_(as == As::owner) {
    static int number = 0;
    const auto id = std::to_string(++number);
    source_name_ = "source" + id;
    source_superuser_ = fresh_for_owner(source_cluster, source_name_, false);
    target_superuser_ = fresh_for_owner(live_cluster(), "target" + id, true);
    source_owner_ = source_as(kOwner);
    target_owner_ = live_cluster().conninfo("target" + id, kOwner);
    source_ = as == As::superuser ? source_superuser_ : source_owner_;
    target_ = as == As::superuser ? target_superuser_ : target_owner_;
    source_info_ = io::ConnInfo::parse(source_);
    target_info_ = io::ConnInfo::parse(target_);
    for (const auto& side : {source_superuser_, target_superuser_}) {
        if (!extensions.empty()) psql(side, extensions);
    }
    source(tables);
    target(tables);
    begin_capture();
}

LivePair::~LivePair() = default;

std::string LivePair::source_as(const std::string& role) const {
    return source_cluster_.conninfo(source_name_, role);
}

void LivePair::begin_capture() {
    auto source = open_source();
    auto catalog = catalog_of(source);
    site_ = delta::make_site(source, kJob, "id", "target", catalog.tables);
    for (const auto& table : catalog.tables) {
        delta::install(source, *site_, table, interrupt_, [](const std::string&) {});
    }
    ASSERT_TRUE(delta::uncaptured(source, *site_, catalog.tables).empty());
    snapshot::PlanOptions options;
    options.capture = true;
    plan_ = snapshot::make_plan(source, std::move(catalog), options);
    begin_journal(
        source.query_value({"now", "select pg_catalog.txid_current_snapshot()::pg_catalog.text"}));
    make_ready();
}

void LivePair::begin_journal(const std::string& from) {
    journal_.emplace(snapshot::Journal::open(target_info_, kJob, interrupt_));
    journal_->lock();
    journal_->create();
    snapshot::JobRecord record;
    record.job = kJob;
    record.capture = true;
    journal_->insert(record);
    journal_->begin_run("test", "0");
    journal_->store_plan(plan_, "");
    const int snapshot = journal_->add_snapshot(from);
    // What stands on both sides counts as copied.
    for (const auto& table : plan_.tables) {
        snapshot::mark_loaded(journal_->connection(), {kJob, journal_->run(), snapshot},
                              {{table.number, 0, {}, 0}});
    }
}

/// As the run does before it applies.
void LivePair::make_ready() {
    auto target = connect(target_, interrupt_);
    const auto mode = delta::detect_apply_mode(target);
    delta::suspend_user_triggers(target, plan_);
    if (mode == delta::ApplyMode::guarded) delta::drop_foreign_keys(target, plan_);
    replica_ = mode == delta::ApplyMode::replica;
}

delta::WindowResult LivePair::catch_up() {
    if (!catch_up_) {
        catch_up_ = std::make_unique<delta::CatchUp>(delta::CatchUpSetup{source_info_,
                                                                         target_info_,
                                                                         plan_,
                                                                         *site_,
                                                                         {kJob, journal_->run(), 0},
                                                                         2,
                                                                         replica_,
                                                                         progress_,
                                                                         interrupt_,
                                                                         check_,
                                                                         limits_},
                                                     *journal_);
    }
    return catch_up_->apply_window();
}

void LivePair::limit(delta::WindowLimits limits) {
    limits_ = limits;
    catch_up_.reset();
}

testing::AssertionResult LivePair::equal() const {
    EqualityOptions options;
    options.sequences = false;  // set when all is over
    const auto differences = compare_databases(source_superuser_, target_superuser_, options);
    if (differences.empty()) return testing::AssertionSuccess();
    return testing::AssertionFailure() << differences;
}

const snapshot::TableInfo& LivePair::info(const std::string& name) const {
    for (const auto& table : plan_.tables) {
        if (table.info.name == name) return table.info;
    }
    throw std::runtime_error("no table " + name);
}

std::string LivePair::delta_of(const std::string& table) const {
    return delta::delta_table(*site_, info(table).oid);
}

std::string LivePair::captured_of(const std::string& table) const {
    return ask_source("select count(*) from " + delta_of(table) + ";");
}

void expect_carried(As as, const std::string& tables, const std::string& changes,
                    const std::string& extensions) {
    LivePair pair(as, tables, extensions);
    EXPECT_TRUE(pair.equal()) << "the two sides differ before any change";
    pair.source(changes);
    EXPECT_FALSE(pair.equal()) << "the changes change nothing";
    pair.catch_up();
    EXPECT_TRUE(pair.equal());
}

}  // namespace pghaul::test
