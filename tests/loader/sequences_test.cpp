#include "loader/sequences.hpp"

#include <gtest/gtest.h>

#include "io/error.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::loader {
namespace {

using test::connect;
using test::fresh_database;
using test::psql;

class SequencesTest : public test::ServerTest {
  protected:
    std::int64_t set(const std::vector<snapshot::SequenceName>& sequences) {
        auto source = connect(source_, interrupt_);
        auto target = connect(target_, interrupt_);
        return set_sequences(source, target, sequences);
    }
    static std::string value(const std::string& conninfo, const std::string& sequence) {
        return psql(conninfo, "select last_value, is_called from " + sequence);
    }
    void on_both(const std::string& sql) const {
        psql(source_, sql);
        psql(target_, sql);
    }

    std::string source_ = fresh_database();
    std::string target_ = fresh_database();
};

TEST_F(SequencesTest, GoOnWhereTheSourceStands) {
    on_both(
        "create sequence used; create sequence fresh; create sequence down increment -1; "
        "create sequence big maxvalue 9223372036854775807; create schema \"S\"\"x\"; "
        "create sequence \"S\"\"x\".\"q,{}\\\"");
    psql(source_,
         "select nextval('used') from generate_series(1, 42); select nextval('down') from "
         "generate_series(1, 7); select setval('big', 9223372036854775807); "
         "select setval('\"S\"\"x\".\"q,{}\\\"', 5, false)");
    psql(target_, "select nextval('fresh'), nextval('used')");
    const std::vector<snapshot::SequenceName> all = {{"public", "used"},
                                                     {"public", "fresh"},
                                                     {"public", "down"},
                                                     {"public", "big"},
                                                     {"S\"x", "q,{}\\"}};
    for (int round = 0; round < 2; ++round) {
        EXPECT_EQ(set(all), 5);
        for (const auto* name : {"used", "fresh", "down", "big", "\"S\"\"x\".\"q,{}\\\""}) {
            EXPECT_EQ(value(target_, name), value(source_, name)) << name;
        }
    }
    EXPECT_EQ(psql(target_, "select nextval('used'), nextval('fresh'), nextval('down')"),
              "43|1|-8");
}

TEST_F(SequencesTest, AreLeftOutWhereTheTargetHasNone) {
    psql(source_, "create sequence a; create sequence b; create sequence c; select setval('c', 9)");
    psql(target_, "create sequence c; create table b()");
    EXPECT_EQ(set({{"public", "a"}, {"public", "b"}, {"public", "c"}}), 1);
    EXPECT_EQ(value(target_, "c"), "9|t");
    EXPECT_EQ(set({}), 0);
}

TEST_F(SequencesTest, AreSetInSeveralBatches) {
    on_both(
        "do $$begin for i in 1..450 loop execute format('create sequence s%s', i); end loop; "
        "end$$");
    psql(source_, "select setval('s' || i, i * 10) from generate_series(1, 450) i");
    std::vector<snapshot::SequenceName> all;
    for (int i = 1; i <= 450; ++i) all.push_back({"public", "s" + std::to_string(i)});
    EXPECT_EQ(set(all), 450);
    EXPECT_EQ(psql(target_,
                   "select count(*) from pg_sequences where last_value = "
                   "10 * substr(sequencename, 2)::int"),
              "450");
}

TEST_F(SequencesTest, ThatAreGoneFromTheSourceAreAnError) {
    const auto error = test::error_of([&] { set({{"public", "nowhere"}}); });
    EXPECT_EQ(error.sqlstate(), "42P01");
}

}  // namespace
}  // namespace pghaul::loader
