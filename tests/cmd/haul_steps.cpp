#include "tests/cmd/haul_steps.hpp"

#include <algorithm>
#include <set>

#include "tests/support/shared_servers.hpp"

namespace pghaul::test {
namespace {

std::size_t count(const std::string& text, const std::string& words) {
    std::size_t found = 0;
    for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1))
        ++found;
    return found;
}

}  // namespace

Cluster& source_server() {
    static Cluster cluster;
    return cluster;
}

Cluster& target_server() {
    static Cluster cluster;
    return cluster;
}

void on_both_servers(const std::string& sql) {
    static std::set<std::string> done;
    if (!done.insert(sql).second) return;
    psql(source_server().conninfo("postgres"), sql);
    psql(target_server().conninfo("postgres"), sql);
}

Pair fresh_pair(const std::string& sql, const std::string& source_options,
                const std::string& target_options) {
    static int number = 0;
    const std::string name = "db" + std::to_string(++number);
    create_database(source_server(), name, source_options);
    create_database(target_server(), name, target_options);
    Pair pair{name, source_server().conninfo(name), target_server().conninfo(name)};
    if (!sql.empty()) pair.source_sql(sql);
    return pair;
}

ProcessResult pghaul(const Arguments& arguments, const Environment& env) {
    Arguments argv = {PGHAUL_PROGRAM};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return run_process(argv, env);
}

Arguments run_argv(const Pair& pair, const Arguments& more) {
    Arguments argv = {PGHAUL_PROGRAM, "run",      "--no-capture", "--source",
                      pair.source,    "--target", pair.target};
    const auto given = [&](const std::string& option) {
        return std::find(more.begin(), more.end(), option) != more.end();
    };
    if (!given("-j")) argv.insert(argv.end(), {"-j", "3"});
    if (!given("--progress")) argv.insert(argv.end(), {"--progress", "none"});
    argv.insert(argv.end(), more.begin(), more.end());
    return argv;
}

ProcessResult run(const Pair& pair, const Arguments& more, const Environment& env) {
    return run_process(run_argv(pair, more), env);
}

ProcessResult drop(const Pair& pair) {
    return pghaul({"drop", "--source", pair.source, "--target", pair.target});
}

testing::AssertionResult exited(const ProcessResult& result, int code) {
    if (result.exit_code == code) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "exit code " << result.exit_code << ", signal "
                                       << result.signal << ", not " << code << "\n"
                                       << result.out << result.err;
}

testing::AssertionResult refused(const ProcessResult& result, int code, const Arguments& words) {
    if (auto right = exited(result, code); !right) return right;
    const auto errors = count(result.err, "pghaul: error: ");
    if (errors != 1) {
        return testing::AssertionFailure() << errors << " errors instead of one:\n" << result.err;
    }
    const auto message = result.err.substr(result.err.find("pghaul: error: "));
    if (count(message, "\nHINT: ") == 0) {
        return testing::AssertionFailure() << "no hint:\n" << message;
    }
    for (const auto& word : words) {
        if (auto there = holds(message, word); !there) return there;
    }
    return testing::AssertionSuccess();
}

testing::AssertionResult holds(const std::string& text, const std::string& words) {
    if (text.find(words) != std::string::npos) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "does not say \"" << words << "\":\n" << text;
}

testing::AssertionResult equal(const Pair& pair, bool schema) {
    const auto differences = compare_databases(pair.source, pair.target, {.schema = schema});
    if (differences.empty()) return testing::AssertionSuccess();
    return testing::AssertionFailure() << differences;
}

std::string pghaul_sessions(const Cluster& cluster) {
    return psql(
        cluster.conninfo("postgres"),
        "select application_name, state, query from pg_stat_activity "
        "where application_name like 'pghaul/%' and application_name <> 'pghaul/test/test';");
}

bool no_sessions_left() {
    return eventually([] {
        return pghaul_sessions(source_server()).empty() && pghaul_sessions(target_server()).empty();
    });
}

std::string phase(const Pair& pair) { return pair.target_sql("select phase from pghaul.job;"); }

int fewest_chunks(const Pair& pair) {
    return std::stoi(pair.target_sql(
        "select coalesce(min(chunks), 0) from (select count(*) as chunks from pghaul.chunk "
        "where loaded_at is not null group by table_number) as t;"));
}

std::string gated_table(int rows) {
    return "create function pass_gate(id int) returns boolean language plpgsql as $$ begin"
           " if id = 5000 then"
           " perform pg_catalog.pg_advisory_lock_shared(4711);"
           " perform pg_catalog.pg_advisory_unlock_shared(4711);"
           " end if; return true; end $$;"
           "create table gated (id int primary key check (public.pass_gate(id)), pad text);"
           "insert into gated select i, repeat('x', 200) from generate_series(1, " +
           std::to_string(rows) + ") i; analyze gated;";
}

Holder::Holder(const std::string& conninfo, const std::string& sql)
    : session_(std::make_unique<io::Connection>(connect(conninfo, interrupt_))) {
    session_->execute({"hold", sql});
}

Gate::Gate(const Pair& pair)
    : target_(pair.target), holder_(pair.target, "select pg_catalog.pg_advisory_lock(4711)") {}

bool Gate::reached() const {
    return eventually([&] {
        return psql(target_,
                    "select count(*) > 0 from pg_locks where locktype = 'advisory' "
                    "and objid = 4711 and not granted;") == "t";
    });
}

void HaulTest::SetUp() {
    if (!find_server_bin(15)) GTEST_SKIP() << "PostgreSQL 15 server is not installed";
    source_server();
    target_server();
}

}  // namespace pghaul::test
