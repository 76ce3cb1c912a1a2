// -n -N -t -T choose what pg_dump's own would choose.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cmd/haul_steps.hpp"

namespace pghaul::test {
namespace {

constexpr const char* kSchema = R"sql(
    create schema sales; create schema "Sa.les"; create schema stock;
    create table sales.orders (id serial primary key, a int);
    create table sales.lines (id int primary key, o int references sales.orders);
    create table "Sa.les"."Or.ders" (id int primary key);
    create table "Sa.les".orders (id int primary key);
    create table stock.items (id int primary key, a$b int);
    create table stock."items?" (id int primary key);
    create table public.orders (id int primary key);
    insert into sales.orders (a) values (1), (2);
    insert into sales.lines values (1, 1);
    insert into "Sa.les"."Or.ders" values (1);
    insert into "Sa.les".orders values (2);
    insert into stock.items values (3);
    insert into stock."items?" values (4);
    insert into public.orders values (5);
    select lo_from_bytea(1, 'x');)sql";

class Patterns : public HaulTest {
  protected:
    /// Tables that arrived with their rows, as one line; -t brings no schemas along.
    static std::string arrived(const Arguments& choice) {
        const auto pair = fresh_pair(kSchema);
        pair.target_sql(
            "create schema if not exists \"Sa.les\"; create schema if not exists sales; "
            "create schema if not exists stock;");
        const bool schemas_come =
            choice.at(0) == "-N" || choice.at(0) == "-T" || choice.at(0) == "-n";
        if (schemas_come) {
            pair.target_sql("drop schema \"Sa.les\"; drop schema sales; drop schema stock;");
        }
        const auto result = run(pair, choice);
        EXPECT_TRUE(exited(result, 0));
        large_objects_ = pair.target_sql("select count(*) from pg_largeobject_metadata;");
        return pair.target_sql(R"sql(
            select string_agg(format('%I.%I', nspname, relname) || ' ' || (xpath('/row/n/text()',
                       query_to_xml(format('select count(*) as n from %I.%I', nspname, relname),
                                    false, true, '')))[1]::text, ', ' order by nspname, relname)
              from pg_class c join pg_namespace n on n.oid = relnamespace
             where relkind = 'r' and nspname !~ '^pg_|^information_schema$|^pghaul$';)sql");
    }
    static std::string large_objects_;
};

std::string Patterns::large_objects_;

TEST_F(Patterns, ChooseSchemas) {
    EXPECT_EQ(arrived({"-n", "sales"}), "sales.lines 1, sales.orders 2");
    EXPECT_EQ(large_objects_, "0");
    EXPECT_EQ(arrived({"-n", "\"Sa.les\"", "-n", "st*"}),
              "\"Sa.les\".\"Or.ders\" 1, \"Sa.les\".orders 1, stock.items 1, stock.\"items?\" 1");
}

TEST_F(Patterns, LeaveSchemasOut) {
    EXPECT_EQ(arrived({"-N", "s*", "-N", "\"Sa.les\""}), "public.orders 1");
    EXPECT_EQ(large_objects_, "1");
}

TEST_F(Patterns, ChooseTables) {
    EXPECT_EQ(arrived({"-t", "sales.orders"}), "sales.orders 2");
    EXPECT_EQ(arrived({"-t", "orders"}), "public.orders 1");
    EXPECT_EQ(arrived({"-t", "\"Sa.les\".\"Or.ders\"", "-t", "stock.\"items?\""}),
              "\"Sa.les\".\"Or.ders\" 1, stock.\"items?\" 1");
    EXPECT_EQ(arrived({"-t", "*.ORDERS"}), "\"Sa.les\".orders 1, public.orders 1, sales.orders 2");
}

TEST_F(Patterns, LeaveTablesOut) {
    EXPECT_EQ(arrived({"-T", "sales.lines", "-T", "stock.items?", "-T", "\"Sa.les\".*"}),
              "public.orders 1, sales.orders 2, stock.items 1");
    EXPECT_EQ(arrived({"-T", "nothing_like_it", "-N", "stock"}),
              "\"Sa.les\".\"Or.ders\" 1, \"Sa.les\".orders 1, public.orders 1, sales.lines 1, "
              "sales.orders 2");
}

TEST_F(Patterns, RefuseAPatternThatMatchesNothingAndNameIt) {
    const auto pair = fresh_pair(kSchema);
    const std::vector<std::pair<Arguments, std::string>> wrong = {
        {{"-t", "sales.order"}, "sales.order"},
        {{"-t", "orders", "-t", "\"Orders\""}, "\"Orders\""},
        {{"-n", "Sa.les"}, "Sa.les"},
        {{"-n", "sale"}, "sale"},
        {{"-t", "\"open"}, "\"open"},
        {{"-t", "a.b.c.d"}, "a.b.c.d"}};
    for (const auto& [choice, named] : wrong) {
        EXPECT_TRUE(refused(run(pair, choice), 2, {"pattern " + named, "double quotes"}) ||
                    refused(run(pair, choice), 2, {"pattern " + named, "check spelling"}))
            << named;
    }
    EXPECT_EQ(pair.target_sql("select count(*) from pg_namespace where nspname in ('pghaul', "
                              "'sales');"),
              "0");
}

TEST_F(Patterns, AreKeptByTheJobUntilItIsDropped) {
    const auto pair = fresh_pair(kSchema);
    ASSERT_TRUE(exited(run(pair, {"-n", "sales"}), 0));
    EXPECT_TRUE(refused(run(pair, {"-n", "stock"}), 3, {"other choices", "pghaul drop"}));
    EXPECT_TRUE(exited(run(pair, {"-n", "sales"}), 0));
    EXPECT_EQ(pair.target_sql("select count(*) from pg_namespace where nspname = 'stock';"), "0");
    ASSERT_TRUE(exited(run(pair, {"-n", "stock", "--job", "second"}), 0));
    EXPECT_EQ(pair.target_sql("select count(*) from stock.items;"), "1");
}

}  // namespace
}  // namespace pghaul::test
